//! Wraps text at words while it comes in pieces.

use unicode_width::UnicodeWidthChar as _;

/// Wraps text between two columns. If a word turns out to be too long for its line after a part of it is on the
/// screen, that part is erased, and the word is written on the next line.
#[derive(Debug)]
pub(crate) struct Wrap {
    /// The indentation of every line but the first.
    indent: String,
    start: usize,
    end: usize,
    column: usize,
    /// Spaces that are written if a word follows on the same line.
    spaces: usize,
    word: String,
    word_columns: usize,
    /// How much of the word is on the screen.
    shown: usize,
    shown_columns: usize,
    /// The text itself began this line, so its leading spaces count.
    own_line: bool,
}

impl Wrap {
    /// The cursor is at column `start`, and no line reaches `end`. Later lines begin with `indent`, which is as
    /// wide as `start`.
    pub(crate) fn new(indent: String, start: usize, end: usize) -> Self {
        Self {
            indent,
            start,
            end: end.max(start + 8),
            column: start,
            spaces: 0,
            word: String::new(),
            word_columns: 0,
            shown: 0,
            shown_columns: 0,
            own_line: true,
        }
    }

    /// Writes the next piece, without control characters: a message must not control the terminal.
    pub(crate) fn push(&mut self, text: &str, out: &mut String) {
        for letter in text.chars() {
            match letter {
                '\n' => {
                    self.end_word(out);
                    self.break_line(out);
                    self.own_line = true;
                }
                '\t' => {
                    self.end_word(out);
                    self.spaces += 4;
                }
                ' ' => {
                    self.end_word(out);
                    self.spaces += 1;
                }
                letter if letter.is_control() => {}
                letter => self.letter(letter, out),
            }
        }
        self.show_word(out);
    }

    /// Other output has moved the cursor to a new line.
    pub(crate) fn restart(&mut self, out: &mut String) {
        self.end_word(out);
        out.push_str(&self.indent);
        self.column = self.start;
        self.spaces = 0;
    }

    fn letter(&mut self, letter: char, out: &mut String) {
        let columns = letter.width().unwrap_or(0);
        // Scripts without spaces can be broken anywhere.
        if columns == 2 {
            self.end_word(out);
        }
        if self.word.is_empty() && self.column == self.start && !self.own_line {
            // The space at which the line was broken.
            self.spaces = 0;
        }
        if self.column + self.spaces + self.word_columns + columns > self.end {
            if self.column > self.start {
                self.take_back(out);
            } else {
                // Longer than a line, so it is cut.
                self.end_word(out);
            }
            self.break_line(out);
        }
        self.word.push(letter);
        self.word_columns += columns;
    }

    fn show_word(&mut self, out: &mut String) {
        if self.shown == 0 && !self.word.is_empty() {
            out.extend(std::iter::repeat_n(' ', self.spaces));
            self.column += std::mem::take(&mut self.spaces);
        }
        out.push_str(&self.word[self.shown..]);
        self.shown = self.word.len();
        self.shown_columns = self.word_columns;
    }

    fn end_word(&mut self, out: &mut String) {
        self.show_word(out);
        self.column += self.word_columns;
        self.word.clear();
        self.word_columns = 0;
        self.shown = 0;
        self.shown_columns = 0;
    }

    fn take_back(&mut self, out: &mut String) {
        if self.shown_columns > 0 {
            out.push_str(&format!("\x1b[{}D\x1b[K", self.shown_columns));
        }
        self.shown = 0;
        self.shown_columns = 0;
    }

    fn break_line(&mut self, out: &mut String) {
        out.push('\n');
        out.push_str(&self.indent);
        self.column = self.start;
        self.spaces = 0;
        self.own_line = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str) -> String {
        let mut out = String::new();
        Wrap::new("  ".to_owned(), 2, 14).push(text, &mut out);
        out
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(wrapped("one two three four"), "one two\n  three four");
        assert_eq!(wrapped("one two thre four"), "one two thre\n  four");
    }

    #[test]
    fn a_word_in_pieces_is_taken_back_when_it_grows_too_long() {
        let mut wrap = Wrap::new("  ".to_owned(), 2, 14);
        let mut out = String::new();
        wrap.push("one two th", &mut out);
        assert_eq!(out, "one two th");
        out.clear();
        wrap.push("ree four", &mut out);
        assert_eq!(out, "re\x1b[4D\x1b[K".replace("re\x1b[4D", "\x1b[2D") + "\n  three four");
    }

    #[test]
    fn a_word_longer_than_a_line_is_cut() {
        assert_eq!(wrapped("abcdefghijklmnop"), "abcdefghijkl\n  mnop");
    }

    #[test]
    fn scripts_without_spaces_break_anywhere() {
        assert_eq!(wrapped("你好我是艾达的分身"), "你好我是艾达\n  的分身");
    }

    #[test]
    fn lines_and_their_indentation_are_kept() {
        assert_eq!(wrapped("a:\n  - b\n\nc"), "a:\n    - b\n  \n  c");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(wrapped("a\x1b[2Jb\r\u{9b}c\x07"), "a[2Jbc");
    }

    #[test]
    fn what_is_wrapped_in_pieces_reads_as_what_is_wrapped_whole() {
        let text = "It came in many pieces, 你好, and some were-very-long-indeed to fit.";
        let mut wrap = Wrap::new("  ".to_owned(), 2, 14);
        let mut out = String::new();
        for letter in text.chars() {
            wrap.push(&letter.to_string(), &mut out);
        }
        // Interprets the erasing.
        let mut screen = String::new();
        let mut rest = out.as_str();
        while let Some(at) = rest.find("\x1b[") {
            screen.push_str(&rest[..at]);
            let (columns, after) = rest[at + 2..].split_once("D\x1b[K").unwrap();
            for _ in 0..columns.parse().unwrap() {
                screen.pop();
            }
            rest = after;
        }
        screen.push_str(rest);
        let trimmed: Vec<&str> = screen.lines().map(str::trim_end).collect();
        let whole = wrapped(text);
        assert_eq!(trimmed, whole.lines().map(str::trim_end).collect::<Vec<_>>());
    }
}
