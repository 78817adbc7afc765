//! The sockets, and the time without one.

use std::collections::HashMap;

use serde_json::Value;

use super::{Found, Span, counted};
use crate::time::Millis;
use crate::trace::happening::{CONNECT, Happening, Side, What, failure};
use crate::trace::model::{LaneKind, SpanKind, StretchKind};
use crate::trace::text::visible;

/// How many characters of a reason are shown.
const REASON: usize = 60;
/// How many refused handshakes are named.
const TRIES: usize = 3;

#[derive(Debug)]
pub(super) struct Sockets {
    start: Millis,
    live: Vec<Live>,
    asked: HashMap<u64, Millis>,
    lost: Option<Lost>,
}

#[derive(Debug)]
struct Live {
    socket: Option<String>,
    from: Millis,
    /// Whether its handshake is in the journal.
    is_whole: bool,
    group: usize,
    pings: usize,
    frames: usize,
}

/// The last socket has ended.
#[derive(Debug)]
struct Lost {
    at: Millis,
    how: String,
    /// The code of its end, or what else is said of it in a word.
    label: String,
    group: usize,
    tries: Vec<String>,
    /// Whether the client has done anything since.
    is_missed: bool,
}

impl Sockets {
    pub(super) fn new(start: Millis) -> Self {
        Self { start, live: Vec::new(), asked: HashMap::new(), lost: None }
    }

    pub(super) fn take(&mut self, happening: &Happening, found: &mut Found) {
        let at = happening.at;
        let socket = happening.whose.socket.as_ref();
        match &happening.what {
            What::Call { id, name, .. } => {
                if let Some(lost) = &mut self.lost {
                    lost.is_missed = true;
                }
                if name == CONNECT {
                    self.asked.insert(*id, at);
                }
            }
            What::Answer { call, status, body, how } => {
                let Some(asked) = self.asked.remove(call) else { return };
                match status {
                    Some(101) => self.open((asked, at), socket, found),
                    status => self.refused((asked, at), (*status, how.as_deref(), body), found),
                }
            }
            What::Frame { side, body } => {
                let live = self.of(socket, found);
                let kind = body["type"].as_str().filter(|kind| matches!(*kind, "ping" | "pong"));
                match (side, kind) {
                    (_, None) => live.frames += 1,
                    (side, Some(kind)) => {
                        live.pings += usize::from(*side == Side::Client);
                        let span = Span::mark(at, SpanKind::Heartbeat, live.group).says("", kind);
                        found.span(LaneKind::Sockets, span);
                    }
                }
            }
            What::Close { by, code, reason } => {
                self.of(socket, found);
                let at_its = |live: &Live| live.socket.as_ref() == socket;
                let Some(number) = self.live.iter().rposition(at_its) else { return };
                let live = self.live.remove(number);
                let how = how_closed(by, *code, reason.as_deref());
                let group = live.group;
                live.end(at, false, found);
                let label = code.map_or_else(|| "cut".to_owned(), |code| code.to_string());
                let label = if by == "client" && code.is_none() { "left".to_owned() } else { label };
                let lost = Lost { at, how, label, group, tries: Vec::new(), is_missed: false };
                match self.live.is_empty() {
                    true => self.lost = Some(lost),
                    false => lost.mark(found),
                }
            }
            What::Fault { .. } | What::Owner { .. } => {}
        }
    }

    pub(super) fn finish(mut self, end: Millis, found: &mut Found) {
        for live in std::mem::take(&mut self.live) {
            live.end(end, true, found);
        }
        match self.lost.take() {
            Some(lost) if lost.is_missed => lost.end(end, true, found),
            Some(lost) => lost.mark(found),
            None => {}
        }
    }

    fn open(&mut self, (asked, at): (Millis, Millis), socket: Option<&String>, found: &mut Found) {
        if let Some(lost) = self.lost.take() {
            lost.end(at, false, found);
        }
        let group = found.group();
        if at > asked {
            let span = Span::new((asked, at), SpanKind::Call, group);
            found.span(LaneKind::Sockets, span.says("", "handshake, accepted"));
            found.stretch(
                (asked, at),
                StretchKind::Call,
                "for the answer to the socket's handshake".to_owned(),
            );
        }
        let socket = socket.cloned();
        self.live.push(Live { socket, from: at, is_whole: true, group, pings: 0, frames: 0 });
    }

    fn refused(
        &mut self,
        (asked, at): (Millis, Millis),
        (status, how, body): (Option<u16>, Option<&str>, &Value),
        found: &mut Found,
    ) {
        let said = match (status, how) {
            (Some(status), _) => format!("refused {status}"),
            (None, Some(how)) => format!("without an answer ({})", visible(how, REASON)),
            (None, None) => "without an answer".to_owned(),
        };
        let code =
            failure(status, body).filter(|code| Some(code) != status.map(|it| it.to_string()).as_ref());
        let code = code.filter(|_| status.is_some()).map(|code| format!(" {}", visible(&code, REASON)));
        let about = format!("handshake {said}{}", code.unwrap_or_default());
        let label = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        if let Some(lost) = &mut self.lost {
            lost.tries.push(said);
        }
        let group = found.group();
        found.span(LaneKind::Sockets, Span::new((asked, at), SpanKind::Refused, group).says(label, about));
    }

    /// The socket of a frame. One whose handshake is not in the journal was there from the beginning.
    fn of(&mut self, socket: Option<&String>, found: &mut Found) -> &mut Live {
        let known = self.live.iter().rposition(|live| live.socket.as_ref() == socket);
        let number = known.unwrap_or_else(|| {
            let (socket, group) = (socket.cloned(), found.group());
            self.live.push(Live { socket, from: self.start, is_whole: false, group, pings: 0, frames: 0 });
            self.live.len() - 1
        });
        &mut self.live[number]
    }
}

impl Live {
    fn end(self, at: Millis, is_open: bool, found: &mut Found) {
        let Self { socket, from, is_whole, group, pings, frames } = self;
        let name = socket.map(|socket| format!(" {}", visible(&socket, 40))).unwrap_or_default();
        let label = format!("socket, {}", counted(pings, "ping"));
        let from_when = if is_whole { "" } else { "; it was open when the journal began" };
        let about = format!(
            "socket{name}: {}, {}{from_when}",
            counted(pings, "ping"),
            counted(frames, "other frame")
        );
        let span = Span::new((from, at), SpanKind::Socket, group).says(label, about).open(is_open);
        found.span(LaneKind::Sockets, span);
    }
}

impl Lost {
    /// Marks the end of the socket.
    fn mark(self, found: &mut Found) {
        let mark = Span::mark(self.at, SpanKind::Close, self.group);
        found.span(LaneKind::Sockets, mark.says(self.label, format!("socket {}", self.how)));
    }

    fn end(self, at: Millis, is_open: bool, found: &mut Found) {
        let more = self.tries.len().saturating_sub(TRIES);
        let mut words = format!("no socket: {}", self.how);
        for tried in self.tries.iter().take(TRIES) {
            words.push_str(&format!(", next handshake {tried}"));
        }
        if more > 0 {
            words.push_str(&format!(", and {}", counted(more, "more try")));
        }
        if is_open {
            words.push_str(", and none until the end");
        }
        let label = format!("{}, no socket", self.label);
        let span = Span::new((self.at, at), SpanKind::NoSocket, self.group).says(label, &words).open(is_open);
        found.span(LaneKind::Sockets, span);
        found.stretch((self.at, at), StretchKind::NoSocket, words);
        Self { label: String::new(), ..self }.mark(found);
    }
}

fn how_closed(by: &str, code: Option<u16>, reason: Option<&str>) -> String {
    let reason = reason.filter(|reason| !reason.is_empty());
    let reason = reason.map(|reason| format!(" “{}”", visible(reason, REASON))).unwrap_or_default();
    let by = match by {
        "service" => "by the service",
        "control" => "by the control API",
        "fault" => "by a fault",
        "client" if code.is_none() => return format!("left by the client{reason}"),
        _ => "by the client",
    };
    match code {
        Some(code) => format!("closed {code} {by}{reason}"),
        None => format!("cut {by} without a close frame (1006){reason}"),
    }
}
