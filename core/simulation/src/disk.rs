//! What a client has kept, and what is still being written.

use std::collections::VecDeque;

use secondme_avatar_protocol::{KeptMessage, MessageId, Record};

/// What the next process would find after this one.
#[derive(Debug, Default)]
pub struct Disk {
    /// What is known of the visitor.
    pub record: Option<Record>,
    /// The messages that are not settled, in order.
    pub messages: Vec<KeptMessage>,
    /// Not there yet; a killed process may leave any number of the first of them behind.
    pub(crate) writes: VecDeque<Write>,
}

/// Something to be written.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Record(Box<Record>),
    Keep(KeptMessage),
    Settle(MessageId),
}

impl Disk {
    /// Writes the first of what waits. Says which message is kept now, if that was one.
    pub(crate) fn write(&mut self) -> Option<MessageId> {
        match self.writes.pop_front()? {
            Write::Record(record) => {
                self.record = Some(*record);
                None
            }
            Write::Keep(message) => {
                let id = message.message_id.clone();
                match self.messages.iter_mut().find(|known| known.message_id == id) {
                    Some(known) => *known = message,
                    None => self.messages.push(message),
                }
                Some(id)
            }
            Write::Settle(id) => {
                self.messages.retain(|known| known.message_id != id);
                None
            }
        }
    }

    /// The disk is full: messages are not kept, and their clients are told. The rest is written later.
    pub(crate) fn refuse(&mut self) -> Vec<MessageId> {
        let mut refused = Vec::new();
        self.writes.retain(|write| match write {
            Write::Keep(message) => {
                refused.push(message.message_id.clone());
                false
            }
            Write::Record(_) | Write::Settle(_) => true,
        });
        refused
    }

    /// Whether everything is written.
    pub fn is_written(&self) -> bool {
        self.writes.is_empty()
    }
}
