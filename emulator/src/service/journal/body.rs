//! A body or a frame, as the journal holds and writes it.

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// What one body or frame may hold, in bytes; the rest is left out.
const BODY_BYTES: usize = 8 * 1024;
/// How many brackets a body may open to be written as it stands: parsers give up beyond some depth.
const BRACKETS: usize = 100;
/// How many digits in a row. Numbers of some more are too large for parsers.
const DIGITS: usize = 300;

/// A body or a frame. It is serialised as JSON where it is JSON, else as a text. One that was too
/// long is a text that ends with `…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(Box<str>);

impl Body {
    pub(super) fn new(text: &str) -> Self {
        if text.len() <= BODY_BYTES {
            return Self(text.into());
        }
        let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= BODY_BYTES).last();
        Self(format!("{}…", &text[..end.unwrap_or_default()]).into())
    }

    /// As it was sent, with its secrets shortened.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// As JSON; as a text where it is not JSON, and as null where it is empty.
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.0) {
            Ok(value) => value,
            Err(_) if self.0.is_empty() => Value::Null,
            Err(_) => Value::String(self.0.to_string()),
        }
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // As it stands, where it is JSON that every reader takes; most bodies and frames are.
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) if is_plain(&self.0) => raw.serialize(serializer),
            _ => self.json().serialize(serializer),
        }
    }
}

/// Whether this JSON is on one line, and has nothing at which one parser gives up and another does not: great depth,
/// numbers that may be too large, halves of surrogate pairs.
fn is_plain(json: &str) -> bool {
    let (mut is_text, mut brackets, mut digits) = (false, 0, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' | b'\r' => return false,
            b'"' => is_text = !is_text,
            b'\\' if bytes.next() == Some(b'u') && matches!(bytes.next(), Some(b'd' | b'D')) => return false,
            _ if is_text => {}
            b'e' | b'E' if digits > 0 => return false,
            b'[' | b'{' => brackets += 1,
            _ => {}
        }
        digits = if !is_text && byte.is_ascii_digit() { digits + 1 } else { 0 };
        if brackets > BRACKETS || digits > DIGITS {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_written_on_one_line_and_as_every_parser_takes_it() {
        let written = |text: &str| serde_json::to_string(&Body::new(text)).unwrap();
        for as_it_stands in
            [r#"{"b": 1.50, "a": [2], "c": "\\d\"\u00e4 1e5 \n"}"#, "true", "[false, 12345678901234567890]"]
        {
            assert_eq!(written(&format!(" {as_it_stands} ")), as_it_stands);
        }
        assert_eq!(written("{\"a\":\n[1,\r\n2]}"), r#"{"a":[1,2]}"#);
        assert_eq!(written(r#"["\ud83d\ude00", 1e2]"#), r#"["😀",100.0]"#);
        assert_eq!(written(""), "null");
        let deep = format!("{}{}", "[".repeat(4_000), "]".repeat(4_000));
        let (long, half) = ("1".repeat(400), r#"{"a":"\ud83d"}"#);
        for as_a_text in ["{\"a\"", "\n", &deep, &long, "[1e999]", half, r#"["\uD83D"]"#] {
            let text = written(as_a_text);
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), as_a_text, "{text}");
        }
    }
}
