//! What the service received and sent, in order, for tests that check what happened.
//!
//! It is a ring, bounded in entries and in bytes, so that ten thousand sockets that ping for a day
//! cost no more than one that pings once.

mod body;
mod excerpt;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

pub use self::body::Body;
pub(crate) use self::excerpt::{Excerpt, Wanted};
use super::faults::{Effect, FaultId, InjectionPoint};
use super::http::{Answer, Delivery, Headers, Request};
use super::ids::Whose;
use crate::time::Millis;

/// What all entries may hold together, in bytes.
const BYTES: usize = 16 * 1024 * 1024;
/// About what an entry costs beside its texts, in bytes.
const ENTRY_BYTES: usize = 256;
/// Headers that HTTP itself needs; they say nothing about a caller.
const LEFT_OUT: [&str; 6] = ["accept", "accept-encoding", "connection", "content-length", "host", "upgrade"];

/// Headers whose value is a secret, in lower case.
const SECRET_HEADERS: [&str; 4] = ["authorization", "cookie", "token", "proxy-authorization"];
/// What stands before a secret in a body or an address: a name in JSON, or one of a form or a query.
const SECRETS: [&str; 9] = [
    "\"visitorToken\"",
    "\"access_token\"",
    "\"accessToken\"",
    "\"refresh_token\"",
    "\"token\"",
    "\"client_secret\"",
    "client_secret=",
    "ticket=",
    "token=",
];
/// How many characters of a secret are shown, at most: enough to tell two apart. Of a short one half is.
const SHOWN: usize = 8;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number. The first entry has 1. No number is given twice, even after a reset.
    pub n: u64,
    /// When, in milliseconds of the service's time.
    pub at_ms: u64,
    /// The visitor, session and socket it belongs to, as far as they are known.
    #[serde(flatten)]
    pub whose: Whose,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum What {
    /// A call arrived.
    Request {
        /// Its name, if there is such a call: `auth`, `message/send`, …
        #[serde(skip_serializing_if = "Option::is_none")]
        call: Option<&'static str>,
        /// `GET`, `POST`, …
        method: String,
        /// The path with its query.
        path: String,
        /// The headers, in lower case, without those that HTTP itself needs; secrets are shortened.
        headers: BTreeMap<String, String>,
        /// The body.
        body: Body,
    },
    /// A call was answered.
    Answer {
        /// The number of its request.
        request: u64,
        /// Its name, if there is such a call.
        #[serde(skip_serializing_if = "Option::is_none")]
        call: Option<&'static str>,
        /// The HTTP status.
        status: u16,
        /// How a fault had it delivered, if not at once: `late`, `never`, `cut`, `reset`.
        #[serde(skip_serializing_if = "Option::is_none")]
        delivery: Option<&'static str>,
        /// How much later it reaches the client, in milliseconds: the latency, and a fault's delay.
        #[serde(skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
        /// The body.
        body: Body,
    },
    /// A socket's handshake arrived, and was answered.
    Connect {
        /// The path with its query.
        path: String,
        /// The headers, as in a request.
        headers: BTreeMap<String, String>,
        /// 101 if the socket is open, otherwise the status of the refusal.
        status: u16,
        /// How a fault had it delivered, if not at once.
        #[serde(skip_serializing_if = "Option::is_none")]
        delivery: Option<&'static str>,
        /// How much later the answer reaches the client, in milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    },
    /// A frame of a client arrived.
    FrameIn {
        /// The frame.
        frame: Body,
    },
    /// A frame left for a client.
    FrameOut {
        /// The frame.
        frame: Body,
    },
    /// A socket has ended.
    Close {
        /// Who ended it.
        by: By,
        /// The code of the close frame the service sent; without one it was cut, or the client went.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The reason in that frame.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A fault was met.
    Fault {
        /// Which.
        fault: FaultId,
        /// Where.
        at: InjectionPoint,
        /// What it did.
        r#do: Effect,
    },
    /// The owner did something.
    Owner {
        /// `reply`, `takeover` or `handback`; `lapse` where a takeover ends by itself.
        action: &'static str,
        /// What was written.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The code of the failure, if it could not be done.
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<&'static str>,
    },
    /// The oldest messages and frames of all sessions were dropped, as there is no room for more.
    Dropped {
        /// How many messages.
        messages: usize,
        /// How many frames, which the history calls do not know any more.
        frames: usize,
    },
}

/// Who ended a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The client, or the network.
    Client,
    /// The service: no pings, or a newer socket.
    Service,
    /// A caller of the control API.
    Control,
    /// A fault.
    Fault,
}

/// The ring.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Shared with those who read them.
    entries: VecDeque<Arc<Entry>>,
    /// What each of them costs, in bytes.
    costs: VecDeque<usize>,
    given: u64,
    bytes: usize,
    capacity: usize,
}

impl Journal {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.shrink();
    }

    /// Whether entries are kept at all.
    pub(super) fn is_on(&self) -> bool {
        self.capacity > 0
    }

    /// Notes what happened, and returns the entry's number.
    pub(super) fn note(&mut self, now: Millis, whose: Whose, what: What) -> u64 {
        if !self.is_on() {
            return 0;
        }
        self.given += 1;
        let entry = Entry { n: self.given, at_ms: now.0, whose, what };
        let cost = entry.bytes();
        self.bytes += cost;
        self.costs.push_back(cost);
        self.entries.push_back(Arc::new(entry));
        self.shrink();
        self.given
    }

    /// The entries from the number `since` on.
    pub(super) fn since(&self, since: u64) -> Vec<Entry> {
        let from = self.entries.partition_point(|entry| entry.n < since);
        self.entries.range(from..).map(|entry| Entry::clone(entry)).collect()
    }

    /// The number of the entry that comes next.
    pub(super) fn next(&self) -> u64 {
        self.given + 1
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.costs.clear();
        self.bytes = 0;
    }

    fn shrink(&mut self) {
        while self.entries.len() > self.capacity || self.bytes > BYTES {
            self.entries.pop_front();
            let Some(cost) = self.costs.pop_front() else {
                return;
            };
            self.bytes -= cost;
        }
    }
}

impl Entry {
    /// About how many bytes it costs.
    fn bytes(&self) -> usize {
        let headers = |headers: &BTreeMap<String, String>| -> usize {
            headers.iter().map(|(name, value)| 64 + name.len() + value.len()).sum()
        };
        let texts = match &self.what {
            What::Request { path, headers: given, body, .. } => {
                path.len() + headers(given) + body.text().len()
            }
            What::Answer { body, .. } => body.text().len(),
            What::Connect { path, headers: given, .. } => path.len() + headers(given),
            What::FrameIn { frame } | What::FrameOut { frame } => frame.text().len(),
            What::Close { reason, .. } => reason.as_ref().map_or(0, String::len),
            // A fault's replacement frame may be long.
            What::Fault { .. } => 4 * ENTRY_BYTES,
            What::Owner { text, .. } => text.as_ref().map_or(0, String::len),
            What::Dropped { .. } => 0,
        };
        ENTRY_BYTES + texts
    }
}

impl What {
    pub(super) fn frame_in(text: &str) -> Self {
        Self::FrameIn { frame: Body::new(text) }
    }

    pub(super) fn frame_out(text: &str) -> Self {
        Self::FrameOut { frame: Body::new(text) }
    }

    pub(super) fn answer(request: u64, call: Option<&'static str>, answer: &Answer, latency: Millis) -> Self {
        let (status, delivery) = (answer.status, delivery(answer.delivery));
        let after_ms = after(latency, answer.delivery);
        Self::Answer {
            request,
            call,
            status,
            delivery,
            after_ms,
            body: Body::new(&without_secrets(&answer.body)),
        }
    }

    pub(super) fn request(call: Option<&'static str>, request: &Request) -> Self {
        Self::Request {
            call,
            method: shortened(&request.method),
            path: target(request),
            headers: shown(&request.headers),
            body: Body::new(&without_secrets(&String::from_utf8_lossy(&request.body))),
        }
    }

    /// A handshake, with the answer that refuses it. An accepted one is answered `latency` later.
    pub(super) fn connect(
        request: &Request,
        headers: &Headers,
        answer: Option<&Answer>,
        latency: Millis,
    ) -> Self {
        Self::Connect {
            path: target(request),
            headers: shown(headers),
            status: answer.map_or(101, |answer| answer.status),
            delivery: answer.and_then(|answer| delivery(answer.delivery)),
            after_ms: after(latency, answer.map_or(Delivery::Now, |answer| answer.delivery)),
        }
    }
}

fn delivery(delivery: Delivery) -> Option<&'static str> {
    match delivery {
        Delivery::Now => None,
        Delivery::After(_) => Some("late"),
        Delivery::Never => Some("never"),
        Delivery::Cut => Some("cut"),
        Delivery::Reset => Some("reset"),
    }
}

/// How much later than it is made an answer reaches the client.
fn after(latency: Millis, delivery: Delivery) -> Option<u64> {
    let delay = match delivery {
        Delivery::After(delay) => delay,
        Delivery::Now | Delivery::Never | Delivery::Cut | Delivery::Reset => Millis::ZERO,
    };
    Some((latency + delay).0).filter(|after| *after > 0)
}

fn target(request: &Request) -> String {
    match request.query.as_str() {
        "" => shortened(&request.path),
        query => shortened(&without_secrets(&format!("{}?{query}", request.path))),
    }
}

fn shown(headers: &Headers) -> BTreeMap<String, String> {
    let names = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let wanted =
        names.filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()) && !name.starts_with("sec-websocket-"));
    let shown = wanted.map(|(name, value)| {
        let value = match SECRET_HEADERS.contains(&name.as_str()) {
            true => secret_header(value),
            false => shortened(value),
        };
        (name, value)
    });
    shown.collect()
}

/// `Bearer sk-0123456789`: the scheme, and the beginning of the secret.
fn secret_header(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, secret)) => format!("{} {}", shortened(scheme), beginning(secret)),
        None => beginning(value),
    }
}

/// The beginning of a secret.
pub(super) fn beginning(secret: &str) -> String {
    let shown = SHOWN.min(secret.chars().count() / 2);
    secret.chars().take(shown).chain(['…']).collect()
}

/// The text with its secrets shortened, which are found by the names before them.
fn without_secrets(text: &str) -> String {
    SECRETS.iter().fold(text.to_owned(), |text, name| match text.contains(name) {
        true => shorten_after(&text, name),
        false => text,
    })
}

fn shorten_after(text: &str, name: &str) -> String {
    let mut parts = text.split(name);
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // In JSON a colon and a quote stand before the value.
        let value = part.trim_start_matches([':', ' ', '"']);
        let end = value.find(['"', '&', ',', '}', ' ', '\\']).unwrap_or(value.len());
        let (value, rest) = value.split_at(end);
        said.push_str(name);
        said.push_str(&part[..part.len() - value.len() - rest.len()]);
        // What is no text, such as `null`, is no secret either.
        let is_text = !name.starts_with('"') || part.trim_start_matches([':', ' ']).starts_with('"');
        said.push_str(&if is_text && !value.is_empty() { beginning(value) } else { value.to_owned() });
        said.push_str(rest);
    }
    said
}

fn shortened(text: &str) -> String {
    Body::new(text).text().to_owned()
}
