//! The conversations of a visitor who has several: one for each chat.

use std::time::Duration;

use secondme_avatar::{Conversation, ConversationKey, Error};
use tokio::time::Instant;

/// How many chats of a visitor are open at a time. Beyond that the one that was silent the longest is closed.
const CHATS: usize = 32;
/// How long a visitor is silent before the chats are forgotten.
const SILENCE: Duration = Duration::from_secs(24 * 3600);

/// The chats of a visitor, those heard last at the end.
#[derive(Debug, Default)]
pub(super) struct Chats {
    open: Vec<(String, Conversation)>,
    heard: Option<Instant>,
}

impl Chats {
    /// Whether the visitor may go on with one of them.
    pub(super) fn are_needed(&self) -> bool {
        !self.open.is_empty() && self.heard.is_some_and(|heard| heard.elapsed() < SILENCE)
    }

    /// The conversation of this chat. The visitor's first chat has the conversation that outlives the process.
    pub(super) async fn conversation(
        &mut self,
        first: Conversation,
        chat: &str,
    ) -> Result<Conversation, Error> {
        self.heard = Some(Instant::now());
        let known = self.open.iter().position(|(known, _)| known == chat);
        let conversation = match known.map(|at| self.open.remove(at)) {
            Some((_, conversation)) => conversation,
            None if self.open.is_empty() => first,
            None => first.new_session().await?,
        };
        if self.open.len() == CHATS
            && let Some((_, silent)) = (!self.open.is_empty()).then(|| self.open.remove(0))
        {
            silent.close().await?;
        }
        self.open.push((chat.to_owned(), conversation.clone()));
        Ok(conversation)
    }

    /// Forgets a chat whose session has ended, so that its next question begins one.
    pub(super) fn forget(&mut self, chat: &str) {
        self.open.retain(|(known, _)| known != chat);
    }

    /// Closes the chats, except for the conversation that outlives the process.
    pub(super) async fn close(&mut self) {
        for (_, conversation) in self.open.drain(..) {
            if conversation.key() != ConversationKey::FIRST {
                // Nothing is lost: all it had to send was sent when its last question ended.
                let _ = conversation.close().await;
            }
        }
    }
}
