//! What is done on Visitor Chat alone: its token, its session, and the names of its messages.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::Machine;
use crate::call::{Call, Flight};
use crate::conversation::Replaced;
use crate::error::{Error, ErrorKind};
use crate::event::{ConversationKey, EventKind};
use crate::facts::{SocketAddress, VisitorChatFacts};
use crate::ids::{MessageId, SessionId};
use crate::limits::ADDRESS_ATTEMPTS;
use crate::redact::Secret;
use crate::time::Millis;
use crate::wire::{self, VisitorChatAnswer};

const REPLACED: &str =
    "the service has given another session in the place of the one that the message was sent in";

impl Machine {
    pub(super) fn learn_visitor_chat(&mut self, now: Millis, since: Millis, answer: VisitorChatAnswer<'_>) {
        let earlier = self.facts.visitor_chat.take().unwrap_or_default();
        self.facts.visitor_chat = Some(Box::new(VisitorChatFacts {
            avatar_name: answer.avatar_name.as_deref().unwrap_or_default().into(),
            opening: Arc::new(answer.opening.as_deref().unwrap_or_default().into()),
            ..*earlier
        }));
        let address = answer.ws_url.0.into_owned();
        let ws_id = wire::ws_id_of(&address);
        let address = Secret::from(address);
        self.connection.set_address(SocketAddress { ws_id, address, since, attempts: ADDRESS_ATTEMPTS });
        self.adopt_session(now, answer.session_id.0.as_ref().into());
        self.remember();
    }

    /// The visitor's only conversation has this session.
    fn adopt_session(&mut self, now: Millis, session: SessionId) {
        let at = 0;
        let Some(conversation) = self.conversations.get_mut(at) else {
            return;
        };
        let before = conversation.session().cloned();
        if before.as_ref() == Some(&session) {
            return;
        }
        if let Some(own) = self.facts.visitor_chat.as_mut().and_then(|facts| facts.own_user.as_mut()) {
            own.enter_session();
        }
        match before {
            Some(before) => self.replace_session(now, at, &before, session),
            None => conversation.set_session(session),
        }
    }

    /// The session that was there is gone. What has not gone out goes out in the new one; whether the old one has
    /// taken what is under way will not be known, and what it has not answered it never will.
    fn replace_session(&mut self, now: Millis, at: usize, from: &SessionId, to: SessionId) {
        for reply in self.conversations[at].end_replies() {
            self.complete_reply(at, reply, None);
        }
        self.settle_guesses(at);
        let key = self.conversations[at].key();
        let Replaced { under_way, unanswered } = self.conversations[at].replace_session(to.clone());
        self.emit(at, EventKind::SessionReplaced { from: from.clone(), to }, None);
        let calls = self.calls.drop_calls(|call| matches!(call, Call::SendMessage(..)));
        self.abandon(calls);
        for pending in under_way {
            self.hand_back(key, pending, Error::new(ErrorKind::Closed, REPLACED));
        }
        let unanswerable = "the message was sent, and the service has given another session before its answer was \
                            whole: ask again";
        for ticket in unanswered {
            self.resolve(Some(ticket), Err(Error::new(ErrorKind::Closed, unanswerable)));
        }
        self.active_at = now;
    }

    /// The service says that it does not know the session (any more): the call that brings an address brings another
    /// session as well. Returns `false` where that has not helped a moment ago.
    pub(super) fn renew_session(&mut self, now: Millis, error: Error) -> bool {
        if !self.config.door.renews_sessions() || std::mem::replace(&mut self.facts.session_doubted, true) {
            return false;
        }
        self.connection.drop_address();
        self.link_is_dead(now, error);
        true
    }

    /// Whether the session is being renewed, or was, since the call went out.
    pub(super) fn is_session_renewed_since(&self, flight: &Flight) -> bool {
        let is_present = self.connection.is_up() && flight.generation == self.connection.generation();
        self.facts.session_doubted && !is_present
    }

    /// The service may have named the message that it has taken: its echo carries that name.
    pub(super) fn learn_message_name(
        &mut self,
        key: ConversationKey,
        message: &MessageId,
        data: Option<&RawValue>,
    ) {
        if self.config.door.names_echoes() {
            return;
        }
        self.facts.session_doubted = false;
        if let (Some(name), Some(conversation)) = (wire::answer_id(data), self.conversation_mut(key)) {
            conversation.echoes_mut().named(message, name.as_str().into());
        }
    }
}
