//! The machine's calls over HTTP.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use secondme_avatar_protocol::{HttpRequest, Input, Method, Millis, verdict};
use tower_service::Service;
use tracing::debug;

use crate::base_url::BaseUrl;
use crate::clock::Clock;
use crate::dial::{Dialed, Dialer, Purpose, Transport, root_cause, through};
use crate::proxy::Proxy;
use crate::report::Watched;
use crate::{Error, ErrorKind};

/// The longest answer that is read: a page of messages is a few hundred kilobytes at most.
const BODY_BYTES: usize = 8 * 1024 * 1024;

/// Idle connections that are kept. With HTTP/2 one serves all; with HTTP/1.1 an opening uses three.
const IDLE_CONNECTIONS: usize = 8;

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest that connecting may take, with TLS and by way of a proxy.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a call under HTTP/2 may be silent before its connection is asked whether it lives, and how long that
/// answer may take: together less than the 10 s that a call has.
const PING_AFTER: Duration = Duration::from_secs(4);
const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// A call that is given up after so long without an answer casts doubt on the connections.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon the connections are made anew once more because of what happened elsewhere: whatever ends one socket
/// ends many.
const RENEWED_EVERY: Duration = Duration::from_secs(1);

type Client = legacy::Client<Connector, Full<Bytes>>;

#[derive(Clone, Debug)]
pub(crate) struct Http {
    pool: Arc<Mutex<Pool>>,
    connector: Connector,
    base: BaseUrl,
    proxy: Option<Arc<Proxy>>,
    clock: Clock,
}

/// Connections, and the next ones. A call keeps the pool that it began with.
#[derive(Debug)]
struct Pool {
    client: Client,
    made: Millis,
    /// Counts the pools.
    number: u64,
}

impl Http {
    pub(crate) fn new(base: BaseUrl, dialer: Arc<Dialer>, clock: Clock) -> Result<Self, Error> {
        let proxy = dialer.proxies.of(base.as_url())?;
        let connector = Connector { dialer, base: base.clone() };
        let pool = Pool { client: connector.client(), made: clock.now(), number: 0 };
        Ok(Self { pool: Arc::new(Mutex::new(pool)), connector, base, proxy, clock })
    }

    /// The proxy between this machine and the service.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_deref()
    }

    /// Calls that begin from now on use no connection that stands already: the network is another one, or a
    /// socket is lost, and the connections may be as dead. Calls under way go on.
    pub(crate) fn renew(&self) {
        let now = self.clock.now();
        let mut pool = self.pool();
        if now.since(pool.made) >= RENEWED_EVERY {
            self.replace(&mut pool, now);
        }
    }

    /// The same, because of what became of a call of this pool.
    fn doubt(&self, number: u64) {
        let mut pool = self.pool();
        if pool.number == number {
            self.replace(&mut pool, self.clock.now());
        }
    }

    fn replace(&self, pool: &mut Pool, now: Millis) {
        debug!(target: "secondme_avatar::http", "the next calls make connections of their own");
        *pool = Pool { client: self.connector.client(), made: now, number: pool.number + 1 };
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
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
        let request = self.request(request).map_err(|error| (false, error))?;
        let (client, number) = {
            let pool = self.pool();
            (pool.client.clone(), pool.number)
        };
        let mut patience = Patience { http: self, number, began: self.clock.now(), ended: None };
        let answer = self.exchange(client, request).await;
        patience.ended = Some(match &answer {
            Err((true, error)) if error.kind() == ErrorKind::ConnectionFailed => Ended::Broke,
            _ => Ended::Answered,
        });
        answer
    }

    fn request(&self, request: HttpRequest) -> Result<Request<Full<Bytes>>, Error> {
        let misfit = |what: &str| Error::new(ErrorKind::InvalidAnswer, format!("the service gave {what}"));
        let url = self.base.join(&request.path)?;
        let uri: Uri = url.as_str().parse().map_err(|_| misfit("something that fits in no URL"))?;
        let has_body = request.body.is_some();
        let mut built = Request::new(Full::new(Bytes::from(request.body.unwrap_or_default())));
        *built.uri_mut() = uri;
        *built.method_mut() = match request.method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
        };
        let headers = built.headers_mut();
        for (name, value) in request.headers {
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| misfit("a token that fits in no header"))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(lower_case(name)), value);
        }
        if has_body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        if let Ok(user_agent) = HeaderValue::from_str(&self.connector.dialer.user_agent) {
            headers.insert(header::USER_AGENT, user_agent);
        }
        // Inside TLS the tunnel has shown it already.
        if let Some(proxy) = self.proxy.as_ref().filter(|_| !self.base.is_secure())
            && let Some(authorization) = proxy.authorization()
        {
            headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(built)
    }

    async fn exchange(&self, client: Client, request: Request<Full<Bytes>>) -> Result<Answer, (bool, Error)> {
        let response = client.request(request).await.map_err(|error| self.failed(error))?;
        let status = response.status().as_u16();
        if let (407, Some(proxy)) = (status, &self.proxy) {
            // Over plain HTTP it is the proxy itself that answers.
            return Err((false, proxy.wants_credentials()));
        }
        let server_time = response.headers().get(header::DATE).and_then(date);
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| wait(value, server_time));
        let body = self.body(response).await?;
        Ok(Answer { status, retry_after, server_time, body })
    }

    async fn body(&self, response: Response<Incoming>) -> Result<Bytes, (bool, Error)> {
        let mut incoming = response.into_body();
        let mut body = BytesMut::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| (true, self.broke(&error).caused_by(error)))?;
            let Ok(chunk) = frame.into_data() else {
                continue;
            };
            if body.len() + chunk.len() > BODY_BYTES {
                let message = format!("the service's answer is longer than {} MiB", BODY_BYTES >> 20);
                return Err((true, Error::new(ErrorKind::InvalidAnswer, message)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// A failure in words, and whether the request may have arrived.
    fn failed(&self, error: legacy::Error) -> (bool, Error) {
        if !error.is_connect() {
            return (true, self.broke(&error).caused_by(error));
        }
        let mut cause: Option<&dyn StdError> = Some(&error);
        while let Some(beneath) = cause {
            if let Some(said) = beneath.downcast_ref::<Error>() {
                return (false, said.clone());
            }
            cause = beneath.source();
        }
        (false, self.trouble("the service cannot be reached", &error).caused_by(error))
    }

    fn broke(&self, error: &dyn StdError) -> Error {
        self.trouble("the connection to the service broke", error)
    }

    fn trouble(&self, what: &str, error: &dyn StdError) -> Error {
        let (origin, way) = (self.base.origin(), through(self.proxy()));
        let message = format!("{what} at {origin}{way}: {}", root_cause(error));
        Error::new(ErrorKind::ConnectionFailed, message)
    }
}

/// A call that waits for its answer. Given up after a while without one, it casts doubt on the connections.
struct Patience<'a> {
    http: &'a Http,
    number: u64,
    began: Millis,
    /// `None` where it is given up.
    ended: Option<Ended>,
}

enum Ended {
    Answered,
    Broke,
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        let is_doubtful = match self.ended {
            Some(Ended::Answered) => false,
            // A connection that broke is seldom the only one.
            Some(Ended::Broke) => true,
            None => self.http.clock.now().since(self.began) >= PATIENCE,
        };
        if is_doubtful {
            self.http.doubt(self.number);
        }
    }
}

struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    server_time: Option<SystemTime>,
    body: Bytes,
}

/// Makes connections to the service.
#[derive(Clone, Debug)]
struct Connector {
    dialer: Arc<Dialer>,
    base: BaseUrl,
}

impl Connector {
    fn client(&self) -> Client {
        legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(self.clone())
    }

    async fn connect(self) -> Result<Stream, Error> {
        let dialing = self.dialer.dial(self.base.as_url(), Purpose::Calls);
        let Dialed { stream, is_http2, is_proxy } =
            tokio::time::timeout(CONNECT_TIMEOUT, dialing).await.unwrap_or_else(|_| {
                let message = format!(
                    "the service cannot be reached at {}: no connection within {} s",
                    self.base.origin(),
                    CONNECT_TIMEOUT.as_secs()
                );
                Err(Error::new(ErrorKind::ConnectionFailed, message))
            })?;
        Ok(Stream { io: TokioIo::new(stream), is_http2, is_proxy })
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    /// All calls go to one place.
    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

/// A connection for calls, as hyper wants it.
struct Stream {
    io: TokioIo<Transport>,
    is_http2: bool,
    is_proxy: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.is_proxy);
        if self.is_http2 { connected.negotiated_h2() } else { connected }
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, room)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }
}

/// `Retry-After`: seconds, or the moment by the service's own clock.
fn wait(value: &HeaderValue, server_time: Option<SystemTime>) -> Option<Duration> {
    if let Ok(seconds) = value.to_str().ok()?.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = date(value)?;
    // One that lies in the past means now.
    Some(until.duration_since(server_time.unwrap_or_else(SystemTime::now)).unwrap_or_default())
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

/// The machine's three header names as HTTP/2 wants them.
fn lower_case(name: &'static str) -> &'static str {
    match name {
        "Authorization" => "authorization",
        "Fp" => "fp",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_given_in_seconds_or_as_a_moment_by_the_service_s_clock() {
        let value = |text: &'static str| HeaderValue::from_static(text);
        let now = date(&value("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(wait(&value(" 7 "), now), Some(Duration::from_secs(7)));
        assert_eq!(wait(&value("Sun, 06 Nov 1994 08:49:47 GMT"), now), Some(Duration::from_secs(10)));
        assert_eq!(wait(&value("Sunday, 06-Nov-94 08:49:47 GMT"), now), Some(Duration::from_secs(10)));
        assert_eq!(wait(&value("Sun, 06 Nov 1994 08:49:00 GMT"), now), Some(Duration::ZERO));
        assert_eq!(wait(&value("Sun, 06 Nov 1994 08:49:47 GMT"), None), Some(Duration::ZERO), "long ago");
        assert_eq!(wait(&value("soon"), now), None);
    }
}
