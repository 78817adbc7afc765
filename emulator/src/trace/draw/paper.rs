//! Writes SVG.

use std::fmt::{self, Write as _};

use super::Theme;
use super::palette::Role;

/// The size of letters.
pub(super) const FONT: f64 = 11.0;

/// What is drawn, as text.
#[derive(Debug)]
pub(super) struct Paper {
    pub(super) svg: String,
    pub(super) theme: Theme,
}

impl Paper {
    pub(super) fn new(theme: Theme) -> Self {
        Self { svg: String::new(), theme }
    }

    /// A group whose parts have one colour.
    pub(super) fn group(&mut self, role: Role, more: &str, draw: impl FnOnce(&mut Self)) {
        let (class, colour) = (role.class(), role.colour(self.theme));
        self.put(format_args!("<g class=\"{class}\" color=\"{colour}\" fill=\"currentColor\"{more}>"));
        draw(self);
        self.put(format_args!("</g>"));
    }

    /// A rectangle, with a tooltip if it has one.
    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), more: &str, about: &str) {
        let (x, y, width, height) = (Short(x), Short(y), Short(width.max(0.0)), Short(height));
        let shape = format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{more}");
        self.shape("rect", &shape, about);
    }

    pub(super) fn path(&mut self, path: &str, more: &str, about: &str) {
        self.shape("path", &format!("<path d=\"{path}\"{more}"), about);
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), more: &str, text: &str) {
        let (x, y, text) = (Short(x), Short(y), Escaped(text));
        self.put(format_args!("<text x=\"{x}\" y=\"{y}\"{more}>{text}</text>"));
    }

    pub(super) fn put(&mut self, text: fmt::Arguments<'_>) {
        // Writing into a text cannot fail.
        let _ = self.svg.write_fmt(text);
    }

    fn shape(&mut self, name: &str, begun: &str, about: &str) {
        match about {
            "" => self.put(format_args!("{begun}/>")),
            about => self.put(format_args!("{begun}><title>{}</title></{name}>", Escaped(about))),
        }
    }
}

/// A number with one place behind the point, if it needs one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short(pub(super) f64);

impl fmt::Display for Short {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", (self.0 * 10.0).round() / 10.0)
    }
}

/// A text in which nothing is markup.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\n' => out.write_char('\n')?,
                // What may not stand in XML has been made visible before; nothing is left to chance.
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.write_char('\u{fffd}')?,
                letter => out.write_char(letter)?,
            }
        }
        Ok(())
    }
}
