//! A visitor's messages on their way out, and the turns that wait for an answer.

use std::collections::VecDeque;
use std::time::Duration;

use crate::assembly::Question;
use crate::call::CallId;
use crate::conversation::Cursor;
use crate::conversation::Probes;
use crate::conversation::{Fate, SentLog};
use crate::facts::KeptMessage;
use crate::ids::Ticket;
use crate::ids::{MessageId, SessionId};
use crate::limits::{ANSWER_OWED, FIRST_PIECE, HOLDS_QUESTION, SENT_MESSAGES};
use crate::link::Generation;
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
    pub(crate) maybe_taken: bool,
    /// The last frame before it went out, and the socket it named.
    pub(crate) route: Route,
    /// Where it stands in the store, if it is to outlive the process.
    pub(crate) persisted: Option<Persisted>,
    /// That it waits for its turn has been told.
    pub(crate) hold_reported: bool,
}

/// Where a message stands in the store. What is written there is never behind what was done: a message goes
/// out only when it stands there as one that may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persisted {
    /// It is being written for the first time, and its ticket waits for that.
    Storing,
    /// As one that has not gone out.
    Stored,
    /// That it goes out is being written.
    MarkingSent,
    /// As one that may have gone out.
    MarkedSent,
}

impl Pending {
    /// As the store is to have it.
    pub(crate) fn to_store(&self, session: Option<&SessionId>) -> KeptMessage {
        KeptMessage {
            message_id: self.message.clone(),
            text: self.text.clone(),
            session: session.cloned(),
            since: self.timestamp,
            deadline: self.deadline,
            left: matches!(self.persisted, Some(Persisted::MarkingSent | Persisted::MarkedSent)),
        }
    }

    /// One that an earlier run has kept. `since`: where that run stood.
    pub(crate) fn restored(kept: KeptMessage, since: Cursor) -> Self {
        let KeptMessage { message_id, text, since: timestamp, deadline, left, session: _ } = kept;
        Self {
            message: message_id,
            timestamp,
            text,
            ticket: None,
            ask: None,
            deadline,
            status: if left {
                Status::Unconfirmed { until: None, looked: Looked::No }
            } else {
                Status::Waiting
            },
            maybe_taken: left,
            route: Route { since, generation: Generation::default() },
            persisted: Some(if left { Persisted::MarkedSent } else { Persisted::Stored }),
            hold_reported: false,
        }
    }

    fn is_being_stored(&self) -> bool {
        matches!(self.persisted, Some(Persisted::Storing | Persisted::MarkingSent))
    }
}

/// Where a message stands in the stream of frames: what answers it comes after `since`, and over the
/// socket of `generation`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub(crate) since: Cursor,
    pub(crate) generation: Generation,
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
    /// Its answer was lost. Settled by an echo or a query; what is done at `until` depends on whether it was
    /// looked for. It is set while the link is up: over a dead one no echo can come.
    Unconfirmed { until: Option<Millis>, looked: Looked },
}

/// Whether a message in doubt was looked for among the session's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// Not yet.
    No,
    /// The service could not be asked.
    InVain,
    /// It is not there.
    Absent,
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
    /// No question has to wait longer than this for its answer to begin.
    holds_until: Option<Millis>,
    /// Its answer is coming in.
    pub(crate) begun: bool,
    /// Whoever asked has stopped listening, and wants to go on.
    pub(crate) stopped: bool,
    /// The owner had the conversation while it waited: the avatar may never answer it.
    pub(crate) in_owners_time: bool,
    echo: Echo,
    /// When it went out.
    sent_at: Millis,
    /// The socket that the message named.
    generation: Generation,
}

/// Whether a message's echo has been here: what answers it comes after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echo {
    Awaited,
    /// It may have come while nobody listened.
    Missed,
    Here,
}

impl Turn {
    fn of(pending: &Pending, sent_at: Millis) -> Self {
        Self {
            message: pending.message.clone(),
            ticket: None,
            pieces: pending.ask.is_some_and(|ask| ask.pieces),
            exclusive: pending.ask.is_some(),
            first_piece_by: None,
            deadline: pending.ask.map(|_| pending.deadline),
            holds_until: None,
            begun: false,
            stopped: false,
            in_owners_time: false,
            echo: Echo::Awaited,
            sent_at,
            generation: pending.route.generation,
        }
    }

    fn miss_echo(&mut self) {
        if self.echo == Echo::Awaited {
            self.echo = Echo::Missed;
        }
    }

    /// Nobody waits for its answer any more: it is one like that of any message. A stream that was left lets
    /// the next question go.
    fn withdraw(&mut self) {
        self.stopped |= self.pieces;
        self.abandon();
    }

    fn abandon(&mut self) {
        self.ticket = None;
        self.exclusive = false;
        self.pieces = false;
        self.deadline = None;
    }

    /// Whether a question need not wait for it (any more).
    fn gives_way(&self, now: Millis) -> bool {
        self.stopped || self.in_owners_time || self.has_lapsed(now)
    }

    /// Whether what begins now is another message's answer.
    fn has_lapsed(&self, now: Millis) -> bool {
        !self.begun && !self.exclusive && self.is_late(now)
    }

    fn is_late(&self, now: Millis) -> bool {
        self.holds_until.is_some_and(|until| until <= now)
    }

    /// Whether it waits for its answer to begin.
    fn waits(&self) -> bool {
        !self.begun && self.first_piece_by.is_some()
    }

    /// Whether what comes now can be its answer: not before its echo, where that is known to come first.
    fn can_be_answered(&self, echoed: Echoed) -> bool {
        let after_echo = match echoed {
            Echoed::None => false,
            Echoed::Over(generation) => self.generation == generation,
            Echoed::Since(time) => self.sent_at >= time,
            Echoed::All => true,
        };
        self.echo != Echo::Awaited || !after_echo
    }

    /// The turn of a message for which nobody waits any more.
    fn owed(message: &MessageId, now: Millis) -> Self {
        Self {
            message: message.clone(),
            ticket: None,
            pieces: false,
            exclusive: false,
            first_piece_by: Some(now + FIRST_PIECE),
            holds_until: Some(now + HOLDS_QUESTION),
            deadline: None,
            begun: false,
            stopped: false,
            in_owners_time: false,
            echo: Echo::Awaited,
            sent_at: now,
            generation: Generation::default(),
        }
    }
}

/// A question whose answer has not come in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LateTurn {
    pub(crate) ticket: Ticket,
    /// Nothing of it has come.
    pub(crate) silent: bool,
    pub(crate) in_owners_time: bool,
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

/// Whether a message's echo came before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Yes. The message named the socket of this generation.
    First(Generation),
    /// No: the service echoes late.
    Late,
    /// Nobody can tell.
    Unclear,
}

/// The messages and turns of one conversation.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) sent: SentLog,
    pub(crate) probes: Probes,
    /// Messages without an answer whose turns are over: until when a reply may be meant for each of them.
    owed: Vec<Millis>,
}

impl Outbox {
    /// The message that goes out next, if one may. In order: a message under way or in doubt holds
    /// those behind it. Only a question that waits for its turn lets others pass. `free`: none has to wait for
    /// what was said before it.
    pub(crate) fn next(&self, now: Millis, may_ask: bool, free: bool) -> Option<&Pending> {
        let has_turn = |asks: &Pending| may_ask && (free || !self.holds(now, asks));
        let first = self.pending.iter().find(|pending| {
            pending.ask.is_none() || pending.status != Status::Waiting || has_turn(pending)
        })?;
        (first.status == Status::Waiting && !first.is_being_stored()).then_some(first)
    }

    /// Whether the question waits for the answer to a message before it.
    pub(crate) fn holds(&self, now: Millis, asks: &Pending) -> bool {
        self.turns.iter().any(|turn| turn.message != asks.message && !turn.gives_way(now))
    }

    /// The first question that waits to go out.
    pub(crate) fn waiting_question(&mut self) -> Option<&mut Pending> {
        self.pending.iter_mut().find(|pending| pending.ask.is_some() && pending.status == Status::Waiting)
    }

    pub(crate) fn get_mut(&mut self, message: &str) -> Option<&mut Pending> {
        self.pending.iter_mut().find(|pending| pending.message.as_str() == message)
    }

    pub(crate) fn remove(&mut self, message: &str) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.message.as_str() == message)?;
        self.pending.remove(at)
    }

    /// The message goes out: it is some answer's turn from now on.
    pub(crate) fn begin(
        &mut self,
        now: Millis,
        message: &MessageId,
        call: CallId,
        route: Route,
        (reading, in_owners_time): (bool, bool),
    ) {
        self.sent.note(message);
        let Some(pending) = self.get_mut(message.as_str()) else {
            return;
        };
        pending.status = Status::InFlight(call);
        if !pending.maybe_taken {
            pending.route = route;
        }
        let turn = Turn { in_owners_time, ..Turn::of(pending, now) };
        if turn.exclusive && reading {
            // From here on what begins is the question's answer, as far as can be told.
            let before = self.turns.len();
            self.turns.retain(|turn| !turn.has_lapsed(now));
            self.owe(now, before - self.turns.len());
        }
        if self.turn(message).is_none() {
            self.turns.push(turn);
        }
    }

    /// The turn that a reply which begins now belongs to: the oldest one that waits, unless the reply names
    /// its question. `echoed`: which turns wait for nothing before their echo has come.
    ///
    /// A stream that was left, and a question in the owner's time, are passed over when their answer is late and
    /// another message waits for one. Whose answer it is then, is not certain; nor while another message is owed
    /// one whose turn is over.
    pub(crate) fn begin_answer(
        &mut self,
        now: Millis,
        names: Option<&str>,
        echoed: Echoed,
    ) -> Option<Question> {
        self.owed.retain(|until| *until > now);
        let named = self.turns.iter().position(|turn| !turn.begun && Some(turn.message.as_str()) == names);
        let waits = |turn: &Turn| !turn.begun && turn.can_be_answered(echoed);
        let fresh = |turn: &Turn| waits(turn) && !(turn.gives_way(now) && turn.is_late(now));
        let oldest = self.turns.iter().position(waits);
        let next = self.turns.iter().position(fresh).or(oldest);
        let Some(at) = named.or(next) else {
            // It answers one of those that are owed an answer, if it answers any.
            self.owed.drain(..self.owed.len().min(1));
            return None;
        };
        let others = self.turns.iter().enumerate().any(|(other, turn)| other != at && waits(turn));
        let turn = &mut self.turns[at];
        let guessed = !self.owed.is_empty() || next != oldest || (turn.in_owners_time && others);
        turn.begun = true;
        Some(Question { message: turn.message.clone(), certain: named.is_some() || !guessed })
    }

    /// So many messages are owed an answer that may come later.
    fn owe(&mut self, now: Millis, messages: usize) {
        self.owed.extend(std::iter::repeat_n(now + ANSWER_OWED, messages));
        // What was sent long ago is not told from what is not owed.
        self.owed.drain(..self.owed.len().saturating_sub(SENT_MESSAGES));
    }

    pub(crate) fn turn(&self, message: &MessageId) -> Option<&Turn> {
        self.turns.iter().find(|turn| turn.message == *message)
    }

    /// The service took the message: from now on its answer is awaited, and no longer its sending.
    /// `false` where nobody waits for more than that.
    pub(crate) fn await_answer(&mut self, now: Millis, sent: &Pending, present: Generation) -> bool {
        if sent.ask.is_some() && self.turn(&sent.message).is_none() {
            // It was thought not to have been taken, and its echo says that it was.
            self.turns.push(Turn::of(sent, sent.timestamp));
        }
        if let Some(turn) = self.turns.iter_mut().find(|turn| turn.message == sent.message) {
            turn.first_piece_by = Some(now + sent.ask.map_or(FIRST_PIECE, |ask| ask.first_piece));
            turn.ticket = sent.ticket.filter(|_| sent.ask.is_some());
            turn.holds_until = Some(now + HOLDS_QUESTION);
            // Over another socket its echo may have come to nobody.
            if sent.route.generation != present {
                turn.miss_echo();
            }
        }
        self.probes.begin(now, sent);
        sent.ask.is_some()
    }

    /// The first echo of a message has come. `found`: the service had to be asked for it.
    pub(crate) fn echo_came(&mut self, now: Millis, message: &MessageId, found: bool) -> Order {
        self.probes.echo_came(now, message, found);
        let fate = self.sent.fate(message);
        let (turn, order) = match (self.take_turn(message), fate) {
            (Some(turn), _) if turn.begun && turn.echo == Echo::Awaited => (turn, Order::Late),
            (Some(turn), _) => {
                let order = Order::First(turn.generation);
                (turn, order)
            }
            (None, Some(Fate::Answered)) => return Order::Late,
            // It was taken after all: its answer must not be taken for another's.
            (None, Some(Fate::GivenUp)) => (Turn::owed(message, now), Order::Unclear),
            // Another process of this visitor sent it: what answers it answers none of ours.
            (None, None) => (Turn::owed(message, now), Order::Unclear),
            (None, Some(Fate::Open)) => return Order::Unclear,
        };
        // Messages are answered in the order in which they were echoed.
        let place = self.turns.iter().rposition(|turn| turn.echo == Echo::Here).map_or(0, |last| last + 1);
        self.turns.insert(place, Turn { echo: Echo::Here, ..turn });
        order
    }

    /// Ends the waiting for answers that have not begun, or are not whole, in time. Says whose it was, and
    /// whether nothing of the answer has come, and whether the owner had the conversation.
    ///
    /// `reading`: whether what has come is read. What is not may lie there unread: the answer keeps its turn.
    pub(crate) fn end_turns(&mut self, now: Millis, reading: bool) -> Vec<LateTurn> {
        let mut late = Vec::new();
        let mut silent_for_good = Vec::new();
        let may_lie_unread = !reading && self.turns.len() < SENT_MESSAGES;
        self.turns.retain_mut(|turn| {
            let silent = !turn.begun && turn.first_piece_by.is_some_and(|by| by <= now);
            let over = turn.deadline.is_some_and(|deadline| deadline <= now);
            if silent || over {
                let in_owners_time = turn.in_owners_time;
                late.extend(turn.ticket.take().map(|ticket| LateTurn { ticket, silent, in_owners_time }));
                turn.abandon();
            }
            if !silent {
                return true; // A reply that has begun goes on, though nobody waits for it any more.
            }
            // Whoever asked has no patience; but what begins soon is this answer, and not the next.
            if let Some(holds) = turn.holds_until.filter(|until| *until > now) {
                turn.first_piece_by = Some(holds);
                return true;
            }
            if may_lie_unread {
                turn.first_piece_by = Some(now + FIRST_PIECE);
                return true;
            }
            silent_for_good.push(turn.message.clone());
            false
        });
        self.owe(now, silent_for_good.len());
        for message in silent_for_good {
            // Should it be found later on, with its answer behind it, that answer is not the next one's.
            self.sent.set(&message, Fate::GivenUp);
        }
        late
    }

    /// What came since then lies unread until now: what was awaited then, or began to be awaited later, may be
    /// among it.
    pub(crate) fn wait_again(&mut self, now: Millis, unread_since: Millis) {
        self.probes.wait_again(now);
        let soon = now + HOLDS_QUESTION;
        for turn in self.turns.iter_mut().filter(|turn| !turn.is_late(unread_since)) {
            turn.holds_until = turn.holds_until.map(|until| until.max(soon));
        }
    }

    /// What came in the meantime is unknown: an echo may have been among it.
    pub(crate) fn miss_echoes(&mut self) {
        let taken = self.turns.iter_mut().filter(|turn| turn.first_piece_by.is_some());
        taken.for_each(Turn::miss_echo);
    }

    /// The message was handed back though it may have been taken.
    pub(crate) fn give_up(&mut self, message: &MessageId) {
        self.take_turn(message);
        self.sent.set(message, Fate::GivenUp);
    }

    /// The answer to the message is whole.
    pub(crate) fn answered(&mut self, message: &MessageId) -> Option<Turn> {
        self.sent.set(message, Fate::Answered);
        self.probes.end(message);
        self.take_turn(message)
    }

    pub(crate) fn is_pending(&self, message: &MessageId) -> bool {
        self.pending.iter().any(|pending| pending.message == *message)
    }

    /// Nobody waits for this message or its answer any more. One that has not gone out will not; it is
    /// handed back if it was being kept. A question that has holds up the next one no longer than any message.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Option<MessageId> {
        let mut begun = None;
        let turns = &mut self.turns;
        self.pending.retain_mut(|pending| {
            let withdrawn = pending.ticket == Some(ticket);
            if withdrawn {
                pending.ticket = None;
                pending.ask = None;
                let turn = turns.iter_mut().find(|turn| turn.message == pending.message);
                turn.into_iter().for_each(Turn::withdraw);
            }
            let goes = withdrawn && pending.status == Status::Waiting && !pending.maybe_taken;
            if goes && pending.persisted.is_some() {
                begun = Some(pending.message.clone());
            }
            !goes
        });
        self.turns.iter_mut().filter(|turn| turn.ticket == Some(ticket)).for_each(Turn::withdraw);
        begun
    }

    pub(crate) fn take_turn(&mut self, message: &MessageId) -> Option<Turn> {
        let at = self.turns.iter().position(|turn| turn.message == *message)?;
        Some(self.turns.remove(at))
    }

    /// The owner speaks, and so answers what was said: a question, the oldest one, and every message for whose
    /// answer nobody waits. Says which question, and whether that is certain.
    ///
    /// What is answered is not looked for any more. The avatar may answer it as well: then that is owed, and looked
    /// for where the message's echo was missed: what the avatar says may be missed with it.
    ///
    /// `echoed`: which messages wait for nothing before their echo has come. `found`: the service had to be asked
    /// for what the owner says.
    pub(crate) fn owner_speaks(&mut self, now: Millis, echoed: Echoed, found: bool) -> (Option<Turn>, bool) {
        let waits = |turn: &Turn| turn.waits() && turn.can_be_answered(echoed);
        let certain = self.turns.iter().filter(|turn| waits(turn)).count() == 1 && self.owed.is_empty();
        let asked = self.turns.iter().position(|turn| turn.exclusive && waits(turn));
        let asked = asked.map(|at| self.turns.remove(at));
        let answered: Vec<Turn> = self.turns.extract_if(.., |turn| !turn.exclusive && waits(turn)).collect();
        self.owe(now, answered.len() + usize::from(asked.is_some()));
        for turn in answered.iter().chain(&asked) {
            self.sent.set(&turn.message, Fate::Answered);
            let missed = match turn.echo {
                Echo::Here => false,
                Echo::Awaited => found,
                Echo::Missed => true,
            };
            if !missed {
                self.probes.end(&turn.message);
            }
        }
        for turn in self.turns.iter_mut().filter(|turn| !turn.begun) {
            turn.in_owners_time = true;
        }
        (asked, certain)
    }

    /// The link is down or up again: doubts cannot be settled by an echo, or can again.
    pub(crate) fn set_confirmation_deadlines(&mut self, until: Option<Millis>) {
        for pending in &mut self.pending {
            if let Status::Unconfirmed { until: settles, .. } = &mut pending.status {
                *settles = until;
            }
        }
    }

    /// `settles`: whether doubts come to their end now.
    pub(crate) fn next_deadline(&self, now: Millis, settles: bool) -> Option<Millis> {
        let pending = self.pending.iter().flat_map(|pending| {
            let until = match pending.status {
                Status::Unconfirmed { until, .. } => until.filter(|_| settles),
                Status::Waiting | Status::InFlight(_) => None,
            };
            [Some(pending.deadline), until]
        });
        let turns = self.turns.iter().flat_map(|turn| {
            [turn.first_piece_by.filter(|_| !turn.begun), turn.deadline.filter(|_| turn.ticket.is_some())]
        });
        // A question that waits looks again when it need not wait any more.
        let asks =
            self.pending.iter().any(|pending| pending.ask.is_some() && pending.status == Status::Waiting);
        let held = self.turns.iter().filter(|turn| asks && !turn.begun).map(|turn| turn.holds_until);
        let held = held.map(|until| until.filter(|until| *until > now));
        pending.chain(turns).chain(held).flatten().min()
    }
}
