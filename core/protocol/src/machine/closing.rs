//! The end of a conversation, and of the whole machine. Whatever waits is answered.

use std::time::Duration;

use super::{Goal, Machine, Outcome, Ticket};
use crate::conversation::{Closing, Conversation, EndSession};
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
        let Some(conversation) = self.conversation_mut(key) else {
            return self.resolve(Some(ticket), Ok(Outcome::Closed));
        };
        let can_end = end_session && conversation.session.is_some();
        let closing = conversation.closing.get_or_insert_with(|| Closing {
            waiters: Vec::new(),
            deadline: now + deadline,
            end: EndSession::No,
        });
        closing.waiters.push(ticket);
        closing.deadline = closing.deadline.min(now + deadline);
        if can_end && closing.end == EndSession::No {
            closing.end = EndSession::Wanted;
        }
        if can_end || !conversation.sends.is_empty() {
            self.wake(now);
        }
    }

    /// Closes what only waited for its messages to be sent.
    pub(super) fn close_flushed(&mut self, now: Millis) {
        let flushed = |conversation: &&Conversation| {
            conversation.sends.is_empty()
                && conversation.closing.as_ref().is_some_and(|closing| closing.end != EndSession::Wanted)
        };
        while let Some(key) = self.conversations.iter().find(flushed).map(|conversation| conversation.key) {
            self.close_conversation(now, key, CloseReason::Requested);
        }
    }

    /// Closes the conversation now. Nobody is left waiting.
    pub(super) fn close_conversation(&mut self, now: Millis, key: ConversationKey, reason: CloseReason) {
        let calls = self.calls.drop_calls(|call| call.conversation() == Some(key));
        self.abandon(calls);
        // One of the frames that wait may close it as well: then that is done. What came before them was to
        // be asked for, and will not be.
        if self.conversation(key).is_some_and(|one| one.gap.buffers_frames() && one.gap.has_buffered()) {
            self.gap_unknown(now, key);
        }
        let Some(at) = self.conversations.iter().position(|conversation| conversation.key == key) else {
            return;
        };
        let unfinished = self.conversations[at].replies.end_all();
        self.conversations[at].turns.cut_off(unfinished.iter().filter_map(|answer| answer.reply.id.clone()));
        for reply in unfinished {
            self.complete_reply(at, reply, None);
        }
        self.conversations[at].position.close();
        let error = match &reason {
            CloseReason::Failed(error) => error.clone(),
            CloseReason::Requested => Error::new(ErrorKind::Closed, "the conversation was closed"),
            CloseReason::SessionEnded => Error::new(
                ErrorKind::Closed,
                "the service has ended this session: open the conversation again",
            ),
        };
        let conversation = &mut self.conversations[at];
        let openers = std::mem::take(&mut conversation.openers);
        let pending = conversation.sends.drain();
        let turns = conversation.turns.close();
        let histories = std::mem::take(&mut conversation.histories).tickets();
        let closing = conversation.closing.take();
        // Only the first one's session can be taken up again.
        let goes_on = key == ConversationKey::FIRST
            && match &reason {
                CloseReason::Requested => true,
                CloseReason::SessionEnded => false,
                CloseReason::Failed(error) => error.kind() != ErrorKind::NotMember,
            };
        let session = self.conversations[at].session.clone();
        for mut message in pending {
            // What is stored goes out when the conversation is opened again.
            if message.close() && goes_on && message.deadline() > now {
                self.restored.push(message.to_store(session.as_ref()));
            } else {
                self.hand_back(key, message, error.clone());
            }
        }
        let waiting = openers.into_iter().map(|opener| opener.ticket);
        let waiting = waiting.chain(histories);
        for ticket in waiting.chain(turns).collect::<Vec<_>>() {
            self.resolve(Some(ticket), Err(error.clone()));
        }
        let from = self.conversations[at].state;
        self.conversations[at].state = State::Closed;
        self.emit(at, EventKind::StateChanged { from, to: State::Closed }, None);
        self.emit(at, EventKind::Closed { reason }, None);
        for ticket in closing.map(|closing| closing.waiters).unwrap_or_default() {
            self.resolve(Some(ticket), Ok(Outcome::Closed));
        }
        let closed = self.conversations.remove(at);
        if key == ConversationKey::FIRST {
            self.resumable = closed.facts();
            self.remember();
        }
        if self.conversations.is_empty() {
            self.stop(now);
        }
    }

    /// Nothing can go on: the key was refused, or the visitor.
    pub(super) fn close_all(&mut self, now: Millis, error: &Error) {
        self.facts.credentials = None;
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

    /// Nobody is left: no call, no socket, and no timer after this.
    fn stop(&mut self, now: Millis) {
        self.goal = Goal::Closed;
        let calls = self.calls.drop_calls(|_| true);
        self.abandon(calls);
        let effect = self.link.handle(now, LinkInput::Stop, &mut self.rng);
        self.apply(now, effect);
    }

    /// Gives up the socket and keeps the facts.
    pub(super) fn rest(&mut self, now: Millis) {
        if self.goal != Goal::Live {
            return;
        }
        self.goal = Goal::Paused;
        let calls = self.calls.drop_calls(|_| true);
        self.abandon(calls);
        let effect = self.link.handle(now, LinkInput::Stop, &mut self.rng);
        self.apply(now, effect);
        self.facts.socket = None;
        for conversation in &mut self.conversations {
            if conversation.session.is_some() {
                conversation.gap.link_lost();
            }
            conversation.sends.interrupt();
        }
    }

    pub(super) fn wake(&mut self, now: Millis) {
        if self.goal == Goal::Paused {
            self.goal = Goal::Live;
            self.calls.wake_all(now);
        }
    }

    /// Whoever waits for an opening that cannot come before `until` knows now.
    pub(super) fn fail_waiters_before(&mut self, now: Millis, until: Millis, error: &Error) {
        for key in self.keys() {
            self.fail_openers(now, key, until, |_| error.clone());
        }
    }

    /// Fails those who wait for the opening no longer than `until`.
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
        let late = conversation.openers.extract_if(.., |opener| opener.deadline <= until).collect::<Vec<_>>();
        if late.is_empty() {
            return;
        }
        let abandoned = !conversation.opened && conversation.openers.is_empty();
        let error = error(self);
        for opener in late {
            self.resolve(Some(opener.ticket), Err(error.clone()));
        }
        if abandoned {
            self.close_conversation(now, key, CloseReason::Failed(error));
        }
    }

    pub(super) fn keys(&self) -> Vec<ConversationKey> {
        self.conversations.iter().map(|conversation| conversation.key).collect()
    }
}
