//! HTTP between the two: the machine's requests as the service takes them, and as tests read them.

use secondme_avatar_emulator::service::{Answer, BASE_PATH, Door, Request};
use secondme_avatar_protocol::{Encoding, HttpRequest, Millis, Step};
use serde_json::Value;

use crate::client::ClientId;

/// What the path of every call begins with.
pub const PATH_PREFIX: &str = BASE_PATH;

/// A call that a client made.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it left.
    pub at: Millis,
    /// Whose it is.
    pub client: ClientId,
    /// Which step.
    pub step: Step,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path and query below the base URL.
    pub path: String,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body, if it has one that is JSON.
    pub body: Option<Value>,
    /// Its body, if it has one that is a form.
    pub form: Option<String>,
    /// The message that it brings, as its client names it.
    pub message: Option<String>,
}

impl Asked {
    pub(crate) fn new(at: Millis, client: ClientId, request: &HttpRequest) -> Self {
        let headers = request.headers.iter();
        let (json, form) = match request.encoding {
            Encoding::Json => (request.body.as_ref(), None),
            Encoding::Form => (None, request.body.clone()),
        };
        Self {
            at,
            client,
            step: request.step,
            method: request.method.name(),
            path: request.path.clone(),
            headers: headers.map(|(name, value)| (*name, value.expose_secret().to_owned())).collect(),
            body: json.map(|body| serde_json::from_str(body).expect("a body is JSON")),
            form,
            message: None,
        }
    }

    pub(crate) fn to_service(&self) -> Request {
        let base = match self.step {
            Step::FetchToken | Step::InitVisitorChat => Door::VisitorChat.base_path(),
            Step::SendMessage if self.path.starts_with("/api/") => Door::VisitorChat.base_path(),
            _ => BASE_PATH,
        };
        let target = format!("{base}{}", self.path);
        let mut request = Request::new(self.method, &target).header("Host", "avatar.test");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match (&self.body, &self.form) {
            (Some(body), _) => request.json(body),
            (None, Some(form)) => {
                let mut request = request.header("Content-Type", Encoding::Form.content_type());
                request.body = form.clone().into_bytes();
                request
            }
            (None, None) => request,
        }
    }
}

/// `Retry-After`, in seconds.
pub(crate) fn retry_after(answer: &Answer) -> Option<u64> {
    let (_, value) = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    value.parse().ok()
}
