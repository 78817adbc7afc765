//! Who calls: a program that shows a token, and through which door it may come.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use ring::hmac;

use super::refusal::Refusal;
use crate::exit::{self, Failure};

/// The caller's name where no token is asked for, or the token has no name.
const NAMELESS: &str = "gateway";

/// The tokens that callers may show, each with its name.
pub(super) struct Callers {
    key: hmac::Key,
    tokens: Vec<(String, hmac::Tag)>,
    /// Listens on loopback, so that any other name of the host is a web page's.
    loopback: bool,
}

impl Callers {
    pub(super) fn new(tokens: &[(String, String)], host: IpAddr) -> Result<Self, Failure> {
        let loopback = host.to_canonical().is_loopback();
        if tokens.is_empty() && !loopback {
            return Err(Failure::new(
                exit::USAGE,
                format!("on {host} other computers can reach the gateway, so callers have to show a token"),
            )
            .advise(
                "Give it one: export SECONDME_SERVE_TOKEN=$(openssl rand -hex 24), or --token-file FILE.\n\
                 Without one it listens on loopback alone, which is the default.",
            ));
        }
        // A random key: comparing two tags tells a clock nothing of the tokens.
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
            .map_err(|_| Failure::new(exit::FAILURE, "the system gives no random numbers"))?;
        let tokens =
            tokens.iter().map(|(name, token)| (name.clone(), hmac::sign(&key, token.as_bytes()))).collect();
        Ok(Self { key, tokens, loopback })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|(name, _)| name.as_str())
    }

    /// Whether no token is asked for.
    pub(super) fn any_may(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The name of the caller.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<&str, Refusal> {
        self.know_host(headers)?;
        if self.tokens.is_empty() {
            return Ok(NAMELESS);
        }
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = |value: &'static str| {
            move |shown: &str| {
                shown.get(..value.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(value))
            }
        };
        let Some(shown) = shown.filter(|shown| bearer("bearer ")(shown)).map(|shown| shown[7..].trim())
        else {
            return Err(Refusal::token(
                "the gateway wants a token: `Authorization: Bearer TOKEN`, which is the API key in a program's settings",
            ));
        };
        // All are compared, so that the time does not tell which one is near.
        let mut found = None;
        for (name, tag) in &self.tokens {
            if hmac::verify(&self.key, shown.as_bytes(), tag.as_ref()).is_ok() {
                found = Some(name.as_str());
            }
        }
        found.ok_or_else(|| {
            Refusal::token("the gateway does not know this token: take one that its operator has set")
        })
    }

    /// Refuses a web page that has its own name point to this machine (DNS rebinding).
    fn know_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.loopback || !self.tokens.is_empty() {
            return Ok(());
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if is_loopback(host) {
            return Ok(());
        }
        let message = "without a token the gateway answers to 127.0.0.1, [::1] and localhost alone: call it by one of these, or set a token";
        Err(Refusal::forbidden("foreign_host", message))
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Reads a token, or `name:token,name:token`; lines divide as commas do.
pub(super) fn tokens(text: &str) -> Result<Vec<(String, String)>, String> {
    let entries =
        text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty() && !entry.starts_with('#'));
    checked(entries.map(|entry| entry.split_once(':').unwrap_or((NAMELESS, entry))))
}

/// The tokens of these names, if they are fit for it.
pub(super) fn checked<'a>(
    entries: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(String, String)>, String> {
    let mut tokens: Vec<(String, String)> = Vec::new();
    for (number, (name, token)) in entries.enumerate() {
        let (name, token) = (name.trim(), token.trim());
        let which = format!("token {}", number + 1);
        if secondme_avatar::Visitor::for_user(name, "x").is_err() {
            return Err(format!(
                "the name of {which} has to be 1 to 64 letters, digits, `.`, `_` or `-`, such as openwebui"
            ));
        }
        if token.len() < SHORTEST {
            return Err(format!(
                "{which} is shorter than {SHORTEST} letters, so it can be guessed; `openssl rand -hex 24` makes one"
            ));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "{which} holds what cannot travel in a header; `openssl rand -hex 24` makes one"
            ));
        }
        if tokens.iter().any(|(other, _)| other == name) {
            return Err(format!("two tokens have the name {name}: give each a name, name:token,name:token"));
        }
        if tokens.iter().any(|(_, other)| other == token) {
            return Err(format!("{which} is there twice: each caller needs its own"));
        }
        tokens.push((name.to_owned(), token.to_owned()));
    }
    Ok(tokens)
}

/// The shortest token, in letters.
const SHORTEST: usize = 16;

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ANY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_token_says_who_calls() {
        let tokens = tokens("openwebui:0123456789abcdef, dify:fedcba9876543210").unwrap();
        let callers = Callers::new(&tokens, ANY).unwrap();
        let by = |shown| callers.admit(&headers(&[("host", "avatar.example"), ("authorization", shown)]));
        assert_eq!(by("Bearer 0123456789abcdef").unwrap(), "openwebui");
        assert_eq!(by("bearer fedcba9876543210").unwrap(), "dify");
        for wrong in
            ["Bearer 0123456789abcdeg", "Bearer 0123456789abcdef0", "Bearer ", "Basic 0123456789abcdef", "é"]
        {
            assert_eq!(by(wrong).unwrap_err().code(), "invalid_api_key", "{wrong}");
        }
        assert_eq!(callers.admit(&HeaderMap::new()).unwrap_err().status(), 401);
    }

    #[test]
    fn without_a_token_this_machine_alone_is_answered_and_only_by_its_own_names() {
        assert!(Callers::new(&[], ANY).is_err());
        let callers = Callers::new(&[], LOCAL).unwrap();
        for host in ["localhost:8642", "127.0.0.1", "127.8.8.8:1", "[::1]:8642", "LOCALHOST"] {
            assert_eq!(callers.admit(&headers(&[("host", host)])).unwrap(), NAMELESS, "{host}");
        }
        for host in ["rebound.example", "10.0.0.1:8642", "localhost.evil.example", ""] {
            assert_eq!(
                callers.admit(&headers(&[("host", host)])).unwrap_err().code(),
                "foreign_host",
                "{host}"
            );
        }
    }

    #[test]
    fn a_token_that_is_none_is_refused_without_being_repeated() {
        for (text, why) in [
            ("short", "can be guessed"),
            ("a b:0123456789abcdef", "the name of token 1"),
            ("a:0123456789abcdef,a:0123456789abcdeg", "the name a"),
            ("a:0123456789abcdef\nb:0123456789abcdef", "token 2 is there twice"),
            ("a:0123456789 abcdef", "cannot travel"),
        ] {
            let error = tokens(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("0123456789"), "{error}");
        }
        assert_eq!(tokens("# none\n\n").unwrap(), []);
    }

    #[test]
    fn a_token_of_a_settings_file_is_one_token_whatever_it_holds() {
        let token = "0123456789abcdef,other:fedcba9876543210";
        let whole = vec![("dify".to_owned(), token.to_owned())];
        assert_eq!(checked([("dify", token)].into_iter()).unwrap(), whole);
        assert!(checked([("a:b", token)].into_iter()).unwrap_err().contains("the name of token 1"));
    }
}
