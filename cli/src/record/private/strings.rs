//! Strings: ids, texts, addresses and words about a failure.

use url::Url;

use super::known::{self, Class};
use super::{Kind, Private, shape};

/// Before the time stamp of a message id.
const JOINT: &str = "_____";

/// What stands behind the name of a platform, to be an id and not something that a person said.
const ID_LENGTH: usize = 16;

/// A longer text is replaced as a whole, without a look at the ids in it.
const LOOKED_AT: usize = 64 * 1024;

impl Private {
    /// A string of a field whose name says nothing of it.
    pub(super) fn string(&mut self, text: &str, depth: usize) -> String {
        if let Some(nested) = self.nested(text, depth) {
            return nested;
        }
        if text.contains("://")
            && let Some(address) = self.address(text)
        {
            return address;
        }
        if text.bytes().all(is_of_id) { self.id(text) } else { self.spoken(text) }
    }

    /// A string of a field of this class.
    pub(super) fn string_of(&mut self, class: Class, text: &str, depth: usize) -> String {
        match class {
            Class::Word if known::is_of_words(text) => text.to_owned(),
            Class::Failure => self.failure(text),
            Class::Version if known::is_version(text) => text.to_owned(),
            Class::Amount if text.len() <= 7 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.to_owned()
            }
            Class::Time => match self.shift.text(text) {
                Some(shifted) => {
                    self.count(Kind::Time);
                    shifted
                }
                None => self.string(text, depth),
            },
            _ => self.string(text, depth),
        }
    }

    /// JSON within a string, as cards have it.
    fn nested(&mut self, text: &str, depth: usize) -> Option<String> {
        if !text.starts_with(['{', '[']) {
            return None;
        }
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(self.value("", &value, depth + 1).to_string())
    }

    /// An id or a token. Each of its parts is replaced by itself, so a part is the same wherever it stands.
    pub(super) fn id(&mut self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        self.count(Kind::Id);
        let mut placeholder = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let (done, replaced) = self.part(rest, &placeholder);
            placeholder.push_str(&replaced);
            rest = &rest[done..];
        }
        placeholder
    }

    /// The first part of an id: how long it is, and what stands in its place.
    fn part(&self, rest: &str, before: &str) -> (usize, String) {
        if let Some(uuid) = rest.get(..36).filter(|text| is_uuid(text)) {
            return (36, self.uuid(uuid));
        }
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if part.is_empty() {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            return (length, shape::replace(&self.key, &rest[..length]));
        }
        let shifted = before.ends_with(JOINT).then(|| self.shift.text(part)).flatten();
        if let Some(shifted) = shifted {
            return (end, shifted);
        }
        let is_prefix = known::is_prefix(part)
            && after.starts_with(['-', '_'])
            // Behind a key's prefix stands a key; behind others an id stands if it is long enough for one.
            && (known::is_key_prefix(part) || after.len() > ID_LENGTH)
            && before.split(['-', '_']).all(|before| before.is_empty() || known::is_prefix(before));
        if is_prefix {
            return (end, part.to_owned());
        }
        (end, self.token(part))
    }

    fn token(&self, part: &str) -> String {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        if digits == part.len() {
            shape::replace_number(&self.key, part)
        } else if digits > 0
            && part.len() >= 4
            && part.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
        {
            shape::replace_hex(&self.key, part)
        } else {
            shape::replace(&self.key, part)
        }
    }

    /// The digits that say which kind of UUID it is stay.
    fn uuid(&self, uuid: &str) -> String {
        let replaced = shape::replace_hex(&self.key, uuid);
        let kept = |(at, (old, new)): (usize, (char, char))| if matches!(at, 14 | 19) { old } else { new };
        uuid.chars().zip(replaced.chars()).enumerate().map(kept).collect()
    }

    /// What a person said. Its ids are replaced as elsewhere; its words depend on the whole, so that a word that is
    /// said often cannot be told by it.
    pub(super) fn spoken(&mut self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        self.count(Kind::Text);
        let replaced = shape::replace(&self.key, text);
        if text.len() > LOOKED_AT {
            return replaced;
        }
        self.with_ids(text, replaced)
    }

    /// Puts the placeholders of the ids in a text where the ids stand. Each is as long as its id.
    fn with_ids(&mut self, text: &str, mut replaced: String) -> String {
        let mut at = 0;
        while let Some(start) = text[at..].find(|letter: char| is_of_id_char(letter)).map(|start| at + start)
        {
            let end = text[start..]
                .find(|letter: char| !is_of_id_char(letter))
                .map_or(text.len(), |end| start + end);
            let run = &text[start..end];
            if run.len() >= 6 && run.bytes().any(|byte| byte.is_ascii_digit()) {
                let id = self.id(run);
                replaced.replace_range(start..end, &id);
            }
            at = end;
        }
        replaced
    }

    /// What the service says about a failure. It is kept if all of it is known; if all but ids is known, those are
    /// replaced; else it may quote a person, and all of it is replaced. So it is if it repeats what one has said.
    pub(crate) fn failure(&mut self, text: &str) -> String {
        if text.contains("://") || text.len() > LOOKED_AT || self.said.is_in(text) {
            return self.spoken(text);
        }
        let runs = || text.split(|letter: char| !is_of_id_char(letter)).filter(|run| !run.is_empty());
        let is_small = |run: &str| run.len() <= 3 && run.bytes().all(|byte| byte.is_ascii_digit());
        let is_known = |run: &str| {
            let run = run.trim_end_matches(['.', '-', '_']);
            run.is_empty() || is_small(run) || known::is_of_words(run)
        };
        let is_id = |run: &str| run.len() >= 6 && run.bytes().any(|byte| byte.is_ascii_digit());
        if !text.is_ascii() || runs().any(|run| !is_known(run) && !is_id(run)) {
            return if text.bytes().all(is_of_id) { self.id(text) } else { self.spoken(text) };
        }
        self.with_ids_unless(text, is_known)
    }

    fn with_ids_unless(&mut self, text: &str, is_known: impl Fn(&str) -> bool) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_of_id_char) {
            let end =
                rest[start..].find(|letter| !is_of_id_char(letter)).map_or(rest.len(), |end| start + end);
            replaced.push_str(&rest[..start]);
            let run = &rest[start..end];
            match is_known(run) {
                true => replaced.push_str(run),
                false => replaced.push_str(&self.id(run)),
            }
            rest = &rest[end..];
        }
        replaced.push_str(rest);
        replaced
    }

    /// An address: scheme, the vendor's hosts and the words of the protocol stay. `None` if it is no URL.
    pub(crate) fn address(&mut self, text: &str) -> Option<String> {
        let url = Url::parse(text).ok()?;
        if text.contains(char::is_whitespace)
            || !text.is_ascii()
            || !matches!(url.scheme(), "http" | "https" | "ws" | "wss")
        {
            return None;
        }
        self.count(Kind::Address);
        let host = url.host_str()?;
        let mut replaced = format!("{}://", url.scheme());
        if !url.username().is_empty() || url.password().is_some() {
            let (user, password) = (url.username().to_owned(), url.password().unwrap_or_default().to_owned());
            replaced.push_str(&format!("{}:{}@", self.id(&user), self.id(&password)));
        }
        replaced.push_str(&self.host(host));
        if let Some(port) = url.port() {
            replaced.push_str(&format!(":{port}"));
        }
        replaced.push_str(&self.path(url.path()));
        if let Some(query) = url.query() {
            replaced.push('?');
            replaced.push_str(&self.query(query));
        }
        if let Some(fragment) = url.fragment() {
            replaced.push('#');
            replaced.push_str(&self.encoded("", fragment));
        }
        Some(replaced)
    }

    pub(super) fn host(&mut self, host: &str) -> String {
        if known::is_host(host) { host.to_owned() } else { self.id(host) }
    }
}

/// Whether ids consist of such characters.
fn is_of_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:/+=~@%|,$&*".contains(&byte)
}

fn is_of_id_char(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-_.+=~@".contains(letter)
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}
