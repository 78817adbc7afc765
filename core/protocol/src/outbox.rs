//! A visitor's messages on their way out, and the turns that wait for an answer.

use std::collections::VecDeque;
use std::time::Duration;

use crate::call::CallId;
use crate::ids::MessageId;
use crate::limits::{FIRST_PIECE, SENT_MESSAGES};
use crate::machine::Ticket;
use crate::redact::Text;
use crate::time::Millis;

/// A message that the service has not taken yet, as far as is known.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) message: MessageId,
    pub(crate) timestamp: Millis,
    pub(crate) text: Text,
    /// Who waits for it.
    pub(crate) ticket: Option<Ticket>,
    /// Set where its reply is waited for as well.
    pub(crate) ask: Option<AskTerms>,
    pub(crate) deadline: Millis,
    pub(crate) status: Status,
    /// An answer was lost at some time: it may have been taken without anybody knowing.
    pub(crate) doubtful: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AskTerms {
    pub(crate) first_piece: Duration,
    pub(crate) pieces: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// To be sent.
    Waiting,
    /// Its call is under way.
    InFlight(CallId),
    /// Its answer was lost. Settled by an echo or a query, or given up at `until`, which is set
    /// while the link is up: over a dead one no echo can come. `asked`: the query has been tried.
    Doubt { until: Option<Millis>, asked: bool },
}

/// A message that was sent, and is or will be answered.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) message: MessageId,
    /// Who waits for the answer. While the message itself is pending, its ticket is there.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) pieces: bool,
    pub(crate) exclusive: bool,
    /// Set once the service has taken the message.
    pub(crate) first_piece_by: Option<Millis>,
    pub(crate) deadline: Option<Millis>,
    /// Its answer is coming in.
    pub(crate) begun: bool,
}

impl Turn {
    fn of(pending: &Pending) -> Self {
        Self {
            message: pending.message.clone(),
            ticket: None,
            pieces: pending.ask.is_some_and(|ask| ask.pieces),
            exclusive: pending.ask.is_some(),
            first_piece_by: None,
            deadline: pending.ask.map(|_| pending.deadline),
            begun: false,
        }
    }
}

/// Own messages, to know their echoes again.
#[derive(Debug, Default)]
pub(crate) struct SentLog(VecDeque<(MessageId, bool)>);

impl SentLog {
    pub(crate) fn note(&mut self, message: &MessageId) {
        if self.contains(message.as_str()) {
            return;
        }
        if self.0.len() == SENT_MESSAGES {
            self.0.pop_front();
        }
        self.0.push_back((message.clone(), false));
    }

    pub(crate) fn contains(&self, message: &str) -> bool {
        self.0.iter().any(|(sent, _)| sent.as_str() == message)
    }

    /// Whether this is the first echo of the message.
    pub(crate) fn first_echo(&mut self, message: &str) -> bool {
        match self.0.iter_mut().find(|(sent, _)| sent.as_str() == message) {
            Some((_, echoed)) => !std::mem::replace(echoed, true),
            None => true,
        }
    }
}

/// The messages and turns of one conversation.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) sent: SentLog,
}

impl Outbox {
    /// The message that goes out next, if one may. In order: a message under way or in doubt holds
    /// those behind it. Only a question that waits for its turn lets others pass.
    pub(crate) fn next(&self, may_ask: bool) -> Option<&Pending> {
        let has_turn = |asks: &Pending| may_ask && self.turns.iter().all(|turn| turn.message == asks.message);
        let first = self.pending.iter().find(|pending| {
            pending.ask.is_none() || pending.status != Status::Waiting || has_turn(pending)
        })?;
        (first.status == Status::Waiting).then_some(first)
    }

    pub(crate) fn get_mut(&mut self, message: &str) -> Option<&mut Pending> {
        self.pending.iter_mut().find(|pending| pending.message.as_str() == message)
    }

    pub(crate) fn remove(&mut self, message: &str) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.message.as_str() == message)?;
        self.pending.remove(at)
    }

    /// The message goes out: it is some answer's turn from now on.
    pub(crate) fn begin(&mut self, message: &MessageId, call: CallId) {
        self.sent.note(message);
        let Some(pending) = self.get_mut(message.as_str()) else {
            return;
        };
        pending.status = Status::InFlight(call);
        let turn = Turn::of(pending);
        if self.turn(message).is_none() {
            self.turns.push(turn);
        }
    }

    /// The turn that a reply which begins now belongs to.
    /// The oldest one that waits, unless the reply names its question.
    pub(crate) fn begin_answer(&mut self, names: Option<&str>) -> Option<MessageId> {
        let named = self.turns.iter().position(|turn| !turn.begun && Some(turn.message.as_str()) == names);
        let at = named.or_else(|| self.turns.iter().position(|turn| !turn.begun))?;
        let turn = &mut self.turns[at];
        turn.begun = true;
        Some(turn.message.clone())
    }

    pub(crate) fn turn(&self, message: &MessageId) -> Option<&Turn> {
        self.turns.iter().find(|turn| turn.message == *message)
    }

    /// The service took the message: from now on its answer is awaited, and no longer its sending.
    /// `false` where nobody waits for more than that.
    pub(crate) fn await_answer(&mut self, now: Millis, sent: &Pending) -> bool {
        if sent.ask.is_some() && self.turn(&sent.message).is_none() {
            // It was thought not to have been taken, and its echo says that it was.
            self.turns.push(Turn::of(sent));
        }
        if let Some(turn) = self.turns.iter_mut().find(|turn| turn.message == sent.message) {
            turn.first_piece_by = Some(now + sent.ask.map_or(FIRST_PIECE, |ask| ask.first_piece));
            turn.ticket = sent.ticket.filter(|_| sent.ask.is_some());
        }
        sent.ask.is_some()
    }

    pub(crate) fn is_pending(&self, message: &MessageId) -> bool {
        self.pending.iter().any(|pending| pending.message == *message)
    }

    /// Nobody waits for this message or its answer any more. One that has not gone out will not.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        self.pending.retain_mut(|pending| {
            let withdrawn = pending.ticket == Some(ticket);
            if withdrawn {
                pending.ticket = None;
            }
            !withdrawn || pending.status != Status::Waiting || pending.doubtful
        });
        for turn in &mut self.turns {
            if turn.ticket == Some(ticket) {
                turn.ticket = None;
            }
        }
    }

    pub(crate) fn take_turn(&mut self, message: &MessageId) -> Option<Turn> {
        let at = self.turns.iter().position(|turn| turn.message == *message)?;
        Some(self.turns.remove(at))
    }

    /// The owner speaks: no answer of the avatar is owed any more, and a question is answered.
    pub(crate) fn owner_speaks(&mut self) -> Option<Turn> {
        let waits = |turn: &Turn| !turn.begun && turn.first_piece_by.is_some();
        let asked = self.turns.iter().position(|turn| turn.exclusive && waits(turn));
        let asked = asked.map(|at| self.turns.remove(at));
        self.turns.retain(|turn| turn.exclusive || !waits(turn));
        asked
    }

    /// The link is down or up again: doubts cannot be settled by an echo, or can again.
    pub(crate) fn set_doubts(&mut self, until: Option<Millis>) {
        for pending in &mut self.pending {
            if let Status::Doubt { until: settles, .. } = &mut pending.status {
                *settles = until;
            }
        }
    }

    /// `settles`: whether doubts come to their end now.
    pub(crate) fn next_deadline(&self, settles: bool) -> Option<Millis> {
        let pending = self.pending.iter().flat_map(|pending| {
            let until = match pending.status {
                Status::Doubt { until, .. } => until.filter(|_| settles),
                Status::Waiting | Status::InFlight(_) => None,
            };
            [Some(pending.deadline), until]
        });
        let turns = self.turns.iter().flat_map(|turn| {
            [turn.first_piece_by.filter(|_| !turn.begun), turn.deadline.filter(|_| turn.ticket.is_some())]
        });
        pending.chain(turns).flatten().min()
    }
}
