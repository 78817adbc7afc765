//! Colours. Output with colours goes through anstream, or asks [`Palette`] whether they are wanted.

use anstyle::{AnsiColor, Style};

pub(crate) const AVATAR: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const OWNER: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const VISITOR: Style = AnsiColor::Green.on_default().bold();
pub(crate) const NOTE: Style = Style::new().dimmed();
pub(crate) const PROBLEM: Style = AnsiColor::Red.on_default().bold();

/// Whether stdout takes colours: a terminal, and no NO_COLOR.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    colours: bool,
}

impl Palette {
    pub(crate) fn of_stdout() -> Self {
        let choice = anstream::AutoStream::choice(&std::io::stdout());
        Self { colours: choice != anstream::ColorChoice::Never }
    }

    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { colours: false }
    }

    /// The text in this style, if colours are wanted.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
