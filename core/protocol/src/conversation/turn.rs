//! One message's turn: it was sent, and is or will be answered.

use std::time::Duration;

use super::collected::Collected;
use super::pending::Pending;
use crate::event::Reply;
use crate::ids::{MessageId, Ticket};
use crate::limits::{FIRST_PIECE, HOLDS_QUESTION};
use crate::link::Generation;
use crate::redact::Text;
use crate::time::Millis;

/// A message that was sent, and is or will be answered.
#[derive(Debug)]
pub(crate) struct Turn {
    message: MessageId,
    /// The command that waits for the answer. While the message itself is pending, its ticket is there.
    ticket: Option<Ticket>,
    /// The same command, while it is not known that the service took the message.
    sending: Option<Ticket>,
    /// What may be its answer, and came in that time.
    early: Early,
    pieces: bool,
    /// It is a question: no other question is out beside it.
    exclusive: bool,
    /// Set once the service has taken the message.
    first_piece_by: Option<Millis>,
    /// How long its command waits while the owner has the conversation.
    owner: Option<Duration>,
    deadline: Option<Millis>,
    /// No question waits longer than this for its answer to begin.
    holds_until: Option<Millis>,
    /// Its answer is coming in.
    begun: bool,
    /// What is coming in may be another message's answer, or more of it.
    guessed: bool,
    /// The caller has left the answer's stream, and wants to go on.
    stopped: bool,
    /// The owner had the conversation while it waited: the avatar may never answer it.
    in_owners_time: bool,
    /// All messages of the answer are wanted.
    collected: Option<Collected>,
    echo: Echo,
    /// When it went out.
    sent_at: Millis,
    /// The socket that the message named.
    generation: Generation,
}

/// Whether a message's echo has come. Its answer comes after the echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    Awaited,
    /// It may have come while the link was down.
    Missed,
    Here,
}

/// Which messages are known to be echoed before they are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echoed {
    /// None: the service may not echo at all, or late.
    None,
    /// Those that went out over this socket: what is found of the time before was said before them.
    Over(Generation),
    /// Those that went out at this time or later: what was found then was said before them.
    Since(Millis),
    /// All.
    All,
}

/// What may be the answer to a question, and came before it was known that the service took the question.
#[derive(Debug, Default)]
pub(crate) struct Early {
    /// For its stream.
    pub(crate) pieces: Vec<Text>,
    /// The reply, once it is whole.
    pub(crate) reply: Option<Box<Reply>>,
}

/// The command that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) ticket: Ticket,
    pub(crate) wants_pieces: bool,
}

/// A question whose answer has not come in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LateTurn {
    pub(crate) ticket: Ticket,
    /// Nothing of it has come.
    pub(crate) silent: bool,
    pub(crate) in_owners_time: bool,
}

/// Where a turn stands after its deadlines were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnEnd {
    /// It goes on.
    GoesOn,
    /// Nothing of its answer has come in all its time.
    Silent,
}

impl Turn {
    /// The turn of a message that goes out, or went out at `sent_at`.
    pub(super) fn of(pending: &Pending, sent_at: Millis) -> Self {
        let ask = pending.ask();
        Self {
            message: pending.message().clone(),
            ticket: None,
            sending: pending.ticket().filter(|_| ask.is_some()),
            early: Early::default(),
            pieces: ask.is_some_and(|ask| ask.pieces),
            exclusive: ask.is_some(),
            first_piece_by: None,
            owner: ask.map(|ask| ask.owner),
            deadline: ask.map(|_| pending.deadline()),
            holds_until: None,
            begun: false,
            guessed: false,
            stopped: false,
            in_owners_time: false,
            collected: ask.and_then(|ask| ask.collect).map(Collected::new),
            echo: Echo::Awaited,
            sent_at,
            generation: pending.route().generation,
        }
    }

    /// The turn of a message for whose answer no command waits.
    pub(super) fn owed(message: &MessageId, now: Millis) -> Self {
        Self {
            message: message.clone(),
            ticket: None,
            sending: None,
            early: Early::default(),
            pieces: false,
            exclusive: false,
            first_piece_by: Some(now + FIRST_PIECE),
            owner: None,
            holds_until: Some(now + HOLDS_QUESTION),
            deadline: None,
            begun: false,
            guessed: false,
            stopped: false,
            in_owners_time: false,
            collected: None,
            echo: Echo::Awaited,
            sent_at: now,
            generation: Generation::default(),
        }
    }

    pub(crate) fn message(&self) -> &MessageId {
        &self.message
    }

    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    pub(crate) fn asker(&self) -> Option<Asker> {
        self.ticket.map(|ticket| Asker { ticket, wants_pieces: self.pieces })
    }

    pub(super) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn is_in_owners_time(&self) -> bool {
        self.in_owners_time
    }

    pub(super) fn echo(&self) -> Echo {
        self.echo
    }

    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// The messages of its answer, where all are wanted.
    pub(super) fn collected(&self) -> Option<&Collected> {
        self.collected.as_ref()
    }

    pub(super) fn collected_mut(&mut self) -> Option<&mut Collected> {
        self.collected.as_mut()
    }

    /// Its command does not get more than has come, if anything has.
    pub(super) fn is_over(&self, now: Millis) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Takes what was collected, and the command that waits for it.
    pub(super) fn finish(self) -> Option<(Ticket, Reply)> {
        Some((self.ticket?, self.collected?.joined()?))
    }

    /// When the message went out.
    pub(super) fn sent_at(&self) -> Millis {
        self.sent_at
    }

    pub(super) fn holds_until(&self) -> Option<Millis> {
        self.holds_until
    }

    /// Its answer begins, for certain or as a guess.
    pub(super) fn begin(&mut self, certain: bool) {
        self.begun = true;
        self.guessed = !certain;
    }

    pub(super) fn is_guessed(&self) -> bool {
        self.guessed
    }

    /// Whether a command waits for its answer, though it may not be known that the service took the message.
    pub(super) fn is_asked(&self) -> bool {
        self.ticket.or(self.sending).is_some()
    }

    /// Whether what may be its answer has come, and it is not known that the service took the message.
    pub(super) fn has_guess(&self) -> bool {
        self.begun && self.sending.is_some()
    }

    /// More of its answer has come. Returns what its stream is told, where it is told now.
    pub(super) fn say(&mut self, text: &Text) -> Option<(Ticket, Vec<Text>)> {
        if !self.pieces || !self.is_asked() {
            return None;
        }
        let breaks = self.collected.as_mut().is_some_and(Collected::take_break);
        let said = breaks.then(|| "\n".into()).into_iter().chain([text.clone()]);
        match self.ticket {
            Some(ticket) => Some((ticket, said.collect())),
            None => {
                self.early.pieces.extend(said);
                None
            }
        }
    }

    /// Its answer is whole. Returns whether it waits for the word that the service took the message.
    pub(super) fn keep_early(&mut self, reply: &Reply) -> bool {
        let waits = self.sending.is_some();
        if waits {
            self.early.reply = Some(Box::new(reply.clone()));
        }
        waits
    }

    /// Whether its answer was whole before it was known that the service took the message.
    pub(super) fn is_whole_early(&self) -> bool {
        self.early.reply.is_some()
    }

    pub(super) fn take_early(&mut self) -> Early {
        std::mem::take(&mut self.early)
    }

    /// The service does not have the message: what came was no answer to it.
    pub(super) fn refute(&mut self) {
        self.begun = false;
        self.guessed = false;
        self.early = Early::default();
        self.collected.iter_mut().for_each(Collected::clear);
    }

    /// The owner has the conversation, so the avatar may never answer it: its command waits for the owner from now on,
    /// however much longer it would have waited for the avatar.
    pub(super) fn enter_owners_time(&mut self, now: Millis) {
        if self.begun || self.in_owners_time {
            return;
        }
        self.in_owners_time = true;
        if self.exclusive
            && let (Some(owner), Some(by)) = (self.owner, &mut self.first_piece_by)
        {
            *by = (*by).min(now + owner);
        }
    }

    /// The service took the message. Its answer is awaited from now on, for so long.
    pub(super) fn await_answer(&mut self, now: Millis, sent: &Pending) {
        let first_piece = sent.ask().map_or(FIRST_PIECE, |ask| match self.in_owners_time {
            true => ask.owner,
            false => ask.first_piece,
        });
        self.first_piece_by = Some(now + first_piece);
        self.ticket = sent.ticket().filter(|_| sent.ask().is_some());
        self.sending = None;
        self.holds_until = Some(now + HOLDS_QUESTION);
    }

    pub(super) fn echo_came(&mut self) {
        self.echo = Echo::Here;
    }

    /// The echo may have come over a socket that was dead.
    pub(super) fn miss_echo(&mut self) {
        if self.echo == Echo::Awaited {
            self.echo = Echo::Missed;
        }
    }

    /// The command does not wait for its answer any more: it is like the answer to any message. A stream that was
    /// left lets the next question go.
    pub(super) fn withdraw(&mut self) {
        self.stopped |= self.pieces;
        self.sending = None;
        self.abandon();
    }

    fn abandon(&mut self) {
        self.ticket = None;
        self.exclusive = false;
        self.pieces = false;
        self.deadline = None;
    }

    /// Whether a question need not wait for it (any more).
    pub(super) fn gives_way(&self, now: Millis) -> bool {
        self.stopped || self.in_owners_time || self.has_lapsed(now)
    }

    /// Whether what begins now is another message's answer.
    pub(super) fn has_lapsed(&self, now: Millis) -> bool {
        !self.begun && !self.exclusive && self.is_late(now)
    }

    pub(super) fn is_late(&self, now: Millis) -> bool {
        self.holds_until.is_some_and(|until| until <= now)
    }

    /// Whether the service has taken its message.
    pub(super) fn is_taken(&self) -> bool {
        self.first_piece_by.is_some()
    }

    /// Whether it waits for its answer to begin.
    pub(super) fn waits(&self) -> bool {
        !self.begun && self.is_taken()
    }

    /// Whether what comes now can be its answer: not before its echo, where that is known to come first.
    pub(super) fn can_be_answered(&self, echoed: Echoed) -> bool {
        let after_echo = match echoed {
            Echoed::None => false,
            Echoed::Over(generation) => self.generation == generation,
            Echoed::Since(time) => self.sent_at >= time,
            Echoed::All => true,
        };
        self.echo != Echo::Awaited || !after_echo
    }

    /// What lay unread until now may be its answer: a question waits for it until then at least.
    pub(super) fn hold_until(&mut self, soon: Millis) {
        self.holds_until = self.holds_until.map(|until| until.max(soon));
    }

    /// Looks at its deadlines. `may_lie_unread` says that what has come may lie there unread.
    pub(super) fn tick(&mut self, now: Millis, may_lie_unread: bool) -> (TurnEnd, Option<LateTurn>) {
        let silent = !self.begun && self.first_piece_by.is_some_and(|by| by <= now);
        // A message that is on its way has its own deadline.
        let over = self.sending.is_none() && self.deadline.is_some_and(|deadline| deadline <= now);
        let mut late = None;
        if silent || over {
            let in_owners_time = self.in_owners_time;
            late = self.ticket.take().map(|ticket| LateTurn { ticket, silent, in_owners_time });
            self.abandon();
        }
        if !silent {
            return (TurnEnd::GoesOn, late); // A reply that has begun goes on, though no command waits for it.
        }
        // The caller has no patience; but what begins soon is this answer, and not the next.
        let extended = self.holds_until.filter(|until| *until > now);
        let extended = extended.or_else(|| may_lie_unread.then(|| now + FIRST_PIECE));
        if extended.is_some() {
            self.first_piece_by = extended;
            return (TurnEnd::GoesOn, late);
        }
        (TurnEnd::Silent, late)
    }

    pub(super) fn next_deadline(&self) -> Option<Millis> {
        let first_piece = self.first_piece_by.filter(|_| !self.begun);
        let deadline = self.deadline.filter(|_| self.ticket.is_some());
        first_piece.into_iter().chain(deadline).min()
    }
}
