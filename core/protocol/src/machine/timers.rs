//! What happens because time has passed.

use super::{Goal, Machine};
use crate::call::Call;
use crate::conversation::{Conversation, LateTurn};
use crate::error::{Error, ErrorKind};
use crate::event::ConversationKey;
use crate::limits::CALL_TIMEOUT;
use crate::link::LinkInput;
use crate::machine::{Outcome, Output};
use crate::time::Millis;

const UNREAD: &str = "the message was sent, but its answer could not be read in time: a subscription to events \
    is full and is not drained, and holds up what comes over the socket; take its events, or end it";

const TAKEN_OVER: &str = "the message was sent, but the owner has the conversation and has not answered in time: \
    what the owner says later comes as an event";

impl Machine {
    pub(super) fn tick(&mut self, now: Millis) {
        while let Some(call) = self.calls.next_overdue(now) {
            self.outputs.push_back(Output::Abandon(call));
            let message = format!("no answer within {} s", CALL_TIMEOUT.as_secs());
            self.unanswered(now, call, true, Error::new(ErrorKind::ConnectionFailed, message));
        }
        if self.goal == Goal::Live {
            let input = LinkInput::Tick { reading: self.reading };
            let effect = self.connection.handle(now, input, &mut self.rng);
            self.apply(now, effect);
        }
        for key in self.keys() {
            self.tick_waiters(now, key);
            self.tick_messages(now, key);
            self.tick_turns(now, key);
            self.tick_replies(now, key);
            self.tick_closing(now, key);
        }
        self.tick_idle(now);
    }

    /// The next moment at which one of these has something to do.
    pub(super) fn next_timer(&self) -> Option<Millis> {
        if self.goal == Goal::Closed {
            return None;
        }
        let shared =
            [self.calls.next_deadline(self.now), self.connection.next_deadline(self.now), self.pauses_at()];
        let own = self.conversations.iter().flat_map(|conversation| {
            [
                conversation.lifecycle().opening_deadline(),
                conversation.histories().next_deadline(),
                conversation.next_message_deadline(self.now, self.confirms(conversation)),
                self.listens(conversation)
                    .then(|| conversation.replies().next_deadline(self.config.reply_idle))
                    .flatten(),
                self.listens(conversation).then(|| conversation.turns().next_silence()).flatten(),
                self.is_missed(conversation).then(|| conversation.turns().next_probe()).flatten(),
                conversation.gap().next_deadline(),
                conversation.lifecycle().closing_deadline(),
            ]
        });
        // What became due while it had to wait (a silence while the service was being asked) is due now.
        shared.into_iter().chain(own).flatten().min().map(|at| at.max(self.now))
    }

    /// Whether silence means that nothing was said.
    fn listens(&self, conversation: &Conversation) -> bool {
        self.connection.is_up() && self.confirms(conversation)
    }

    /// Whether an echo that has not come is missed: not while the service is being asked.
    fn confirms(&self, conversation: &Conversation) -> bool {
        self.reading && conversation.gap().is_closed()
    }

    fn tick_waiters(&mut self, now: Millis, key: ConversationKey) {
        self.fail_openers(now, key, now, |machine| {
            Error::deadline("opening the conversation", machine.obstacle(key))
        });
        let Some(conversation) = self.conversation(key) else {
            return;
        };
        for ticket in conversation.histories().late(now) {
            let last = self.calls.failure_of(&Call::History(key, ticket)).cloned();
            self.history_failed(key, ticket, Error::deadline("the history", last.as_ref()));
        }
        let give_up_at = self.conversation(key).and_then(|conversation| conversation.gap().next_deadline());
        if give_up_at.is_some_and(|give_up_at| give_up_at <= now) {
            self.gap_unknown(now, key);
        }
    }

    fn tick_messages(&mut self, now: Millis, key: ConversationKey) {
        let Some(conversation) = self.conversation(key) else {
            return;
        };
        let (late, overdue) = (conversation.sends().late(now), conversation.sends().overdue(now));
        for message in late {
            self.message_is_late(key, &message);
        }
        for message in overdue {
            // The service is asked for one after the other.
            if self.conversation(key).is_some_and(|conversation| self.confirms(conversation)) {
                self.confirmation_overdue(now, key, &message);
            }
        }
    }

    fn tick_turns(&mut self, now: Millis, key: ConversationKey) {
        let reading = self.reading;
        let listens = self.conversation(key).is_some_and(|conversation| self.listens(conversation));
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let taken_over = conversation.is_taken_over();
        let Some(turns) = conversation.filled_turns() else {
            return;
        };
        let collected = turns.end_collected(now, listens);
        let late = turns.end_late(now, reading);
        for (ticket, reply) in collected {
            self.resolve(Some(ticket), Ok(Outcome::Replied(Box::new(reply))));
        }
        for LateTurn { ticket, silent, in_owners_time } in late {
            let error = if !self.reading {
                Error::new(ErrorKind::Deadline, UNREAD)
            } else if silent && (taken_over || in_owners_time) {
                Error::new(ErrorKind::TakenOver, TAKEN_OVER)
            } else if silent {
                Error::new(ErrorKind::Deadline, "the message was sent, but no answer has begun in time")
            } else {
                Error::new(ErrorKind::Deadline, "the message was sent, but its answer was not whole in time")
            };
            self.resolve(Some(ticket), Err(error));
        }
    }

    fn tick_replies(&mut self, now: Millis, key: ConversationKey) {
        let idle = self.config.reply_idle;
        let Some(at) = self.conversations.iter().position(|conversation| conversation.key() == key) else {
            return;
        };
        if !self.listens(&self.conversations[at]) {
            return;
        }
        let silent = self.conversations[at].end_silent_replies(now, idle);
        if silent.is_empty() {
            return;
        }
        for reply in silent {
            self.complete_reply(at, reply, None);
        }
        self.conversations[at].forget_half_said();
        self.remember(); // They are no longer half said.
    }

    fn tick_closing(&mut self, now: Millis, key: ConversationKey) {
        let deadline = self.conversation(key).and_then(|one| one.lifecycle().closing_deadline());
        if deadline.is_some_and(|deadline| deadline <= now) {
            self.close_requested(now, key);
        }
    }
}
