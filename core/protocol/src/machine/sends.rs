//! A message's way out: sent, taken, refused, in doubt, handed back.

use super::{Machine, Outcome, Output, answers::is_lost_session};
use crate::call::Call;
use crate::conversation::{Conversation, Cursor, Hold};
use crate::delivery::Delivery;
use crate::error::{Error, ErrorKind, UnsentMessage};
use crate::event::{Confirmation, ConversationKey, EventKind, Sent};
use crate::ids::{MessageId, Ticket};
use crate::limits::CONFIRMATION_WAIT;
use crate::outbox::{Looked, Pending, Persisted, Status};
use crate::time::Millis;

impl Machine {
    /// The service took the message.
    pub(super) fn confirm(&mut self, now: Millis, key: ConversationKey, message: &str, by: Confirmation) {
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let Some(pending) = conversation.outbox.remove(message) else {
            return;
        };
        self.counters.sent += 1;
        self.outputs.extend(pending.persisted.map(|_| Output::ForgetMessage(pending.message.clone())));
        self.calls.forget_failures(&Call::SendMessage(key, pending.message.clone()));
        let present = self.link.generation();
        let answered = self
            .conversation_mut(key)
            .is_some_and(|conversation| conversation.outbox.await_answer(now, &pending, present));
        if !answered {
            let sent = Sent { message_id: pending.message, confirmed_by: by };
            self.resolve(pending.ticket, Ok(Outcome::Sent(sent)));
        }
    }

    /// The message was not taken this time: it goes out again when it can. `false` where it is not
    /// pending any more.
    pub(super) fn return_to_outbox(&mut self, key: ConversationKey, message: &MessageId) -> bool {
        let Some(pending) = self.pending_mut(key, message) else {
            return false;
        };
        pending.status = Status::Waiting;
        if !pending.maybe_taken && pending.persisted == Some(Persisted::MarkedSent) {
            pending.persisted = Some(Persisted::Stored);
            self.save_message(key, message);
        }
        let maybe_taken = self.pending_mut(key, message).is_some_and(|pending| pending.maybe_taken);
        if !maybe_taken && let Some(conversation) = self.conversation_mut(key) {
            // Nothing answers what was not taken.
            conversation.outbox.take_turn(message);
        }
        true
    }

    /// Takes back the message of a command whose call has begun and was not polled yet: it does not go out.
    pub(super) fn take_back(&mut self, ticket: Ticket) {
        let begun = self.conversations.iter().find_map(|conversation| {
            let sent = |pending: &&Pending| pending.ticket == Some(ticket);
            let pending = conversation.outbox.pending.iter().find(sent)?;
            let Status::InFlight(call) = pending.status else { return None };
            Some((conversation.key, pending.message.clone(), call))
        });
        let Some((key, message, call)) = begun else { return };
        let is_its_call = |output: &Output| matches!(output, Output::Http(request) if request.call == call);
        if let Some(at) = self.outputs.iter().position(is_its_call) {
            self.outputs.remove(at);
            self.counters.calls -= 1;
            self.calls.finish(call);
            self.return_to_outbox(key, &message);
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
        let until = self.link.is_up().then(|| now + CONFIRMATION_WAIT);
        if let Some(pending) = self.pending_mut(key, message) {
            pending.status = Status::Unconfirmed { until, looked: Looked::No };
            pending.maybe_taken = true;
            let call = Call::SendMessage(key, message.clone());
            self.calls.pause(&call, now, std::time::Duration::ZERO, error, &mut self.rng);
        }
    }

    /// No echo has come in time. Where the service can be asked, the message is looked for; one that is not there
    /// goes out again under its id. Where nothing can tell, what the caller chose is done.
    pub(super) fn confirmation_overdue(&mut self, now: Millis, key: ConversationKey, message: &MessageId) {
        let since = self.pending_mut(key, message).map(|pending| pending.route.since.clone());
        let since = since.and_then(|since| self.probe_begins(key, &since));
        let can_probe = since.as_ref().is_some_and(|since| self.can_probe(key, since));
        let delivery = self.config.delivery;
        let Some(pending) = self.pending_mut(key, message) else {
            return;
        };
        match pending.status {
            Status::Unconfirmed { looked: Looked::Absent, .. } => pending.status = Status::Waiting,
            Status::Unconfirmed { looked: Looked::InVain, .. } if delivery == Delivery::AtLeastOnce => {
                pending.status = Status::Waiting;
            }
            Status::Unconfirmed { looked, .. } if can_probe => {
                pending.status = Status::Unconfirmed { until: Some(now + CONFIRMATION_WAIT), looked };
                self.begin_probe(now, key, since.unwrap_or_default(), message.clone());
            }
            Status::Unconfirmed { .. } => match delivery {
                Delivery::AtMostOnce => {
                    let call = Call::SendMessage(key, message.clone());
                    let last = self.calls.failure_of(&call).cloned();
                    let error = last.unwrap_or_else(|| Error::new(ErrorKind::ConnectionFailed, "no answer"));
                    self.give_up_message(key, message, error);
                }
                Delivery::AtLeastOnce => pending.status = Status::Waiting,
            },
            Status::Waiting | Status::InFlight(_) => {}
        }
    }

    /// A look for a message in doubt is over, and has not found it. `complete`: then it is not there.
    pub(super) fn probe_ended(
        &mut self,
        now: Millis,
        key: ConversationKey,
        message: &MessageId,
        complete: bool,
    ) {
        let Some(pending) = self.pending_mut(key, message) else {
            return; // It was found.
        };
        if let Status::Unconfirmed { looked, .. } = &mut pending.status {
            *looked = if complete { Looked::Absent } else { Looked::InVain };
            if complete {
                self.confirmation_overdue(now, key, message);
            }
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
        // It is not under way any more: a refusal leaves no doubt.
        self.return_to_outbox(key, message);
        self.give_up_message(key, message, error.clone());
        if is_lost_session(&error) {
            self.session_lost(now, key, error);
        }
    }

    /// Hands the message back to whoever sent it.
    pub(super) fn give_up_message(&mut self, key: ConversationKey, message: &MessageId, error: Error) {
        let now = self.now;
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let Some(pending) = conversation.outbox.remove(message.as_str()) else {
            return;
        };
        conversation.outbox.give_up(message);
        if !is_certain(&pending) {
            // If it was taken over a socket that is dead, nobody would ever hear of its answer.
            conversation.outbox.probes.begin(now, &pending);
        }
        let call = Call::SendMessage(key, message.clone());
        let calls = self.calls.drop_calls(|other| *other == call);
        self.abandon(calls);
        self.hand_back(key, pending, error);
    }

    /// The message's end, where it was not taken: to whoever waits for it, or as an event.
    pub(super) fn hand_back(&mut self, key: ConversationKey, pending: Pending, error: Error) {
        self.outputs.extend(pending.persisted.map(|_| Output::ForgetMessage(pending.message.clone())));
        if pending.ticket.is_some() {
            return self.resolve(pending.ticket, Err(handed_back(pending, error)));
        }
        if let Some(at) = self.conversations.iter().position(|conversation| conversation.key == key) {
            let message = Box::new(unsent(pending));
            self.emit(at, EventKind::Unsent { message, error }, None);
        }
    }

    /// The service makes it wait beyond its deadline: then the caller knows now.
    pub(super) fn fail_message_before(
        &mut self,
        until: Millis,
        key: ConversationKey,
        message: &MessageId,
        error: &Error,
    ) {
        if self.pending_mut(key, message).is_some_and(|pending| pending.deadline < until) {
            self.give_up_message(key, message, error.clone());
        }
    }

    /// The message's time is over.
    pub(super) fn message_is_late(&mut self, key: ConversationKey, message: &MessageId) {
        let call = Call::SendMessage(key, message.clone());
        let last = self.calls.failure_of(&call).or_else(|| self.calls.last_failure(key)).cloned();
        if let Some(hold) = self.hold_of(key, message) {
            let waited = format!(
                "the question was not sent within its deadline: it waited for {}, so that it gets its own answer; give it more time, or stop the earlier one's stream",
                hold.text()
            );
            return self.give_up_message(key, message, Error::new(ErrorKind::Deadline, waited));
        }
        if let Some(pending) = self.pending_mut(key, message)
            && matches!(pending.status, Status::InFlight(_))
        {
            pending.maybe_taken = true;
        }
        self.give_up_message(key, message, Error::deadline("the message", last.as_ref()));
    }

    /// The next message goes out; one that is kept, once it stands in the store that it may have.
    pub(super) fn send_out(&mut self, now: Millis, key: ConversationKey, message: MessageId) {
        let call = Call::SendMessage(key, message.clone());
        if !self
            .pending_mut(key, &message)
            .is_some_and(|pending| pending.persisted == Some(Persisted::Stored))
        {
            return self.begin(now, call);
        }
        if self.calls.is_ready(&call, now)
            && let Some(pending) = self.pending_mut(key, &message)
        {
            pending.persisted = Some(Persisted::MarkingSent);
            self.save_message(key, &message);
        }
    }

    /// The message is in the store.
    pub(super) fn message_stored(&mut self, message: &MessageId) {
        let Some(key) = self.conversation_of(message) else {
            return; // It is settled, and that is to be written as well.
        };
        let Some(pending) = self.pending_mut(key, message) else {
            return;
        };
        match pending.persisted {
            Some(Persisted::Storing) => {
                pending.persisted = Some(Persisted::Stored);
                let ticket = pending.ticket.take();
                self.resolve(ticket, Ok(Outcome::Kept(message.clone())));
            }
            Some(Persisted::MarkingSent) => pending.persisted = Some(Persisted::MarkedSent),
            Some(Persisted::Stored | Persisted::MarkedSent) | None => {}
        }
    }

    /// The store has not taken the message.
    pub(super) fn message_not_stored(&mut self, now: Millis, message: &MessageId, error: Error) {
        let Some(key) = self.conversation_of(message) else {
            return;
        };
        let Some(pending) = self.pending_mut(key, message) else {
            return;
        };
        match pending.persisted {
            Some(Persisted::Storing) => self.give_up_message(key, message, error),
            // It stands there as before, and goes out when the store is well again.
            Some(Persisted::MarkingSent) => {
                pending.persisted = Some(Persisted::Stored);
                let call = Call::SendMessage(key, message.clone());
                self.calls.pause(&call, now, std::time::Duration::ZERO, error, &mut self.rng);
            }
            Some(Persisted::Stored | Persisted::MarkedSent) | None => {}
        }
    }

    /// Takes up what earlier runs have kept. What was meant for a session that is gone is handed back.
    pub(super) fn take_restored(&mut self, now: Millis) {
        let key = ConversationKey::FIRST;
        let (listens, noted) = (self.link.is_up(), self.seen.noted());
        for kept in std::mem::take(&mut self.restored) {
            let Some(conversation) = self.conversation_mut(key) else {
                return;
            };
            let is_here = kept.session.is_none() || kept.session == conversation.session;
            let pending =
                Pending::restored(kept, Cursor { seq: conversation.position.gap_begins().to_owned(), noted });
            if !is_here {
                let message = "the session it was meant for is gone";
                self.hand_back(key, pending, Error::new(ErrorKind::Closed, message));
            } else if pending.deadline <= now {
                self.hand_back(key, pending, Error::deadline("the message", None));
            } else {
                conversation.outbox.sent.note(&pending.message);
                conversation.outbox.pending.push_back(pending);
                if listens {
                    conversation.outbox.set_confirmation_deadlines(Some(now + CONFIRMATION_WAIT));
                }
            }
        }
    }

    /// Whether the message stands in a store, and outlives this process.
    pub(super) fn is_durable(&self, key: ConversationKey, message: &MessageId) -> bool {
        let pending = self.conversation(key).map(|conversation| conversation.outbox.pending.iter());
        pending.is_some_and(|mut all| all.any(|one| one.message == *message && one.persisted.is_some()))
    }

    fn save_message(&mut self, key: ConversationKey, message: &MessageId) {
        if let Some(conversation) = self.conversation_mut(key)
            && let Some(pending) = conversation.outbox.pending.iter().find(|one| one.message == *message)
        {
            let keep = pending.to_store(conversation.session.as_ref());
            self.outputs.push_back(Output::SaveMessage(keep));
        }
    }

    /// What keeps a question from going out over a link that is up.
    fn hold_of(&self, key: ConversationKey, message: &MessageId) -> Option<Hold> {
        let conversation = self.conversation(key).filter(|_| self.link.is_up())?;
        let asks = conversation.outbox.pending.iter().find(|asks| asks.message == *message)?;
        conversation.hold_of(self.now, asks)
    }

    fn conversation_of(&self, message: &MessageId) -> Option<ConversationKey> {
        let has = |conversation: &&Conversation| conversation.outbox.is_pending(message);
        self.conversations.iter().find(has).map(|conversation| conversation.key)
    }

    fn pending_mut(&mut self, key: ConversationKey, message: &MessageId) -> Option<&mut Pending> {
        self.conversation_mut(key)?.outbox.get_mut(message.as_str())
    }
}

/// The failure, with the text that nobody took.
fn handed_back(pending: Pending, error: Error) -> Error {
    error.with_unsent(unsent(pending))
}

fn unsent(pending: Pending) -> UnsentMessage {
    let certain = is_certain(&pending);
    UnsentMessage { text: pending.text, message_id: pending.message, certain }
}

/// Whether the service certainly did not take the message.
fn is_certain(pending: &Pending) -> bool {
    !pending.maybe_taken && !matches!(pending.status, Status::InFlight(_))
}
