//! What a caller says, and how.
//!
//! A call takes all of it as one record: at Kotlin's border each optional argument of its own costs two structures, of
//! some 5 µs.

use std::time::Duration;

use secondme_avatar::{Ask, Conversation, Send};

/// A message that waits for no reply.
#[derive(uniffi::Record)]
pub struct CoreMessage {
    /// What is said.
    pub text: String,
    /// The time limit, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// The id under which it goes out.
    pub message_id: Option<String>,
}

impl CoreMessage {
    pub(crate) fn sent_to(self, conversation: &Conversation) -> Send {
        let mut send = conversation.send(self.text);
        if let Some(deadline) = self.deadline_ms {
            send = send.deadline(Duration::from_millis(deadline));
        }
        if let Some(id) = self.message_id {
            send = send.message_id(id);
        }
        send
    }
}

/// A message that waits for the reply.
#[derive(uniffi::Record)]
pub struct CoreQuestion {
    /// What is said.
    pub text: String,
    /// The time limit for all of it, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// How long the first piece may take, in milliseconds.
    pub first_piece_deadline_ms: Option<u64>,
    /// The silence that ends the avatar's turn, in milliseconds: all its messages are waited for.
    pub collect_ms: Option<u64>,
    /// The id under which it goes out.
    pub message_id: Option<String>,
}

impl CoreQuestion {
    pub(crate) fn asked_of(self, conversation: &Conversation) -> Ask {
        let mut ask = conversation.ask(self.text);
        if let Some(id) = self.message_id {
            ask = ask.message_id(id);
        }
        if let Some(deadline) = self.deadline_ms {
            ask = ask.deadline(Duration::from_millis(deadline));
        }
        if let Some(first_piece) = self.first_piece_deadline_ms {
            ask = ask.first_piece_deadline(Duration::from_millis(first_piece));
        }
        if let Some(silence) = self.collect_ms {
            ask = ask.collect(Duration::from_millis(silence));
        }
        ask
    }
}
