//! Who speaks in a frame of a person: the visitor, whose message it echoes, or the owner.

use super::Machine;
use crate::conversation::Voice;
use crate::ids::{MessageId, UserId};
use crate::time::Millis;
use crate::wire::Frame;

impl Machine {
    pub(super) fn voice_of(&mut self, now: Millis, at: usize, frame: &Frame<'_>) -> Voice {
        if self.config.door.names_echoes() {
            self.voice_by_name(at, frame)
        } else {
            self.voice_by_rules(now, at, frame)
        }
    }

    /// The message that the service means by this id.
    pub(super) fn message_of_name(&self, at: usize, name: &MessageId) -> Option<MessageId> {
        let conversation = &self.conversations[at];
        if self.config.door.names_echoes() {
            return conversation.turns().has_sent(name.as_str()).then(|| name.clone());
        }
        conversation.echoes().message_named(name.as_str()).cloned()
    }

    /// The client has named its messages, and knows the visitor's user id.
    fn voice_by_name(&self, at: usize, frame: &Frame<'_>) -> Voice {
        let turns = self.conversations[at].turns();
        let is_sent = frame.message_id.as_deref().is_some_and(|id| turns.has_sent(id));
        let user = self.authentication.user_id().map(UserId::as_str);
        if is_sent || (user.is_some() && frame.send_user_id.as_deref() == user) {
            Voice::Visitor(frame.message_id.as_deref().map(MessageId::from))
        } else {
            Voice::Owner { confirmed: true }
        }
    }

    /// Neither is told: the rules of `conversation/echoes.rs` decide.
    fn voice_by_rules(&mut self, now: Millis, at: usize, frame: &Frame<'_>) -> Voice {
        let mut own = self.facts.visitor_chat.as_mut().and_then(|facts| facts.own_user.take());
        let before = own.clone();
        let voice = self.conversations[at].echoes_mut().judge(now, frame, &mut own);
        let is_news = own != before;
        self.facts.visitor_chat.get_or_insert_default().own_user = own;
        if is_news {
            self.remember();
        }
        voice
    }
}
