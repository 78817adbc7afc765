//! What a message on its way out and its turn have to do with each other.

use super::cursor::Cursor;
use super::pending::{Pending, Route};
use super::sends::{Withdrawn, WithdrawnRest};
use super::turns::Awaits;
use super::{Conversation, Hold};
use crate::call::CallId;
use crate::event::ConversationKey;
use crate::facts::KeptMessage;
use crate::ids::{MessageId, Ticket};
use crate::link::Generation;
use crate::time::Millis;

/// What follows when a message was not taken, and waits again.
#[derive(Debug)]
pub(crate) struct Returned {
    /// What the store has to be told.
    pub(crate) store: Option<KeptMessage>,
}

impl Conversation {
    /// The message waits to be sent. Returns what the store has to be told first.
    pub(crate) fn queue(&mut self, pending: Pending) -> Option<KeptMessage> {
        let store = pending.is_durable().then(|| pending.to_store(self.session.as_ref()));
        self.sends.push(pending);
        store
    }

    /// A message that an earlier run has stored waits to be sent, or to be confirmed.
    pub(crate) fn take_restored(&mut self, pending: Pending) {
        self.turns.note_sent(&pending);
        self.sends.push(pending);
    }

    /// A message that another process had when it ended: it may have gone out, and be answered. `listens` is the present
    /// moment where the link is up.
    pub(crate) fn take_again(
        &mut self,
        now: Millis,
        mut pending: Pending,
        noted: u64,
        listens: Option<Millis>,
        reading: bool,
    ) {
        let since = Cursor { seq: self.position.gap_begins().to_owned(), noted };
        pending.may_have_left(since, listens);
        self.echoes.sent(now, pending.message(), pending.text());
        self.turns.note_sent(&pending);
        self.turns.begin(pending.timestamp(), &pending, reading, self.taken_over);
        self.sends.push(pending);
    }

    /// The message that goes out next, if one may.
    pub(crate) fn next_message(&self, now: Millis) -> Option<&Pending> {
        // What was said before a question must not be taken for its answer: it waits for the gap.
        let may_ask = self.lets_ask() && !self.gap.buffers_frames();
        self.sends.next(|asks| may_ask && (self.taken_over || !self.turns.holds(now, asks.message())))
    }

    /// Marks the message as one that may have gone out. Returns what the store has to be told first.
    pub(crate) fn mark_sending(&mut self, message: &MessageId) -> Option<KeptMessage> {
        self.sends.mark_sending(message, self.session.as_ref())
    }

    /// The message goes out: it is some answer's turn from now on. `reading` says whether what comes is read.
    pub(crate) fn begin_send(
        &mut self,
        now: Millis,
        message: &MessageId,
        call: CallId,
        generation: Generation,
        noted: u64,
        reading: bool,
    ) {
        let route = Route { since: self.position.cursor(noted), generation };
        if let Some(pending) = self.sends.start(message, call, route) {
            self.echoes.sent(now, message, pending.text());
            self.turns.note_sent(pending);
            self.turns.begin(now, pending, reading, self.taken_over);
        }
    }

    /// The service took the message: its answer is awaited. `present` is the socket that is connected now.
    pub(crate) fn confirm(
        &mut self,
        now: Millis,
        message: &str,
        present: Generation,
    ) -> Option<(Pending, Awaits)> {
        let pending = self.sends.remove(message)?;
        let awaits = self.turns.await_answer(now, &pending, present);
        Some((pending, awaits))
    }

    /// The message was not taken this time: it goes out again when it can. `None` where it is not pending any
    /// more.
    pub(crate) fn return_to_queue(&mut self, message: &MessageId) -> Option<Returned> {
        let pending = self.sends.get_mut(message)?;
        let unmarks = pending.return_to_queue();
        let store = unmarks.then(|| pending.to_store(self.session.as_ref()));
        if !pending.is_maybe_taken() {
            // Nothing answers what was not taken, and no echo of it comes.
            self.turns.take(message);
            self.echoes.not_sent(message);
        }
        Some(Returned { store })
    }

    /// The message is given up. If it was taken over a socket that is dead, only a probe finds its answer.
    pub(crate) fn give_up(&mut self, now: Millis, message: &MessageId) -> Option<Pending> {
        let pending = self.sends.remove(message.as_str())?;
        self.turns.give_up(message);
        if !pending.is_certain() {
            self.turns.begin_probe(now, &pending);
        }
        Some(pending)
    }

    /// The command does not wait any more. Returns the message that the store is to forget.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Option<MessageId> {
        let withdrawn = self.sends.withdraw(ticket);
        self.turns.withdraw(ticket, withdrawn.as_ref().map(|withdrawn| &withdrawn.message));
        let Withdrawn { message, rest } = withdrawn?;
        (rest == WithdrawnRest::Forgotten).then_some(message)
    }

    /// Whether a reply to this question proves that the service took it, which is not known yet.
    pub(crate) fn is_proven_by_reply(&self, question: &MessageId) -> bool {
        // Questions go out one at a time, so a reply proves that the service took the first that is out.
        self.turns.is_exclusive(question) && self.sends.contains(question)
    }

    /// Whether the service took this message before `message` went out. One that was handed back may come late, so
    /// it does not tell.
    pub(crate) fn has_sent_before(&self, earlier: &str, message: &MessageId) -> bool {
        let is_pending = self.sends.iter().any(|pending| pending.message().as_str() == earlier);
        earlier != message.as_str() && !is_pending && self.turns.has_delivered(earlier)
    }

    /// The messages that are not under way.
    pub(crate) fn waiting_messages(&self) -> impl Iterator<Item = (ConversationKey, MessageId)> {
        let waiting = self.sends.iter().filter(|pending| pending.is_waiting());
        waiting.map(|pending| (self.key, pending.message().clone()))
    }

    /// Whether the replies that are coming in let a question go out. Where the owner has the conversation no
    /// question waits; nor for a reply whose stream was left.
    fn lets_ask(&self) -> bool {
        let is_left =
            |question: Option<&MessageId>| question.is_some_and(|question| self.turns.is_stopped(question));
        self.taken_over || self.replies.open_questions().all(is_left)
    }

    /// Why this question has to wait, if it has.
    pub(crate) fn hold_of(&self, now: Millis, message: &MessageId) -> Option<Hold> {
        let asks = self.sends.get(message)?;
        if self.taken_over || !asks.is_waiting_question() {
            return None;
        }
        if !self.lets_ask() {
            return Some(Hold::Reply);
        }
        self.turns.holds(now, message).then_some(Hold::Answer)
    }

    /// Why the next question has to wait, where that has not been reported.
    pub(crate) fn newly_held(&mut self, now: Millis) -> Option<Hold> {
        let asks = self.sends.waiting_question().filter(|asks| !asks.is_hold_reported())?;
        let message = asks.message().clone();
        let hold = self.hold_of(now, &message)?;
        self.sends.report_hold(&message);
        Some(hold)
    }

    /// The next deadline of a message or of an answer. `confirms` says whether echoes are overdue in their time.
    pub(crate) fn next_message_deadline(&self, now: Millis, confirms: bool) -> Option<Millis> {
        // A question that waits is looked at again when it need not wait any more.
        let release = self.sends.waiting_question().and_then(|_| self.turns.next_release(now));
        let deadlines = [self.sends.next_deadline(confirms), self.turns.next_deadline(), release];
        deadlines.into_iter().flatten().min()
    }
}
