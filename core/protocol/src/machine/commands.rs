//! What the caller wants.

use super::{Command, Goal, Machine, Outcome, Output, Ticket};
use crate::conversation::{AskTerms, Conversation, Durability, Pending, Waiter};
use crate::error::{Error, ErrorKind};
use crate::event::ConversationKey;
use crate::ids::MessageId;
use crate::limits::{HISTORY_MESSAGES, MESSAGE_BYTES, OUTBOX};
use crate::link::LinkInput;
use crate::misuse::Misuse;
use crate::redact::Text;
use crate::time::Millis;

impl Machine {
    /// Takes a command that says something, under this id. Another command does not look at it.
    pub fn command_under(
        &mut self,
        now: Millis,
        message: MessageId,
        command: Command,
    ) -> Result<Ticket, Misuse> {
        if message.written_at().is_none() {
            return Err(Misuse::MessageIdForm);
        }
        if self.is_used(&message) {
            return Err(Misuse::MessageIdInUse);
        }
        self.next_message = Some(message);
        let ticket = self.command(now, command);
        self.next_message = None;
        ticket
    }

    /// Takes a command once more that another process had under this id when it ended: the service may have its message.
    /// So the message is looked for first, and goes out where it is not found. One that is kept in a store is not looked
    /// for: the store tells.
    pub fn command_again(
        &mut self,
        now: Millis,
        message: MessageId,
        command: Command,
    ) -> Result<Ticket, Misuse> {
        self.gives_again = true;
        let ticket = self.command_under(now, message, command);
        self.gives_again = false;
        ticket
    }

    pub(super) fn take_command(&mut self, now: Millis, command: Command) -> Result<Ticket, Misuse> {
        if self.goal == Goal::Closed {
            return Err(Misuse::Closed);
        }
        if let Some(unsupported) = self.lacks(&command) {
            let ticket = self.next_ticket();
            self.resolve(Some(ticket), Err(Error::new(ErrorKind::Unsupported, unsupported)));
            return Ok(ticket);
        }
        match command {
            Command::Open { conversation, deadline } => {
                if self.conversation(conversation).is_none() {
                    let first = conversation == ConversationKey::FIRST;
                    let session = if first { self.resumable.take().map(|session| *session) } else { None };
                    // Nearly every visitor has one: room for four would be a kilobyte lost in each.
                    self.conversations.reserve_exact(1);
                    self.conversations.push(Conversation::new(conversation, session));
                    if first {
                        self.take_restored(now);
                    }
                }
                let ticket = self.next_ticket();
                let waiter = Waiter { ticket, deadline: now + deadline };
                self.wanted(now, conversation)?.lifecycle_mut().open_for(waiter);
                Ok(ticket)
            }
            Command::Send { conversation, text, deadline } => {
                self.queue_message(now, conversation, text, now + deadline, None, Durability::Process)
            }
            Command::SendDurable { conversation, text, deadline } => {
                self.queue_message(now, conversation, text, now + deadline, None, Durability::Store)
            }
            Command::Ask { conversation, text, deadline, first_piece, pieces, collect } => {
                let owner = self.config.owner_deadline.map_or(first_piece, |owner| owner.min(first_piece));
                let ask = AskTerms { first_piece, owner, pieces, collect };
                self.queue_message(now, conversation, text, now + deadline, Some(ask), Durability::Process)
            }
            Command::History { conversation, before, limit, deadline } => {
                if limit == 0 || limit > HISTORY_MESSAGES {
                    return Err(Misuse::HistoryLimit);
                }
                let ticket = self.next_ticket();
                let waiter = Waiter { ticket, deadline: now + deadline };
                self.wanted(now, conversation)?.histories_mut().begin(waiter, before, limit);
                Ok(ticket)
            }
            Command::Close { conversation, deadline, end_session } => {
                let ticket = self.next_ticket();
                self.close_orderly(now, conversation, ticket, deadline, end_session);
                Ok(ticket)
            }
            Command::Pause => {
                self.pause(now);
                Ok(self.done())
            }
            Command::Resume => {
                self.resume(now);
                Ok(self.done())
            }
            Command::NetworkChanged => {
                self.calls.wake_all(now);
                let effect = self.connection.handle(now, LinkInput::NetworkChanged, &mut self.rng);
                self.apply(now, effect);
                Ok(self.done())
            }
        }
    }

    /// What the door has not got for this command.
    fn lacks(&self, command: &Command) -> Option<&'static str> {
        let door = self.config.door;
        match command {
            Command::Open { conversation, .. }
                if *conversation != ConversationKey::FIRST && !door.holds_several_conversations() =>
            {
                Some(
                    "a visitor has one conversation on Visitor Chat: open another visitor, or the same one again",
                )
            }
            Command::History { .. } if !door.has_history() => {
                Some("Visitor Chat does not offer the messages of the past: keep them where they are needed")
            }
            Command::Open { .. }
            | Command::Send { .. }
            | Command::SendDurable { .. }
            | Command::Ask { .. }
            | Command::History { .. }
            | Command::Close { .. }
            | Command::Pause
            | Command::Resume
            | Command::NetworkChanged => None,
        }
    }

    pub(super) fn withdraw(&mut self, now: Millis, ticket: Ticket) {
        self.take_back(ticket);
        let mut dropped = Vec::new();
        for conversation in &mut self.conversations {
            conversation.histories_mut().remove(ticket);
            let forgotten = conversation.withdraw(ticket);
            self.outputs.extend(forgotten.map(Output::ForgetMessage));
            if conversation.lifecycle_mut().withdraw(ticket) {
                dropped.push(conversation.key());
            }
        }
        let unwanted = self.calls.drop_calls(|call| call.is_history(ticket));
        self.abandon(unwanted);
        for key in dropped {
            let error =
                Error::new(ErrorKind::Closed, "the opening was cancelled, and no other call waits for it");
            self.close_conversation(now, key, crate::event::CloseReason::Failed(error));
        }
    }

    fn queue_message(
        &mut self,
        now: Millis,
        key: ConversationKey,
        text: Text,
        deadline: Millis,
        ask: Option<AskTerms>,
        durability: Durability,
    ) -> Result<Ticket, Misuse> {
        if text.is_empty() {
            return Err(Misuse::EmptyMessage);
        }
        if text.len() > MESSAGE_BYTES {
            return Err(Misuse::MessageTooLong { bytes: text.len() });
        }
        let full = |conversation: &Conversation| conversation.sends().len() >= OUTBOX;
        if self.conversation(key).is_some_and(full) {
            return Err(Misuse::OutboxFull);
        }
        let random = self.rng.next();
        let message = self.next_message.take().unwrap_or_else(|| MessageId::of(random, now));
        let ticket = self.next_ticket();
        let may_have_left = self.gives_again && durability == Durability::Process;
        let (noted, reading) = (self.seen.noted(), self.reading);
        let listens = self.connection.is_up().then_some(now);
        let conversation = self.wanted(now, key)?;
        let pending = Pending::new(message, now, text, ticket, deadline, ask, durability);
        if may_have_left {
            conversation.take_again(now, pending, noted, listens, reading);
            return Ok(ticket);
        }
        let store = conversation.queue(pending);
        self.outputs.extend(store.map(Output::SaveMessage));
        Ok(ticket)
    }

    /// Whether a message of the visitor has this id, as far back as is remembered. One that was handed back has given
    /// it up.
    pub(super) fn is_used(&self, message: &MessageId) -> bool {
        let has = |conversation: &Conversation| {
            conversation.sends().contains(message) || conversation.turns().has_delivered(message.as_str())
        };
        self.conversations.iter().any(has) || self.restored.iter().any(|kept| kept.message_id == *message)
    }

    /// Returns the conversation, if it can take a command. A paused one resumes, and a link that is down is tried
    /// again sooner.
    fn wanted(&mut self, now: Millis, key: ConversationKey) -> Result<&mut Conversation, Misuse> {
        let takes = |conversation: &Conversation| conversation.key() == key && !conversation.is_closing();
        let at = self.conversations.iter().position(takes).ok_or(Misuse::Closed)?;
        self.resume(now);
        if !self.connection.is_up() {
            self.calls.hurry(now);
            let effect = self.connection.handle(now, LinkInput::Hurry, &mut self.rng);
            self.apply(now, effect);
        }
        Ok(&mut self.conversations[at])
    }

    fn done(&mut self) -> Ticket {
        let ticket = self.next_ticket();
        self.resolve(Some(ticket), Ok(Outcome::Done));
        ticket
    }
}
