//! What can be asked of the machine. Nothing here changes it.

use super::{Goal, Machine};
use crate::call::{Call, CallId};
use crate::conversation::Conversation;
use crate::counters::Counters;
use crate::door::Door;
use crate::event::{ConversationKey, State};
use crate::facts::Record;
use crate::ids::{MessageId, SessionId};
use crate::redact::Text;
use crate::visitor::Visitor;

impl Machine {
    /// What is worth keeping for a later run.
    pub fn record(&self) -> Record {
        let first =
            self.conversations.iter().find(|conversation| conversation.key() == ConversationKey::FIRST);
        Record {
            visitor_id: self.visitor.id().clone(),
            credentials: self.authentication.credentials().cloned(),
            context: self.facts.context.clone().map(Box::new),
            avatar_id: self.facts.avatar_id,
            session: first.map_or_else(|| self.resumable.as_deref().cloned(), Conversation::facts),
            visitor: Some(self.visitor.clone()),
            visitor_chat: self.facts.visitor_chat.clone(),
        }
    }

    /// Where a conversation stands.
    pub fn state(&self, key: ConversationKey) -> State {
        self.conversation(key).map_or(State::Closed, Conversation::state)
    }

    /// The conversations that are not closed.
    pub fn conversations(&self) -> Vec<ConversationKey> {
        self.keys()
    }

    /// The session's id on the service, once it has one.
    pub fn session_id(&self, key: ConversationKey) -> Option<SessionId> {
        self.conversation(key)?.session().cloned()
    }

    /// The avatar's opening line, once it is known.
    pub fn opening(&self) -> Option<&Text> {
        match self.config.door {
            Door::AvatarOpenApi => self.facts.context.as_ref().map(|context| &*context.opening),
            Door::VisitorChat => self.facts.visitor_chat.as_ref().map(|facts| &*facts.opening),
        }
    }

    /// The avatar's name, once it is known.
    pub fn avatar_name(&self) -> Option<&str> {
        match self.config.door {
            Door::AvatarOpenApi => self.authentication.credentials().map(|found| &*found.avatar_name),
            Door::VisitorChat => self.facts.visitor_chat.as_ref().map(|facts| &*facts.avatar_name),
        }
    }

    /// Whether all is closed and nothing will ever happen again.
    pub fn is_closed(&self) -> bool {
        self.goal == Goal::Closed
    }

    /// Whether the avatar's owner has the conversation: has said something in person, and the avatar nothing since.
    pub fn taken_over(&self, key: ConversationKey) -> bool {
        self.conversation(key).is_some_and(Conversation::is_taken_over)
    }

    /// Whether the socket was given up and the facts are kept ([`Command::Pause`](super::Command::Pause)).
    pub fn is_paused(&self) -> bool {
        self.goal == Goal::Paused
    }

    /// Whether it is paused, and nothing is under way or will be due: it needs no host before the next command.
    pub fn rests(&self) -> bool {
        self.is_paused()
            && self.outputs.is_empty()
            && !self.calls.are_under_way()
            && self.next_deadline().is_none()
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.connection.is_up()
    }

    /// Whether it is being connected: a socket's address is asked for, or the handshake is under way.
    pub fn is_connecting(&self) -> bool {
        let fetches = |call| self.calls.is_under_way(call);
        self.connection.is_in_handshake() || fetches(&Call::CreateSocket) || fetches(&Call::InitVisitorChat)
    }

    /// Whether the socket was lost several times in a row soon after it was connected: another process may
    /// have this visitor open.
    pub fn is_contested(&self) -> bool {
        self.connection.is_contested()
    }

    /// What has been counted since the machine was made, or [gave back](Self::give_back) what it had counted.
    pub fn counters(&self) -> Counters {
        *self.counters
    }

    /// The message that a call which is under way brings to the service.
    pub fn message_of(&self, call: CallId) -> Option<&MessageId> {
        match &self.calls.get(call)?.call {
            Call::SendMessage(_, message) => Some(message),
            Call::Authenticate
            | Call::InitChat
            | Call::CreateSocket
            | Call::Connect
            | Call::ResolveAvatar
            | Call::CreateSession(_)
            | Call::BindSession(_)
            | Call::FillGap(_)
            | Call::History(..)
            | Call::EndSession(_)
            | Call::FetchToken
            | Call::InitVisitorChat => None,
        }
    }

    /// The visitor.
    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }
}
