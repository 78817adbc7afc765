//! One conversation of a visitor: its session, its messages, its replies.

mod cursor;
mod gap;
mod hearing;
mod history;
mod hold;
mod past;
mod pending;
mod position;
mod probes;
mod sending;
mod sends;
mod sent_log;
mod turn;
mod turns;

use self::history::Histories;
use self::position::Position;
use self::sends::Sends;
use self::turns::Turns;
use crate::assembly::Assembly;
use crate::event::{ConversationKey, State};
use crate::facts::SessionFacts;
use crate::ids::{SessionId, Ticket};
use crate::time::Millis;

pub use self::hold::Hold;
pub(crate) use self::{
    cursor::Cursor,
    gap::{FillReason, GapFill, PageStep, Room, room},
    past::{PageReach, Query, QueryKind},
    pending::{AskTerms, Durability, Overdue, Pending, QueryResult, StoreAnswer},
    turn::{Echoed, LateTurn},
    turns::{Awaits, Order, OwnersAnswer},
};

/// How a frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Over the socket.
    Live,
    /// A message query brought it.
    Backfill,
}

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
    pub(crate) sends: Sends,
    pub(crate) turns: Turns,
    pub(crate) replies: Assembly,
    pub(crate) gap: GapFill,
    pub(crate) histories: Histories,
    pub(crate) closing: Option<Closing>,
    /// The owner has spoken last, and not the avatar.
    pub(crate) taken_over: bool,
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
            sends: Sends::default(),
            turns: Turns::resumed(earlier),
            replies: Assembly::default(),
            gap: if resumed { GapFill::open() } else { GapFill::default() },
            histories: Histories::default(),
            closing: None,
            taken_over,
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
            cut_off: self.turns.earlier_replies().to_vec(),
        })
    }

    pub(crate) fn needs_session(&self) -> bool {
        self.session.is_none() && (self.closing.is_none() || !self.sends.is_empty())
    }

    /// Whether somebody needs the socket for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.closing.as_ref().is_none_or(|_| !self.sends.is_empty())
    }
}
