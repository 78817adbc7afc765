//! Who is answered by the control API and the console.
//!
//! Without a token: programs on this machine, which name it by a loopback address or as `localhost`. With one: all who
//! show it, by whatever name they reach it. Never a web page of another origin, nor one that reaches the emulator under a
//! name of its own (DNS rebinding), so that no web page in a browser on this computer can control it.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, StatusCode, header};

use super::Refused;
use crate::brain::Secret;

/// What a caller has to be, and to show.
#[derive(Debug)]
pub(in crate::server) struct Guard {
    token: Option<Secret>,
}

impl Guard {
    pub(in crate::server) fn new(token: Option<Secret>) -> Self {
        Self { token }
    }

    pub(in crate::server) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// Refuses a caller who may not even see the page. That holds nothing, and needs no token.
    pub(super) fn admit(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Refused> {
        if self.token.is_none() && !peer.ip().to_canonical().is_loopback() {
            return refused(
                "control.not.loopback",
                "without a token the control API answers on loopback only",
            );
        }
        let is_known = match self.token {
            None => is_loopback_name(host(headers)),
            // Other computers reach this one by its address. A name could be a web page's own.
            Some(_) => is_loopback_name(host(headers)) || address_of(host(headers)).is_some(),
        };
        if !is_known {
            let text = "without its token the control API answers to 127.0.0.1 and localhost only, and the console to \
                        these and to IP addresses";
            return refused("control.foreign.host", text);
        }
        own_page(headers)
    }

    /// Refuses a caller who may make no call.
    pub(super) fn admit_call(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Refused> {
        let shown = self.show_token(headers);
        match &shown {
            // A page under a name of its own could not show it.
            Ok(()) if self.token.is_some() => own_page(headers)?,
            _ => self.admit(peer, headers)?,
        }
        // Browsers send no `Origin` with some requests, but say this with all.
        let site = headers.get("sec-fetch-site").map(header::HeaderValue::as_bytes);
        if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
            return foreign_page();
        }
        shown
    }

    fn show_token(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(token) = &self.token else { return Ok(()) };
        let wanted = format!("Bearer {}", token.expose());
        let given = headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes).unwrap_or_default();
        // All bytes are compared, so that the time tells nothing of the token.
        let differ = given.iter().zip(wanted.as_bytes()).fold(0, |found, (one, other)| found | (one ^ other));
        if given.len() == wanted.len() && differ == 0 {
            return Ok(());
        }
        let message =
            "the control API wants its token: `Authorization: Bearer TOKEN`, as `--token` has it or the console's \
             address behind its `#`"
                .to_owned();
        Err(Refused { status: StatusCode::UNAUTHORIZED, code: "control.token", message })
    }
}

/// Whether a text can travel as a `Bearer` token (RFC 6750, `b64token`), and so behind the `#` of an address as well.
pub(in crate::server) fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

fn refused(code: &'static str, message: &str) -> Result<(), Refused> {
    Err(Refused { status: StatusCode::FORBIDDEN, code, message: message.to_owned() })
}

fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

fn own_page(headers: &HeaderMap) -> Result<(), Refused> {
    let own = format!("http://{}", host(headers));
    match headers.get(header::ORIGIN) {
        Some(origin) if origin.as_bytes() != own.as_bytes() => foreign_page(),
        _ => Ok(()),
    }
}

fn foreign_page() -> Result<(), Refused> {
    refused("control.foreign.origin", "the control API does not answer to pages of other origins")
}

/// Whether a `Host` header names this machine: an address on loopback, or `localhost`.
fn is_loopback_name(host: &str) -> bool {
    name_of(host).eq_ignore_ascii_case("localhost") || address_of(host).is_some_and(|it| it.is_loopback())
}

/// The address in a `Host` header, where that is no name.
fn address_of(host: &str) -> Option<IpAddr> {
    name_of(host).trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 1)
    }

    #[test]
    fn without_a_token_only_this_machine_is_answered() {
        let guard = Guard::new(None);
        let from =
            |address: &str| guard.admit_call(peer(address), &headers(&[("host", "localhost:1")])).is_ok();
        assert!(from("127.0.0.1") && from("127.8.8.8") && from("::1") && from("::ffff:127.0.0.1"));
        assert!(!from("10.0.0.1") && !from("192.168.1.1") && !from("fe80::1"));
    }

    #[test]
    fn with_a_token_other_machines_are_answered_that_show_it() {
        let guard = Guard::new(Some(Secret::new("one-two-three")));
        let call = |host, shown| {
            let given = headers(&[("host", host), ("authorization", shown)]);
            guard.admit_call(peer("192.168.1.7"), &given).map_err(|refused| refused.code)
        };
        assert_eq!(call("192.168.1.5:80", "Bearer one-two-three"), Ok(()));
        assert_eq!(call("[fe80::1]:80", "Bearer one-two-three"), Ok(()));
        assert_eq!(call("192.168.1.5:80", "Bearer one-two-four"), Err("control.token"));
        assert_eq!(call("emulator:80", "Bearer one-two-three"), Ok(()), "a container is reached by its name");
        assert_eq!(call("rebound.example:80", "Bearer one-two-four"), Err("control.foreign.host"));
        let page = headers(&[("host", "192.168.1.5:80")]);
        assert!(guard.admit(peer("192.168.1.7"), &page).is_ok(), "the page holds nothing");
    }

    #[test]
    fn what_a_browser_sends_for_another_page_is_refused() {
        let guard = Guard::new(None);
        let call = |name, value| {
            let given = headers(&[("host", "127.0.0.1:1"), (name, value)]);
            guard.admit_call(peer("127.0.0.1"), &given).map_err(|refused| refused.code)
        };
        for (name, value) in [
            ("origin", "https://example.com"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:2"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(call(name, value), Err("control.foreign.origin"), "{name}: {value}");
        }
        assert_eq!(call("origin", "http://127.0.0.1:1"), Ok(()));
        assert_eq!(call("sec-fetch-site", "same-origin"), Ok(()));
        assert_eq!(call("sec-fetch-site", "none"), Ok(()));
    }

    #[test]
    fn only_names_of_this_machine_are_answered_to() {
        for good in ["127.0.0.1:8080", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:80", "[::1]"] {
            assert!(is_loopback_name(good), "{good}");
        }
        for bad in ["", "example.com", "127.0.0.1.example.com:80", "localhost.example.com", "10.0.0.1:80"] {
            assert!(!is_loopback_name(bad), "{bad}");
        }
    }
}
