//! One conversation of a visitor: its session, its messages, its replies.

mod cursor;
mod gap;
mod history;
mod hold;
mod past;
mod probes;
mod sent_log;

use self::history::Histories;
use crate::assembly::Assembly;
use crate::event::{ConversationKey, State};
use crate::facts::{HalfSaid, SessionFacts};
use crate::ids::Ticket;
use crate::ids::{MessageId, SeqId, SessionId};
use crate::limits::OPEN_REPLIES;
use crate::outbox::{Outbox, Pending, Status};
use crate::time::Millis;

pub use self::hold::Hold;
pub(crate) use self::{
    cursor::{Cursor, CursorLog},
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
    /// The last frame's `seqId`; empty before the first. One buffer, since it changes with each frame.
    pub(crate) last_seq: String,
    /// The way there: what is looked for begins at one of its places.
    pub(crate) cursors: CursorLog,
    /// While a reply is half said: the last frame before its beginning. A next run asks from there.
    pub(crate) half_said_after: Option<String>,
    /// Replies that an earlier run heard half: of what came up to `last_seq` only these are new.
    pub(crate) replay: Option<Vec<MessageId>>,
    /// The session was there before this run.
    pub(crate) resumed: bool,
    /// It has been open once.
    pub(crate) opened: bool,
    pub(crate) state: State,
    pub(crate) openers: Vec<Waiter>,
    pub(crate) outbox: Outbox,
    pub(crate) replies: Assembly,
    pub(crate) gap: GapFill,
    /// Since the frame of `last_seq` one came that had no `seqId`: a query would bring it again.
    pub(crate) unnamed: bool,
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
        let (id, bound, last_seq, unnamed, half_said) = match session {
            Some(facts) => (Some(facts.id), facts.bound, facts.last_seq, facts.unnamed, facts.half_said),
            None => (None, false, None, false, None),
        };
        let text = |seq: Option<SeqId>| seq.map_or_else(String::new, |seq| seq.as_str().to_owned());
        let (half_said_after, replay) = half_said.map(|half| (text(half.after), half.replies)).unzip();
        Self {
            key,
            session: id,
            bound,
            last_seq: text(last_seq),
            cursors: CursorLog::default(),
            half_said_after,
            replay,
            resumed,
            opened: false,
            state: State::Opening,
            openers: Vec::new(),
            outbox: Outbox::default(),
            replies: Assembly::default(),
            gap: if resumed { GapFill::open() } else { GapFill::default() },
            unnamed,
            histories: Histories::default(),
            closing: None,
            taken_over,
            earlier,
        }
    }

    pub(crate) fn facts(&self) -> Option<SessionFacts> {
        let seq = |text: &str| (!text.is_empty()).then(|| SeqId::from(text));
        let half_said = self.half_said_after.as_deref().map(|after| {
            let replies = self.replay.iter().flatten().chain(self.replies.open_ids()).cloned().collect();
            HalfSaid { after: seq(after), replies }
        });
        let last_seq = seq(&self.last_seq);
        self.session.clone().map(|id| SessionFacts {
            id,
            bound: self.bound,
            last_seq,
            unnamed: self.unnamed,
            half_said,
            taken_over: self.taken_over,
            cut_off: self.earlier.clone(),
        })
    }

    /// This is the last frame that has been handed on.
    pub(crate) fn advance_to(&mut self, seq: &str, noted: u64) {
        if self.replies.is_idle() && self.replay.is_none() {
            self.half_said_after = None;
        } else if self.half_said_after.is_none() {
            self.half_said_after = Some(self.last_seq.clone());
        }
        self.unnamed = false;
        self.last_seq.clear();
        self.last_seq.push_str(seq);
        self.cursors.pass(seq, noted);
    }

    /// What an earlier run heard half is whole now, or never will be.
    pub(crate) fn end_replay(&mut self) {
        self.replay = None;
        if self.replies.is_idle() {
            self.half_said_after = None;
        }
    }

    /// Whether a frame that an earlier run has had is new all the same.
    pub(crate) fn is_half_said(&self, message: Option<&str>) -> bool {
        let Some(replay) = &self.replay else {
            return true;
        };
        replay.iter().any(|reply| Some(reply.as_str()) == message)
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

    /// From where a gap is filled.
    pub(crate) fn gap_begins(&self) -> &str {
        match (&self.replay, &self.half_said_after) {
            (Some(_), Some(after)) => after,
            _ => &self.last_seq,
        }
    }

    pub(crate) fn needs_session(&self) -> bool {
        self.session.is_none() && (self.closing.is_none() || !self.outbox.pending.is_empty())
    }

    /// Whether somebody needs the socket for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.closing.as_ref().is_none_or(|_| !self.outbox.pending.is_empty())
    }
}
