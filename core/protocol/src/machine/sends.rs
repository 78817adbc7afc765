//! A message's way out: sent, taken, refused, unconfirmed, handed back.

use std::time::Duration;

use super::{Machine, Outcome, Output, failures::is_lost_session};
use crate::call::Call;
use crate::conversation::{
    Awaits, Conversation, Cursor, Early, Hold, Overdue, Pending, QueryResult, StoreAnswer, Verdict,
};
use crate::error::{Error, ErrorKind};
use crate::event::{Confirmation, ConversationKey, EventKind, Sent};
use crate::ids::{MessageId, Ticket};
use crate::limits::CONFIRMATION_WAIT;
use crate::time::Millis;

impl Machine {
    /// The service took the message.
    pub(super) fn confirm(&mut self, now: Millis, key: ConversationKey, message: &str, by: Confirmation) {
        let present = self.connection.generation();
        let confirmed = self.conversation_mut(key).and_then(|one| one.confirm(now, message, present));
        let Some((pending, awaits)) = confirmed else {
            return;
        };
        let message = pending.message().clone();
        self.counters.sent += 1;
        self.active_at = now;
        self.outputs.extend(pending.is_durable().then(|| Output::ForgetMessage(message.clone())));
        self.calls.forget_failures(&Call::SendMessage(key, message.clone()));
        match awaits {
            Awaits::Nothing => {
                let sent = Sent { message_id: message, confirmed_by: by };
                self.resolve(pending.ticket(), Ok(Outcome::Sent(sent)));
            }
            Awaits::Reply => self.tell_early(key, &message),
        }
    }

    /// The service took the question. Its command gets what has come of the answer by now.
    fn tell_early(&mut self, key: ConversationKey, question: &MessageId) {
        let now = self.now;
        let early = self.conversation_mut(key).and_then(|one| one.turns_mut().take_early(now, question));
        let Some((ticket, Early { pieces, reply })) = early else {
            return;
        };
        self.tell_pieces(ticket, pieces);
        if let Some(reply) = reply {
            self.resolve(Some(ticket), Ok(Outcome::Replied(reply)));
        }
    }

    /// A reply has come that is taken for the answer to this message, which the service may have taken: the message is
    /// neither handed back nor sent again. Returns whether that is so.
    fn is_answered_by_guess(&mut self, key: ConversationKey, message: &MessageId) -> bool {
        let has_guess = self.conversation(key).is_some_and(|one| one.turns().has_guess(message));
        if has_guess {
            self.confirm(self.now, key, message.as_str(), Confirmation::Reply);
        }
        has_guess
    }

    /// No more is heard of what is under way in this conversation: what seems to be answered is.
    pub(super) fn settle_guesses(&mut self, at: usize) {
        let conversation = &self.conversations[at];
        let (key, turns) = (conversation.key(), conversation.turns());
        let sent = conversation.sends().iter().map(Pending::message);
        let answered: Vec<MessageId> = sent.filter(|message| turns.has_guess(message)).cloned().collect();
        for message in answered {
            self.is_answered_by_guess(key, &message);
        }
    }

    /// The message was not taken this time: it goes out again when it can. Returns whether it is still pending.
    pub(super) fn return_to_queue(&mut self, key: ConversationKey, message: &MessageId) -> bool {
        let returned = self.conversation_mut(key).and_then(|one| one.return_to_queue(message));
        let is_pending = returned.is_some();
        let store = returned.and_then(|returned| returned.store);
        self.outputs.extend(store.map(Output::SaveMessage));
        is_pending
    }

    /// Takes back the message of a command whose call has begun and was not polled yet: it does not go out.
    pub(super) fn take_back(&mut self, ticket: Ticket) {
        let begun = self.conversations.iter().find_map(|conversation| {
            let pending = conversation.sends().of_ticket(ticket)?;
            Some((conversation.key(), pending.message().clone(), pending.call()?))
        });
        let Some((key, message, call)) = begun else { return };
        let is_its_call = |output: &Output| matches!(output, Output::Http(request) if request.call == call);
        if let Some(at) = self.outputs.iter().position(is_its_call) {
            self.outputs.remove(at);
            self.counters.calls -= 1;
            self.calls.finish(call);
            self.return_to_queue(key, &message);
        }
    }

    /// The message may have been taken, and the answer was lost.
    pub(super) fn mark_unconfirmed(
        &mut self,
        now: Millis,
        key: ConversationKey,
        message: &MessageId,
        error: Error,
    ) {
        let until = self.connection.is_up().then(|| now + CONFIRMATION_WAIT);
        if self.conversation_mut(key).is_some_and(|one| one.sends_mut().mark_unconfirmed(message, until)) {
            let call = Call::SendMessage(key, message.clone());
            self.calls.pause(&call, now, Duration::ZERO, error, &mut self.rng);
            self.fail_kept(key);
        }
    }

    /// No echo has come in time. Where the service can be asked, the message is searched for; one that is not there
    /// goes out again under its id, unless the caller never wants that. Where nothing can tell, what the caller chose
    /// is done.
    pub(super) fn confirmation_overdue(&mut self, now: Millis, key: ConversationKey, message: &MessageId) {
        let pending = self.conversation(key).and_then(|conversation| conversation.sends().get(message));
        let search = pending.and_then(|pending| self.search_begins(key, &pending.route().since, message));
        match pending.map_or(Verdict::Open, Pending::verdict) {
            Verdict::Open if search.is_some() => {}
            Verdict::Open | Verdict::Unknown => {
                if self.is_answered_by_guess(key, message) {
                    return;
                }
            }
            Verdict::Absent => {
                let conversation = self.conversation_mut(key);
                conversation.into_iter().for_each(|one| {
                    one.turns_mut().refute_guess(message);
                    // Of those that another process had, not one may have gone out: none holds up the others.
                    if one.sends().get(message).is_some_and(Pending::is_old) {
                        one.turns_mut().take(message);
                    }
                });
            }
        }
        let query_until = search.as_ref().map(|_| now + CONFIRMATION_WAIT);
        let delivery = self.config.delivery;
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        match conversation.sends_mut().confirmation_overdue(message, query_until, delivery) {
            Overdue::Nothing => {}
            Overdue::Query => {
                if let Some((since, reason)) = search {
                    self.begin_probe(now, key, since, reason);
                }
            }
            Overdue::GiveUp => {
                let last = self.calls.failure_of(&Call::SendMessage(key, message.clone())).cloned();
                let error = last.unwrap_or_else(|| Error::new(ErrorKind::ConnectionFailed, "no answer"));
                self.give_up_message(key, message, error);
            }
        }
    }

    /// A probe for an unconfirmed message is over, and has not found it.
    pub(super) fn probe_ended(
        &mut self,
        now: Millis,
        key: ConversationKey,
        message: &MessageId,
        result: QueryResult,
    ) {
        let awaited = self.conversation_mut(key).is_some_and(|one| one.sends_mut().queried(message, result));
        if awaited && result != QueryResult::Unknown {
            self.confirmation_overdue(now, key, message);
        }
    }

    /// The service refused the message.
    pub(super) fn message_refused(
        &mut self,
        now: Millis,
        key: ConversationKey,
        message: &MessageId,
        error: Error,
    ) {
        // It is not under way any more, and a refusal is certain.
        self.return_to_queue(key, message);
        self.give_up_message(key, message, error.clone());
        if is_lost_session(&error) {
            self.session_lost(now, key, error);
        }
    }

    /// Hands the message back to its sender.
    pub(super) fn give_up_message(&mut self, key: ConversationKey, message: &MessageId, error: Error) {
        if self.is_answered_by_guess(key, message) {
            return;
        }
        let now = self.now;
        let Some(pending) = self.conversation_mut(key).and_then(|one| one.give_up(now, message)) else {
            return;
        };
        let call = Call::SendMessage(key, message.clone());
        let calls = self.calls.drop_calls(|other| *other == call);
        self.abandon(calls);
        self.hand_back(key, pending, error);
    }

    /// Hands back a message that is not pending any more: to the command that waits for it, or as an event.
    pub(super) fn hand_back(&mut self, key: ConversationKey, pending: Pending, error: Error) {
        let forget = pending.is_durable().then(|| Output::ForgetMessage(pending.message().clone()));
        self.outputs.extend(forget);
        if let Some(ticket) = pending.ticket() {
            return self.resolve(Some(ticket), Err(error.with_unsent(pending.into_unsent())));
        }
        if let Some(at) = self.conversations.iter().position(|conversation| conversation.key() == key) {
            let message = Box::new(pending.into_unsent());
            self.emit(at, EventKind::Unsent { message, error }, None);
        }
    }

    /// The service makes the message wait until then. If its deadline comes earlier, it fails now.
    pub(super) fn fail_message_before(
        &mut self,
        until: Millis,
        key: ConversationKey,
        message: &MessageId,
        error: &Error,
    ) {
        if self.pending(key, message).is_some_and(|pending| pending.deadline() < until) {
            self.give_up_message(key, message, error.clone());
        }
    }

    /// The message's deadline is over.
    pub(super) fn message_is_late(&mut self, key: ConversationKey, message: &MessageId) {
        let call = Call::SendMessage(key, message.clone());
        let last = self.calls.failure_of(&call).or_else(|| self.obstacle(key)).cloned();
        if let Some(hold) = self.hold_of(key, message) {
            let waited = format!(
                "the question was not sent within its deadline: it waited for {}, so that it gets its own answer; give it more time, or stop the earlier one's stream",
                hold.text()
            );
            return self.give_up_message(key, message, Error::new(ErrorKind::Deadline, waited));
        }
        if let Some(conversation) = self.conversation_mut(key) {
            conversation.sends_mut().give_up_call(message);
        }
        self.give_up_message(key, message, Error::deadline("the message", last.as_ref()));
    }

    /// The next message goes out; a durable one, once the store has marked it as one that may have.
    pub(super) fn send_out(&mut self, now: Millis, key: ConversationKey, message: MessageId) {
        let call = Call::SendMessage(key, message.clone());
        if !self.pending(key, &message).is_some_and(Pending::needs_mark) {
            return self.begin(now, call);
        }
        if self.calls.is_ready(&call, now)
            && let Some(conversation) = self.conversation_mut(key)
        {
            let mark = conversation.mark_sending(&message);
            self.outputs.extend(mark.map(Output::SaveMessage));
        }
    }

    /// The message is in the store.
    pub(super) fn message_stored(&mut self, message: &MessageId) {
        let Some(key) = self.conversation_of(message) else {
            return; // It is done with, and the store will hear of that as well.
        };
        let answer = self.conversation_mut(key).map(|conversation| conversation.sends_mut().stored(message));
        match answer {
            Some(StoreAnswer::Command(ticket)) => self.resolve(ticket, Ok(Outcome::Kept(message.clone()))),
            Some(StoreAnswer::SentMark | StoreAnswer::Stale) | None => {}
        }
    }

    /// The store has not taken the message.
    pub(super) fn message_not_stored(&mut self, now: Millis, message: &MessageId, error: Error) {
        let Some(key) = self.conversation_of(message) else {
            return;
        };
        let answer =
            self.conversation_mut(key).map(|conversation| conversation.sends_mut().not_stored(message));
        match answer {
            Some(StoreAnswer::Command(_)) => self.give_up_message(key, message, error),
            // It goes out when the store is well again.
            Some(StoreAnswer::SentMark) => {
                let call = Call::SendMessage(key, message.clone());
                self.calls.pause(&call, now, Duration::ZERO, error, &mut self.rng);
            }
            Some(StoreAnswer::Stale) | None => {}
        }
    }

    /// Queues what earlier runs have stored. What was meant for a session that is gone is handed back.
    pub(super) fn take_restored(&mut self, now: Millis) {
        let key = ConversationKey::FIRST;
        let (listens, noted) = (self.connection.is_up(), self.seen.noted());
        let renews = self.config.door.renews_sessions();
        for kept in self.restored.take_out() {
            let Some(conversation) = self.conversation_mut(key) else {
                return;
            };
            // Where sessions are replaced, what has not gone out is meant for the one that there is.
            let is_here = kept.session.is_none()
                || kept.session.as_ref() == conversation.session()
                || (renews && !kept.left);
            let pending = Pending::restored(
                kept,
                Cursor { seq: conversation.position().gap_begins().to_owned(), noted },
            );
            if !is_here {
                let message = "the session it was meant for is gone";
                self.hand_back(key, pending, Error::new(ErrorKind::Closed, message));
            } else if pending.deadline() <= now {
                self.hand_back(key, pending, Error::deadline("the message", None));
            } else {
                conversation.take_restored(pending);
                if listens {
                    conversation.sends_mut().set_confirmation_deadlines(Some(now + CONFIRMATION_WAIT));
                }
            }
        }
    }

    /// Whether the message stands in a store, and outlives this process.
    pub(super) fn is_durable(&self, key: ConversationKey, message: &MessageId) -> bool {
        self.pending(key, message).is_some_and(Pending::is_durable)
    }

    /// Why a question does not go out over a link that is up.
    fn hold_of(&self, key: ConversationKey, message: &MessageId) -> Option<Hold> {
        let conversation = self.conversation(key).filter(|_| self.connection.is_up())?;
        conversation.hold_of(self.now, message)
    }

    fn conversation_of(&self, message: &MessageId) -> Option<ConversationKey> {
        let has = |conversation: &&Conversation| conversation.sends().contains(message);
        self.conversations.iter().find(has).map(|conversation| conversation.key())
    }

    fn pending(&self, key: ConversationKey, message: &MessageId) -> Option<&Pending> {
        self.conversation(key)?.sends().get(message)
    }
}
