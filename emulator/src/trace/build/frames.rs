//! The frames, in and out.

use std::collections::HashMap;

use serde_json::Value;

use super::sorts::Sort;
use super::{Found, Span, counted, short};
use crate::time::Millis;
use crate::trace::happening::{Side, said};
use crate::trace::model::{LaneKind, SpanKind};
use crate::trace::text::{quoted, visible};

#[derive(Debug, Default)]
pub(super) struct Frames {
    spans: Vec<(LaneKind, Span)>,
    streams: Vec<Stream>,
    /// Where the replies stand in `streams`.
    by_reply: HashMap<String, usize>,
}

/// A reply that comes in pieces.
#[derive(Debug)]
struct Stream {
    from: Millis,
    to: Millis,
    pieces: usize,
    text: String,
    is_over: bool,
}

/// How many characters of a reply are kept.
const KEPT: usize = 200;

impl Frames {
    pub(super) fn take(&mut self, at: Millis, side: Side, body: &Value, sort: &Sort) {
        let lane = match side {
            Side::Client => LaneKind::FramesIn,
            Side::Service => LaneKind::FramesOut,
        };
        let (kind, label) = match sort {
            Sort::Piece { reply, is_last } => return self.piece(at, reply.as_ref(), *is_last, body),
            // Pings stand at their socket.
            Sort::Heartbeat if body["type"] != "ack" => return,
            Sort::Heartbeat => (SpanKind::Heartbeat, ""),
            Sort::Failure { code, .. } => (SpanKind::FailureFrame, code.as_str()),
            Sort::Echo => (SpanKind::Frame, "echo"),
            Sort::Owner => (SpanKind::Frame, "owner"),
            Sort::Again => (SpanKind::Frame, "again"),
            Sort::Other(kind) => (SpanKind::Frame, kind.as_str()),
        };
        let about = match (kind, label) {
            (SpanKind::Heartbeat, _) => short(body),
            (_, label) => format!("{}\n{}", visible(label, 60), short(body)),
        };
        self.spans.push((lane, Span::mark(at, kind, 0).says(visible(label, 24), about)));
    }

    pub(super) fn finish(self, found: &mut Found) {
        for (lane, mut span) in self.spans {
            span.group = found.group();
            found.span(lane, span);
        }
        for stream in self.streams {
            let group = found.group();
            let pieces = counted(stream.pieces, "piece");
            let about = format!("reply in {pieces}: {}", quoted(&stream.text));
            let span = Span::new((stream.from, stream.to), SpanKind::Stream, group).says(pieces, about);
            found.span(LaneKind::FramesOut, span.open(!stream.is_over));
        }
    }

    fn piece(&mut self, at: Millis, reply: Option<&String>, is_last: bool, body: &Value) {
        let name = reply.cloned().unwrap_or_default();
        let known = self.by_reply.get(&name).copied();
        // Where replies have no id, one that is over is another.
        let known = known.filter(|number| reply.is_some() || !self.streams[*number].is_over);
        let number = known.unwrap_or_else(|| {
            self.streams.push(Stream { from: at, to: at, pieces: 0, text: String::new(), is_over: false });
            self.by_reply.insert(name, self.streams.len() - 1);
            self.streams.len() - 1
        });
        let stream = &mut self.streams[number];
        stream.to = at;
        stream.pieces += 1;
        stream.is_over |= is_last;
        if stream.text.len() < KEPT {
            stream.text.push_str(&said(body));
        }
    }
}
