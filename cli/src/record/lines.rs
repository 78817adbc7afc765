//! The lines of a journal. `docs/recording.md` describes them.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::body::Copy;
use super::frames::{Message, Opcode};
use super::journal::{Entry, Side, Summary, What};
use super::private::{Place, Private};

/// The version of the format. It changes when a reader of older files could go wrong.
pub(super) const VERSION: u64 = 1;
/// What the first line of every journal says.
pub(super) const FORMAT: &str = "secondme-avatar-journal";

/// The longest path that is written down.
const PATH: usize = 8 * 1024;

/// Makes the lines of one journal.
pub(super) struct Lines {
    private: Private,
    summary: Summary,
    number: u64,
}

impl Lines {
    pub(super) fn new(private: Private) -> Self {
        Self { private, summary: Summary::default(), number: 0 }
    }

    /// The first line.
    pub(super) fn first(&mut self, upstream: &str) -> Value {
        let upstream = self.private.address(upstream);
        json!({"journal": FORMAT, "version": VERSION, "recorder": env!("CARGO_PKG_VERSION"), "upstream": upstream})
    }

    pub(super) fn summary(self) -> Summary {
        Summary { replaced: self.private.replaced(), ..self.summary }
    }

    /// Says that entries are missing before the next.
    pub(super) fn lost(&mut self, at: Duration, entries: u64) -> Value {
        self.numbered(at, "lost", json!({"entries": entries}))
    }

    pub(super) fn line(&mut self, entry: Entry) -> Value {
        let at = entry.at;
        match entry.what {
            What::Request { number, method, path, headers, changed, body } => {
                self.summary.requests += 1;
                let line = self.request(number, &method, &path, &headers, &changed, &body);
                self.numbered(at, "request", line)
            }
            What::Answer { request, status, headers, addresses, body } => {
                self.summary.answers += 1;
                let mut line = json!({"from": "service", "request": request, "status": status});
                line["headers"] = self.private.headers(&headers);
                if addresses > 0 {
                    line["addresses_rewritten"] = addresses.into();
                }
                self.body(Place::Answer, &headers, &body, &mut line);
                self.numbered(at, "answer", line)
            }
            What::NoAnswer { request, why } => {
                self.numbered(at, "no-answer", json!({"request": request, "why": why}))
            }
            What::Socket { request, socket } => {
                self.summary.sockets += 1;
                self.numbered(at, "socket", json!({"request": request, "socket": socket}))
            }
            What::Frame { socket, from, message } => {
                let counter = match from {
                    Side::Client => &mut self.summary.from_client,
                    Side::Service => &mut self.summary.from_service,
                };
                *counter += 1;
                let line = self.frame(socket, from, &message);
                self.numbered(at, "frame", line)
            }
            What::End { socket, by, how } => {
                self.numbered(at, "end", json!({"socket": socket, "by": by.name(), "how": how}))
            }
            What::Note(text) => self.numbered(at, "note", json!({"text": text})),
            What::Finish => {
                let Summary { requests, answers, sockets, from_client, from_service, .. } = self.summary;
                let frames = json!({"client": from_client, "service": from_service});
                let counts =
                    json!({"requests": requests, "answers": answers, "sockets": sockets, "frames": frames});
                self.numbered(at, "summary", counts)
            }
        }
    }

    fn numbered(&mut self, at: Duration, what: &str, fields: Value) -> Value {
        self.number += 1;
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let mut line = Map::from_iter([
            ("n".to_owned(), json!(self.number)),
            ("at_ms".to_owned(), json!(millis)),
            ("what".to_owned(), json!(what)),
        ]);
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        Value::Object(line)
    }

    fn request(
        &mut self,
        number: u64,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        changed: &[(&'static str, String)],
        body: &Copy,
    ) -> Value {
        let shown = path.get(..path.floor_char_boundary(PATH)).unwrap_or_default();
        let (way, query) = shown.split_once('?').map_or((shown, None), |(way, query)| (way, Some(query)));
        let mut line = json!({"from": "client", "request": number});
        let is_method = method.len() <= 10 && method.bytes().all(|byte| byte.is_ascii_uppercase());
        line["method"] = if is_method { json!(method) } else { json!("other") };
        line["path"] = self.private.path(way).into();
        if let Some(query) = query {
            line["query"] = self.private.query(query).into();
        }
        line["headers"] = self.private.headers(headers);
        if !changed.is_empty() {
            let sent = changed
                .iter()
                .filter_map(|(name, value)| Some(((*name).try_into().ok()?, value.parse().ok()?)));
            line["changed"] = self.private.headers(&sent.collect::<HeaderMap>());
        }
        self.body(Place::Request, headers, body, &mut line);
        line
    }

    /// JSON as JSON, a form as an object, anything else as a text.
    fn body(&mut self, place: Place, headers: &HeaderMap, body: &Copy, line: &mut Value) {
        if !body.is_whole {
            line["broken_off"] = true.into();
        }
        if body.length == 0 {
            return;
        }
        line["bytes"] = body.length.into();
        if body.length > body.bytes.len() as u64 {
            line["cut"] = true.into();
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("application/x-www-form-urlencoded") {
            line["form"] = self.private.form(&body.bytes);
        } else {
            self.content(place, &body.bytes, line);
        }
    }

    fn content(&mut self, place: Place, bytes: &[u8], line: &mut Value) {
        if let Some((value, halves)) = json_of(bytes) {
            line["body"] = self.private.json(place, &value);
            if halves {
                line["half_surrogates"] = true.into();
            }
            return;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => line["text"] = self.private.opaque(text).into(),
            // What is no text says nothing without what it says.
            Err(_) => line["binary"] = true.into(),
        }
    }

    fn frame(&mut self, socket: u64, from: Side, message: &Message) -> Value {
        let kind = match message.opcode {
            Opcode::Text => json!("text"),
            Opcode::Binary => json!("binary"),
            Opcode::Close => json!("close"),
            Opcode::Ping => json!("ping"),
            Opcode::Pong => json!("pong"),
            Opcode::Unknown(opcode) => json!(format!("opcode {opcode}")),
        };
        let mut line = json!({"socket": socket, "from": from.name(), "kind": kind, "bytes": message.length});
        if message.frames > 1 {
            line["fragments"] = message.frames.into();
        }
        if message.is_extended {
            self.summary.unreadable += 1;
            line["compressed"] = true.into();
            return line;
        }
        if message.length > message.payload.len() as u64 {
            line["cut"] = true.into();
        }
        match (message.opcode, message.payload.as_slice()) {
            (_, []) => {}
            (Opcode::Close, [high, low, reason @ ..]) => {
                line["code"] = u16::from_be_bytes([*high, *low]).into();
                let reason = String::from_utf8_lossy(reason);
                if !reason.is_empty() {
                    line["reason"] = self.private.failure(&reason).into();
                }
            }
            (_, payload) => self.content(Place::Frame, payload, &mut line),
        }
        line
    }
}

/// Reads JSON. Half a surrogate pair, which serde_json refuses, becomes U+FFFD: the second value says so.
fn json_of(bytes: &[u8]) -> Option<(Value, bool)> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Some((value, false));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mended = mend(text)?;
    serde_json::from_str(&mended).ok().map(|value| (value, true))
}

/// Replaces the escapes of lone surrogates. `None` if there are none.
fn mend(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    let (mut rest, mut found) = (text, false);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let high = surrogate(escape).filter(|unit| *unit < 0xdc00);
        let is_pair = high.is_some() && escape.get(6..).and_then(surrogate).is_some_and(|low| low >= 0xdc00);
        let length = match (is_pair, surrogate(escape)) {
            (true, _) => 12,
            (false, Some(_)) => 6,
            // The character after a backslash belongs to it.
            (false, None) => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        if length == 6 {
            mended.push_str("\\ufffd");
            found = true;
        } else {
            mended.push_str(&escape[..length]);
        }
        rest = &escape[length..];
    }
    mended.push_str(rest);
    found.then_some(mended)
}

/// The surrogate that an escape at the beginning of a text writes.
fn surrogate(text: &str) -> Option<u16> {
    let unit = u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()?;
    (0xd800..0xe000).contains(&unit).then_some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_surrogate_pair_leaves_the_rest_of_its_frame_readable() {
        let (value, halves) = json_of(br#"{"a":"x\ud83d","b":"\\ud83d \ude00\ud83d\ude00"}"#).unwrap();
        assert_eq!(value, json!({"a": "x\u{fffd}", "b": "\\ud83d \u{fffd}😀"}));
        assert!(halves);
        assert_eq!(json_of(br#"{"a":"\ud83d\ude00"}"#), Some((json!({"a": "😀"}), false)));
        for other in [r#"{"a":"\"#, r#"\u"#, r#"{"a":"\ud83"#, "{", r#"{"a":"\ud83d"#] {
            assert_eq!(json_of(other.as_bytes()), None, "{other}");
        }
    }
}
