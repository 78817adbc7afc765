//! What is repeated of the words of another program: the service, a proxy, a function of the caller. All that reaches
//! an error, an event's code or a log goes through here.
//!
//! Such words may repeat the request, and so a secret; they may be long, and they may hold what makes a terminal do
//! things.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::redact::Secret;

/// The longest failure code, in bytes.
pub(crate) const CODE: usize = 128;

/// The longest text beneath an error that is repeated, in characters.
const CAUSE: usize = 300;

/// What is shorter is in plain words as well.
const SHORTEST: usize = 4;

/// The secrets that no quoted text may repeat. Its `Debug` shows only how many there are.
///
/// ```
/// use secondme_avatar_protocol::{KnownSecrets, Secret};
///
/// let known = KnownSecrets::new([&Secret::from("correct horse".to_owned())]);
/// assert_eq!(known.hide("no such key: correct horse"), "no such key: …");
/// assert_eq!(known.hide("/auth?key=correct%20horse"), "/auth?key=…");
/// assert_eq!(known.words("no\nsuch\u{1b}[31m key: correct horse", 80), "no such [31m key: …");
/// assert_eq!(known.code("open.api.rate.limited"), "open.api.rate.limited");
/// ```
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<[Secret]>);

impl KnownSecrets {
    /// These secrets. One of less than four characters is left out: it would be found in plain words.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let long = secrets.into_iter().filter(|secret| secret.expose_secret().len() >= SHORTEST);
        Self::longest_first(long.cloned().collect())
    }

    /// One may hold another.
    fn longest_first(mut secrets: Vec<Secret>) -> Self {
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Self(secrets.into())
    }

    /// These and others.
    #[must_use]
    pub fn and<'s>(&'s self, more: impl IntoIterator<Item = &'s Secret>) -> Self {
        Self::new(self.0.iter().chain(more))
    }

    /// The text with `…` in the place of each secret, be it written plainly, as in a URL, or as in a string of JSON.
    #[must_use]
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in self.0.iter().map(Secret::expose_secret) {
            let escaped = secret.escape_default().to_string();
            for form in [secret, &encode(secret), &encode(secret).replace("%20", "+"), &escaped] {
                if text.contains(form) {
                    text = Cow::Owned(text.replace(form, "…"));
                }
            }
        }
        text
    }

    /// The words as one line of at most so many characters: see [`one_line`].
    #[must_use]
    pub fn words(&self, said: &str, longest: usize) -> String {
        one_line(&self.hide(said), longest)
    }

    /// A failure code as it came, if it is well-formed: letters, digits, dots, dashes and underscores, no more than
    /// 128 bytes. Any other becomes one line of that length, as [`words`](Self::words) makes it.
    #[must_use]
    pub fn code(&self, said: &str) -> String {
        let said = self.hide(said);
        if is_code(&said) {
            return said.into_owned();
        }
        let mut code = one_line(&said, CODE);
        if code.len() > CODE {
            let end = CODE - '…'.len_utf8();
            let end = (0..=end).rev().find(|at| code.is_char_boundary(*at)).unwrap_or_default();
            code.truncate(end);
            code.push('…');
        }
        code
    }
}

impl fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownSecrets({})", self.0.len())
    }
}

/// Whether it is a code that can be shown as it is.
fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_long = |part: &str| part.len() >= 32 && part.bytes().any(|byte| byte.is_ascii_digit());
    text.len() <= CODE
        && text.bytes().all(plain)
        && !text.split('.').any(|part| is_long(part) || is_prefixed(part))
}

/// What lies beneath an error, in the place of an error whose text could not be repeated as it is.
#[derive(Debug)]
pub(crate) struct Cause {
    text: String,
    beneath: Option<Box<Cause>>,
}

impl Cause {
    /// A cause with nothing beneath it.
    pub(crate) fn new(text: String) -> Self {
        Self { text, beneath: None }
    }

    /// The chain that begins with this error, if a text in it may not be repeated as it is.
    pub(crate) fn instead_of(error: &(dyn StdError + 'static), known: &KnownSecrets) -> Option<Self> {
        let chain = || std::iter::successors(Some(error), |&error| error.source());
        let is_fit = |error: &(dyn StdError + 'static)| {
            let text = error.to_string();
            let is_own = error.is::<Error>();
            let is_line = || text.chars().count() <= CAUSE && !text.chars().any(is_unseen);
            matches!(known.hide(&text), Cow::Borrowed(_)) && (is_own || is_line())
        };
        if chain().all(is_fit) {
            return None;
        }
        let texts: Vec<_> = chain().map(|error| known.words(&error.to_string(), CAUSE)).collect();
        texts
            .into_iter()
            .rev()
            .fold(None, |beneath, text| Some(Self { text, beneath: beneath.map(Box::new) }))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.beneath.as_deref().map(|beneath| beneath as _)
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
            line.push_str(&visible(word));
        }
        is_named = word.eq_ignore_ascii_case("bearer");
    }
    if let Some((at, _)) = line.char_indices().nth(longest) {
        line.truncate(at);
        line.push('…');
    }
    line
}

/// What people say, for a terminal: what would make the terminal do something, or turn the direction of writing, is
/// shown as its escape. Line breaks, tabs and all letters and signs stay.
///
/// ```
/// use secondme_avatar_protocol::visible;
///
/// assert_eq!(visible("Hello,\n\u{1b}]0;title\u{7} 你好 👩‍💻"), "Hello,\n\\u{1b}]0;title\\u{7} 你好 👩‍💻");
/// assert_eq!(visible("two\r\nlines"), "two\nlines");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|char| is_unseen(char) && !matches!(char, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.replace("\r\n", "\n").chars() {
        if is_unseen(char) && !matches!(char, '\n' | '\t') {
            shown.extend(char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal acts on it in the place of showing it.
fn is_unseen(char: char) -> bool {
    let turns = matches!(char, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(char, '\u{2028}' | '\u{2029}');
    char.is_control() || turns || breaks
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
    let mut parts =
        lower.split(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '+')));
    lower.contains("://") || is_assigned || parts.any(|part| is_prefixed(part) || is_random(part))
}

/// Whether it begins as a key or a token does.
fn is_prefixed(part: &str) -> bool {
    ["sk-", "lba_"].iter().any(|prefix| {
        part.as_bytes().get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

/// Percent-encodes a text for use in a URL.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    out
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

    #[test]
    fn what_the_service_names_cannot_leave_its_place_in_a_url() {
        assert_eq!(encode("ab/../c?d=é&e#"), "ab%2F..%2Fc%3Fd%3D%C3%A9%26e%23");
    }

    fn known(secret: &str) -> KnownSecrets {
        KnownSecrets::new([&Secret::from(secret.to_owned())])
    }

    #[test]
    fn a_known_secret_is_hidden_however_it_is_written() {
        let known = known("pass word/+\"é");
        for form in [
            "pass word/+\"é",
            "pass%20word%2F%2B%22%C3%A9",
            "pass+word%2F%2B%22%C3%A9",
            "pass word/+\\\"\\u{e9}",
        ] {
            assert_eq!(known.hide(&format!("a {form}, b")), "a …, b", "{form}");
        }
        assert_eq!(format!("{known:?}"), "KnownSecrets(1)");
        assert!(matches!(known.hide("pass word"), Cow::Borrowed(_)), "half of it is another text");
        assert_eq!(self::known("a").hide("banana"), "banana");
    }

    #[test]
    fn a_secret_that_holds_another_is_hidden_whole() {
        let secret = |text: &str| Secret::from(text.to_owned());
        let known = KnownSecrets::new([&secret("horse"), &secret("correct horse")]);
        assert_eq!(known.hide("correct horse, horse"), "…, …");
    }

    #[test]
    fn a_code_is_well_formed_or_becomes_so() {
        let known = known("correct-horse");
        for code in ["404", "session_not_found", "open.api.rate.limited", &"a.".repeat(64)] {
            assert_eq!(known.code(code), code);
        }
        assert_eq!(known.code("open.api.correct-horse"), "open.api.…");
        assert_eq!(known.code("open.api.sk-0123"), "…");
        assert_eq!(known.code("a\r\nb\u{1b}[2J\u{202e}"), "a b [2J\\u{202e}");
        for long in ["a.".repeat(50_000), "余".repeat(50_000), "\u{202e}".repeat(50_000)] {
            let code = known.code(&long);
            assert!(code.len() <= CODE && code.ends_with('…') && code.len() > CODE - 9, "{code}");
            assert_eq!(known.code(&code), code, "a second time changes nothing");
        }
    }

    #[test]
    fn what_lies_beneath_an_error_is_quoted_as_well() {
        let error = |text: &str| {
            let io = std::io::Error::other(text.to_owned());
            Error::new(crate::ErrorKind::ConnectionFailed, "it broke")
                .caused_by(io)
                .hiding(&known("correct-horse"))
        };
        let plain = error("reset by peer");
        assert!(plain.source().unwrap().is::<std::io::Error>(), "it stays what it is");
        for (said, quoted) in [("no correct-horse here", "no … here"), ("a\u{1b}[2J", "a [2J")] {
            assert_eq!(error(said).source().unwrap().to_string(), quoted);
        }
        let long = error(&"no ".repeat(1000)).source().unwrap().to_string();
        assert!(long.len() < CAUSE + 10, "{long}");
    }
}
