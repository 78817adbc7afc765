//! Which message a reply answers: the turns of the messages that were sent, in order.

mod answers;

pub(crate) use self::answers::{Answered, Beginning};

use super::Source;
use super::cursor::Cursor;
use super::pending::Pending;
use super::probes::Probes;
use super::sent_log::{Fate, SentLog};
use super::turn::{Asker, Echo, Echoed, LateTurn, Turn, TurnEnd};
use crate::assembly::Question;
use crate::ids::{MessageId, Ticket};
use crate::limits::{ANSWER_OWED, FOLLOW_UP, HOLDS_QUESTION, OPEN_REPLIES, SENT_MESSAGES};
use crate::link::Generation;
use crate::rare::GiveBack;
use crate::time::Millis;

/// The turns of one conversation, and what helps to tell them apart.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    turns: Vec<Turn>,
    sent: SentLog,
    probes: Probes,
    /// Messages without an answer whose turns are over: until when a reply may be meant for each of them.
    owed: Vec<Millis>,
    /// The question that was answered last: until when another message of the avatar belongs to the same turn.
    last: Option<(Question, Millis)>,
    /// Until when what begins may be more of what the avatar was saying.
    speaks_until: Option<Millis>,
    /// Replies that began before this run and had not ended: they answer none of its questions.
    earlier: Vec<MessageId>,
    /// But for a question that was given again, whose answer had begun: such a reply, and the question.
    begun: Vec<(MessageId, MessageId)>,
}

/// Whether a message's echo came before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Yes. The message named the socket of this generation.
    First(Generation),
    /// No: the service echoes late.
    Late,
    /// Unknown.
    Unclear,
}

/// What the owner's message answers.
#[derive(Debug)]
pub(crate) struct OwnersAnswer {
    /// The message that it answers, where no other can be meant.
    pub(crate) in_reply_to: Option<MessageId>,
    pub(crate) asker: Option<Asker>,
}

/// A message that waits for its answer. The one that is most likely answered next is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wait {
    gives_way: bool,
    since: Millis,
}

/// What waits for a message once the service has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// Its command waits for the reply.
    Reply,
    /// Its command is done.
    Nothing,
}

impl GiveBack for Turns {
    const EMPTY: &'static Self = &Self {
        turns: Vec::new(),
        sent: SentLog::new(),
        probes: Probes::new(),
        owed: Vec::new(),
        last: None,
        speaks_until: None,
        earlier: Vec::new(),
        begun: Vec::new(),
    };

    fn give_back(&mut self) -> bool {
        let Self { turns, sent, probes, owed, last, speaks_until, earlier, begun } = self;
        let (turns, owed) = (turns.give_back(), owed.give_back());
        let (earlier, begun) = (earlier.give_back(), begun.give_back());
        let (sent, probes) = (sent.give_back(), probes.give_back());
        let is_quiet = last.is_none() && speaks_until.is_none();
        turns && sent && probes && owed && earlier && begun && is_quiet
    }
}

impl Turns {
    /// These replies had begun before this run.
    pub(crate) fn resumed(earlier: Vec<MessageId>, begun: Vec<(MessageId, MessageId)>) -> Self {
        Self { earlier, begun, ..Self::default() }
    }

    /// Replies that later questions must not be answered by.
    pub(crate) fn earlier_replies(&self) -> &[MessageId] {
        &self.earlier
    }

    /// The conversation closes, and these replies were not whole. Of those before them only the latest are
    /// remembered.
    pub(crate) fn cut_off(&mut self, replies: impl Iterator<Item = MessageId>) {
        self.earlier.extend(replies);
        self.earlier.drain(..self.earlier.len().saturating_sub(OPEN_REPLIES));
    }

    /// The conversation closes. Returns the commands that wait for answers.
    pub(crate) fn close(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.turns).iter().filter_map(Turn::ticket).collect()
    }

    /// Whether this run has sent the message, as far back as is remembered.
    pub(crate) fn has_sent(&self, message: &str) -> bool {
        self.sent.contains(message)
    }

    /// Whether this run has sent the message and did not hand it back, as far back as is remembered.
    pub(crate) fn has_delivered(&self, message: &str) -> bool {
        self.sent.fate_of(message).is_some_and(|fate| fate != Fate::GivenUp)
    }

    /// An earlier run has sent the message, or will have.
    pub(crate) fn note_sent(&mut self, message: &Pending) {
        self.sent.note(message);
    }

    /// Since when a message of this text waits for its echo, if one does.
    pub(crate) fn awaits_echo_of(&self, text: &str) -> Option<Millis> {
        self.sent.awaits_echo_of(text)
    }

    /// An echo has come that names no message.
    pub(crate) fn unnamed_echo_came(&mut self, text: &str) {
        let message = self.sent.unnamed_echo(text);
        let turn = self.turns.iter_mut().find(|turn| Some(turn.message()) == message);
        turn.into_iter().for_each(Turn::echo_came);
    }

    /// The question that has waited longest for its answer. One for whose answer no other question waits any more
    /// comes behind the others.
    pub(crate) fn longest_wait(&self, now: Millis) -> Option<Wait> {
        let waits = self.turns.iter().filter(|turn| !turn.has_begun());
        waits.map(|turn| Wait { gives_way: turn.gives_way(now), since: turn.sent_at() }).min()
    }

    /// The message goes out: it is some answer's turn from now on. `reading` says whether what comes is read.
    pub(super) fn begin(&mut self, now: Millis, pending: &Pending, reading: bool, taken_over: bool) {
        let mut turn = Turn::of(pending, now);
        if taken_over {
            turn.enter_owners_time(now);
        }
        if turn.is_exclusive() && reading {
            // From here on what begins is the question's answer, as far as can be told.
            let before = self.turns.len();
            self.turns.retain(|turn| !turn.has_lapsed(now));
            self.owe(now, before - self.turns.len());
        }
        if self.get(pending.message()).is_none() {
            self.turns.push(turn);
        }
    }

    /// Whether a question waits for the answer to a message before it.
    pub(super) fn holds(&self, now: Millis, question: &MessageId) -> bool {
        self.turns.iter().any(|turn| turn.message() != question && !turn.gives_way(now))
    }

    /// The service took the message: its answer is awaited from now on, and no longer its sending.
    pub(super) fn await_answer(&mut self, now: Millis, sent: &Pending, present: Generation) -> Awaits {
        if sent.ask().is_some() && self.get(sent.message()).is_none() {
            // It was thought not to have been taken, and its echo says that it was.
            self.turns.push(Turn::of(sent, sent.timestamp()));
        }
        if let Some(turn) = self.turns.iter_mut().find(|turn| turn.message() == sent.message()) {
            turn.await_answer(now, sent);
            // Over another socket its echo may have got lost.
            if sent.route().generation != present {
                turn.miss_echo();
            }
        }
        self.begin_probe(now, sent);
        if sent.ask().is_some() { Awaits::Reply } else { Awaits::Nothing }
    }

    /// The first echo of a message has come, and `source` says how. Returns what that shows; `None` where an echo
    /// was here before.
    pub(crate) fn echo_came(&mut self, now: Millis, message: &MessageId, source: Source) -> Order {
        self.probes.echo_came(now, message, source);
        let fate = self.sent.fate(message);
        let (mut turn, order) = match (self.take(message), fate) {
            (Some(turn), _) if turn.has_begun() && turn.echo() == Echo::Awaited => {
                let order = if turn.is_guessed() { Order::Unclear } else { Order::Late };
                (turn, order)
            }
            (Some(turn), _) => {
                let order = Order::First(turn.generation());
                (turn, order)
            }
            (None, Some(Fate::Answered)) => return Order::Late,
            // It was taken after all: its answer must not be taken for another's.
            (None, Some(Fate::GivenUp)) => (Turn::owed(message, now), Order::Unclear),
            // Another process of this visitor sent it: what answers it answers none of ours.
            (None, None) => (Turn::owed(message, now), Order::Unclear),
            (None, Some(Fate::Open)) => return Order::Unclear,
        };
        turn.echo_came();
        // Messages are answered in the order in which they were echoed.
        let last = self.turns.iter().rposition(|turn| turn.echo() == Echo::Here);
        self.turns.insert(last.map_or(0, |last| last + 1), turn);
        order
    }

    /// Notes an echo. Returns whether it is the message's first.
    pub(crate) fn is_first_echo(&mut self, message: &MessageId) -> bool {
        self.sent.first_echo(message.as_str())
    }

    /// The owner speaks, and so answers what was said: a question, the oldest one, and every message for whose
    /// answer no command waits. Says which question, and whether that is certain.
    ///
    /// What is answered is not probed for any more. The avatar may answer it as well: then that is owed, and probed
    /// for where the message's echo was missed, because the avatar's answer may be missed with it.
    ///
    /// `echoed` says which messages wait for nothing before their echo has come.
    pub(crate) fn owner_speaks(&mut self, now: Millis, echoed: Echoed, source: Source) -> OwnersAnswer {
        let waits = |turn: &Turn| turn.waits() && turn.can_be_answered(echoed);
        let certain = self.turns.iter().filter(|turn| waits(turn)).count() == 1 && self.owed.is_empty();
        let asked = self.turns.iter().position(|turn| turn.is_exclusive() && waits(turn));
        let asked = asked.map(|at| self.turns.remove(at));
        let answered: Vec<Turn> =
            self.turns.extract_if(.., |turn| !turn.is_exclusive() && waits(turn)).collect();
        self.owe(now, answered.len() + usize::from(asked.is_some()));
        for turn in answered.iter().chain(&asked) {
            self.sent.set(turn.message(), Fate::Answered);
            let missed = match turn.echo() {
                Echo::Here => false,
                Echo::Awaited => source == Source::Backfill,
                Echo::Missed => true,
            };
            if !missed {
                self.probes.end(turn.message());
            }
        }
        self.turns.iter_mut().for_each(|turn| turn.enter_owners_time(now));
        let in_reply_to = asked.as_ref().filter(|_| certain).map(|turn| turn.message().clone());
        OwnersAnswer { in_reply_to, asker: asked.and_then(|turn| turn.asker()) }
    }

    /// Ends the waiting for answers that have not begun, or are not whole, in time.
    ///
    /// `reading` says whether what has come is read. What is not may lie there unread: the answer keeps its turn.
    pub(crate) fn end_late(&mut self, now: Millis, reading: bool) -> Vec<LateTurn> {
        let mut late = Vec::new();
        let may_lie_unread = !reading && self.turns.len() < SENT_MESSAGES;
        let ended = self.turns.extract_if(.., |turn| {
            let (end, its_late) = turn.tick(now, may_lie_unread);
            late.extend(its_late);
            end == TurnEnd::Silent
        });
        let ended: Vec<Turn> = ended.collect();
        self.owe(now, ended.len());
        for turn in ended {
            // Should it be found later on, with its answer behind it, that answer is not the next one's.
            self.sent.set(turn.message(), Fate::GivenUp);
        }
        late
    }

    /// What came since then lies unread until now: what was awaited then, or began to be awaited later, may be
    /// among it.
    pub(crate) fn wait_again(&mut self, now: Millis, unread_since: Millis) {
        self.probes.wait_again(now);
        let more = self.speaks_until.iter_mut().filter(|until| **until > unread_since);
        more.for_each(|until| *until = now + FOLLOW_UP);
        let owed = self.owed.iter_mut().filter(|until| **until > unread_since);
        owed.for_each(|until| *until = (*until).max(now + HOLDS_QUESTION));
        let awaited = self.turns.iter_mut().filter(|turn| !turn.is_late(unread_since));
        awaited.for_each(|turn| turn.hold_until(now + HOLDS_QUESTION));
    }

    /// What came in the meantime is unknown: an echo may have been among it.
    pub(crate) fn miss_echoes(&mut self) {
        self.turns.iter_mut().filter(|turn| turn.is_taken()).for_each(Turn::miss_echo);
    }

    /// The service says that it has lost the session in which it had taken these messages: no command waits for their
    /// answers any more. Returns those that did.
    pub(crate) fn end_taken(&mut self, now: Millis) -> Vec<Ticket> {
        let ended: Vec<Turn> = self.turns.extract_if(.., |turn| turn.is_taken()).collect();
        // Should the session be there all the same, an answer may still come, and is not the next one's.
        self.owe(now, ended.len());
        for turn in &ended {
            self.sent.set(turn.message(), Fate::GivenUp);
        }
        ended.iter().filter_map(Turn::ticket).collect()
    }

    /// The message was handed back though it may have been taken.
    pub(super) fn give_up(&mut self, message: &MessageId) {
        self.take(message);
        self.sent.set(message, Fate::GivenUp);
    }

    /// The command does not wait for this message any more, or for its answer. The question holds up the next one
    /// no longer than any message.
    pub(super) fn withdraw(&mut self, ticket: Ticket, message: Option<&MessageId>) {
        let its = |turn: &&mut Turn| turn.ticket() == Some(ticket) || message == Some(turn.message());
        self.turns.iter_mut().filter(its).for_each(Turn::withdraw);
        let is_whole = |turn: &Turn| {
            turn.is_whole_early() || turn.collected().is_some_and(|collected| !collected.is_empty())
        };
        let is_over = |turn: &Turn| !turn.is_asked() && is_whole(turn);
        self.turns.retain(|turn| !is_over(turn));
    }

    /// The service is probed for what should follow this message.
    pub(super) fn begin_probe(&mut self, now: Millis, sent: &Pending) {
        self.probes.begin(now, sent.message(), &sent.route().since);
    }

    /// What should follow this message is not probed for any more.
    pub(crate) fn end_probe(&mut self, message: &MessageId) {
        self.probes.end(message);
    }

    /// Something that the avatar said came out of a query.
    pub(crate) fn found(&mut self, now: Millis) {
        self.probes.found(now);
    }

    /// From where on the service is to be probed now.
    pub(crate) fn due_probe(&mut self, now: Millis) -> Option<Cursor> {
        self.probes.due(now)
    }

    pub(crate) fn next_probe(&self) -> Option<Millis> {
        self.probes.next_deadline()
    }

    /// Whether this is a question that is out.
    pub(super) fn is_exclusive(&self, message: &MessageId) -> bool {
        self.get(message).is_some_and(Turn::is_exclusive)
    }

    /// Whether the stream of this question's answer was left.
    pub(super) fn is_stopped(&self, message: &MessageId) -> bool {
        self.get(message).is_some_and(Turn::is_stopped)
    }

    fn get(&self, message: &MessageId) -> Option<&Turn> {
        self.turns.iter().find(|turn| turn.message() == message)
    }

    pub(crate) fn take(&mut self, message: &MessageId) -> Option<Turn> {
        let at = self.turns.iter().position(|turn| turn.message() == message)?;
        Some(self.turns.remove(at))
    }

    /// The oldest message, of those that can be meant, whose answer has not begun.
    pub(crate) fn oldest_unanswered(&self, is_meant: impl Fn(&MessageId) -> bool) -> Option<&MessageId> {
        let unanswered = self.turns.iter().filter(|turn| !turn.has_begun());
        unanswered.map(Turn::message).find(|message| is_meant(message))
    }

    /// Whether no answer is outstanding.
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Whether a command waits for an answer.
    pub(crate) fn are_waited_for(&self) -> bool {
        self.turns.iter().any(|turn| turn.ticket().is_some())
    }

    /// The next deadline.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.turns.iter().filter_map(Turn::next_deadline).min()
    }

    /// When a question that waits may go out at last.
    pub(crate) fn next_release(&self, now: Millis) -> Option<Millis> {
        let holding = self.turns.iter().filter(|turn| !turn.has_begun());
        holding.filter_map(Turn::holds_until).filter(|until| *until > now).min()
    }

    /// So many messages are owed an answer that may come later.
    fn owe(&mut self, now: Millis, messages: usize) {
        self.owed.extend(std::iter::repeat_n(now + ANSWER_OWED, messages));
        // What was sent long ago is not told from what is not owed.
        self.owed.drain(..self.owed.len().saturating_sub(SENT_MESSAGES));
    }
}
