//! What the Avatar Open API needs: credentials, a context, the avatar's id; for each conversation a session that the
//! owner can see; and a socket.

use super::super::Machine;
use crate::call::{Call, CallId};
use crate::conversation::{Conversation, Query};
use crate::ids::SessionId;
use crate::time::Millis;
use crate::wire::{Direction, HttpRequest, Outgoing, Pass};

impl Machine {
    pub(super) fn reconcile_avatar_open_api(&mut self, now: Millis) {
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
        self.reconcile_link(now, &Call::CreateSocket, true);
        self.resolve_openers();
        self.open_gaps(now);
        for at in 0..self.conversations.len() {
            self.reconcile_conversation(now, at, context_live);
        }
    }

    pub(super) fn has_avatar_open_api_facts(&self, conversation: &Conversation) -> bool {
        self.authentication.credentials().is_some() && self.facts.context.is_some() && conversation.is_bound()
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
        if self.connection.is_up() && self.facts.context.is_some() {
            self.reconcile_messages(now, at);
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

    /// The call as a request; `None` while one of its needs is not met.
    pub(super) fn avatar_open_api_request(&self, call: &Call, id: CallId) -> Option<HttpRequest> {
        let credentials = self.authentication.credentials()?;
        let pass = Pass { token: &credentials.token, visitor_id: self.visitor.id() };
        let conversation = call.conversation().and_then(|key| self.conversation(key));
        let session = conversation.and_then(|conversation| conversation.session());
        Some(match call {
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
                    // As the page writes it: the same moment as in the id.
                    timestamp: message.written_at().unwrap_or(pending.timestamp()),
                    text: pending.text(),
                };
                HttpRequest::send_message(id, pass, &outgoing)
            }
            Call::FillGap(_) => messages_query(id, pass, session?, conversation?.gap().query()?),
            Call::History(_, ticket) => {
                messages_query(id, pass, session?, conversation?.histories().query(*ticket)?)
            }
            Call::EndSession(_) => HttpRequest::end_session(id, pass, session?),
            Call::Authenticate | Call::FetchToken | Call::InitVisitorChat => return None,
        })
    }
}

fn messages_query(id: CallId, pass: Pass<'_>, session: &SessionId, query: Query<'_>) -> HttpRequest {
    match query {
        Query::Latest => HttpRequest::latest_messages(id, pass, session),
        Query::Before(seq) => HttpRequest::query_messages(id, pass, session, Direction::Backward, seq),
        Query::After(seq) => HttpRequest::query_messages(id, pass, session, Direction::Forward, &seq.into()),
    }
}
