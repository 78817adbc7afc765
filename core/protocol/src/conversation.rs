//! One conversation of a visitor: its session, its messages, its replies.

mod cursor;
mod gap;
mod history;
mod hold;
mod past;
mod position;
mod probes;
mod sent_log;

use self::history::Histories;
use self::position::Position;
use crate::assembly::Assembly;
use crate::event::{ConversationKey, State};
use crate::facts::SessionFacts;
use crate::ids::{MessageId, SessionId, Ticket};
use crate::limits::OPEN_REPLIES;
use crate::outbox::{Outbox, Pending, Status};
use crate::time::Millis;

pub use self::hold::Hold;
pub(crate) use self::{
    cursor::Cursor,
    gap::{FillReason, GapFill, PageStep, Room, room},
    past::{PageReach, Query, QueryKind},
    probes::Probes,
    sent_log::{Fate, SentLog},
};

#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) key: ConversationKey,
    pub(crate) session: Option<SessionId>,
    pub(crate) bound: bool,
    pub(crate) position: Position,
    /// The session was there before this run.
    pub(crate) resumed: bool,
    /// It has been open once.
    pub(crate) opened: bool,
    pub(crate) state: State,
    pub(crate) openers: Vec<Waiter>,
    pub(crate) outbox: Outbox,
    pub(crate) replies: Assembly,
    pub(crate) gap: GapFill,
    pub(crate) histories: Histories,
    pub(crate) closing: Option<Closing>,
    /// The owner has spoken last, and not the avatar.
    pub(crate) taken_over: bool,
    /// Replies that began before this run, and had not ended: they answer none of its questions.
    pub(crate) earlier: Vec<MessageId>,
}

/// Somebody who waits until a deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: Ticket,
    pub(crate) deadline: Millis,
}

#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) waiters: Vec<Ticket>,
    pub(crate) deadline: Millis,
    /// The session is to end on the service as well.
    pub(crate) end: EndSession,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndSession {
    No,
    Wanted,
    Done,
}

impl Conversation {
    pub(crate) fn new(key: ConversationKey, session: Option<SessionFacts>) -> Self {
        let resumed = session.is_some();
        let taken_over = session.as_ref().is_some_and(|facts| facts.taken_over);
        let earlier = session.as_ref().map_or_else(Vec::new, |facts| {
            facts
                .cut_off
                .iter()
                .chain(facts.half_said.iter().flat_map(|half| &half.replies))
                .cloned()
                .collect()
        });
        let (id, bound, position) = match session {
            Some(facts) => {
                let position = Position::resumed(facts.last_seq, facts.unnamed, facts.half_said);
                (Some(facts.id), facts.bound, position)
            }
            None => (None, false, Position::default()),
        };
        Self {
            key,
            session: id,
            bound,
            position,
            resumed,
            opened: false,
            state: State::Opening,
            openers: Vec::new(),
            outbox: Outbox::default(),
            replies: Assembly::default(),
            gap: if resumed { GapFill::open() } else { GapFill::default() },
            histories: Histories::default(),
            closing: None,
            taken_over,
            earlier,
        }
    }

    pub(crate) fn facts(&self) -> Option<SessionFacts> {
        self.session.clone().map(|id| SessionFacts {
            id,
            bound: self.bound,
            last_seq: self.position.last_seq(),
            unnamed: self.position.has_unnamed(),
            half_said: self.position.half_said(&self.replies),
            taken_over: self.taken_over,
            cut_off: self.earlier.clone(),
        })
    }

    /// This frame was dispatched.
    pub(crate) fn advance_to(&mut self, seq: &str, noted: u64) {
        self.position.advance_to(seq, noted, &self.replies);
    }

    /// Closed now, these were not whole. Of those before them only the latest are remembered.
    pub(crate) fn cut_off(&mut self, replies: impl Iterator<Item = MessageId>) {
        self.earlier.extend(replies);
        self.earlier.drain(..self.earlier.len().saturating_sub(OPEN_REPLIES));
    }

    /// The messages that are not under way.
    pub(crate) fn waiting_messages(&self) -> impl Iterator<Item = (ConversationKey, MessageId)> {
        let waiting = self.outbox.pending.iter().filter(|pending| pending.status == Status::Waiting);
        waiting.map(|pending| (self.key, pending.message.clone()))
    }

    /// Whether the replies that are coming in let a question go out. Where the owner has the conversation no
    /// question waits; nor for a reply whose stream was left.
    pub(crate) fn lets_ask(&self) -> bool {
        let is_left = |question: Option<&MessageId>| {
            question.and_then(|question| self.outbox.turn(question)).is_some_and(|turn| turn.stopped)
        };
        self.taken_over || self.replies.open_questions().all(is_left)
    }

    /// Why the question that goes out next has to wait, if it has.
    pub(crate) fn hold_of(&self, now: Millis, asks: &Pending) -> Option<Hold> {
        if self.taken_over || asks.ask.is_none() || asks.status != Status::Waiting {
            return None;
        }
        if !self.lets_ask() {
            return Some(Hold::Reply);
        }
        self.outbox.holds(now, asks).then_some(Hold::Answer)
    }

    /// What the next question has to wait for, where that has not been told.
    pub(crate) fn newly_held(&mut self, now: Millis) -> Option<Hold> {
        let message = self.outbox.waiting_question().filter(|asks| !asks.hold_reported)?.message.clone();
        let asks = self.outbox.pending.iter().find(|asks| asks.message == message)?;
        let hold = self.hold_of(now, asks)?;
        self.outbox.get_mut(message.as_str())?.hold_reported = true;
        Some(hold)
    }

    pub(crate) fn needs_session(&self) -> bool {
        self.session.is_none() && (self.closing.is_none() || !self.outbox.pending.is_empty())
    }

    /// Whether somebody needs the socket for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.closing.as_ref().is_none_or(|_| !self.outbox.pending.is_empty())
    }
}
