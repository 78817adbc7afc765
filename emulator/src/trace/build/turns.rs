//! The messages, and what answers them.

use std::collections::HashMap;

use serde_json::Value;

use super::sorts::{Sort, is_send};
use super::{Found, Span, counted};
use crate::time::Millis;
use crate::trace::happening::{Happening, What, failure, id, said};
use crate::trace::model::{LaneKind, SpanKind, StretchKind};
use crate::trace::text::{length, quoted, visible};

/// A longer wait for the next piece is named.
const PAUSE: Millis = Millis::seconds(1);
/// How many characters of an answer are kept.
const KEPT: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Turns {
    turns: Vec<Turn>,
    /// Which turn a reply belongs to.
    by_reply: HashMap<String, usize>,
    by_call: HashMap<u64, usize>,
}

#[derive(Debug, Default)]
struct Turn {
    from: Millis,
    /// What was asked; `None` if the avatar speaks on its own.
    text: Option<String>,
    message: Option<String>,
    tries: usize,
    answer: Option<Answer>,
    failed: Option<(Millis, String)>,
    /// Whether the owner had the conversation.
    is_owners: bool,
}

#[derive(Debug)]
struct Answer {
    first: Millis,
    last: Millis,
    pieces: usize,
    text: String,
    by: &'static str,
    /// Whether an answer to a call has brought its first piece.
    is_missed: bool,
    /// The longest wait for a piece, and after how many.
    pause: Option<(Millis, Millis, usize)>,
}

impl Turns {
    pub(super) fn take(&mut self, happening: &Happening, sort: Option<&Sort>, is_owners: bool) {
        match &happening.what {
            What::Call { id: call, name, body } if is_send(name) => {
                let number = self.asked(happening.at, body, is_owners);
                self.by_call.insert(*call, number);
            }
            What::Answer { call, status, body, .. } => {
                let Some(turn) = self.by_call.remove(call).and_then(|number| self.turns.get_mut(number))
                else {
                    return;
                };
                if let Some(why) = failure(*status, body) {
                    turn.failed = Some((happening.at, format!("the call failed: {}", visible(&why, 60))));
                }
            }
            What::Frame { body, .. } => {
                if let Some(sort) = sort {
                    self.frame(happening.at, body, sort, is_owners, false);
                }
            }
            _ => {}
        }
    }

    /// A frame that an answer to a call has brought.
    pub(super) fn missed(&mut self, at: Millis, frame: &Value, sort: &Sort, is_owners: bool) {
        self.frame(at, frame, sort, is_owners, true);
    }

    pub(super) fn finish(self, end: Millis, found: &mut Found) {
        for turn in self.turns {
            turn.finish(end, found);
        }
    }

    /// A message is sent. One that is sent again is the same.
    fn asked(&mut self, at: Millis, body: &Value, is_owners: bool) -> usize {
        let (message, text) = (id(&body["messageId"]), said(body));
        let is_same = |turn: &Turn| match &message {
            Some(message) => turn.message.as_ref() == Some(message),
            // Visitor Chat has no ids of messages.
            None => turn.failed.is_some() && turn.answer.is_none() && turn.text.as_ref() == Some(&text),
        };
        if let Some(number) = self.turns.iter().rposition(is_same) {
            self.turns[number].tries += 1;
            self.turns[number].failed = None;
            return number;
        }
        let text = Some(text);
        self.turns.push(Turn { from: at, text, message, tries: 1, is_owners, ..Turn::default() });
        self.turns.len() - 1
    }

    fn frame(&mut self, at: Millis, body: &Value, sort: &Sort, is_owners: bool, is_missed: bool) {
        match sort {
            Sort::Piece { reply, .. } => {
                let number = self.turn_of(at, reply.as_ref());
                self.turns[number].piece(at, body, ("avatar", is_missed));
            }
            Sort::Owner => {
                // What the owner writes answers all that was asked before.
                let waiting = self.turns.iter_mut().filter(|turn| turn.is_waiting());
                for turn in waiting.filter(|turn| turn.is_owners || is_owners) {
                    turn.piece(at, body, ("owner", is_missed));
                }
            }
            Sort::Failure { code, message } => {
                let is_its = |turn: &Turn| message.is_some() && turn.message == *message;
                let number = self.turns.iter().position(is_its);
                let number = number.or_else(|| self.turns.iter().position(Turn::is_waiting));
                if let Some(turn) = number.and_then(|number| self.turns.get_mut(number)) {
                    turn.failed = Some((at, visible(code, 60)));
                }
            }
            Sort::Heartbeat | Sort::Echo | Sort::Again | Sort::Other(_) => {}
        }
    }

    /// The turn that a piece belongs to: that of its reply, the first that waits, or the last.
    fn turn_of(&mut self, at: Millis, reply: Option<&String>) -> usize {
        if let Some(known) = reply.and_then(|reply| self.by_reply.get(reply)) {
            return *known;
        }
        let waiting = self.turns.iter().position(|turn| turn.is_waiting() && !turn.is_owners);
        let speaking = || self.turns.iter().rposition(|turn| turn.answer.is_some() && !turn.is_owners);
        let number = waiting.or_else(speaking).unwrap_or_else(|| {
            self.turns.push(Turn { from: at, ..Turn::default() });
            self.turns.len() - 1
        });
        if let Some(reply) = reply {
            self.by_reply.insert(reply.clone(), number);
        }
        number
    }
}

impl Turn {
    fn is_waiting(&self) -> bool {
        self.answer.is_none() && self.failed.is_none()
    }

    fn piece(&mut self, at: Millis, body: &Value, (by, is_missed): (&'static str, bool)) {
        let answer = self.answer.get_or_insert_with(|| Answer {
            first: at,
            last: at,
            pieces: 0,
            text: String::new(),
            by,
            is_missed,
            pause: None,
        });
        let longest = answer.pause.map_or(Millis::ZERO, |(from, to, _)| to - from);
        if at - answer.last > longest {
            answer.pause = Some((answer.last, at, answer.pieces));
        }
        answer.last = at;
        answer.pieces += 1;
        if answer.text.len() < KEPT {
            answer.text.push_str(&said(body));
        }
    }

    fn finish(self, end: Millis, found: &mut Found) {
        let group = found.group();
        let name =
            self.text.as_ref().map_or_else(|| "the avatar’s own words".to_owned(), |text| quoted(text));
        let again = if self.tries > 1 { format!(" (sent {} times)", self.tries) } else { String::new() };
        let mut lane = |span: Span| found.span(LaneKind::Messages, span);
        let about = format!("{name}{again}");
        lane(Span::mark(self.from, SpanKind::Question, group).says(&about, &about));
        let from = self.from;
        match (self.answer, self.failed) {
            (Some(answer), failed) => {
                let (first, last) = (answer.first, answer.last);
                let how = if answer.is_missed { ", which a call for missed messages brought" } else { "" };
                let about =
                    format!("waiting for the first piece after {name}: {}{how}", length(first - from));
                if first > from {
                    lane(
                        Span::new((from, first), SpanKind::Waiting, group).says(length(first - from), about),
                    );
                }
                let pieces = counted(answer.pieces, "piece");
                // An answer in one piece takes no time.
                let long = if last > first { length(last - first) } else { String::new() };
                let about = format!("answer of the {} in {pieces}: {}", answer.by, quoted(&answer.text));
                lane(Span::new((first, last), SpanKind::Reply, group).says(long, about));
                let is_owners = answer.by == "owner";
                let words = match is_owners {
                    true => format!("for the owner’s answer to {name}"),
                    false => format!("for the first piece after {name}{how}"),
                };
                found.stretch((from, first), StretchKind::FirstPiece, words);
                let words = format!("the answer to {name} came in, in {pieces}");
                found.stretch((first, last), StretchKind::Reply, words);
                if let Some((from, to, after)) = answer.pause.filter(|(from, to, _)| *to - *from >= PAUSE) {
                    let words = format!(
                        "for the next piece of the answer to {name}, after {}",
                        counted(after, "piece")
                    );
                    found.stretch((from, to), StretchKind::NextPiece, words);
                }
                if let Some((at, why)) = failed {
                    let about = format!("{name} failed: {why}");
                    found.span(
                        LaneKind::Messages,
                        Span::mark(at, SpanKind::Unanswered, group).says("failed", about),
                    );
                }
            }
            (None, Some((at, why))) => {
                let about = format!("{name} failed: {why}");
                lane(Span::new((from, at), SpanKind::Unanswered, group).says("failed", about));
                found.stretch(
                    (from, at),
                    StretchKind::FirstPiece,
                    format!("after {name}, which failed: {why}"),
                );
            }
            // While the owner has the conversation, no answer is due.
            (None, None) if self.is_owners => {}
            (None, None) => {
                let about = format!("{name} had no answer until the end");
                lane(Span::new((from, end), SpanKind::Unanswered, group).says("no answer", about).open(true));
                let words = format!("for the first piece after {name}, which had not come by the end");
                found.stretch((from, end), StretchKind::FirstPiece, words);
            }
        }
    }
}
