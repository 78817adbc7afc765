//! What must not stand in the file: everything secret, and everything that was said.

use std::collections::BTreeSet;

use reqwest::Url;
use serde_json::Value;

use crate::record::is_of_words;

/// What is shorter says nothing, and occurs in plain words.
const SHORTEST: usize = 6;

/// Every secret, id and text of a run, for a last look at what is to be written.
#[derive(Default)]
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    pub(super) fn keep(&mut self, text: &str) {
        if text.len() >= SHORTEST {
            self.0.insert(text.to_ascii_lowercase());
        }
    }

    /// Keeps the host that an address names, and each part of its name.
    pub(super) fn keep_host(&mut self, url: &Url) {
        let host = url.host_str().unwrap_or_default();
        let parts = host.split('.').filter(|part| part.len() >= SHORTEST && !is_of_words(part));
        self.0
            .extend(std::iter::once(host).chain(parts).filter(|it| it.len() >= SHORTEST).map(str::to_owned));
    }

    /// Keeps every text and number in an answer. Words of the protocol are no secret: codes consist of them, and
    /// replies hold them as well.
    pub(super) fn keep_all(&mut self, value: &Value) {
        match value {
            Value::String(text) if is_of_words(text) => {}
            Value::String(text) => {
                if let Ok(url) = Url::parse(text) {
                    self.keep_host(&url);
                }
                self.keep(text);
            }
            Value::Number(number) => self.keep(&number.to_string()),
            Value::Array(list) => list.iter().for_each(|one| self.keep_all(one)),
            Value::Object(fields) => fields.values().for_each(|one| self.keep_all(one)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Whether a text holds any of them, in capitals or not.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.0.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// A sentence in which "a code" stands for each code that holds one of them. Only what is quoted in it comes
    /// from the service; the rest is text of ours, which may have words in common with what was said.
    pub(super) fn without(&self, sentence: &str) -> String {
        let part = |(at, part): (usize, &str)| match at % 2 {
            0 => part.to_owned(),
            _ if self.are_in(part) => "a code".to_owned(),
            _ => format!("`{part}`"),
        };
        sentence.split('`').enumerate().map(part).collect()
    }
}

/// They do not print.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} secrets", self.0.len())
    }
}

/// The most digits in a code that is shown: `oauth2` has one, an id has more.
const DIGITS: usize = 1;

/// A failure code as it may be shown: letters, dots, dashes, underscores and one digit, which can be no id.
pub(super) fn shown_code(code: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    match code.len() <= 64 && code.bytes().all(plain) && digits <= DIGITS {
        true => format!("`{code}`"),
        false => "a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_of_an_answer_is_found_again() {
        let mut secrets = Secrets::default();
        secrets.keep_all(&json!({"data": {"token": "abcdef01", "ids": [487569763543990272_u64], "n": 7}}));
        assert!(secrets.are_in("the token abcdef01 was used") && secrets.are_in("487569763543990272"));
        assert!(!secrets.are_in("No pong came within 7 s."));
        assert!(!format!("{secrets:?}").contains("abc"));
    }

    #[test]
    fn a_host_is_found_again_and_a_word_of_the_protocol_is_no_secret() {
        let mut secrets = Secrets::default();
        secrets.keep_all(&json!({"wsUrl": "wss://Socket.Aurelia-Works.example/ws?x=1", "piece": "session"}));
        for holds in ["socket.aurelia-works.example", "the.aurelia-works.code", "AURELIA-WORKS"] {
            assert!(secrets.are_in(holds), "{holds}");
        }
        assert!(!secrets.are_in("session.not.found") && !secrets.are_in("the socket"));
        assert_eq!(
            secrets.without(
                "One got HTTP 404 with `session.not.found`, one HTTP 500 with `aurelia-works.down`."
            ),
            "One got HTTP 404 with `session.not.found`, one HTTP 500 with a code."
        );
    }

    #[test]
    fn a_code_is_shown_where_it_can_hold_no_id() {
        assert_eq!(shown_code("open.api.avatar.not.found"), "`open.api.avatar.not.found`");
        assert_eq!(shown_code("oauth2.token.invalid"), "`oauth2.token.invalid`");
        for code in ["session.4711.closed", "user.a1b2.gone", "Zwei Worte.", &"a.".repeat(40)] {
            assert_eq!(shown_code(code), "a code");
        }
    }
}
