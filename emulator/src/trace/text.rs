//! Texts of people and machines, as a picture and a terminal can show them.

use crate::time::Millis;

/// A length of time: `350 ms`, `1.2 s`, `2 min 05 s`, `1 h 02 min`, `3 d 4 h`.
pub(super) fn length(time: Millis) -> String {
    let (ms, seconds) = (time.0, (time.0 + 500) / 1_000);
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..9_950 => format!("{}.{} s", (ms + 50) / 1_000, (ms + 50) % 1_000 / 100),
        9_950..99_950 if ms % 1_000 != 0 => format!("{}.{} s", (ms + 50) / 1_000, (ms + 50) % 1_000 / 100),
        _ if seconds < 60 => format!("{seconds} s"),
        _ if seconds < 3_600 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ if seconds < 3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 && seconds % 3_600 < 60 => format!("{} h", seconds / 3_600),
        _ if seconds < 86_400 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// The text on one line, with what cannot be seen made visible, and its end left out where it is longer than
/// `limit` characters.
pub(super) fn visible(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        match letter {
            // Control characters have pictures of their own.
            '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(letter))),
            '\u{7f}' => shown.push('\u{2421}'),
            _ if is_hidden(letter) => shown.push_str(&format!("[U+{:04X}]", u32::from(letter))),
            _ => shown.push(letter),
        }
    }
    shown
}

/// Whether a character is not seen, changes the direction of others, or may not stand in XML.
fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(letter) & 0xfffe == 0xfffe
}

/// How many characters of a text are quoted.
const QUOTED: usize = 30;

/// The text between quotation marks, short.
pub(super) fn quoted(text: &str) -> String {
    format!("“{}”", visible(text, QUOTED))
}

/// About how wide a text is, in parts of its font's size. Rather too wide than too narrow.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(letter_width).sum()
}

fn letter_width(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 't' | 'f' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')'
        | '/' => 0.34,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        'A'..='Z' => 0.7,
        '\0'..='\u{2ff}' => 0.58,
        '\u{2000}'..='\u{206f}' => 0.6,
        _ => 1.1,
    }
}

/// The text, cut so that it fits into a width, in parts of its font's size. `None` if hardly any of it does.
pub(super) fn fitting(text: &str, room: f64) -> Option<String> {
    if width(text) <= room {
        return Some(text.to_owned());
    }
    let mut used = letter_width('…');
    let fits = |letter: &char| {
        used += letter_width(*letter);
        used <= room
    };
    let begin: String = text.chars().take_while(fits).collect();
    (begin.chars().count() >= 3).then(|| format!("{}…", begin.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_as_people_say_it() {
        for (ms, said) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (1_249, "1.2 s"),
            (9_990, "10.0 s"),
            (12_340, "12.3 s"),
            (59_960, "60.0 s"),
            (45_000, "45 s"),
            (120_000, "2 min"),
            (125_000, "2 min 05 s"),
            (7_200_000, "2 h"),
            (3_720_000, "1 h 02 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(length(Millis(ms)), said, "{ms}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(visible("a\nb\t\u{202e}c\u{7f}\u{fffe}", 99), "a␊b␉[U+202E]c␡[U+FFFE]");
        assert_eq!(visible("abcdef", 3), "abc…");
        assert_eq!(visible("abc", 3), "abc");
    }

    #[test]
    fn a_text_is_cut_to_its_room() {
        assert_eq!(fitting("Hello there", 99.0).as_deref(), Some("Hello there"));
        assert_eq!(fitting("Hello there", 3.6).as_deref(), Some("Hello…"));
        assert_eq!(fitting("Hello there", 1.0), None);
    }
}
