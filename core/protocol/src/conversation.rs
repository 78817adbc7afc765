//! One conversation of a visitor: its session, its messages, its replies.
//!
//! Each part is a type that owns its fields. A part is told what has happened, with the moment, and returns what
//! follows from it; the machine carries that out. What concerns several parts at once stands in `sending.rs` and
//! `hearing.rs`.

mod collected;
mod cursor;
mod echoes;
mod gap;
mod hearing;
mod history;
mod hold;
mod lifecycle;
mod past;
mod pending;
mod position;
mod probes;
mod sending;
mod sends;
mod sent_log;
mod turn;
mod turns;

use self::echoes::Echoes;
use self::history::Histories;
use self::lifecycle::Lifecycle;
use self::position::Position;
use self::sends::Sends;
use self::turns::Turns;
use crate::assembly::{Answer, Assembly};
use crate::event::{Attribution, ConversationKey, State};
use crate::facts::SessionFacts;
use crate::ids::{SessionId, Ticket};
use crate::rare::Rare;

pub use self::hold::Hold;
pub(crate) use self::{
    cursor::Cursor,
    echoes::Voice,
    gap::{BufferedFrame, FillReason, GapFill, PageStep, Room, room},
    lifecycle::{EndSession, LateOpeners, Opened, Waiter},
    past::{PageReach, Query, QueryKind},
    pending::{AskTerms, Durability, Overdue, Pending, QueryResult, StoreAnswer, Verdict},
    turn::{Early, Echoed, LateTurn},
    turns::{Answered, Awaits, Order, OwnersAnswer, Wait},
};

/// How it is known to which conversation a frame belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// It names the session or a message of ours, or there is only one conversation.
    Named,
    /// Only one conversation expects such a frame.
    Expected,
    /// Several conversations may be meant.
    Guessed,
}

impl Ground {
    /// That of a frame that goes on with what is attributed so.
    pub(crate) fn of(attribution: Attribution) -> Self {
        match attribution {
            Attribution::Certain => Self::Expected,
            Attribution::Guessed => Self::Guessed,
        }
    }

    pub(crate) fn attribution(self) -> Attribution {
        match self {
            Self::Named | Self::Expected => Attribution::Certain,
            Self::Guessed => Attribution::Guessed,
        }
    }
}

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
    key: ConversationKey,
    session: Option<SessionId>,
    bound: bool,
    /// The session was there before this run.
    resumed: bool,
    lifecycle: Lifecycle,
    sends: Sends,
    turns: Rare<Turns>,
    replies: Rare<Assembly>,
    position: Position,
    gap: GapFill,
    histories: Histories,
    /// How echoes are known where the service does not name them.
    echoes: Rare<Echoes>,
    /// The owner has spoken last, and not the avatar.
    taken_over: bool,
}

/// What follows when another session takes the place of the one that was there.
#[derive(Debug)]
pub(crate) struct Replaced {
    /// Messages that the session before may have taken.
    pub(crate) under_way: Vec<Pending>,
    /// The commands that wait for its answers.
    pub(crate) unanswered: Vec<Ticket>,
}

/// What a conversation leaves behind when it closes.
#[derive(Debug)]
pub(crate) struct Leftovers {
    pub(crate) pending: Vec<Pending>,
    /// The commands that wait for something that will not come.
    pub(crate) waiting: Vec<Ticket>,
    /// The commands that have closed it.
    pub(crate) closers: Vec<Ticket>,
}

impl Conversation {
    pub(crate) fn new(key: ConversationKey, session: Option<SessionFacts>) -> Self {
        let new = Self {
            key,
            session: None,
            bound: false,
            resumed: false,
            lifecycle: Lifecycle::new(),
            sends: Sends::default(),
            turns: Rare::default(),
            replies: Rare::default(),
            position: Position::default(),
            gap: GapFill::default(),
            histories: Histories::default(),
            echoes: Rare::default(),
            taken_over: false,
        };
        let Some(SessionFacts { id, bound, last_seq, unnamed, half_said, taken_over, cut_off }) = session
        else {
            return new;
        };
        let half_said_replies = half_said.iter().flat_map(|half| half.replies.clone());
        let questions = half_said.iter().flat_map(|half| half.questions.clone()).collect();
        Self {
            session: Some(id),
            bound,
            resumed: true,
            turns: Turns::resumed(cut_off.into_iter().chain(half_said_replies).collect(), questions).into(),
            position: Position::resumed(last_seq, unnamed, half_said),
            gap: GapFill::open(),
            taken_over,
            ..new
        }
    }

    /// What a later run needs to go on from here.
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

    /// Gives back the room of what is over.
    pub(crate) fn give_back(&mut self) {
        self.lifecycle.give_back();
        self.sends.give_back();
        self.turns.give_back();
        self.replies.give_back();
        self.position.give_back();
        self.gap.give_back();
        self.histories.give_back();
        self.echoes.give_back();
    }

    pub(crate) fn key(&self) -> ConversationKey {
        self.key
    }

    pub(crate) fn session(&self) -> Option<&SessionId> {
        self.session.as_ref()
    }

    /// The service has made its session.
    pub(crate) fn set_session(&mut self, session: SessionId) {
        self.session = Some(session);
    }

    /// Another session takes the place of the one that was there. Nothing of that is heard or answered any more.
    pub(crate) fn replace_session(&mut self, session: SessionId) -> Replaced {
        let (under_way, waiting) = self.sends.drain().into_iter().partition(|pending| !pending.is_waiting());
        for pending in waiting {
            self.sends.push(pending);
        }
        let unanswered = self.turns.close();
        self.turns = Rare::default();
        self.position = Position::default();
        // What the session before had to say while the link was down is missed, and the callers of an open one are told.
        self.gap = if self.is_opened() { GapFill::open() } else { GapFill::default() };
        self.session = Some(session);
        self.resumed = false;
        self.taken_over = false;
        Replaced { under_way, unanswered }
    }

    pub(crate) fn echoes(&self) -> &Echoes {
        &self.echoes
    }

    pub(crate) fn echoes_mut(&mut self) -> &mut Echoes {
        &mut self.echoes
    }

    /// Whether the owner can see the session.
    pub(crate) fn is_bound(&self) -> bool {
        self.bound
    }

    pub(crate) fn bind(&mut self) {
        self.bound = true;
    }

    /// Whether the session was there before this run.
    pub(crate) fn is_resumed(&self) -> bool {
        self.resumed
    }

    pub(crate) fn state(&self) -> State {
        self.lifecycle.state()
    }

    /// Whether it has been open once.
    pub(crate) fn is_opened(&self) -> bool {
        self.lifecycle.is_opened()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.lifecycle.is_closing()
    }

    /// Whether the owner has spoken last, and not the avatar.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.taken_over
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub(crate) fn lifecycle_mut(&mut self) -> &mut Lifecycle {
        &mut self.lifecycle
    }

    pub(crate) fn sends(&self) -> &Sends {
        &self.sends
    }

    pub(crate) fn sends_mut(&mut self) -> &mut Sends {
        &mut self.sends
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) fn turns_mut(&mut self) -> &mut Turns {
        &mut self.turns
    }

    /// The turns, if there may be any.
    pub(crate) fn filled_turns(&mut self) -> Option<&mut Turns> {
        self.turns.filled()
    }

    pub(crate) fn replies(&self) -> &Assembly {
        &self.replies
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    pub(crate) fn gap(&self) -> &GapFill {
        &self.gap
    }

    pub(crate) fn gap_mut(&mut self) -> &mut GapFill {
        &mut self.gap
    }

    pub(crate) fn histories(&self) -> &Histories {
        &self.histories
    }

    pub(crate) fn histories_mut(&mut self) -> &mut Histories {
        &mut self.histories
    }

    pub(crate) fn needs_session(&self) -> bool {
        self.session.is_none() && self.is_wanted()
    }

    /// Whether it needs the socket: it is open, or messages are still to be sent.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.is_closing() || !self.sends.is_empty()
    }

    /// Whether it only waits for its messages to be sent, and they are.
    pub(crate) fn is_flushed(&self) -> bool {
        self.sends.is_empty() && self.lifecycle.closes_when_flushed()
    }

    /// Whether its session is to end on the service now.
    pub(crate) fn ends_session(&self) -> bool {
        self.sends.is_empty() && self.lifecycle.ends_session()
    }

    /// It closes: the replies that are coming in end, and answer no later question.
    pub(crate) fn end_replies(&mut self) -> Vec<Answer> {
        let unfinished = self.replies.end_all();
        self.turns.cut_off(unfinished.iter().filter_map(|answer| answer.reply.id.clone()));
        unfinished
    }

    /// It is closed.
    pub(crate) fn close(&mut self) -> Leftovers {
        self.position.close();
        let (openers, closers) = self.lifecycle.close();
        let histories = std::mem::take(&mut self.histories).tickets();
        let waiting = openers.into_iter().chain(histories).chain(self.turns.close()).collect();
        Leftovers { pending: self.sends.drain(), waiting, closers }
    }
}
