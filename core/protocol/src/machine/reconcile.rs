//! The rule: which facts are missing, and which calls can bring them now.

use super::{Goal, Machine, Outcome, Output};
use crate::call::{Call, CallId};
use crate::connection::Attempt;
use crate::conversation::{Conversation, Opened, Query};
use crate::error::Error;
use crate::event::{ConversationKey, EventKind, State};
use crate::ids::SessionId;
use crate::time::Millis;
use crate::wire::{Direction, HttpRequest, Outgoing, Pass};

impl Machine {
    /// Makes every call that is needed, can be made, and is not under way.
    pub(super) fn reconcile(&mut self, now: Millis) {
        if self.goal != Goal::Live || self.conversations.is_empty() {
            return;
        }
        if self.authentication.credentials().is_none() {
            self.begin(now, Call::Authenticate);
            return;
        }
        let needs_session = self.conversations.iter().any(Conversation::needs_session);
        let context = self.facts.context.as_ref();
        let context_live = context.is_some_and(|context| context.is_live(now)) && !self.facts.context_doubted;
        if self.facts.context.is_none() || (needs_session && !context_live) {
            self.begin(now, Call::InitChat);
        }
        if self.facts.avatar_id.is_none()
            && self.conversations.iter().any(|conversation| !conversation.is_bound())
        {
            self.begin(now, Call::ResolveAvatar);
        }
        self.reconcile_link(now);
        self.resolve_openers();
        self.open_gaps(now);
        for at in 0..self.conversations.len() {
            self.reconcile_conversation(now, at, context_live);
        }
    }

    fn reconcile_link(&mut self, now: Millis) {
        if !self.conversations.iter().any(Conversation::is_wanted) {
            return;
        }
        let can_fetch = self.calls.is_ready(&Call::CreateSocket, now);
        match self.connection.attempt(now, can_fetch, &mut self.rng) {
            Attempt::NotNow => {}
            Attempt::AskForPermit => self.outputs.push_back(Output::ConnectPermit),
            Attempt::FetchAddress => self.begin(now, Call::CreateSocket),
            Attempt::Open { generation, address } => {
                self.outputs.push_back(Output::SocketOpen { generation, address });
            }
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
        self.connection.denial().or_else(|| self.calls.last_failure(key))
    }

    fn reconcile_conversation(&mut self, now: Millis, at: usize, context_live: bool) {
        let conversation = &self.conversations[at];
        let key = conversation.key();
        if conversation.session().is_none() {
            if context_live && conversation.needs_session() {
                self.begin(now, Call::CreateSession(key));
            }
            return;
        }
        if !conversation.is_bound() && !conversation.is_closing() && self.facts.avatar_id.is_some() {
            self.begin(now, Call::BindSession(key));
        }
        let conversation = &self.conversations[at];
        if self.connection.is_up() && self.facts.context.is_some() {
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
        let conversation = &self.conversations[at];
        let ends = conversation.ends_session();
        let tickets = conversation.histories().tickets();
        if conversation.gap().query().is_some() {
            self.begin(now, Call::FillGap(key));
        }
        for ticket in tickets {
            self.begin(now, Call::History(key, ticket));
        }
        if ends {
            self.begin(now, Call::EndSession(key));
        }
    }

    /// Makes the call, unless it is under way or has to wait.
    pub(super) fn begin(&mut self, now: Millis, call: Call) {
        if !self.calls.is_ready(&call, now) {
            return;
        }
        if call == Call::Authenticate {
            // The only call whose quota is documented; it waits for its place.
            let id = self.calls.start(call, self.authentication.token(), self.connection.generation(), None);
            self.outputs.push_back(Output::Quota(id));
            return;
        }
        let id = self.calls.start(
            call.clone(),
            self.authentication.token(),
            self.connection.generation(),
            Some(now),
        );
        let Some(request) = self.request(&call, id) else {
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
            | Call::EndSession(_) => {}
        }
    }

    pub(super) fn quota_granted(&mut self, now: Millis, id: CallId) {
        if self.calls.granted(id, now) {
            self.counters.calls += 1;
            self.counters.authentications += 1;
            self.outputs.push_back(Output::Http(HttpRequest::authenticate(id, &self.key, &self.visitor)));
        }
    }

    /// The call as a request; `None` while one of its needs is not met.
    fn request(&self, call: &Call, id: CallId) -> Option<HttpRequest> {
        let credentials = self.authentication.credentials()?;
        let pass = Pass { token: &credentials.token, visitor_id: self.visitor.id() };
        let conversation = call.conversation().and_then(|key| self.conversation(key));
        let session = conversation.and_then(|conversation| conversation.session());
        Some(match call {
            Call::Authenticate => HttpRequest::authenticate(id, &self.key, &self.visitor),
            Call::InitChat => HttpRequest::init_chat(id, pass, &credentials.share_code),
            Call::Connect => return None,
            Call::CreateSocket => HttpRequest::create_socket(id, pass, &credentials.user_id),
            Call::ResolveAvatar => HttpRequest::resolve_avatar(id, pass, &credentials.share_code),
            Call::CreateSession(_) => {
                HttpRequest::create_session(id, pass, credentials.mind_id, &credentials.owner_user_id)
            }
            Call::BindSession(_) => HttpRequest::bind_session(id, pass, self.facts.avatar_id?, session?),
            Call::SendMessage(_, message) => {
                let pending = conversation?.sends().get(message)?;
                let outgoing = Outgoing {
                    session: session?,
                    user: &credentials.user_id,
                    mind: &self.facts.context.as_ref()?.mind_id,
                    ws: self.connection.ws()?,
                    message,
                    timestamp: pending.timestamp(),
                    text: pending.text(),
                };
                HttpRequest::send_message(id, pass, &outgoing)
            }
            Call::FillGap(_) => messages_query(id, pass, session?, conversation?.gap().query()?),
            Call::History(_, ticket) => {
                messages_query(id, pass, session?, conversation?.histories().query(*ticket)?)
            }
            Call::EndSession(_) => HttpRequest::end_session(id, pass, session?),
        })
    }

    /// Whether messages go out and replies come in.
    pub(super) fn is_complete(&self, conversation: &Conversation) -> bool {
        self.connection.is_up()
            && self.authentication.credentials().is_some()
            && self.facts.context.is_some()
            && conversation.session().is_some()
            && conversation.is_bound()
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
            let opening =
                self.facts.context.as_ref().map(|context| context.opening.clone()).unwrap_or_default();
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

fn messages_query(id: CallId, pass: Pass<'_>, session: &SessionId, query: Query<'_>) -> HttpRequest {
    match query {
        Query::Latest => HttpRequest::latest_messages(id, pass, session),
        Query::Before(seq) => HttpRequest::query_messages(id, pass, session, Direction::Backward, seq),
        Query::After(seq) => HttpRequest::query_messages(id, pass, session, Direction::Forward, &seq.into()),
    }
}
