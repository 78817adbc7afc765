//! What Visitor Chat needs: a token for each call, and one call that brings a session and a socket's address at once.

use super::super::Machine;
use crate::call::{Call, CallId};
use crate::conversation::Conversation;
use crate::door::Speaker;
use crate::time::Millis;
use crate::wire::{Bearing, HttpRequest};

impl Machine {
    pub(super) fn reconcile_visitor_chat(&mut self, now: Millis) {
        let has_token = self.authentication.bearer(now).is_some();
        self.reconcile_link(now, &Call::InitVisitorChat, has_token);
        self.resolve_openers();
        self.open_gaps(now);
        if !has_token && self.needs_bearer(now) {
            self.begin(now, Call::FetchToken);
        }
        for at in 0..self.conversations.len() {
            if has_token && self.connection.is_up() {
                self.reconcile_messages(now, at);
            }
        }
    }

    /// Whether a call is due that shows a token.
    fn needs_bearer(&self, now: Millis) -> bool {
        let is_wanted = self.conversations.iter().any(Conversation::is_wanted);
        let sends = |conversation: &Conversation| conversation.next_message(now).is_some();
        (is_wanted && self.connection.lacks_address(now))
            || (self.connection.is_up() && self.conversations.iter().any(sends))
    }

    pub(super) fn visitor_chat_request(&self, now: Millis, call: &Call, id: CallId) -> Option<HttpRequest> {
        let with = Bearing { token: self.authentication.bearer(now)?, key: self.key.as_ref()? };
        match call {
            Call::InitVisitorChat => {
                let visitor = match self.config.speaker {
                    Speaker::Visitor => Some(&self.visitor),
                    Speaker::User => None,
                };
                Some(HttpRequest::init_visitor_chat(id, with, visitor))
            }
            Call::SendMessage(key, message) => {
                let conversation = self.conversation(*key)?;
                let text = conversation.sends().get(message)?.text();
                Some(HttpRequest::send_visitor_chat(id, with, conversation.session()?, text))
            }
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
            | Call::FetchToken => None,
        }
    }
}
