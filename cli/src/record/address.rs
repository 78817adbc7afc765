//! Socket addresses in the service's answers, so that the socket comes through the recorder as well.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::upstream::{Origin, is_loopback};

/// Before the paths of servers other than the upstream.
const ELSEWHERE: &str = "/_avatar_record/";
/// How many servers other than the upstream sockets may lead to.
const SERVERS: usize = 64;
/// How deep an address may lie in an answer.
const DEPTH: usize = 8;

/// The servers that sockets lead to.
pub(super) struct Servers {
    upstream: Origin,
    others: Mutex<Vec<Origin>>,
}

/// An answer whose addresses have been looked for.
#[derive(Debug, PartialEq)]
pub(super) struct Rewritten {
    pub(super) body: Vec<u8>,
    /// How many addresses lead through the recorder now.
    pub(super) addresses: usize,
    /// How many were left as they are: not encrypted, where the service is, or of too many servers.
    pub(super) left: usize,
}

impl Servers {
    pub(super) fn new(upstream: Origin) -> Self {
        Self { upstream, others: Mutex::new(Vec::new()) }
    }

    pub(super) fn upstream(&self) -> &Origin {
        &self.upstream
    }

    /// Whether an answer of this call names a socket's address.
    pub(super) fn names_socket(path: &str) -> bool {
        path.ends_with("/ws/create") || path.ends_with("/visitor-chat/init")
    }

    /// Which server a request of a client is for, and the path there.
    pub(super) fn target(&self, path_and_query: &str) -> (Origin, String) {
        let elsewhere = path_and_query.strip_prefix(ELSEWHERE).and_then(|rest| {
            let (number, _) = rest.split_once('/')?;
            let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            let origin = others.get(number.parse::<usize>().ok()?)?.clone();
            Some((origin, rest[number.len()..].to_owned()))
        });
        elsewhere.unwrap_or_else(|| (self.upstream.clone(), path_and_query.to_owned()))
    }

    /// Lets the addresses in an answer lead to `host`, where the client has reached the recorder. Not a byte beside
    /// them changes.
    pub(super) fn rewrite(&self, body: &[u8], host: &str) -> Rewritten {
        let mut found = Vec::new();
        if let Ok(value) = serde_json::from_slice::<&RawValue>(body) {
            strings(value, DEPTH, &mut found);
        }
        let mut rewritten = Rewritten { body: Vec::with_capacity(body.len()), addresses: 0, left: 0 };
        let mut done = 0;
        for raw in found {
            let Some(address) =
                serde_json::from_str(raw).ok().and_then(|text: String| Url::parse(&text).ok())
            else {
                continue;
            };
            let Some(through) = self.through(&address, host) else {
                rewritten.left += 1;
                continue;
            };
            // `raw` is a part of `body`.
            let start = raw.as_ptr() as usize - body.as_ptr() as usize;
            rewritten.body.extend_from_slice(&body[done..start]);
            rewritten.body.extend_from_slice(Value::String(through).to_string().as_bytes());
            done = start + raw.len();
            rewritten.addresses += 1;
        }
        rewritten.body.extend_from_slice(&body[done..]);
        rewritten
    }

    /// The address through the recorder.
    fn through(&self, address: &Url, host: &str) -> Option<String> {
        let origin = Origin::of(address)?;
        // The client has to see for itself that a socket would go in the open.
        if !origin.is_secure && !is_loopback(address) {
            return None;
        }
        let path = &address[url::Position::BeforePath..];
        if origin == self.upstream {
            return Some(format!("ws://{host}{path}"));
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let known = others.iter().position(|known| *known == origin);
        let number = match known {
            Some(number) => number,
            None if others.len() < SERVERS => {
                others.push(origin);
                others.len() - 1
            }
            None => return None,
        };
        Some(format!("ws://{host}{ELSEWHERE}{number}{path}"))
    }
}

/// The strings in a JSON text that begin like a socket's address, in their order.
fn strings<'a>(value: &'a RawValue, depth: usize, found: &mut Vec<&'a str>) {
    let text = value.get();
    if text.starts_with(r#""ws"#) {
        let parsed: Option<String> = serde_json::from_str(text).ok();
        if parsed.is_some_and(|text| text.starts_with("ws://") || text.starts_with("wss://")) {
            found.push(text);
        }
        return;
    }
    if depth == 0 {
        return;
    }
    if text.starts_with('{') {
        // As pairs: a map would change the order.
        if let Ok(fields) = serde_json::from_str::<Fields<'_>>(text) {
            fields.0.into_iter().for_each(|value| strings(value, depth - 1, found));
        }
    } else if text.starts_with('[')
        && let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text)
    {
        items.into_iter().for_each(|value| strings(value, depth - 1, found));
    }
}

/// The values of an object, in their order.
struct Fields<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Fields<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut values = Vec::new();
                while let Some((serde::de::IgnoredAny, value)) = map.next_entry()? {
                    values.push(value);
                }
                Ok(values)
            }
        }
        deserializer.deserialize_map(Visitor).map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> Servers {
        Servers::new(Origin::of(&Url::parse("https://host/gate/in").unwrap()).unwrap())
    }

    fn rewrite(servers: &Servers, body: &str) -> (String, usize, usize) {
        let Rewritten { body, addresses, left } = servers.rewrite(body.as_bytes(), "127.0.0.1:7");
        (String::from_utf8(body).unwrap(), addresses, left)
    }

    #[test]
    fn an_address_leads_through_the_recorder_and_nothing_else_changes() {
        let servers = servers();
        let body = r#" {"code" : 0,"z":1.50,"data":{ "wsId":"w", "address":"wss:\/\/host\/ws?wsId=w&t=%20"}, "a":"\ud83d\ude00" }"#;
        let (rewritten, addresses, left) = rewrite(&servers, body);
        assert_eq!(
            rewritten,
            r#" {"code" : 0,"z":1.50,"data":{ "wsId":"w", "address":"ws://127.0.0.1:7/ws?wsId=w&t=%20"}, "a":"\ud83d\ude00" }"#
        );
        assert_eq!((addresses, left), (1, 0));
        let (target, path) = servers.target("/ws?wsId=w&t=%20");
        assert_eq!((target.as_header().as_str(), path.as_str()), ("https://host", "/ws?wsId=w&t=%20"));
    }

    #[test]
    fn a_socket_of_another_host_is_found_again() {
        let servers = servers();
        for _ in 0..2 {
            let (rewritten, ..) = rewrite(&servers, r#"{"data":{"wsUrl":"wss://other:81/a/b?c"}}"#);
            assert_eq!(rewritten, r#"{"data":{"wsUrl":"ws://127.0.0.1:7/_avatar_record/0/a/b?c"}}"#);
        }
        let (target, path) = servers.target("/_avatar_record/0/a/b?c");
        assert_eq!((target.as_header().as_str(), path.as_str()), ("https://other:81", "/a/b?c"));
        for unknown in ["/_avatar_record/1/a", "/_avatar_record/x/a", "/_avatar_record/0"] {
            assert_eq!(servers.target(unknown).0.as_header(), "https://host");
        }
    }

    #[test]
    fn a_socket_in_the_open_is_not_passed_off_as_a_safe_one() {
        let body = r#"{"data":{"address":"ws://other/a"}}"#;
        assert_eq!(rewrite(&servers(), body), (body.to_owned(), 0, 1));
    }

    #[test]
    fn what_is_no_answer_of_the_service_passes_as_it_is() {
        for body in [
            "",
            "<html>",
            "{\"data\":",
            "[]",
            "{\"data\":{\"address\":7}}",
            "{\"text\":\"wss is nice\"}",
            "\u{feff}{}",
        ] {
            assert_eq!(rewrite(&servers(), body), (body.to_owned(), 0, 0), "{body}");
        }
        let deep = format!("{}\"ws://127.0.0.1/\"{}", "[".repeat(9_000), "]".repeat(9_000));
        assert_eq!(rewrite(&servers(), &deep).1, 0);
    }

    #[test]
    fn the_servers_that_sockets_may_lead_to_are_bounded() {
        let servers = servers();
        for number in 0..100 {
            rewrite(&servers, &format!(r#"{{"data":{{"wsUrl":"wss://h{number}/"}}}}"#));
        }
        assert_eq!(servers.others.lock().unwrap().len(), SERVERS);
    }
}
