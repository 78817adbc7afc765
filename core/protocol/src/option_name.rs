//! The names of options in errors' texts. Each language writes them in its own case.

use std::borrow::Cow;
use std::fmt;

/// Stands on both sides of a name until it is known for which language the text is. No text has it otherwise.
const MARK: char = '\u{1}';

/// An option of a client, named in an error's text: see [`Error::text_in`](crate::Error::text_in).
///
/// ```
/// use secondme_avatar_protocol::{Error, ErrorKind, OptionName};
///
/// let error = Error::new(ErrorKind::Misuse, format!("raise {}", OptionName::MAX_LIVE));
/// assert_eq!(error.to_string(), "raise `max_live`");
/// assert_eq!(error.text_in(|name| name.replace('_', "-")), "raise `max-live`");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionName(&'static str);

impl OptionName {
    /// Plain `http` and `ws` are accepted.
    pub const ALLOW_INSECURE: Self = Self("allow_insecure");
    /// Where the service is.
    pub const BASE_URL: Self = Self("base_url");
    /// The file with certificates of one's own.
    pub const CA_FILE: Self = Self("ca_file");
    /// Which of the service's own hosts is spoken to.
    pub const ENVIRONMENT: Self = Self("environment");
    /// The avatar's API key.
    pub const API_KEY: Self = Self("api_key");
    /// The id of an app that is registered with the service.
    pub const CLIENT_ID: Self = Self("client_id");
    /// The secret of an app that is registered with the service.
    pub const CLIENT_SECRET: Self = Self("client_secret");
    /// How long a conversation is idle before it is paused.
    pub const IDLE_AFTER: Self = Self("idle_after");
    /// How many visitors have a socket at a time.
    pub const MAX_LIVE: Self = Self("max_live");
    /// The lowest version of TLS.
    pub const MIN_TLS: Self = Self("min_tls");
    /// No proxy is used.
    pub const NO_PROXY: Self = Self("no_proxy");
    /// The file with the only certificates that are trusted.
    pub const ONLY_CA_FILE: Self = Self("only_ca_file");
    /// What the socket's handshake says as its `Origin`.
    pub const ORIGIN: Self = Self("origin");
    /// The public keys that the service may have.
    pub const PINS: Self = Self("pins");
    /// How long the store keeps visitors who are idle.
    pub const RETENTION: Self = Self("retention");
    /// The hosts to which a socket may lead.
    pub const SOCKET_HOSTS: Self = Self("socket_hosts");
    /// The file that keeps sessions and messages.
    pub const STORE: Self = Self("store");
    /// The caller's own name for the avatar in the store.
    pub const STORE_NAMESPACE: Self = Self("store_namespace");
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::ALLOW_INSECURE,
        Self::BASE_URL,
        Self::CA_FILE,
        Self::ENVIRONMENT,
        Self::IDLE_AFTER,
        Self::MAX_LIVE,
        Self::MIN_TLS,
        Self::NO_PROXY,
        Self::ONLY_CA_FILE,
        Self::ORIGIN,
        Self::PINS,
        Self::RETENTION,
        Self::SOCKET_HOSTS,
        Self::STORE,
        Self::STORE_NAMESPACE,
    ];

    /// The name as Rust writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// Marked: only [`Error`](crate::Error) makes a text of it.
impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{}{MARK}", self.0)
    }
}

/// The text with its marked names written by `name`, between backticks.
pub(crate) fn written<'a>(text: &'a str, name: impl Fn(&str) -> String) -> Cow<'a, str> {
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    let parts = text.split(MARK).enumerate().map(|(at, part)| match at % 2 {
        0 => Cow::Borrowed(part),
        _ => Cow::Owned(format!("`{}`", name(part))),
    });
    parts.collect::<Vec<_>>().concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_a_text_is_written_as_the_language_does() {
        let text = format!("raise {}, or take {} out", OptionName::MAX_LIVE, OptionName::STORE);
        assert_eq!(written(&text, str::to_owned), "raise `max_live`, or take `store` out");
        let camel = |name: &str| name.replace("max_live", "maxLive");
        assert_eq!(written(&text, camel), "raise `maxLive`, or take `store` out");
        assert_eq!(written("nothing here", |_| "never".into()), "nothing here");
    }
}
