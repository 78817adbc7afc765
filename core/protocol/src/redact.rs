//! Text that must not reach a log by accident.
//!
//! What people say to each other, and the service's secrets, never appear in `Debug` output. Their types redact
//! them, so that formatting a larger value cannot leak them.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that a person or the avatar said. It reads like a `str` and prints as one; its `Debug` shows only the
/// length.
///
/// ```
/// use secondme_avatar_protocol::Text;
///
/// let text = Text::from("my secret");
/// assert_eq!(&*text, "my secret");
/// assert_eq!(format!("{text}"), "my secret");
/// assert_eq!(format!("{text:?}"), "Text(9 bytes)");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// The text as a `str`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as a `String`.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Appends a piece.
    pub fn push_str(&mut self, more: &str) {
        self.0.push_str(more);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// A secret: the API key, the visitor token or a socket address. Its `Debug` shows nothing of it, and it has no
/// `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Returns the secret itself. The name is unusual so that its uses are easy to find.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret.into())
    }
}

/// The words of another program, for an error or a log: one line of at most so many characters, safe to print, with
/// `…` where something looks like a secret or an address.
///
/// ```
/// use secondme_avatar_protocol::one_line;
///
/// assert_eq!(one_line("bad token\n sk-0123456789abcdef", 80), "bad token …");
/// assert_eq!(one_line("see wss://host/path?ticket=1 or token=abc", 80), "see … or …");
/// assert_eq!(one_line("a very long story", 6), "a very…");
/// ```
#[must_use]
pub fn one_line(words: &str, longest: usize) -> String {
    let mut line = String::new();
    let mut is_named = false;
    // No more is looked at than could be shown, for each word becomes one character at least.
    let ends_at = words.char_indices().nth(longest.saturating_mul(64)).map_or(words.len(), |(at, _)| at);
    let words = words[..ends_at].split(|char: char| char.is_whitespace() || char.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        if is_named || looks_secret(word) {
            line.push('…');
        } else {
            line.extend(word.chars().flat_map(printable));
        }
        is_named = word.eq_ignore_ascii_case("bearer");
    }
    if let Some((at, _)) = line.char_indices().nth(longest) {
        line.truncate(at);
        line.push('…');
    }
    line
}

/// The character, or its escape where a terminal would not show it.
fn printable(char: char) -> impl Iterator<Item = char> {
    let is_quote = matches!(char, '"' | '\'' | '\\');
    let escaped = (!is_quote).then(|| char.escape_debug());
    is_quote.then_some(char).into_iter().chain(escaped.into_iter().flatten())
}

/// Whether a word may be a key, a token or an address, or holds one.
fn looks_secret(word: &str) -> bool {
    const NAMES: [&str; 8] = ["token", "key", "secret", "ticket", "sign", "password", "auth", "cookie"];
    let lower = word.to_ascii_lowercase();
    let is_assigned = lower.split_once(['=', ':']).is_some_and(|(name, value)| {
        value.bytes().any(|byte| byte.is_ascii_alphanumeric()) && NAMES.iter().any(|part| name.contains(part))
    });
    let is_random = |part: &str| {
        let has = |kind: fn(&u8) -> bool| part.as_bytes().iter().any(kind);
        let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        part.len() >= 32 || (part.len() >= 16 && is_mixed)
    };
    let has_prefix = |part: &str| part.starts_with("sk-") || part.starts_with("lba_");
    let mut parts =
        lower.split(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '+')));
    lower.contains("://") || is_assigned || parts.any(|part| has_prefix(part) || is_random(part))
}

/// A frame as it came over the socket: its JSON text, shared by all events that come of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(Arc<str>);

impl Raw {
    /// The frame's text. Usually JSON; a malformed frame is delivered as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Raw {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Raw {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

/// A JSON value of a message: a card's parameters or a source. It reads as a [`serde_json::Value`]; its `Debug` shows
/// nothing of it.
#[derive(Clone, Default, PartialEq)]
pub struct Json(pub serde_json::Value);

impl Deref for Json {
    type Target = serde_json::Value;

    fn deref(&self) -> &serde_json::Value {
        &self.0
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_or_an_address_is_not_repeated() {
        for secret in [
            "sk-x",
            "(sk-0123)",
            "lba_at_0123",
            "wss://host/socket",
            "ticket=1",
            "visitorToken:abc",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.x",
            "0123456789abcdef0123456789abcdef",
            "550e8400-e29b-41d4-a716-446655440000",
            "余额不足sk-0123",
        ] {
            assert_eq!(one_line(&format!("before {secret} after"), 80), "before … after", "{secret}");
        }
        assert_eq!(one_line("Authorization: Bearer abc, and more", 80), "Authorization: Bearer … and more");
    }

    #[test]
    fn plain_words_and_codes_are_repeated_as_one_line_that_a_terminal_stands() {
        for plain in
            ["visitor.token.expired", "the token: expired", "余额不足", "it's \"late\"", "/rest/general/ws"]
        {
            assert_eq!(one_line(plain, 80), plain);
        }
        assert_eq!(one_line("\n a\r\n\tb \u{1b}[31m\u{202e} ", 80), "a b [31m\\u{202e}");
        assert_eq!(one_line(&"a b ".repeat(100_000), 3), "a b…");
        assert_eq!(one_line("abc", 3), "abc");
    }
}
