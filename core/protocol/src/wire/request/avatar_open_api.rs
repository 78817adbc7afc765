//! The seven calls of the vendor's API page, and three that are not on it.

use serde_json::{Value, json};

use super::{Encoding, HttpRequest, Method, encode};
use crate::call::CallId;
use crate::error::Step;
use crate::ids::{
    AvatarId, EncodedMindId, MessageId, NumericMindId, SeqId, SessionId, ShareCode, UserId, WsId,
};
use crate::key::ApiKey;
use crate::redact::Secret;
use crate::time::Millis;
use crate::visitor::{Visitor, VisitorId};

/// What every call after the authentication carries.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) token: &'a Secret,
    pub(crate) visitor_id: &'a VisitorId,
}

/// The direction of a message query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

/// A visitor's message as step 6 sends it.
pub(crate) struct Outgoing<'a> {
    pub(crate) session: &'a SessionId,
    pub(crate) user: &'a UserId,
    pub(crate) mind: &'a EncodedMindId,
    pub(crate) ws: &'a WsId,
    pub(crate) message: &'a MessageId,
    pub(crate) timestamp: Millis,
    pub(crate) text: &'a str,
}

impl HttpRequest {
    pub(crate) fn authenticate(call: CallId, key: &ApiKey, visitor: &Visitor) -> Self {
        let mut body = json!({ "visitorId": visitor.id().as_str() });
        if let Some(name) = visitor.display_name() {
            body["visitorName"] = name.into();
        }
        if let Some(channel) = visitor.channel_name() {
            body["channel"] = channel.into();
        }
        let bearer = Secret::from(format!("Bearer {}", key.expose_secret()));
        Self {
            call,
            step: Step::Authenticate,
            method: Method::Post,
            path: "/rest/open/avatar/auth".to_owned(),
            headers: vec![("Authorization", bearer)],
            body: Some(body.to_string()),
            encoding: Encoding::Json,
        }
    }

    pub(crate) fn init_chat(call: CallId, pass: Pass<'_>, share_code: &ShareCode) -> Self {
        let body = json!({ "shareCode": share_code.as_str() });
        Self::post(call, Step::InitChat, "/rest/os/avatar/chat/init", pass, &body)
    }

    pub(crate) fn create_socket(call: CallId, pass: Pass<'_>, user: &UserId) -> Self {
        let body = json!({
            "userId": user.as_str(),
            "channel": ["ALL"],
            "apiVersion": "1.3.0",
            "sdkVersion": "1.0.0",
        });
        Self::post(call, Step::CreateSocket, "/rest/general/ws/create", pass, &body)
    }

    pub(crate) fn create_session(call: CallId, pass: Pass<'_>, mind: NumericMindId, owner: &UserId) -> Self {
        let body = json!({
            "mindId": mind.0,
            "mindType": "shadow",
            "mode": "PERSONAL",
            "sessionType": "SHARE",
            "memberUserIds": [owner.as_str()],
        });
        Self::post(call, Step::CreateSession, "/rest/general/session/create", pass, &body)
    }

    pub(crate) fn resolve_avatar(call: CallId, pass: Pass<'_>, share_code: &ShareCode) -> Self {
        let path = format!("/rest/os/avatar/public/{}", encode(share_code.as_str()));
        Self::get(call, Step::ResolveAvatar, path, pass)
    }

    pub(crate) fn bind_session(call: CallId, pass: Pass<'_>, avatar: AvatarId, session: &SessionId) -> Self {
        let body = json!({ "avatarId": avatar.0, "sessionId": session.as_str() });
        Self::post(call, Step::BindSession, "/rest/os/avatar/chat/start", pass, &body)
    }

    pub(crate) fn send_message(call: CallId, pass: Pass<'_>, message: &Outgoing<'_>) -> Self {
        let body = json!({
            "timestamp": message.timestamp.0,
            "seqId": message.message.as_str(),
            "sessionId": message.session.as_str(),
            "userId": message.user.as_str(),
            "messageId": message.message.as_str(),
            "mindId": message.mind.as_str(),
            "index": 0,
            "sendUserId": message.user.as_str(),
            "dataType": "text",
            "sender": "client",
            "type": "msg",
            "wsId": message.ws.as_str(),
            "data": { "content": message.text },
        });
        Self::post(call, Step::SendMessage, "/rest/general/message/send", pass, &body)
    }

    pub(crate) fn query_messages(
        call: CallId,
        pass: Pass<'_>,
        session: &SessionId,
        direction: Direction,
        seq: &SeqId,
    ) -> Self {
        let direction = match direction {
            Direction::Forward => "forward",
            Direction::Backward => "backward",
        };
        let (session, seq) = (encode(session.as_str()), encode(seq.as_str()));
        let path =
            format!("/rest/general/message/query?sessionId={session}&direction={direction}&seqId={seq}");
        Self::get(call, Step::QueryMessages, path, pass)
    }

    pub(crate) fn latest_messages(call: CallId, pass: Pass<'_>, session: &SessionId) -> Self {
        let path = format!("/rest/general/message/latest?sessionId={}", encode(session.as_str()));
        Self::get(call, Step::QueryMessages, path, pass)
    }

    pub(crate) fn end_session(call: CallId, pass: Pass<'_>, session: &SessionId) -> Self {
        let body = json!({ "sessionId": session.as_str() });
        Self::post(call, Step::EndSession, "/rest/general/session/close", pass, &body)
    }

    fn post(call: CallId, step: Step, path: &str, pass: Pass<'_>, body: &Value) -> Self {
        let body = Some(body.to_string());
        let (path, headers) = (path.to_owned(), pass.headers());
        Self { call, step, method: Method::Post, path, headers, body, encoding: Encoding::Json }
    }

    fn get(call: CallId, step: Step, path: String, pass: Pass<'_>) -> Self {
        let headers = pass.headers();
        Self { call, step, method: Method::Get, path, headers, body: None, encoding: Encoding::Json }
    }
}

impl Pass<'_> {
    fn headers(self) -> Vec<(&'static str, Secret)> {
        vec![("token", self.token.clone()), ("Fp", Secret::from(self.visitor_id.as_str().to_owned()))]
    }
}
