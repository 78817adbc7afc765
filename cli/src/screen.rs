//! The layout of a conversation. It only composes text; [`Ui`](crate::ui::Ui) writes it.

use secondme_avatar::Author;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::names::Names;
use crate::style::{self, Palette};
use crate::wrap::Wrap;

/// The widest column of names.
const WIDEST_GUTTER: usize = 26;
/// Longer lines are hard to read.
const WIDEST_LINE: usize = 96;

/// What the output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// For a terminal: names in a column, text beside them.
    Terminal,
    /// For a text file: `Name: text`.
    Transcript,
    /// For a program: only the text of the answers.
    Answers,
}

/// The kind of the last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Blank,
    Note,
    Other,
}

#[derive(Debug)]
pub(crate) struct Screen {
    look: Look,
    palette: Palette,
    /// The names of the speakers, once they are known.
    names: Option<Names>,
    /// Terminal columns.
    columns: usize,
    last: Last,
    /// A message that is being written.
    open: Option<(Author, Wrap)>,
    /// A status line, removed before the next output.
    status: bool,
    /// The user is typing, below all output.
    pub(crate) prompt: bool,
}

impl Screen {
    pub(crate) fn new(look: Look, palette: Palette) -> Self {
        Self {
            look,
            palette,
            names: None,
            columns: 80,
            last: Last::Blank,
            open: None,
            status: false,
            prompt: false,
        }
    }

    pub(crate) fn look(&self) -> Look {
        self.look
    }

    pub(crate) fn names(&self) -> Names {
        self.names.clone().unwrap_or_default()
    }

    pub(crate) fn set_names(&mut self, names: Names) {
        self.names = Some(names);
    }

    pub(crate) fn set_columns(&mut self, columns: usize) {
        if columns > 0 {
            self.columns = columns;
        }
    }

    /// Begins a message.
    pub(crate) fn begin(&mut self, author: Author, out: &mut String) {
        self.end(out);
        if self.look == Look::Terminal {
            self.clear_status(out);
            self.space(Last::Other, out);
            let gutter = self.gutter();
            let wrap = Wrap::new(self.margin(author), gutter, self.line_end());
            let label = self.padded(&self.names().label(author));
            out.push_str(&self.palette.paint(colour(author), &label));
            out.push_str(&self.bar(author));
            self.open = Some((author, wrap));
        } else {
            if self.look == Look::Transcript {
                out.push_str(&format!("{}: ", self.names().label(author)));
            }
            self.open = Some((author, Wrap::new(String::new(), 0, usize::MAX)));
        }
    }

    /// Writes the next piece of a message.
    pub(crate) fn piece(&mut self, text: &str, out: &mut String) {
        match (&mut self.open, self.look) {
            (Some((_, wrap)), Look::Terminal) => wrap.push(text, out),
            (Some(_), Look::Transcript | Look::Answers) => out.push_str(text),
            (None, _) => {}
        }
    }

    /// Ends a message.
    pub(crate) fn end(&mut self, out: &mut String) {
        if self.open.take().is_some() {
            out.push('\n');
            self.last = Last::Other;
        }
        self.make_room(out);
    }

    /// Writes a note about the conversation, which is not part of it.
    pub(crate) fn note(&mut self, text: &str, problem: bool, out: &mut String) {
        let style = if problem { style::PROBLEM } else { style::NOTE };
        self.clear_status(out);
        let speaking = self.open.is_some();
        if speaking {
            out.push('\n');
        } else {
            self.space(Last::Note, out);
        }
        let gutter = self.gutter();
        let margin = " ".repeat(gutter);
        let mut lines = String::new();
        Wrap::new(margin.clone(), gutter, self.line_end()).push(text, &mut lines);
        out.push_str(&margin);
        out.push_str(&self.palette.paint(style, &lines));
        out.push('\n');
        self.last = Last::Note;
        match &mut self.open {
            Some((_, wrap)) => wrap.restart(out),
            None => self.make_room(out),
        }
    }

    /// Writes a line from elsewhere, unchanged.
    pub(crate) fn foreign(&mut self, line: &str, out: &mut String) {
        self.clear_status(out);
        if self.open.is_some() {
            out.push('\n');
        }
        out.push_str(line.trim_end());
        out.push('\n');
        self.last = Last::Other;
        match &mut self.open {
            Some((_, wrap)) => wrap.restart(out),
            None => self.make_room(out),
        }
    }

    /// Shows a status until the next output.
    pub(crate) fn status(&mut self, text: &str, out: &mut String) {
        if self.look != Look::Terminal || self.prompt || self.open.is_some() {
            return;
        }
        if !self.status {
            self.space(Last::Other, out);
            self.last = Last::Blank;
        }
        let gutter = self.gutter();
        let text = fitting(text, self.line_end().saturating_sub(gutter));
        out.push_str(&format!("\r\x1b[K{}{}", " ".repeat(gutter), self.palette.paint(style::NOTE, &text)));
        self.status = true;
    }

    pub(crate) fn clear_status(&mut self, out: &mut String) {
        if std::mem::take(&mut self.status) {
            out.push_str("\r\x1b[K");
        }
    }

    /// Begins the user's line, after a blank line.
    pub(crate) fn begin_prompt(&mut self, out: &mut String) {
        self.end(out);
        self.clear_status(out);
        self.space(Last::Other, out);
        self.last = Last::Blank;
        self.prompt = true;
    }

    /// Ends the user's line.
    pub(crate) fn end_prompt(&mut self) {
        self.prompt = false;
        self.last = Last::Other;
    }

    /// The prompt, plain and with colours.
    pub(crate) fn prompt_text(&self) -> (String, String) {
        let plain = format!("{}  ", self.padded(&self.names().label(Author::Visitor)));
        let styled = self.palette.paint(style::VISITOR, &plain);
        (plain, styled)
    }

    /// Writes the blank line between messages. Notes have none between them.
    fn space(&mut self, next: Last, out: &mut String) {
        let blank = match (self.last, next) {
            (Last::Blank, _) | (Last::Note, Last::Note) => false,
            (Last::Note | Last::Other, _) => true,
        };
        if blank && !self.prompt {
            out.push('\n');
        }
    }

    /// Writes the blank line above the prompt.
    fn make_room(&mut self, out: &mut String) {
        if self.prompt && self.last != Last::Blank {
            out.push('\n');
            self.last = Last::Blank;
        }
    }

    fn gutter(&self) -> usize {
        let Some(names) = &self.names else {
            return 0;
        };
        let label = |author| names.label(author).width();
        let widest = label(Author::Avatar).max(label(Author::Owner));
        (widest + 3).min(WIDEST_GUTTER).min(self.columns / 3)
    }

    /// The last column stays free: terminals differ in what happens there.
    fn line_end(&self) -> usize {
        self.columns.min(WIDEST_LINE).saturating_sub(1)
    }

    /// The indentation of the second and later lines.
    fn margin(&self, author: Author) -> String {
        format!("{}{}", " ".repeat(self.gutter().saturating_sub(2)), self.bar(author))
    }

    /// Marks the owner, visible without colours too.
    fn bar(&self, author: Author) -> String {
        match author {
            Author::Owner => self.palette.paint(style::OWNER, "┃ "),
            Author::Avatar | Author::Visitor => "  ".to_owned(),
        }
    }

    fn padded(&self, label: &str) -> String {
        let columns = self.gutter().saturating_sub(2);
        let label = fitting(label, columns.saturating_sub(1));
        let missing = columns.saturating_sub(label.width());
        label + &" ".repeat(missing)
    }
}

fn colour(author: Author) -> anstyle::Style {
    match author {
        Author::Avatar => style::AVATAR,
        Author::Owner => style::OWNER,
        Author::Visitor => style::VISITOR,
    }
}

/// As much of the text as fits, without control characters.
fn fitting(text: &str, columns: usize) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if text.width() <= columns {
        return text;
    }
    let mut used = 1;
    let kept = text.chars().take_while(|letter| {
        used += letter.width().unwrap_or(0);
        used <= columns
    });
    kept.collect::<String>() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(look: Look) -> Screen {
        let mut screen = Screen::new(look, Palette::none());
        screen.set_names(Names::of("Ada's avatar"));
        screen.set_columns(40);
        screen
    }

    fn said(screen: &mut Screen, author: Author, text: &str) -> String {
        let mut out = String::new();
        screen.begin(author, &mut out);
        screen.piece(text, &mut out);
        screen.end(&mut out);
        out
    }

    #[test]
    fn names_stand_in_a_column_and_a_person_has_a_bar() {
        let mut screen = screen(Look::Terminal);
        assert_eq!(
            said(&mut screen, Author::Avatar, "Hello, I'm the avatar of Ada."),
            "Ada's ava…   Hello, I'm the avatar of\n             Ada.\n"
        );
        assert!(said(&mut screen, Author::Owner, "It is me. Really, it is.").contains("┃ It is me."));
    }

    #[test]
    fn between_messages_is_one_blank_line_and_remarks_stand_together() {
        let mut screen = screen(Look::Terminal);
        let mut out = said(&mut screen, Author::Avatar, "One");
        screen.note("first", false, &mut out);
        screen.note("second", false, &mut out);
        out += &said(&mut screen, Author::Avatar, "Two");
        let shape: Vec<&str> = out.lines().map(|line| line.split_whitespace().last().unwrap_or("")).collect();
        assert_eq!(shape, ["One", "", "first", "second", "", "Two"]);
    }

    #[test]
    fn above_a_prompt_everything_leaves_a_blank_line_to_it() {
        let mut screen = screen(Look::Terminal);
        let mut out = said(&mut screen, Author::Avatar, "One");
        screen.begin_prompt(&mut out);
        assert!(out.ends_with("One\n\n"));
        assert!(said(&mut screen, Author::Owner, "Two").ends_with("Two\n\n"));
        let mut out = String::new();
        screen.note("lost", false, &mut out);
        assert!(out.trim_start_matches(' ').starts_with("lost\n\n"), "{out:?}");
    }

    #[test]
    fn a_status_is_taken_back() {
        let mut screen = screen(Look::Terminal);
        let mut out = String::new();
        screen.status("connecting …", &mut out);
        screen.status("connecting … 2 s", &mut out);
        assert!(!out.contains('\n'));
        assert!(said(&mut screen, Author::Avatar, "Hi").starts_with("\r\x1b[KAda"));
    }

    #[test]
    fn a_transcript_has_names_and_plain_answers_have_none() {
        assert_eq!(
            said(&mut screen(Look::Transcript), Author::Owner, "Hi\nyou"),
            "Ada, in person: Hi\nyou\n"
        );
        assert_eq!(said(&mut screen(Look::Answers), Author::Avatar, "Hi"), "Hi\n");
    }
}
