//! The calls of Visitor Chat. They hold exactly the documented fields: this door may refuse others.

use serde_json::json;

use super::{Encoding, HttpRequest, Method, encode};
use crate::call::CallId;
use crate::error::Step;
use crate::ids::SessionId;
use crate::key::ApiKey;
use crate::redact::Secret;
use crate::visitor::Visitor;

/// What every call after the token carries.
#[derive(Clone, Copy)]
pub(crate) struct Bearing<'a> {
    pub(crate) token: &'a Secret,
    pub(crate) key: &'a ApiKey,
}

impl HttpRequest {
    /// The app's own token, by its id and its secret.
    pub(crate) fn fetch_app_token(call: CallId, client_id: &str, client_secret: &Secret) -> Self {
        let (id, secret) = (encode(client_id), encode(client_secret.expose_secret()));
        let form =
            format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=chat.write");
        Self {
            call,
            step: Step::FetchToken,
            method: Method::Post,
            path: "/api/oauth/token/client".to_owned(),
            headers: Vec::new(),
            body: Some(form),
            encoding: Encoding::Form,
        }
    }

    /// `visitor`: absent where the token says who speaks.
    pub(crate) fn init_visitor_chat(call: CallId, with: Bearing<'_>, visitor: Option<&Visitor>) -> Self {
        let mut body = json!({ "apiKey": with.key.expose_secret() });
        if let Some(visitor) = visitor {
            body["visitorId"] = visitor.id().as_str().into();
            if let Some(name) = visitor.display_name() {
                body["visitorName"] = name.into();
            }
        }
        Self::bearing(call, Step::InitVisitorChat, "/api/secondme/visitor-chat/init", with, &body)
    }

    pub(crate) fn send_visitor_chat(
        call: CallId,
        with: Bearing<'_>,
        session: &SessionId,
        text: &str,
    ) -> Self {
        let body = json!({
            "sessionId": session.as_str(),
            "apiKey": with.key.expose_secret(),
            "message": text,
        });
        Self::bearing(call, Step::SendMessage, "/api/secondme/visitor-chat/send", with, &body)
    }

    fn bearing(call: CallId, step: Step, path: &str, with: Bearing<'_>, body: &serde_json::Value) -> Self {
        let bearer = Secret::from(format!("Bearer {}", with.token.expose_secret()));
        Self {
            call,
            step,
            method: Method::Post,
            path: path.to_owned(),
            headers: vec![("Authorization", bearer)],
            body: Some(body.to_string()),
            encoding: Encoding::Json,
        }
    }
}
