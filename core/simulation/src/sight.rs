//! What an onlooker of a world sees: everything that the properties are about.

use secondme_avatar_protocol::{
    ConversationKey, Error, Event, Generation, Millis, Outcome, Output, Step, Ticket,
};
use serde_json::Value;

use crate::client::ClientId;
use crate::exchange::Asked;

/// Something that was seen to happen.
#[derive(Debug)]
pub enum Sight {
    /// A client is about to be told to open a conversation.
    Opens(ClientId, ConversationKey),
    /// A command was taken.
    Commanded {
        /// By whom.
        client: ClientId,
        /// Its ticket.
        ticket: Ticket,
        /// When it is to be answered at the latest.
        by: Millis,
        /// What was asked and where, if the answer is wanted.
        question: Option<(ConversationKey, String)>,
    },
    /// A client is about to be told that its network is another one.
    Moves(ClientId),
    /// A client is about to be told to pause.
    Pauses(ClientId),
    /// A machine has closed a socket over which everything came through.
    GivesUp(ClientId, Generation),
    /// The caller does not wait for the command any more.
    Cancelled(ClientId, Ticket),
    /// A machine told an event.
    Event(ClientId, Event),
    /// A machine answered a command.
    Resolved(ClientId, Ticket, Result<Outcome, Error>),
    /// A machine made a call.
    Called(ClientId, Call),
    /// The service has answered a call: with a failure, if there is a code.
    Answered(ClientId, Call, Option<String>),
    /// The app's token is fetched.
    TokenFetched,
    /// The fetch is over, and whether it has brought one.
    TokenCame(Option<String>),
    /// A call got lost: no answer comes, whether or not the service has acted on it.
    Unheard(ClientId, Call),
    /// A machine wants a socket.
    Connects(ClientId, Generation),
    /// A socket is up.
    Up(ClientId, Generation),
    /// A machine sent a frame.
    Sent(ClientId, Generation, String),
    /// A frame came to a machine that listens.
    Came(ClientId, Generation, Value),
    /// A machine was told that its socket is down, or has closed it.
    Down(ClientId, Generation),
    /// A client was killed, or has closed and another one goes on for it.
    Killed {
        /// Which.
        client: ClientId,
        /// Whether all it knew was kept.
        saved: bool,
    },
    /// The service forgot everything.
    Reset,
    /// The owner is about to say what a visitor has said, word for word.
    Parrots(String),
}

/// A call, as far as properties are about it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which step.
    pub step: Step,
    /// Which of the settings' keys it is for.
    pub key: usize,
    /// The session it names.
    pub session: Option<String>,
    /// The message it brings: its id, and its text.
    pub message: Option<(String, String)>,
    /// The token that it shows, if it shows a bearer's.
    pub token: Option<String>,
    /// What it says beside its headers: for properties about secrets.
    pub said: String,
}

impl Call {
    pub(crate) fn new(asked: &Asked, key: usize) -> Self {
        let body = asked.body.as_ref();
        let text = |name: &str| body.and_then(|body| plain(&body[name]));
        let query = || {
            let after = asked.path.split_once("sessionId=")?.1;
            Some(after.split('&').next().unwrap_or_default().to_owned())
        };
        let message = asked.message.clone().or_else(|| text("messageId")).map(|id| {
            let said = body.and_then(|body| body["data"]["content"].as_str().or(body["message"].as_str()));
            (id, said.unwrap_or_default().to_owned())
        });
        let bearer = asked.headers.iter().find_map(|(name, value)| {
            value.strip_prefix("Bearer ").filter(|_| *name == "Authorization").map(str::to_owned)
        });
        let body = body.map(Value::to_string).or_else(|| asked.form.clone()).unwrap_or_default();
        let said = format!("{} {body}", asked.path);
        let session = text("sessionId").or_else(query);
        Self { step: asked.step, key, session, message, token: bearer, said }
    }
}

impl Sight {
    /// What can be seen of an output, beside what becomes of it.
    pub(crate) fn of_output(client: ClientId, output: &Output) -> Option<Self> {
        match output {
            Output::Event(event) => Some(Self::Event(client, event.clone())),
            Output::Resolved(ticket, result) => Some(Self::Resolved(client, *ticket, result.clone())),
            Output::SocketOpen { generation, .. } => Some(Self::Connects(client, *generation)),
            Output::SocketSend { generation, text } => Some(Self::Sent(client, *generation, text.clone())),
            Output::SocketClose(generation) => Some(Self::Down(client, *generation)),
            Output::Quota(_)
            | Output::Token { .. }
            | Output::Credentials { .. }
            | Output::Http(_)
            | Output::Abandon(_)
            | Output::QuotaUsedUp(_)
            | Output::Piece(..)
            | Output::SaveMessage(_)
            | Output::ForgetMessage(_)
            | Output::Held(..)
            | Output::ConnectPermit
            | Output::SlotReleased
            | Output::SaveRecord => None,
        }
    }
}

/// A string or a number as text.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The code of a failure, wherever it stands in the envelope; nothing, for a success.
pub(crate) fn code_of(body: &str) -> Option<String> {
    if body.starts_with("{\"code\":0,") {
        return None;
    }
    let envelope: Value = serde_json::from_str(body).unwrap_or_default();
    let names = ["code", "subCode", "error_code", "message", "msg", "detail"];
    let fields = names.map(|name| envelope[name].as_str());
    if fields.contains(&Some("session_not_found")) {
        return Some("session_not_found".to_owned());
    }
    let dotted = fields.into_iter().flatten().find(|text| text.contains('.') && !text.contains(' '));
    Some(dotted.unwrap_or("?").to_owned())
}
