//! The visitor who asks through Visitor Chat: the app's token, the session, and where its socket is.

use std::time::Duration;

use reqwest::Url;
use serde_json::{Value, json};

use crate::survey::sockets::{Offer, Refused, Socket, connect};
use crate::survey::wire::{Answer, Call, NoVisit, Refusal, Trouble, Wire};

const TOKEN: &str = "/api/oauth/token/client";
const INIT: &str = "/api/secondme/visitor-chat/init";
const SEND: &str = "/api/secondme/visitor-chat/send";

/// Who one is at this door.
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) api_key: String,
}

/// They do not print.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Credentials")
    }
}

/// What one `init` has brought.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) session_id: Value,
    pub(super) url: String,
    pub(super) since: Duration,
    /// `opening` as it was told; `None` where the field is missing.
    pub(super) opening: Option<Value>,
}

#[derive(Debug)]
pub(super) struct Visit<'a> {
    credentials: &'a Credentials,
    pub(super) visitor_id: String,
    token: String,
    /// Whether `expiresIn` is a number; `None` where it is neither that nor digits.
    pub(super) expires_as_number: Option<bool>,
    pub(super) place: Place,
}

impl<'a> Visit<'a> {
    pub(super) async fn begin(
        wire: &mut Wire,
        credentials: &'a Credentials,
        visitor_id: &str,
    ) -> Result<Self, NoVisit> {
        for secret in [&credentials.client_id, &credentials.client_secret, &credentials.api_key] {
            wire.secrets.keep(secret);
        }
        wire.secrets.keep(visitor_id);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &credentials.client_id),
            ("client_secret", &credentials.client_secret),
            ("scope", "chat.write"),
        ];
        // Url writes a query as a form is written.
        let written = Url::parse_with_params("http://form.invalid/", form);
        let written = written.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default();
        wire.used.authentications += 1;
        let answer = wire.call(&Call::form(TOKEN, written)).await?;
        let data = answer.data().map_err(|refusal| NoVisit::Refused("fetch_token", refusal))?;
        let token = data.get("accessToken").and_then(Value::as_str).unwrap_or_default().to_owned();
        let expires_as_number = match data.get("expiresIn") {
            Some(Value::Number(_)) => Some(true),
            Some(Value::String(_)) => Some(false),
            _ => None,
        };
        let place =
            Place { session_id: Value::Null, url: String::new(), since: Duration::ZERO, opening: None };
        let visitor_id = visitor_id.to_owned();
        let mut visit = Self { credentials, visitor_id, token, expires_as_number, place };
        match visit.init(wire).await? {
            Ok(()) => Ok(visit),
            Err(refusal) => Err(NoVisit::Refused("init_visitor_chat", refusal)),
        }
    }

    /// Begins the chat, or begins it anew.
    pub(super) async fn init(&mut self, wire: &mut Wire) -> Result<Result<(), Refusal>, Trouble> {
        let answer = self.init_as(wire, &self.visitor_id).await?;
        let data = match answer.data() {
            Ok(data) => data,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.place = Place {
            session_id: data.get("sessionId").cloned().unwrap_or(Value::Null),
            url: data.get("wsUrl").and_then(Value::as_str).unwrap_or_default().to_owned(),
            since: wire.clock.now(),
            opening: data.get("opening").cloned(),
        };
        Ok(Ok(()))
    }

    /// Calls `init` for any visitor, and keeps nothing of it.
    pub(super) async fn init_as(&self, wire: &mut Wire, visitor_id: &str) -> Result<Answer, Trouble> {
        let body = json!({
            "apiKey": self.credentials.api_key,
            "visitorId": visitor_id,
            "visitorName": "avatar survey",
        });
        wire.call(&self.signed(Call::post(INIT, body))).await
    }

    /// Sends a text into a session, with the `apiKey` or without it. It is sent once, whatever becomes of it.
    pub(super) async fn send(
        &self,
        wire: &mut Wire,
        session_id: &Value,
        text: &str,
        with_key: bool,
    ) -> Result<Answer, Trouble> {
        wire.secrets.keep(text);
        let mut body = json!({"sessionId": session_id, "message": text});
        if with_key {
            body["apiKey"] = json!(self.credentials.api_key);
        }
        wire.wait_for_turn().await?;
        let answer = wire.call_once(&self.signed(Call::post(SEND, body))).await?;
        wire.used.messages += u32::from(answer.data().is_ok());
        Ok(answer)
    }

    /// Shakes hands where the last `init` said.
    pub(super) async fn connect(
        &self,
        wire: &mut Wire,
        offer: &Offer,
    ) -> Result<Result<Socket, Refused>, Trouble> {
        connect(wire, (self.ws_id(), &self.place.url), offer).await
    }

    /// The `wsId`, where the address tells one.
    pub(super) fn ws_id(&self) -> Option<String> {
        let url = Url::parse(&self.place.url).ok()?;
        url.query_pairs().find(|(name, _)| name == "wsId").map(|(_, value)| value.into_owned())
    }

    /// How old the address is.
    pub(super) fn age(&self, wire: &Wire) -> Duration {
        wire.clock.now().saturating_sub(self.place.since)
    }

    fn signed(&self, call: Call) -> Call {
        call.header("authorization", &format!("Bearer {}", self.token))
    }
}
