//! What a caller is told when a request fails, in OpenAI's form.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secondme_avatar::{Error, ErrorKind};
use serde_json::{Value, json};

/// OpenAI's SDK for Python gives up at once where a wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// The code of a refusal, for the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code(pub(super) &'static str);

/// Why a request is not answered.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    param: Option<String>,
    message: String,
    retry_after: Option<Duration>,
    /// Whether the SDKs, which try 408, 409, 429 and 5xx again by themselves, are told not to.
    final_word: bool,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code,
            param: None,
            message: message.into(),
            retry_after: None,
            final_word: false,
        }
    }

    /// The request is wrong.
    pub(super) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message)
    }

    pub(super) fn missing(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", code, message)
    }

    pub(super) fn method() -> Self {
        let message = "this path does not take this method; docs/gateway.md lists what there is";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", "method_not_allowed", message)
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the body is longer than {limit} bytes: send the last message alone");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", "request_too_large", message)
    }

    pub(super) fn token(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", "invalid_api_key", message)
    }

    pub(super) fn identity(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", "invalid_visitor_token", message)
    }

    pub(super) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "invalid_request_error", code, message)
    }

    pub(super) fn no_randomness() -> Self {
        let message = "the system gives no random numbers, of which ids are made";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "no_randomness", message)
    }

    /// With the field of the body that it is about.
    pub(super) fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(super) fn is_rate_limit(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The body.
    pub(super) fn json(&self) -> Value {
        let Self { kind, code, param, message, .. } = self;
        json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
    }
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        let (status, kind, code) = match error.kind() {
            ErrorKind::RateLimited => {
                (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit_exceeded")
            }
            ErrorKind::PaymentRequired => {
                (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", "insufficient_quota")
            }
            ErrorKind::Misuse => (StatusCode::BAD_REQUEST, "invalid_request_error", "invalid_request"),
            ErrorKind::Deadline => (StatusCode::GATEWAY_TIMEOUT, "server_error", "avatar_silent"),
            ErrorKind::Unavailable | ErrorKind::Closed => {
                (StatusCode::SERVICE_UNAVAILABLE, "server_error", "service_unavailable")
            }
            ErrorKind::Authentication | ErrorKind::AvatarNotFound => {
                (StatusCode::BAD_GATEWAY, "server_error", "avatar_key_refused")
            }
            ErrorKind::Store => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "store_failed"),
            _ => (StatusCode::BAD_GATEWAY, "server_error", "service_failed"),
        };
        let message = match error.kind() {
            ErrorKind::Authentication => {
                "the service refuses the API key that the gateway has for this model: its operator has to replace it"
                    .to_owned()
            }
            _ => error.to_string(),
        };
        let retry_after = error.retry_after().or_else(|| {
            // Without a time of its own, one that is worth waiting for.
            (status == StatusCode::TOO_MANY_REQUESTS && kind == "rate_limit_error")
                .then_some(Duration::from_secs(5))
        });
        Self { status, kind, code, param: None, message, retry_after, final_word: !error.is_retryable() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json().to_string()));
        *response.status_mut() = self.status;
        response.extensions_mut().insert(Code(self.code));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            let wait = wait.min(LONGEST_WAIT);
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
            headers.insert("retry-after-ms", HeaderValue::from(millis));
        }
        if self.final_word {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }
}
