//! HTTP calls as they are: the status, and the body as JSON. Nothing is smoothed over, because the differences
//! are what a survey looks for.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use secondme_avatar::is_payment_code;
use serde_json::Value;

use super::clock::Clock;
use super::secrets::{Secrets, shown_code};
use crate::record::is_of_words;

/// The most calls in a minute: half of what an API key has for its authentications, should every call count.
const CALLS_A_MINUTE: usize = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// The time until a call that failed on its way is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
/// Tries of a call.
const TRIES: usize = 3;
/// The longest that a refusal for the quota is waited for.
const LONGEST_REFUSAL: Duration = Duration::from_secs(65);

/// Why something could not be asked. The text holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble(String);

impl Trouble {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// A fixed sentence: the text of an error may name a host or a certificate.
    pub(super) fn of_transport(error: &reqwest::Error) -> Self {
        Self::new(match () {
            () if error.is_timeout() => "no answer came in time",
            () if is_of_tls(error) => {
                "TLS with the service failed; perhaps its certificate is not trusted here"
            }
            () if error.is_connect() => "the service cannot be reached",
            () => "the connection broke before an answer came",
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an error comes from TLS.
fn is_of_tls(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An I/O error does not count what it holds among its sources.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = held.map_or_else(|| error.source(), |held| Some(held));
    }
    false
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    /// In place of JSON.
    pub(super) form: Option<String>,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: Vec::new(), body: None, form: None }
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), headers: Vec::new(), body: Some(body), form: None }
    }

    pub(super) fn form(path: impl Into<String>, form: String) -> Self {
        Self { method: Method::POST, path: path.into(), headers: Vec::new(), body: None, form: Some(form) }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    body: Option<Value>,
    retry_after: Option<String>,
}

/// A failure in an answer, and where its code stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The field that holds the dotted code, if one does.
    pub(super) field: Option<&'static str>,
    pub(super) code: Option<String>,
}

/// The fields in which a code may stand, the likeliest first.
const CODE_FIELDS: [&str; 6] = ["code", "subCode", "error_code", "message", "msg", "detail"];
/// Those of them that hold anything else as well, such as a host's name.
const TEXT_FIELDS: [&str; 3] = ["message", "msg", "detail"];

impl Answer {
    /// What a success holds; null if it holds nothing.
    pub(super) fn data(&self) -> Result<&Value, Refusal> {
        let body = self.body.as_ref().filter(|_| self.status < 400);
        match body.and_then(|body| Some((body.get("code")?, body))) {
            Some((code, body)) if *code == 0 || *code == "0" => Ok(body.get("data").unwrap_or(&Value::Null)),
            _ => Err(self.refusal()),
        }
    }

    /// Whether the body has a field of this name, null or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.body.as_ref().is_some_and(|body| body.get(name).is_some())
    }

    /// A number in the body.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.body.as_ref()?.get(name)?.as_u64()
    }

    fn refusal(&self) -> Refusal {
        // Words for people have spaces; a code has none, and has parts.
        let dotted = |text: &&str| text.contains(['.', '_']) && !text.contains(char::is_whitespace);
        let code_in = |name: &&'static str| {
            let text = self.body.as_ref()?.get(*name)?.as_str().filter(dotted)?;
            Some((*name, text.to_owned()))
        };
        let (field, code) = CODE_FIELDS.iter().find_map(code_in).unzip();
        Refusal { status: self.status, field, code }
    }

    pub(super) fn retry_after(&self) -> Option<&str> {
        self.retry_after.as_deref()
    }
}

impl Refusal {
    /// Whether the code holds this word.
    pub(super) fn names(&self, word: &str) -> bool {
        self.code.as_ref().is_some_and(|code| code.contains(word))
    }

    pub(super) fn is_for_the_quota(&self) -> bool {
        self.status == 429 || self.names("rate.limited")
    }

    /// Whether it says that an allowance is used up.
    pub(super) fn is_for_money(&self) -> bool {
        self.code.as_ref().is_some_and(|code| is_payment_code(code))
    }

    /// In words, without anything secret.
    pub(super) fn shown(&self) -> String {
        let may_be_text = self.field.is_some_and(|field| TEXT_FIELDS.contains(&field));
        match &self.code {
            Some(code) if may_be_text && !is_of_words(code) => format!("HTTP {} with a code", self.status),
            Some(code) => format!("HTTP {} with {}", self.status, shown_code(code)),
            None => format!("HTTP {} without a code", self.status),
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self(format!("the service refused it: {}", refusal.shown()))
    }
}

/// Why there is no visit.
#[derive(Debug)]
pub(super) enum NoVisit {
    /// The service refused a step.
    Refused(&'static str, Refusal),
    /// It could not be asked.
    Trouble(Trouble),
}

impl From<Trouble> for NoVisit {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// How much of the service was used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) calls: u32,
    pub(super) authentications: u32,
    pub(super) messages: u32,
    pub(super) sockets: u32,
}

/// The way to the service.
#[derive(Debug)]
pub(super) struct Wire {
    http: Client,
    base: Url,
    pub(super) clock: Clock,
    pub(super) secrets: Secrets,
    pub(super) used: Used,
    /// How a refusal for the quota said how long to wait, if there was one.
    pub(super) refused_for_quota: Option<Option<String>>,
    recent: VecDeque<Duration>,
}

impl Wire {
    pub(super) fn new(http: Client, base: Url, clock: Clock) -> Self {
        let mut secrets = Secrets::default();
        secrets.keep_host(&base);
        Self {
            http,
            base,
            clock,
            secrets,
            used: Used::default(),
            refused_for_quota: None,
            recent: VecDeque::new(),
        }
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn http(&self) -> &Client {
        &self.http
    }

    /// Makes a call. One that fails on its way is made again, and so is one that is refused for the quota, when its
    /// time has come.
    pub(super) async fn call(&mut self, call: &Call) -> Result<Answer, Trouble> {
        let mut tried = 1;
        loop {
            self.wait_for_turn().await?;
            let wait = match self.call_once(call).await {
                Ok(answer) => match answer.data() {
                    Err(refusal) if refusal.is_for_the_quota() => {
                        let said = answer.retry_after().map(str::to_owned);
                        let wait = said.as_ref().and_then(|said| said.trim().parse().ok());
                        self.refused_for_quota = Some(said);
                        let wait = wait.map_or(MINUTE, Duration::from_secs);
                        if tried == TRIES || wait > LONGEST_REFUSAL {
                            return Err(refusal.into());
                        }
                        wait
                    }
                    Err(refusal) if refusal.status >= 500 && tried < TRIES => AGAIN_AFTER,
                    _ => return Ok(answer),
                },
                Err(trouble) if tried == TRIES => return Err(trouble),
                Err(_) => AGAIN_AFTER,
            };
            tried += 1;
            self.clock.pass(wait).await?;
        }
    }

    /// Makes a call once, whatever becomes of it: one that must not be made twice.
    pub(super) async fn call_once(&mut self, call: &Call) -> Result<Answer, Trouble> {
        self.used.calls += 1;
        self.recent.push_back(self.clock.now());
        let url = format!("{}{}", self.base.as_str().trim_end_matches('/'), call.path);
        let mut request = self.http.request(call.method.clone(), url).timeout(ANSWER_WITHIN);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &call.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        if let Some(form) = &call.form {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form.clone());
        }
        let answer = request.send().await.map_err(|error| Trouble::of_transport(&error))?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let bytes = answer.bytes().await.map_err(|error| Trouble::of_transport(&error))?;
        let body: Option<Value> = serde_json::from_slice(&bytes).ok();
        for (name, value) in body.iter().filter_map(Value::as_object).flatten() {
            if !CODE_FIELDS.contains(&name.as_str()) {
                self.secrets.keep_all(value);
            }
        }
        Ok(Answer { status, body, retry_after })
    }

    /// Waits until one more call is within the pace.
    pub(super) async fn wait_for_turn(&mut self) -> Result<(), Trouble> {
        loop {
            let now = self.clock.now();
            while self.recent.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
                self.recent.pop_front();
            }
            match self.recent.front() {
                Some(first) if self.recent.len() >= CALLS_A_MINUTE => {
                    self.clock.pass((*first + MINUTE).saturating_sub(now)).await?;
                }
                _ => return Ok(()),
            }
        }
    }
}

/// The clients for HTTP and for the sockets' handshakes: HTTP/1.1, and no redirect is followed.
pub(super) fn client(loopback: bool) -> Result<Client, Trouble> {
    // An application decides this for its process. An error means that it is decided.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed = |_| Trouble::new("TLS cannot be set up on this machine");
    let mut builder = Client::builder()
        .http1_only()
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(8))
        .user_agent(concat!("secondme-avatar-survey/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = std::env::var_os("SECONDME_CA_FILE").filter(|path| !path.is_empty()) {
        let unusable = || Trouble::new("SECONDME_CA_FILE names no file with certificates in PEM");
        let pem = std::fs::read(path).map_err(|_| unusable())?;
        let more = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| unusable())?;
        builder = builder.tls_certs_merge(more);
    }
    if loopback {
        builder = builder.no_proxy();
    }
    builder.build().map_err(failed)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// A service that answers without TLS, or not at all.
    async fn trouble_with(answer: &'static [u8], scheme: &str) -> Trouble {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("{scheme}://localhost:{}/", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(answer).await;
            }
        });
        let mut wire =
            Wire::new(client(true).unwrap(), Url::parse(&base).unwrap(), super::super::clock::Clock::real());
        wire.call_once(&Call::get("/aurelia")).await.unwrap_err()
    }

    #[tokio::test]
    async fn why_a_connection_failed_is_said_without_the_error_s_own_words() {
        let tls = trouble_with(b"HTTP/1.1 400 Bad Request\r\n\r\n", "https").await;
        assert_eq!(tls.as_str(), "TLS with the service failed; perhaps its certificate is not trusted here");
        let broken = trouble_with(b"HTTP/9.9 aurelia", "http").await;
        assert_eq!(broken.as_str(), "the connection broke before an answer came");
    }

    #[test]
    fn a_code_that_stands_where_texts_do_is_shown_only_if_its_words_are_known() {
        let shown = |body: Value| {
            let answer = Answer { status: 404, body: Some(body), retry_after: None };
            answer.data().unwrap_err().shown()
        };
        let json = |text: &str| serde_json::from_str(text).unwrap();
        assert_eq!(shown(json(r#"{"code": "avatar.napping"}"#)), "HTTP 404 with `avatar.napping`");
        assert_eq!(shown(json(r#"{"message": "key.not.found"}"#)), "HTTP 404 with `key.not.found`");
        assert_eq!(shown(json(r#"{"message": "gw.aurelia.example"}"#)), "HTTP 404 with a code");
    }
}
