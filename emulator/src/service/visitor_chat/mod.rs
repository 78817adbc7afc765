//! Visitor Chat: the service's second door, for apps registered with the vendor.
//!
//! Its calls, its failures and its open questions stand here. What is behind the door is the same as
//! behind the first: visitors, sessions, turns, the owner, frames, sockets, faults, the journal.

mod apps;
mod chat;
mod fields;
mod switches;
mod token;

use serde_json::{Value, json};

pub(super) use self::apps::Tokens;
pub use self::apps::{App, AppStanding, TokenStanding, UserToken};
use self::apps::{CHAT_WRITE, Speaker};
pub use self::switches::{
    BarePing, ChatQuota, Echo, EchoId, ExpiresIn, FailureForm, FailureHttp, FrameIds, MessageLength,
    OlderSocket, OpeningLine, RedeliveredName, SecondInit, SendAnswer, SendApiKey, SocketSilence, SocketUrl,
    SocketUrlLife, UserIdOf, VisitorIdForm, VoiceForm,
};
use super::Service;
use super::door::Door;
use super::failure::{Code, Failure};
use super::http::{Answer, Request};
use super::settings::Settings;

/// The largest body a call may have, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// One of this door's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Token,
    Init,
    Send,
}

impl Call {
    fn of_path(path: &str) -> Option<Self> {
        match Door::VisitorChat.below(path)? {
            "/api/oauth/token/client" => Some(Self::Token),
            "/api/secondme/visitor-chat/init" => Some(Self::Init),
            "/api/secondme/visitor-chat/send" => Some(Self::Send),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Token => "oauth/token",
            Self::Init => "visitor-chat/init",
            Self::Send => "visitor-chat/send",
        }
    }
}

/// What `data` of a success holds.
#[derive(Debug)]
enum Data {
    Value(Value),
    /// There is no `data`.
    Absent,
}

/// The name of the call of a path, if there is one.
pub(super) fn call_name(path: &str) -> Option<&'static str> {
    Call::of_path(path).map(Call::name)
}

/// The HTTP status and the body of a failure of this door.
pub(super) fn failure_form((code, number): (&str, u16), message: &str, settings: &Settings) -> (u16, Value) {
    let status = match settings.visitor_chat_failure_http {
        FailureHttp::Code => number,
        FailureHttp::Ok => 200,
    };
    match settings.visitor_chat_failure_form {
        FailureForm::SubCode => (status, json!({"code": number, "message": message, "subCode": code})),
        FailureForm::ErrorCode => (status, json!({"code": number, "message": message, "error_code": code})),
        // Only the status says that it is a failure.
        FailureForm::Detail => (number, json!({"detail": code})),
    }
}

impl Service {
    /// The answer to a call of this door that meets no fault.
    pub(super) fn judge_visitor_chat(&mut self, request: &Request) -> Answer {
        match self.dispatch_visitor_chat(request) {
            Ok(data) => {
                let mut body = json!({"code": 0, "message": "success"});
                if let Data::Value(value) = data {
                    body["data"] = value;
                }
                Answer::json(200, &body)
            }
            Err(failure) => self.refuse(Door::VisitorChat, &failure),
        }
    }

    fn dispatch_visitor_chat(&mut self, request: &Request) -> Result<Data, Failure> {
        let Some(call) = Call::of_path(&request.path) else {
            self.counts.call("unknown");
            return Err(Failure::new(Code::PathNotFound, "there is no such call").with_detail("Not Found"));
        };
        self.counts.call(call.name());
        if request.method != "POST" {
            return Err(Failure::method_not_allowed("POST").with_detail("Method Not Allowed"));
        }
        if request.body.len() > BODY_LIMIT {
            let text = format!("a body holds at most {BODY_LIMIT} bytes");
            return Err(Failure::new(Code::BodyTooLarge, text));
        }
        match call {
            Call::Token => self.client_token(request),
            Call::Init => self.visitor_chat_init(request),
            Call::Send => self.visitor_chat_send(request),
        }
    }

    /// Who calls, as the header `Authorization` says.
    fn speaker(&self, request: &Request) -> Result<Speaker, Failure> {
        let Some(token) = bearer(request) else {
            let failure = Failure::new(Code::ResourceUnauthorized, "the header `Authorization` is missing");
            return Err(failure.with_detail("Not authenticated"));
        };
        let prepared = self.settings.user_tokens.iter().find(|one| one.token == token);
        let speaker = match prepared {
            Some(one) => one.standing.check().map(|()| Speaker::User(one.user.clone()))?,
            None => self.world.chat_tokens.speaker(token, self.now)?,
        };
        if let Speaker::App(client_id) = &speaker {
            let app = self.app(client_id)?;
            app.standing.check()?;
            if !app.scopes.iter().any(|scope| scope == CHAT_WRITE) {
                let text = format!("the application lacks the scope `{CHAT_WRITE}`");
                return Err(Failure::new(Code::AuthScopeMissing, text));
            }
        }
        Ok(speaker)
    }

    fn app(&self, client_id: &str) -> Result<&App, Failure> {
        let app = self.settings.apps.iter().find(|app| app.client_id == client_id);
        app.ok_or_else(|| Failure::new(Code::AppNotFound, "there is no application of this `client_id`"))
    }

    /// The number of an API key, and of its avatar.
    fn chat_key(&mut self, api_key: &str) -> Result<(usize, usize), Failure> {
        let number = self.settings.keys.iter().position(|key| key.key == api_key);
        let number = number.ok_or_else(|| Failure::new(Code::ApiKeyInvalid, "there is no such `apiKey`"))?;
        if self.settings.keys[number].disabled {
            return Err(Failure::new(Code::KeyDisabled, "this API key is disabled"));
        }
        if self.settings.visitor_chat_quota == ChatQuota::PerKey {
            self.count_against_quota(number)?;
        }
        let share_code = &self.settings.keys[number].share_code;
        let avatar = self.settings.avatars.iter().position(|avatar| avatar.share_code == *share_code);
        let gone = || Failure::new(Code::AvatarNotFound, "the avatar of this key is gone");
        Ok((number, avatar.ok_or_else(gone)?))
    }
}

/// The token of a request's header `Authorization`.
pub(super) fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.headers.get("authorization")?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
