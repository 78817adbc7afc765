//! The answers to calls that fail. This file has every code that the service sends.

use std::fmt;

use serde_json::{Value, json};

use super::door::Door;
use super::http::Answer;
use super::settings::Settings;
use super::switches::{FailureShape, FailureStatus};
use super::visitor_chat::failure_form;

/// Where a code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeSource {
    /// It stands on the vendor's page.
    Documented,
    /// It was seen in clients of the same gateway.
    Seen,
    /// Not known from the service; the emulator's own.
    Invented,
}

macro_rules! codes {
    ($($(#[$about:meta])* $name:ident = $text:literal, $status:literal, $source:ident;)+) => {
        /// The code of a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$about])* $name,)+
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it is sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The HTTP status that fits it.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// Where it comes from.
            pub fn source(self) -> CodeSource {
                match self { $(Self::$name => CodeSource::$source,)+ }
            }
        }
    };
}

codes! {
    /// The `Authorization` header is missing, or is not `Bearer`.
    Unauthorized = "open.api.unauthorized", 401, Documented;
    /// No such API key.
    KeyNotFound = "open.api.key.not.found", 401, Documented;
    /// The API key is disabled.
    KeyDisabled = "open.api.key.disabled", 403, Documented;
    /// More counted calls within a minute than the key has.
    RateLimited = "open.api.rate.limited", 429, Documented;
    /// No such avatar.
    AvatarNotFound = "open.api.avatar.not.found", 404, Documented;
    /// The `visitorId` is not `{platform}_{uuid}`.
    InvalidVisitorId = "open.api.invalid.visitor.id", 400, Documented;
    /// Not a member of the session.
    NotMember = "session.not.member", 403, Documented;

    /// The session was closed.
    SessionClosed = "session.status.closed", 409, Seen;
    /// The avatar has no answer in time.
    ResponseTimeout = "session.response.timeout", 504, Seen;
    /// More messages are waiting than a session takes.
    TooManyMessages = "session.message.exceedQPSLimit", 429, Seen;

    /// The `token` header is missing.
    TokenMissing = "visitor.token.missing", 401, Invented;
    /// The visitor token was never issued, or is no longer valid.
    TokenInvalid = "visitor.token.invalid", 401, Invented;
    /// The `Fp` header is missing.
    FpMissing = "visitor.fp.missing", 400, Invented;
    /// The `Fp` header is not the visitorId the token was issued for.
    FpMismatch = "visitor.fp.mismatch", 403, Invented;
    /// The visitor has to pay first.
    UnlockRequired = "avatar.unlock.required", 402, Seen;
    /// The allowance of messages is used up. It comes over the socket.
    TurnsExhausted = "package.turn.exhaustion", 402, Seen;

    /// Visitor Chat: no app has this `client_id`.
    AppNotFound = "oauth2.application.not_found", 404, Documented;
    /// Visitor Chat: not the app's secret.
    ClientSecretMismatch = "oauth2.client.secret_mismatch", 401, Documented;
    /// Visitor Chat: the app waits for its review.
    AppPendingReview = "oauth2.application.pending_review", 403, Documented;
    /// Visitor Chat: the app was rejected.
    AppRejected = "oauth2.application.rejected", 403, Documented;
    /// Visitor Chat: the app is suspended.
    AppSuspended = "oauth2.application.suspended", 403, Documented;
    /// Visitor Chat: an app of this type may not chat.
    AppInvalidType = "oauth2.application.invalid_type", 403, Documented;
    /// Visitor Chat: the app is in no valid status.
    AppInvalidStatus = "oauth2.application.invalid_status", 403, Documented;
    /// Visitor Chat: the app is banned.
    AppBanned = "secondme.app.banned", 403, Documented;
    /// Visitor Chat: the app may not ask for this scope.
    ScopeInvalid = "oauth2.scope.invalid", 400, Documented;
    /// Visitor Chat: the token lacks a scope.
    AuthScopeMissing = "auth.scope.missing", 403, Documented;
    /// Visitor Chat: the token was never issued.
    OauthTokenInvalid = "oauth2.token.invalid", 401, Documented;
    /// Visitor Chat: the token has expired.
    OauthTokenExpired = "oauth2.token.expired", 401, Documented;
    /// Visitor Chat: the token was revoked.
    OauthTokenRevoked = "oauth2.token.revoked", 401, Documented;
    /// Visitor Chat: the user has withdrawn the authorization.
    OauthAuthorizationRevoked = "oauth2.authorization.revoked", 401, Documented;
    /// Visitor Chat: the header `Authorization` is missing.
    ResourceUnauthorized = "resource.auth.unauthorized", 401, Documented;
    /// Visitor Chat: there is no such `apiKey`.
    ApiKeyInvalid = "apikey.auth.invalid", 401, Documented;
    /// Visitor Chat: there is no such session.
    ChatSessionNotFound = "session_not_found", 404, Seen;
    /// The message is too long. It comes over the socket.
    MessageTooLong = "message.length.limit", 400, Seen;
    /// Visitor Chat: fields are missing, wrong or too many. The body has `detail` instead of a code.
    Unprocessable = "request.unprocessable", 422, Invented;

    /// There is no such path.
    PathNotFound = "request.path.not.found", 404, Invented;
    /// The path has another method.
    MethodNotAllowed = "request.method.not.allowed", 405, Invented;
    /// The `Content-Type` is not `application/json`.
    ContentType = "request.content.type", 415, Invented;
    /// The body is not a JSON object.
    BodyMalformed = "request.body.malformed", 400, Invented;
    /// The body is too large.
    BodyTooLarge = "request.body.too.large", 413, Invented;
    /// A field or parameter is missing.
    FieldMissing = "request.field.missing", 400, Invented;
    /// A field or parameter has a value the page does not allow.
    FieldInvalid = "request.field.invalid", 400, Invented;
    /// Step 3 got something other than the exact number of `visitorMindId`.
    MindIdNotNumeric = "session.mind.id.not.numeric", 400, Invented;
    /// Step 3 got a number, but not this visitor's: perhaps rounded by a double.
    MindIdMismatch = "session.mind.id.mismatch", 400, Invented;
    /// Step 6 got something other than the encoded `mindId` of step 1.
    MindIdNotEncoded = "message.mind.id.not.encoded", 400, Invented;
    /// The chat was not initialised, or more than ten minutes ago.
    ChatContextExpired = "chat.context.expired", 409, Invented;
    /// There is no such session.
    SessionNotFound = "session.not.found", 404, Invented;
    /// The session was not bound to its avatar, so its owner cannot see it.
    SessionNotBound = "session.not.bound", 409, Invented;
    /// The visitor has no such socket.
    SocketNotFound = "ws.not.found", 404, Invented;
    /// The socket is not open.
    SocketGone = "ws.gone", 410, Invented;
    /// The address was never given out.
    AddressUnknown = "ws.address.unknown", 404, Invented;
    /// The address was used before.
    AddressUsed = "ws.address.used", 409, Invented;
    /// The address is older than 60 s.
    AddressExpired = "ws.address.expired", 410, Invented;
    /// The request is not a WebSocket handshake.
    UpgradeRequired = "ws.upgrade.required", 426, Invented;
    /// The handshake needs an `Origin`.
    OriginMissing = "ws.origin.missing", 403, Invented;
    /// Sockets are not taken from this `Origin`.
    OriginUnknown = "ws.origin.unknown", 403, Invented;
    /// The handshake offers an extension.
    ExtensionOffered = "ws.extension.offered", 403, Invented;
    /// This call is not available to visitors.
    NotAvailable = "visitor.call.not.available", 403, Invented;
    /// The emulator holds as many visitors as it may.
    EmulatorFull = "emulator.full", 503, Invented;
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A call, or an owner's action, that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    code: Code,
    message: String,
    retry_after: Option<u64>,
    /// The method the path has instead.
    allow: Option<&'static str>,
    /// The status, where the switch for the status does not rule it.
    status: Option<u16>,
    /// Visitor Chat: what stands alone in the body, in place of a code.
    detail: Option<Value>,
}

impl Failure {
    /// A failure with its code and a text for people.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        // Without these a client could not even tell that it talked to a server of this kind.
        let always = [Code::PathNotFound, Code::MethodNotAllowed, Code::BodyTooLarge];
        Self {
            code,
            message: message.into(),
            retry_after: None,
            allow: None,
            status: always.contains(&code).then(|| code.status()),
            detail: None,
        }
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn field_missing(field: &str) -> Self {
        Self::new(Code::FieldMissing, format!("`{field}` is missing"))
    }

    pub(super) fn field_invalid(field: &str, wanted: &str) -> Self {
        Self::new(Code::FieldInvalid, format!("`{field}` must be {wanted}"))
    }

    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let failure = Self::new(Code::MethodNotAllowed, format!("this path takes {allowed}"));
        Self { allow: Some(allowed), ..failure }
    }

    #[must_use]
    pub(super) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    #[must_use]
    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Visitor Chat: a body whose fields are wrong, with an entry for each.
    pub(super) fn unprocessable(wrong: Vec<Value>) -> Self {
        let failure = Self::new(Code::Unprocessable, "the body is not what this call takes");
        Self { detail: Some(Value::Array(wrong)), ..failure }
    }

    /// Visitor Chat: answered with `detail` alone, whatever the switches say.
    #[must_use]
    pub(super) fn with_detail(mut self, detail: &str) -> Self {
        self.detail = Some(json!(detail));
        self
    }

    /// The answer of the Avatar Open API, as the settings want failures to look.
    pub fn answer(&self, settings: &Settings) -> Answer {
        self.answer_at(Door::AvatarOpenApi, settings)
    }

    /// The answer as the settings want the failures of a door to look.
    pub(super) fn answer_at(&self, door: Door, settings: &Settings) -> Answer {
        let (status, body) = match &self.detail {
            Some(detail) => (self.code.status(), json!({"detail": detail})),
            None => form(door, (self.code.as_str(), self.code.status()), &self.message, settings),
        };
        let status = self.status.unwrap_or(status);
        let mut answer = Answer::json(status, &body);
        if let Some(seconds) = self.retry_after {
            answer.headers.push(("retry-after".to_owned(), seconds.to_string()));
        }
        if let Some(method) = self.allow {
            answer.headers.push(("allow".to_owned(), method.to_owned()));
        }
        answer
    }

    /// The answer to a handshake, whose status can never be 200.
    pub(super) fn handshake_answer(self, settings: &Settings) -> Answer {
        let status = self.code.status();
        self.with_status(status).answer(settings)
    }
}

/// The answer with any code, known here or not, as the settings want failures to look.
pub(super) fn answer(door: Door, code: &str, message: &str, settings: &Settings) -> Answer {
    let (status, body) = form(door, (code, fitting_status(code)), message, settings);
    Answer::json(status, &body)
}

/// The status and the body of a failure.
fn form(door: Door, (code, number): (&str, u16), message: &str, settings: &Settings) -> (u16, Value) {
    if door == Door::VisitorChat {
        return failure_form((code, number), message, settings);
    }
    let status = match settings.failure_status {
        FailureStatus::Ok => 200,
        FailureStatus::Fitting => number,
    };
    (status, envelope((code, number), message, settings.failure_shape))
}

/// Codes of Visitor Chat that the vendor's pages name and the service here never has a reason to send. A
/// fault may.
const NAMED: [(&str, u16); 7] = [
    ("oauth2.token.not_found", 401),
    ("auth.token.invalid", 401),
    ("apikey.auth.missing", 401),
    ("oauth2.scope.missing", 403),
    ("apikey.permission.denied", 403),
    ("apikey.fetch.not_found", 404),
    ("session_expired", 404),
];

/// The HTTP status that fits any code.
pub(super) fn fitting_status(code: &str) -> u16 {
    let known = Code::ALL.iter().map(|known| (known.as_str(), known.status()));
    known.chain(NAMED).find(|(known, _)| *known == code).map_or(400, |(_, status)| status)
}

fn envelope((code, number): (&str, u16), message: &str, shape: FailureShape) -> Value {
    match shape {
        FailureShape::Code => json!({"code": code, "message": message}),
        FailureShape::SubCode => json!({"code": number, "subCode": code, "message": message}),
        FailureShape::Message => json!({"code": number, "message": code}),
        FailureShape::Msg => json!({"code": number, "msg": code}),
        FailureShape::ErrorCode => json!({"code": number, "error_code": code, "message": message}),
        FailureShape::Detail => json!({"code": number, "detail": code}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_sent_under_a_name_of_its_own() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|name| name.contains('.') || *name == "session_not_found"));
    }
}
