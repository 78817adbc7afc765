//! The machine's calls over reqwest.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use secondme_avatar_protocol::{HttpRequest, Input, Method, verdict};

use crate::base_url::BaseUrl;
use crate::proxy::{Proxies, Proxy};
use crate::report::Watched;
use crate::{Error, ErrorKind};

/// The longest answer that is read: a page of messages is a few hundred kilobytes at most.
const BODY_BYTES: usize = 8 * 1024 * 1024;

/// Idle connections that are kept. With HTTP/2 one serves all; with HTTP/1.1 an opening uses three.
const IDLE_CONNECTIONS: usize = 8;

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest a TCP and TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    base: BaseUrl,
    proxy: Option<Arc<Proxy>>,
}

impl Http {
    pub(crate) fn new(
        base: BaseUrl,
        tls: ClientConfig,
        proxies: &Proxies,
        user_agent: &str,
    ) -> Result<Self, Error> {
        let proxy = proxies.of(base.as_url())?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirect would carry the token to wherever it points.
            .redirect(Policy::none())
            .user_agent(user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true);
        builder = match &proxy {
            None => builder.no_proxy(),
            Some(proxy) => {
                // All calls go to one place, and there the way is known.
                let url = proxy.url().clone();
                builder.proxy(reqwest::Proxy::custom(move |_| Some(url.clone())))
            }
        };
        let client = builder.build().map_err(|error| {
            Error::new(ErrorKind::Misuse, "the HTTP client could not be set up")
                .caused_by(error.without_url())
        })?;
        Ok(Self { client, base, proxy })
    }

    /// The proxy between this machine and the service.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_deref()
    }

    /// Makes the call. Whatever becomes of it is the machine's to judge.
    pub(crate) async fn call(&self, request: HttpRequest, watched: Watched) -> Input {
        let (call, step) = (request.call, request.step);
        match self.answer(request).await {
            Ok(Answer { status, retry_after, server_time, body }) => {
                watched.end(|| (verdict(step, status, &body), server_time));
                Input::HttpAnswer { call, status, retry_after, body }
            }
            Err((sent, error)) => {
                watched.end(|| (Some(error.clone()), None));
                Input::HttpFailed { call, sent, error }
            }
        }
    }

    async fn answer(&self, request: HttpRequest) -> Result<Answer, (bool, Error)> {
        let never_sent = |error: Error| (false, error);
        let url = self.base.join(&request.path).map_err(never_sent)?;
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
                never_sent(Error::new(
                    ErrorKind::InvalidAnswer,
                    "the service gave a token that fits in no header",
                ))
            })?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(lower_case(name)), value);
        }
        let builder = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
        };
        let builder = match request.body {
            Some(body) => builder
                .header(reqwest::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body),
            None => builder,
        };
        let mut response = builder.headers(headers).send().await.map_err(|error| self.failed(error))?;
        let status = response.status().as_u16();
        if let (407, Some(proxy)) = (status, &self.proxy) {
            // Over plain HTTP it is the proxy itself that answers.
            return Err(never_sent(proxy.wants_credentials()));
        }
        let retry_after = response.headers().get(reqwest::header::RETRY_AFTER).and_then(seconds);
        let server_time = response.headers().get(reqwest::header::DATE).and_then(date);
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if body.len() + chunk.len() > BODY_BYTES {
                let message = format!("the service's answer is longer than {} MiB", BODY_BYTES >> 20);
                return Err((true, Error::new(ErrorKind::InvalidAnswer, message)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, server_time, body: body.freeze() })
    }

    /// A failure in words, without the URL, and whether the request may have arrived.
    fn failed(&self, error: reqwest::Error) -> (bool, Error) {
        let error = error.without_url();
        let sent = !(error.is_connect() || error.is_builder());
        if let (false, Some(proxy)) = (sent, &self.proxy)
            && let Some(fault) = self.fault_of(proxy, &error)
        {
            return (false, fault.caused_by(error));
        }
        let what = if sent { "the connection to the service broke" } else { "the service cannot be reached" };
        let way = self.proxy.as_ref().map_or_else(String::new, |proxy| format!(" through {}", proxy.place()));
        let message = format!("{what} at {}{way}: {}", self.base.origin(), root_cause(&error));
        (sent, Error::new(ErrorKind::ConnectionFailed, message).caused_by(error))
    }

    /// The proxy's fault, if it is that a connection could not be made.
    fn fault_of(&self, proxy: &Proxy, error: &reqwest::Error) -> Option<Error> {
        if !self.base.is_secure() {
            // Without TLS the proxy is all there is to connect to.
            return error.is_connect().then(|| proxy.unreachable(root_cause(error)));
        }
        let mut cause: Option<&dyn StdError> = Some(error);
        while let Some(error) = cause {
            // The crate beneath keeps the type of this error to itself; tests/proxy holds us to its words.
            if let Some(what) = error.to_string().strip_prefix("tunnel error: ") {
                return Some(match what {
                    "proxy authorization required" => proxy.wants_credentials(),
                    "unsuccessful" => proxy.refused(None),
                    "failed to create underlying connection" => proxy.unreachable(root_cause(error)),
                    _ => proxy.broken(root_cause(error)),
                });
            }
            cause = error.source();
        }
        None
    }
}

struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    server_time: Option<SystemTime>,
    body: Bytes,
}

/// What lies at the bottom of an error: "connection refused" says more than "error sending request".
pub(crate) fn root_cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// `Retry-After` in seconds; its other form, a date, says less than our own back-off.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// The machine's three header names as HTTP/2 wants them.
fn lower_case(name: &'static str) -> &'static str {
    match name {
        "Authorization" => "authorization",
        "Fp" => "fp",
        other => other,
    }
}
