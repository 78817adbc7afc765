//! A message's way out: sent, taken, refused, in doubt, handed back.

use super::{Machine, OnDoubt, Outcome, answers::is_lost_session};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Unsent};
use crate::event::{Confirmation, ConversationKey, Sent};
use crate::ids::MessageId;
use crate::limits::DOUBT_SETTLES;
use crate::outbox::{Pending, Status};
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
        if !pending.doubtful
            && let Some(conversation) = self.conversation_mut(key)
        {
            // Nothing answers what was not taken.
            conversation.outbox.take_turn(message);
        }
        true
    }

    /// The message may have been taken, and the answer was lost.
    pub(super) fn doubt(&mut self, now: Millis, key: ConversationKey, message: &MessageId, error: Error) {
        let until = self.link.is_up().then(|| now + DOUBT_SETTLES);
        if let Some(pending) = self.pending_mut(key, message) {
            pending.status = Status::Doubt { until, asked: false };
            pending.doubtful = true;
            let call = Call::SendMessage(key, message.clone());
            self.calls.pause(&call, now, std::time::Duration::ZERO, error, &mut self.rng);
        }
    }

    /// No echo has come in time: ask for it if that is possible, then do what the caller chose.
    pub(super) fn doubt_is_over(&mut self, now: Millis, key: ConversationKey, message: &MessageId) {
        let since = self.pending_mut(key, message).map(|pending| pending.route.since.clone());
        let can_ask = since.as_ref().is_some_and(|since| self.can_look(key, since));
        let on_doubt = self.config.on_doubt;
        let Some(pending) = self.pending_mut(key, message) else {
            return;
        };
        match pending.status {
            Status::Doubt { asked: false, .. } if can_ask => {
                pending.status = Status::Doubt { until: Some(now + DOUBT_SETTLES), asked: true };
                self.look_from(now, key, since.unwrap_or_default());
            }
            Status::Doubt { .. } => match on_doubt {
                OnDoubt::HandBack => {
                    let call = Call::SendMessage(key, message.clone());
                    let last = self.calls.failure_of(&call).cloned();
                    let error = last.unwrap_or_else(|| Error::new(ErrorKind::ConnectionFailed, "no answer"));
                    self.give_up_message(key, message, error);
                }
                OnDoubt::Resend => pending.status = Status::Waiting,
            },
            Status::Waiting | Status::InFlight(_) => {}
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
            conversation.outbox.looks.begin(now, &pending);
        }
        let call = Call::SendMessage(key, message.clone());
        let calls = self.calls.drop_calls(|other| *other == call);
        self.abandon(calls);
        self.resolve(pending.ticket, Err(handed_back(pending, error)));
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
        if let Some(pending) = self.pending_mut(key, message)
            && matches!(pending.status, Status::InFlight(_))
        {
            pending.doubtful = true;
        }
        self.give_up_message(key, message, Error::deadline("the message", last.as_ref()));
    }

    fn pending_mut(&mut self, key: ConversationKey, message: &MessageId) -> Option<&mut Pending> {
        self.conversation_mut(key)?.outbox.get_mut(message.as_str())
    }
}

/// The failure, with the text that nobody took.
pub(super) fn handed_back(pending: Pending, error: Error) -> Error {
    let certain = is_certain(&pending);
    error.with_unsent(Unsent { text: pending.text, message_id: pending.message, certain })
}

/// Whether the service certainly did not take the message.
fn is_certain(pending: &Pending) -> bool {
    !pending.doubtful && !matches!(pending.status, Status::InFlight(_))
}
