//! The parts of HTTP: paths, queries, forms, headers.

use hyper::HeaderMap;
use hyper::header::HeaderName;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::known::{self, Class};
use super::{Kind, Place, Private};

/// After them stands what only looks like a word.
const BEFORE_NAMES: [&str; 1] = ["public"];

/// Headers whose values consist of words of the protocol and small numbers.
const WORD_HEADERS: [&str; 22] = [
    "accept",
    "accept-encoding",
    "access-control-allow-methods",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "keep-alive",
    "pragma",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "server",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "retry-after",
];
/// Headers that say nothing, or that would tell when and where.
const LEFT_OUT: [&str; 3] = ["sec-websocket-key", "sec-websocket-accept", "date"];

/// How many headers are written down.
const HEADERS: usize = 100;

impl Private {
    /// A path: the words of the protocol stay.
    pub(crate) fn path(&mut self, path: &str) -> String {
        let mut name_follows = false;
        let parts: Vec<String> = path
            .split('/')
            .map(|part| {
                let kept = part.is_empty() || (!name_follows && known::is_of_words(part));
                name_follows = BEFORE_NAMES.contains(&part);
                if kept { part.to_owned() } else { self.encoded("", part) }
            })
            .collect();
        parts.join("/")
    }

    /// A query, without its `?`.
    pub(crate) fn query(&mut self, query: &str) -> String {
        let pairs: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => format!("{}={}", self.query_name(name), self.encoded(name, value)),
                None => self.encoded("", pair),
            })
            .collect();
        pairs.join("&")
    }

    fn query_name(&mut self, name: &str) -> String {
        if known::is_of_words(name) { name.to_owned() } else { self.encoded("", name) }
    }

    /// A value that may be percent-encoded, and is again.
    pub(super) fn encoded(&mut self, field: &str, value: &str) -> String {
        let class = match known::class(field) {
            Class::Failure => Class::Other,
            class => class,
        };
        if !value.contains(['%', '+']) {
            return encode(&self.string_of(class, value, 0));
        }
        let pair = format!("x={value}");
        let decoded = form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned());
        encode(&self.string_of(class, &decoded.unwrap_or_default(), 0))
    }

    /// A form, as an object.
    pub(crate) fn form(&mut self, form: &[u8]) -> Value {
        let pairs: Map<String, Value> = form_urlencoded::parse(form)
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        self.json(Place::Request, &Value::Object(pairs))
    }

    /// The headers, by their names in lower case. What HTTP itself needs for one connection is left out.
    pub(crate) fn headers(&mut self, headers: &HeaderMap) -> Value {
        let mut seen = Map::new();
        for (name, value) in headers.iter().take(HEADERS) {
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            let value = self.header(name, &String::from_utf8_lossy(value.as_bytes()));
            let name = self.header_name(name);
            match seen.get_mut(&name) {
                Some(Value::String(before)) => {
                    before.push_str(", ");
                    before.push_str(&value);
                }
                _ => {
                    seen.insert(name, Value::String(value));
                }
            }
        }
        Value::Object(seen)
    }

    fn header_name(&mut self, name: &HeaderName) -> String {
        let name = name.as_str();
        let standard = WORD_HEADERS.contains(&name) || known::is_of_words(name);
        let looks_so = name.len() <= 40
            && name.split('-').count() <= 5
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if standard || looks_so { name.to_owned() } else { self.id(name) }
    }

    fn header(&mut self, name: &HeaderName, value: &str) -> String {
        match name.as_str() {
            "authorization" | "proxy-authorization" => match value.split_once(' ') {
                Some((scheme @ ("Bearer" | "bearer" | "Basic"), secret)) => {
                    format!("{scheme} {}", self.id(secret))
                }
                _ => self.string(value, 0),
            },
            "origin" | "referer" => self
                .address(value)
                .map_or_else(|| self.failure(value), |it| it.trim_end_matches('/').to_owned()),
            "host" => self.authority(value),
            "user-agent" => self.user_agent(value),
            // It may be a date.
            "retry-after" if !value.bytes().all(|byte| byte.is_ascii_digit()) => self.string(value, 0),
            "timestamp" => self.string_of(Class::Time, value, 0),
            known if WORD_HEADERS.contains(&known) => self.words(value),
            other => self.string_of(header_class(other), value, 0),
        }
    }

    fn authority(&mut self, value: &str) -> String {
        match value.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => {
                format!("{}:{port}", self.host(host))
            }
            _ => self.host(value),
        }
    }

    /// `program/1.2 (…) other/3`: known programs and versions stay.
    fn user_agent(&mut self, value: &str) -> String {
        let mut told = Vec::new();
        for part in value.split_ascii_whitespace() {
            let (name, version) = part.split_once('/').unwrap_or((part, ""));
            let known = known::is_program(name) && (version.is_empty() || known::is_version(version));
            told.push(if known { part.to_owned() } else { self.string(part, 0) });
        }
        told.join(" ")
    }

    /// Words of the protocol and numbers of up to seven digits, between any signs. A word that is not known is
    /// replaced, and a date is.
    fn words(&mut self, value: &str) -> String {
        let mut replaced = String::with_capacity(value.len());
        let mut rest = value;
        while !rest.is_empty() {
            let is_sign =
                |letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_' | '.');
            let start = rest.find(|letter| !is_sign(letter)).unwrap_or(rest.len());
            let signs: String =
                rest[..start].chars().map(|sign| if sign.is_ascii() { sign } else { '?' }).collect();
            replaced.push_str(&signs);
            rest = &rest[start..];
            let end = rest.find(is_sign).unwrap_or(rest.len());
            let word = &rest[..end];
            rest = &rest[end..];
            let is_number = word.len() <= 7 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            match word.is_empty() || is_number || known::is_of_words(word) {
                true => replaced.push_str(word),
                false => replaced.push_str(&self.id(word)),
            }
        }
        replaced
    }

    /// Whatever is not JSON and not a form.
    pub(crate) fn opaque(&mut self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        self.count(Kind::Text);
        self.said.note(text, false);
        super::shape::replace(&self.key, text)
    }
}

/// A header may be named like a field, but what it says is never kept as a word.
fn header_class(name: &str) -> Class {
    match known::class(name) {
        Class::Word | Class::Failure | Class::Version => Class::Other,
        class => class,
    }
}

/// Percent-encodes what may not stand in a query's value.
fn encode(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~:@,$*".contains(&byte)) {
        return text.to_owned();
    }
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
