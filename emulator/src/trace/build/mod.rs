//! Makes a time line of what happened in one conversation.

mod calls;
mod frames;
mod lifetimes;
mod owner;
mod sockets;
mod sorts;
mod stretches;
mod turns;

use std::collections::BTreeMap;

use serde_json::Value;

use self::calls::Calls;
use self::frames::Frames;
use self::lifetimes::Lifetimes;
use self::owner::Owner;
use self::sockets::Sockets;
use self::sorts::{Sort, Sorter};
use self::turns::Turns;
use super::happening::{Happening, What, data};
use super::model::{Lane, LaneKind, Span, SpanKind, Stretch, StretchKind, Timeline};
use super::text::visible;
use crate::time::Millis;

/// How many characters of a body are shown.
const BODY: usize = 140;

/// What the parts of a time line are collected in.
#[derive(Debug, Default)]
struct Found {
    lanes: BTreeMap<LaneKind, Vec<Span>>,
    stretches: Vec<Stretch>,
    takeovers: Vec<(Millis, Millis)>,
    groups: usize,
}

impl Found {
    /// A new group of spans.
    fn group(&mut self) -> usize {
        self.groups += 1;
        self.groups
    }

    fn span(&mut self, lane: LaneKind, span: Span) {
        self.lanes.entry(lane).or_default().push(span);
    }

    /// A stretch of time. One without length is left out.
    fn stretch(&mut self, (from, to): (Millis, Millis), kind: StretchKind, words: String) {
        if to > from {
            self.stretches.push(Stretch { from, to, kind, words });
        }
    }
}

impl Span {
    fn new((from, to): (Millis, Millis), kind: SpanKind, group: usize) -> Self {
        let (label, about) = (String::new(), String::new());
        Self { from, to: to.max(from), kind, label, about, is_open: false, group }
    }

    fn mark(at: Millis, kind: SpanKind, group: usize) -> Self {
        Self::new((at, at), kind, group)
    }

    fn says(mut self, label: impl Into<String>, about: impl Into<String>) -> Self {
        (self.label, self.about) = (label.into(), about.into());
        self
    }

    fn open(mut self, is_open: bool) -> Self {
        self.is_open = is_open;
        self
    }
}

/// Whose a time line is.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) session: Option<String>,
    pub(super) visitor: Option<String>,
    pub(super) is_clock: bool,
}

/// The time line of what happened, in order. `None` if nothing did.
pub(super) fn timeline(happenings: &[&Happening], about: About) -> Option<Timeline> {
    let start = happenings.first()?.at;
    let end = happenings.iter().map(|happening| happening.at).max()?;
    let mut found = Found::default();
    let mut sorter = Sorter::default();
    let (mut calls, mut sockets, mut frames) = (Calls::default(), Sockets::new(start), Frames::default());
    let (mut turns, mut owner, mut lifetimes) = (Turns::default(), Owner::default(), Lifetimes::default());
    let mut moments = Vec::new();
    for happening in happenings {
        let sort = sorter.sort(happening);
        if !matches!(sort, Some(Sort::Heartbeat)) {
            moments.push(happening.at);
        }
        calls.take(happening, &mut found);
        sockets.take(happening, &mut found);
        turns.take(happening, sort.as_ref(), owner.is_in_charge());
        owner.take(happening, sort.as_ref(), &mut found);
        lifetimes.take(happening);
        if let (What::Frame { side, body }, Some(sort)) = (&happening.what, sort) {
            frames.take(happening.at, *side, body, &sort);
        }
        if let What::Answer { status, body, .. } = &happening.what {
            // What was missed comes with an answer.
            for frame in data(*status, body).and_then(Value::as_array).into_iter().flatten() {
                if let Some(sort) = sorter.sort_missed(frame) {
                    turns.missed(happening.at, frame, &sort, owner.is_in_charge());
                }
            }
        }
        if let What::Fault { at, effect } = &happening.what {
            let group = found.group();
            let label = format!("{at}: {effect}");
            let span = Span::mark(happening.at, SpanKind::Fault, group)
                .says(&label, format!("a fault was met at {label}"));
            found.span(LaneKind::Faults, span);
        }
    }
    calls.finish(end, &mut found);
    sockets.finish(end, &mut found);
    frames.finish(&mut found);
    turns.finish(end, &mut found);
    owner.finish(end, &mut found);
    lifetimes.finish(end, &mut found);
    moments.extend(found.stretches.iter().flat_map(|stretch| [stretch.from, stretch.to]));
    moments.sort_unstable();
    moments.dedup();
    stretches::opening(happenings, &mut found);
    stretches::explain(&mut found);
    stretches::idle(&moments, &mut found);
    found.stretches.sort_by_key(|stretch| (std::cmp::Reverse(stretch.length()), stretch.from, stretch.kind));
    let lane = |(kind, mut spans): (LaneKind, Vec<Span>)| {
        spans.sort_by_key(|span| (span.from, span.group));
        Lane { kind, spans }
    };
    let lanes = found.lanes.into_iter().map(lane).collect();
    let About { session, visitor, is_clock } = about;
    let (stretches, takeovers) = (found.stretches, found.takeovers);
    Some(Timeline { session, visitor, start, end, is_clock, lanes, stretches, takeovers, moments })
}

/// The beginning of a body, on one line.
fn short(body: &Value) -> String {
    match body {
        Value::Null => String::new(),
        Value::String(text) => visible(text, BODY),
        body => visible(&body.to_string(), BODY),
    }
}

/// `1 piece`, `2 pieces`.
fn counted(count: usize, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ => format!("{count} {what}s"),
    }
}
