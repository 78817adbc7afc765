//! The HTTP calls, and who may make them.

mod auth;
mod body;
mod chat;
mod history;
mod message;
mod session;

use serde_json::Value;

use self::body::Fields;
use super::failure::{Code, Failure};
use super::http::Request;
use super::ids::VisitorIndex;
use super::switches::{DeadToken, HistoryCalls, QuotaScope, RetryAfter, TokenLifetime};
use super::{BASE_PATH, Service, visitor_chat};
use crate::time::Millis;

/// The largest body a call may have, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// One of the service's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Auth,
    ChatInit,
    WsCreate,
    SessionCreate,
    SessionClose,
    AvatarPublic,
    ChatStart,
    MessageSend,
    MessageQuery,
    MessageLatest,
}

/// Who makes a call, as its token says.
#[derive(Debug, Clone, Copy)]
struct Caller {
    visitor: VisitorIndex,
    avatar: usize,
}

impl Call {
    /// The call of a path, with its method. What stands behind the path of the public avatar is its
    /// share code.
    fn of_path(path: &str) -> Option<(Self, &'static str)> {
        let path = path.strip_prefix(BASE_PATH)?;
        let call = match path {
            "/rest/open/avatar/auth" => (Self::Auth, "POST"),
            "/rest/os/avatar/chat/init" => (Self::ChatInit, "POST"),
            "/rest/general/ws/create" => (Self::WsCreate, "POST"),
            "/rest/general/session/create" => (Self::SessionCreate, "POST"),
            "/rest/general/session/close" => (Self::SessionClose, "POST"),
            "/rest/os/avatar/chat/start" => (Self::ChatStart, "POST"),
            "/rest/general/message/send" => (Self::MessageSend, "POST"),
            "/rest/general/message/query" => (Self::MessageQuery, "GET"),
            "/rest/general/message/latest" => (Self::MessageLatest, "GET"),
            _ => {
                let share_code = path.strip_prefix("/rest/os/avatar/public/")?;
                if share_code.is_empty() || share_code.contains('/') {
                    return None;
                }
                (Self::AvatarPublic, "GET")
            }
        };
        Some(call)
    }

    /// The name under which it is counted.
    fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::ChatInit => "chat/init",
            Self::WsCreate => "ws/create",
            Self::SessionCreate => "session/create",
            Self::SessionClose => "session/close",
            Self::AvatarPublic => "avatar/public",
            Self::ChatStart => "chat/start",
            Self::MessageSend => "message/send",
            Self::MessageQuery => "message/query",
            Self::MessageLatest => "message/latest",
        }
    }

    /// Whether it stands on the vendor's page.
    fn is_documented(self) -> bool {
        !matches!(self, Self::SessionClose | Self::MessageQuery | Self::MessageLatest)
    }
}

impl Service {
    /// The name of the call of a path, if there is one.
    pub(crate) fn call_name(path: &str) -> Option<&'static str> {
        let first = Call::of_path(path).map(|(call, _)| call.name());
        first.or_else(|| visitor_chat::call_name(path))
    }

    pub(super) fn dispatch(&mut self, request: &Request) -> Result<Value, Failure> {
        let Some((call, method)) = Call::of_path(&request.path) else {
            self.counts.call("unknown");
            return Err(Failure::new(
                Code::PathNotFound,
                format!("there is no `{}`; every path begins with `{BASE_PATH}/rest/`", request.path),
            ));
        };
        self.counts.call(call.name());
        if request.method != method {
            return Err(Failure::method_not_allowed(method));
        }
        if !call.is_documented() && self.settings.history_calls == HistoryCalls::NotFound {
            let text = format!("`{}` is not there for visitors", call.name());
            return Err(Failure::new(Code::PathNotFound, text));
        }
        if call == Call::Auth {
            return self.auth(request);
        }
        let caller = self.caller(call, request)?;
        if !call.is_documented() && self.settings.history_calls == HistoryCalls::Failure {
            let text = format!("`{}` is not there for visitors", call.name());
            return Err(Failure::new(Code::NotAvailable, text));
        }
        if method == "GET" {
            return match call {
                Call::AvatarPublic => self.avatar_public(request),
                Call::MessageLatest => self.message_latest(caller, request),
                _ => self.message_query(caller, request),
            };
        }
        let body = body_of(request)?;
        let fields = Fields::new(&body);
        match call {
            Call::ChatInit => self.chat_init(caller, fields),
            Call::WsCreate => self.ws_create(caller, fields, request.headers.get("host")),
            Call::SessionCreate => self.session_create(caller, fields),
            Call::SessionClose => self.session_close(caller, fields),
            Call::ChatStart => self.chat_start(caller, fields),
            _ => self.message_send(caller, fields),
        }
    }

    /// Returns who calls, by `token` always, and by `Fp` for all but the public avatar.
    fn caller(&mut self, call: Call, request: &Request) -> Result<Caller, Failure> {
        let text = request
            .headers
            .get("token")
            .filter(|token| !token.is_empty())
            .ok_or_else(|| Failure::new(Code::TokenMissing, "the header `token` is missing"))?;
        let dead = match self.settings.dead_token {
            DeadToken::Unauthorized => 401,
            DeadToken::Code => 200,
        };
        let dead = |why: &str| Failure::new(Code::TokenInvalid, why).with_status(dead);
        let token = self.world.tokens.get_mut(text).ok_or_else(|| dead("this token is not valid"))?;
        let alive = match self.settings.token_lifetime {
            TokenLifetime::Never => true,
            TokenLifetime::Calls(calls) => token.calls < calls,
            TokenLifetime::Minutes(minutes) => self.now - token.issued < Millis::minutes(minutes.into()),
        };
        if !alive {
            return Err(dead("this token is no longer valid"));
        }
        token.calls = token.calls.saturating_add(1);
        let (visitor, key) = (token.visitor, token.key);
        if self.settings.quota_scope == QuotaScope::All {
            self.count_against_quota(key)?;
        }
        let person = &self.world.visitors[visitor.0];
        if call != Call::AvatarPublic {
            match request.headers.get("fp") {
                None => return Err(Failure::new(Code::FpMissing, "the header `Fp` is missing")),
                Some(fp) if fp != person.visitor_id => {
                    let text = "the header `Fp` must be the visitorId this token was issued for";
                    return Err(Failure::new(Code::FpMismatch, text));
                }
                Some(_) => {}
            }
        }
        Ok(Caller { visitor, avatar: person.avatar })
    }

    /// Counts a call of a key, or refuses it.
    pub(super) fn count_against_quota(&mut self, key: usize) -> Result<(), Failure> {
        let limit = self.settings.quota_per_minute as usize;
        let Err(wait) = self.world.quotas.count(key, limit, self.now) else {
            return Ok(());
        };
        let text = format!("more than {} requests in a minute", self.settings.quota_per_minute);
        let failure = Failure::new(Code::RateLimited, text);
        Err(match self.settings.retry_after {
            RetryAfter::Absent => failure,
            RetryAfter::Seconds | RetryAfter::Date => failure.with_retry_after(wait.0.div_ceil(1_000)),
        })
    }
}

/// The JSON object in a request's body.
fn body_of(request: &Request) -> Result<serde_json::Map<String, Value>, Failure> {
    let content_type = request.headers.get("content-type").unwrap_or_default();
    let mime = content_type.split(';').next().unwrap_or_default().trim();
    if !mime.eq_ignore_ascii_case("application/json") {
        let text = "the header `Content-Type` must be `application/json`";
        return Err(Failure::new(Code::ContentType, text));
    }
    if request.body.len() > BODY_LIMIT {
        let text = format!("a body holds at most {BODY_LIMIT} bytes");
        return Err(Failure::new(Code::BodyTooLarge, text));
    }
    serde_json::from_slice(&request.body)
        .map_err(|error| Failure::new(Code::BodyMalformed, format!("the body is no JSON object: {error}")))
}
