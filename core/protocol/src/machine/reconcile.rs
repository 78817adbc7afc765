//! The rule: which facts are missing, and which calls can bring them now. What each door needs stands in a file of its
//! own.

mod avatar_open_api;
mod visitor_chat;

use super::{Goal, Machine, Outcome, Output};
use crate::call::{Call, CallId};
use crate::connection::Attempt;
use crate::conversation::{Conversation, Opened};
use crate::door::Door;
use crate::error::Error;
use crate::event::{ConversationKey, EventKind, State};
use crate::time::Millis;
use crate::wire::HttpRequest;

impl Machine {
    /// Makes every call that is needed, can be made, and is not under way.
    pub(super) fn reconcile(&mut self, now: Millis) {
        if self.goal != Goal::Live || self.conversations.is_empty() {
            return;
        }
        match self.config.door {
            Door::AvatarOpenApi => self.reconcile_avatar_open_api(now),
            Door::VisitorChat => self.reconcile_visitor_chat(now),
        }
    }

    /// Brings the link up, with an address that `fetch` brings, where that can be done now.
    fn reconcile_link(&mut self, now: Millis, fetch: &Call, can_fetch: bool) {
        if !self.conversations.iter().any(Conversation::is_wanted) {
            return;
        }
        let can_fetch = can_fetch && self.calls.is_ready(fetch, now);
        match self.connection.attempt(now, can_fetch, &mut self.rng) {
            Attempt::NotNow => {}
            Attempt::AskForPermit => self.outputs.push_back(Output::ConnectPermit),
            Attempt::FetchAddress => self.begin(now, fetch.clone()),
            Attempt::Open { generation, address } => {
                self.outputs.push_back(Output::SocketOpen { generation, address });
            }
        }
    }

    /// Sends the next message over the link that is up.
    fn reconcile_messages(&mut self, now: Millis, at: usize) {
        let conversation = &self.conversations[at];
        let key = conversation.key();
        let next = conversation.next_message(now);
        // What is late is told so by the next tick: it does not go out before that.
        let next = next.filter(|next| next.deadline() > now);
        if let Some(message) = next.map(|next| next.message().clone()) {
            self.send_out(now, key, message);
        }
        if let Some(hold) = self.conversations[at].newly_held(now) {
            self.outputs.push_back(Output::Held(key, hold));
        }
    }

    /// A permit ends with its attempt, however that ends, and where no attempt is wanted any more.
    pub(super) fn end_attempt(&mut self) {
        if !self.is_connecting() {
            self.connection.end_attempt();
        }
    }

    /// No socket is wanted any more.
    pub(super) fn release_slot(&mut self) {
        if self.connection.release_slot() {
            self.outputs.push_back(Output::SlotReleased);
        }
    }

    /// What stands in the way of a conversation, for the error when its deadline passes.
    pub(super) fn obstacle(&self, key: ConversationKey) -> Option<&Error> {
        // A link that is lost again and again holds up what every call has succeeded for.
        self.connection.denial().or_else(|| self.calls.last_failure(key)).or_else(|| self.connection.loss())
    }

    /// Makes the call, unless it is under way or has to wait.
    pub(super) fn begin(&mut self, now: Millis, call: Call) {
        if !self.calls.is_ready(&call, now) {
            return;
        }
        if matches!(call, Call::Authenticate | Call::FetchToken) {
            let (token, generation) = (self.authentication.token(), self.connection.generation());
            let is_token = call == Call::FetchToken;
            let id = self.calls.start(call, token, generation, None);
            let refused = self.authentication.refused_token();
            self.outputs.push_back(if is_token {
                Output::Token { call: id, refused: refused.cloned() }
            } else if self.key.is_none() {
                Output::Credentials { call: id, refused: refused.is_some() }
            } else {
                // The only call whose quota is documented; it waits for its place.
                Output::Quota(id)
            });
            return;
        }
        let id = self.calls.start(
            call.clone(),
            self.authentication.token(),
            self.connection.generation(),
            Some(now),
        );
        let Some(request) = self.request(now, &call, id) else {
            // Its needs were met a moment ago, so this does not happen; and if it did, the rule would
            // ask again.
            self.calls.finish(id);
            return;
        };
        self.counters.calls += 1;
        self.outputs.push_back(Output::Http(request));
        let (generation, noted, reading) = (self.connection.generation(), self.seen.noted(), self.reading);
        let Some(conversation) = call.conversation().and_then(|key| self.conversation_mut(key)) else {
            return;
        };
        match call {
            Call::SendMessage(_, message) => {
                conversation.begin_send(now, &message, id, generation, noted, reading);
            }
            Call::FillGap(_) => conversation.gap_mut().asked(now),
            Call::Authenticate
            | Call::InitChat
            | Call::CreateSocket
            | Call::Connect
            | Call::ResolveAvatar
            | Call::CreateSession(_)
            | Call::BindSession(_)
            | Call::History(..)
            | Call::EndSession(_)
            | Call::FetchToken
            | Call::InitVisitorChat => {}
        }
    }

    pub(super) fn quota_granted(&mut self, now: Millis, id: CallId) {
        let waits = self.calls.get(id).is_some_and(|flight| flight.call == Call::Authenticate);
        let Some(key) = self.key.as_ref().filter(|_| waits) else { return };
        if self.calls.granted(id, now) {
            self.counters.calls += 1;
            self.counters.authentications += 1;
            self.outputs.push_back(Output::Http(HttpRequest::authenticate(id, key, &self.visitor)));
        }
    }

    /// The call as a request; `None` while one of its needs is not met.
    fn request(&self, now: Millis, call: &Call, id: CallId) -> Option<HttpRequest> {
        match self.config.door {
            Door::AvatarOpenApi => self.avatar_open_api_request(call, id),
            Door::VisitorChat => self.visitor_chat_request(now, call, id),
        }
    }

    /// Whether messages go out and replies come in.
    pub(super) fn is_complete(&self, conversation: &Conversation) -> bool {
        let has_facts = match self.config.door {
            Door::AvatarOpenApi => self.has_avatar_open_api_facts(conversation),
            // The session came with the address of the link.
            Door::VisitorChat => true,
        };
        self.connection.is_up() && conversation.session().is_some() && has_facts
    }

    fn resolve_openers(&mut self) {
        for at in 0..self.conversations.len() {
            let conversation = &self.conversations[at];
            if !self.is_complete(conversation) {
                continue;
            }
            let resumed = conversation.is_resumed();
            let Some(Opened { tickets, first }) = self.conversations[at].lifecycle_mut().open() else {
                continue;
            };
            let opening = self.opening().cloned().unwrap_or_default();
            for ticket in tickets {
                let outcome = Outcome::Opened { opening: opening.clone(), resumed };
                self.resolve(Some(ticket), Ok(outcome));
            }
            if first {
                self.emit(at, EventKind::Opened { opening, resumed }, None);
            }
        }
    }

    /// Says where a conversation stands, when that has changed.
    pub(super) fn note_states(&mut self) {
        for at in 0..self.conversations.len() {
            let to = self.derive_state(&self.conversations[at]);
            if let Some(from) = self.conversations[at].lifecycle_mut().enter(to) {
                self.emit(at, EventKind::StateChanged { from, to }, None);
            }
        }
    }

    fn derive_state(&self, conversation: &Conversation) -> State {
        match self.goal {
            Goal::Closed => State::Closed,
            Goal::Live | Goal::Paused if conversation.is_closing() => State::Closing,
            Goal::Paused => State::Paused,
            Goal::Live if self.is_complete(conversation) => State::Live,
            Goal::Live if conversation.is_opened() => State::Reconnecting,
            Goal::Live => State::Opening,
        }
    }
}
