//! The end of a conversation, and of the whole machine. Whatever waits is answered.

use std::time::Duration;

use super::{Goal, Machine, Outcome, Ticket};
use crate::conversation::{Conversation, EndSession, LateOpeners, Leftovers, Pending};
use crate::error::{Error, ErrorKind};
use crate::event::{CloseReason, ConversationKey, EventKind, State};
use crate::link::LinkInput;
use crate::time::Millis;

impl Machine {
    /// Closes the conversation once what is to be sent is sent, or at the deadline.
    pub(super) fn close_orderly(
        &mut self,
        now: Millis,
        key: ConversationKey,
        ticket: Ticket,
        deadline: Duration,
        end_session: bool,
    ) {
        let ends_there = self.config.door.ends_sessions();
        let Some(conversation) = self.conversation_mut(key) else {
            return self.resolve(Some(ticket), Ok(Outcome::Closed));
        };
        let can_end = end_session && conversation.session().is_some();
        let end = match (can_end, ends_there) {
            (true, true) => EndSession::Wanted,
            // There is nothing to tell the service: the session is forgotten here.
            (true, false) => EndSession::Done,
            (false, _) => EndSession::No,
        };
        conversation.lifecycle_mut().close_by(ticket, now + deadline, end);
        if end == EndSession::Wanted || !conversation.sends().is_empty() {
            self.resume(now);
        }
    }

    /// Closes what only waited for its messages to be sent.
    pub(super) fn close_flushed(&mut self, now: Millis) {
        let flushed = |conversation: &&Conversation| conversation.is_flushed();
        while let Some(key) = self.conversations.iter().find(flushed).map(|conversation| conversation.key()) {
            self.close_requested(now, key);
        }
    }

    /// Closes what a command has closed. A session that has ended is forgotten.
    pub(super) fn close_requested(&mut self, now: Millis, key: ConversationKey) {
        if self.conversation(key).is_some_and(|conversation| conversation.lifecycle().has_ended_session()) {
            self.close_and_forget(now, key, CloseReason::Requested);
        } else {
            self.close_conversation(now, key, CloseReason::Requested);
        }
    }

    /// Closes the conversation now. No caller is left waiting.
    pub(super) fn close_conversation(&mut self, now: Millis, key: ConversationKey, reason: CloseReason) {
        let calls = self.calls.drop_calls(|call| call.conversation() == Some(key));
        self.abandon(calls);
        // One of the frames that wait may close it as well: then that is done. What came before them was to
        // be asked for, and will not be.
        if self.conversation(key).is_some_and(|one| one.gap().buffers_frames() && one.gap().has_buffered()) {
            self.gap_unknown(now, key);
        }
        let Some(at) = self.conversations.iter().position(|conversation| conversation.key() == key) else {
            return;
        };
        for reply in self.conversations[at].end_replies() {
            self.complete_reply(at, reply, None);
        }
        self.settle_guesses(at);
        let Leftovers { pending, waiting, closers } = self.conversations[at].close();
        let error = error_of(&reason);
        self.leave_messages(now, at, pending, &reason, &error);
        for ticket in waiting {
            self.resolve(Some(ticket), Err(error.clone()));
        }
        let from = self.conversations[at].state();
        self.conversations[at].lifecycle_mut().enter(State::Closed);
        self.emit(at, EventKind::StateChanged { from, to: State::Closed }, None);
        self.emit(at, EventKind::Closed { reason }, None);
        for ticket in closers {
            self.resolve(Some(ticket), Ok(Outcome::Closed));
        }
        let closed = self.conversations.remove(at);
        if key == ConversationKey::FIRST {
            self.resumable = closed.facts().map(Box::new);
            self.remember();
        }
        if self.conversations.is_empty() {
            self.stop(now);
        }
    }

    /// What was not sent waits in the store for the next opening, or is handed back.
    fn leave_messages(
        &mut self,
        now: Millis,
        at: usize,
        pending: Vec<Pending>,
        reason: &CloseReason,
        error: &Error,
    ) {
        let key = self.conversations[at].key();
        // Only the first one's session can be taken up again.
        let goes_on = key == ConversationKey::FIRST
            && match reason {
                CloseReason::Requested => true,
                CloseReason::SessionEnded => false,
                CloseReason::Failed(error) => error.kind() != ErrorKind::NotMember,
            };
        let session = self.conversations[at].session().cloned();
        for mut message in pending {
            // What is stored goes out when the conversation is opened again.
            if message.close() && goes_on && message.deadline() > now {
                self.restored.push(message.to_store(session.as_ref()));
            } else {
                self.hand_back(key, message, error.clone());
            }
        }
    }

    /// Nothing can go on: the key was refused, or the visitor.
    pub(super) fn close_all(&mut self, now: Millis, error: &Error) {
        self.authentication.forget();
        self.remember();
        for key in self.keys() {
            self.close_conversation(now, key, CloseReason::Failed(error.clone()));
        }
    }

    /// Another process has the visitor.
    pub(super) fn let_go(&mut self, now: Millis) {
        let message = "another process has opened this visitor, and the one that opens last has the conversation: \
                       open the visitor again to have it back here";
        let error = Error::new(ErrorKind::Closed, message);
        for key in self.keys() {
            self.close_conversation(now, key, CloseReason::Failed(error.clone()));
        }
    }

    /// Ends everything: there is no call, no socket and no timer after this.
    fn stop(&mut self, now: Millis) {
        self.goal = Goal::Closed;
        let calls = self.calls.drop_calls(|_| true);
        self.abandon(calls);
        let effect = self.connection.handle(now, LinkInput::Stop, &mut self.rng);
        self.apply(now, effect);
        self.release_slot();
    }

    /// Gives up the socket and keeps the facts.
    pub(super) fn pause(&mut self, now: Millis) {
        if self.goal != Goal::Live {
            return;
        }
        self.goal = Goal::Paused;
        let calls = self.calls.drop_calls(|_| true);
        self.abandon(calls);
        let effect = self.connection.handle(now, LinkInput::Stop, &mut self.rng);
        self.apply(now, effect);
        self.release_slot();
        for conversation in &mut self.conversations {
            conversation.pause(now);
        }
    }

    pub(super) fn resume(&mut self, now: Millis) {
        if self.goal == Goal::Paused {
            self.goal = Goal::Live;
            self.calls.wake_all(now);
        }
    }

    /// Fails the commands that wait for an opening, if they cannot wait until `until`.
    pub(super) fn fail_waiters_before(&mut self, now: Millis, until: Millis, error: &Error) {
        for key in self.keys() {
            self.fail_openers(now, key, until, |_| error.clone());
        }
    }

    /// Fails the commands that wait for the opening no longer than `until`.
    pub(super) fn fail_openers(
        &mut self,
        now: Millis,
        key: ConversationKey,
        until: Millis,
        error: impl Fn(&Self) -> Error,
    ) {
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let Some(LateOpeners { tickets, abandoned }) = conversation.lifecycle_mut().late_openers(until)
        else {
            return;
        };
        let error = error(self);
        for ticket in tickets {
            self.resolve(Some(ticket), Err(error.clone()));
        }
        if abandoned {
            self.close_conversation(now, key, CloseReason::Failed(error));
        }
    }

    pub(super) fn keys(&self) -> Vec<ConversationKey> {
        self.conversations.iter().map(|conversation| conversation.key()).collect()
    }
}

/// Why what waits for a closed conversation fails.
fn error_of(reason: &CloseReason) -> Error {
    match reason {
        CloseReason::Failed(error) => error.clone(),
        CloseReason::Requested => Error::new(ErrorKind::Closed, "the conversation was closed"),
        CloseReason::SessionEnded => {
            Error::new(ErrorKind::Closed, "the service has ended this session: open the conversation again")
        }
    }
}
