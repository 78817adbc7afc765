//! A message's way out: sent, taken, refused, in doubt, handed back.

use super::{Machine, OnDoubt, Outcome};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Unsent};
use crate::event::{CloseReason, Confirmation, ConversationKey, Sent};
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
        match pending.ask {
            // The first piece is awaited from now on.
            Some(ask) => {
                if let Some(conversation) = self.conversation_mut(key)
                    && let Some(turn) = conversation.outbox.turn_mut(&pending.message)
                {
                    turn.first_piece_by = now + ask.first_piece;
                }
            }
            None => {
                let sent = Sent { message_id: pending.message, confirmed_by: by };
                self.resolve(pending.ticket, Ok(Outcome::Sent(sent)));
            }
        }
        self.close_if_flushed(now, key);
    }

    /// The message certainly was not taken this time: it goes out again when it can.
    pub(super) fn return_to_outbox(&mut self, key: ConversationKey, message: &MessageId) {
        if let Some(pending) = self.pending_mut(key, message) {
            pending.status = Status::Waiting;
        }
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
        let can_ask = self.offers_gap_query(key);
        let on_doubt = self.config.on_doubt;
        let Some(pending) = self.pending_mut(key, message) else {
            return;
        };
        match pending.status {
            Status::Doubt { asked: false, .. } if can_ask => {
                pending.status = Status::Doubt { until: Some(now + DOUBT_SETTLES), asked: true };
                self.look_for_messages(now, key);
            }
            Status::Doubt { .. } => match on_doubt {
                OnDoubt::HandBack => {
                    let call = Call::SendMessage(key, message.clone());
                    let last = self.calls.failure_of(&call).cloned();
                    let error = last.unwrap_or_else(|| Error::new(ErrorKind::ConnectionFailed, "no answer"));
                    self.give_up_message(now, key, message, error);
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
        self.give_up_message(now, key, message, error.clone());
        if matches!(error.kind(), ErrorKind::NotMember | ErrorKind::Closed) {
            self.drop_session_if_lost(key, &error);
            let reason = match error.kind() {
                ErrorKind::Closed => CloseReason::SessionEnded,
                _ => CloseReason::Failed(error),
            };
            self.close_conversation(now, key, reason);
        }
    }

    /// Hands the message back to whoever sent it.
    pub(super) fn give_up_message(
        &mut self,
        now: Millis,
        key: ConversationKey,
        message: &MessageId,
        error: Error,
    ) {
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let Some(pending) = conversation.outbox.remove(message.as_str()) else {
            return;
        };
        conversation.outbox.take_turn(message);
        let call = Call::SendMessage(key, message.clone());
        let calls = self.calls.drop_calls(|other| *other == call);
        self.abandon(calls);
        self.resolve(pending.ticket, Err(handed_back(pending, error)));
        self.close_if_flushed(now, key);
    }

    /// The service makes it wait beyond its deadline: then the caller knows now.
    pub(super) fn fail_message_before(
        &mut self,
        until: Millis,
        key: ConversationKey,
        message: &MessageId,
        error: &Error,
    ) {
        let now = self.now;
        if self.pending_mut(key, message).is_some_and(|pending| pending.deadline < until) {
            self.give_up_message(now, key, message, error.clone());
        }
    }

    /// The message's time is over.
    pub(super) fn message_is_late(&mut self, now: Millis, key: ConversationKey, message: &MessageId) {
        let call = Call::SendMessage(key, message.clone());
        let last = self.calls.failure_of(&call).or_else(|| self.calls.last_failure(key)).cloned();
        if let Some(pending) = self.pending_mut(key, message)
            && matches!(pending.status, Status::InFlight(_))
        {
            pending.doubtful = true;
        }
        self.give_up_message(now, key, message, Error::deadline("the message", last.as_ref()));
    }

    fn pending_mut(&mut self, key: ConversationKey, message: &MessageId) -> Option<&mut Pending> {
        self.conversation_mut(key)?.outbox.get_mut(message.as_str())
    }
}

/// The failure, with the text that nobody took.
pub(super) fn handed_back(pending: Pending, error: Error) -> Error {
    let in_flight = matches!(pending.status, Status::InFlight(_));
    let certain = !pending.doubtful && !in_flight;
    error.with_unsent(Unsent { text: pending.text, message_id: pending.message, certain })
}
