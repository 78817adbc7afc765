//! The machine's HTTP calls, made with reqwest.

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use secondme_avatar_protocol::limits::CALL_TIMEOUT;
use secondme_avatar_protocol::{
    Door, Error, ErrorKind, HttpRequest, Input, KnownSecrets, Method, Millis, OptionName, Secret, verdict,
};
use tracing::debug;

use crate::base_url::BaseUrl;
use crate::clock::Clock;
use crate::dial::{Dialer, in_words, root_cause, through};
use crate::proxy::Proxy;
use crate::report::RunningCall;
use crate::tls::{self, Alpn};

/// The longest answer that is read. A page of messages has a few hundred kilobytes at most.
const BODY_BYTES: usize = 8 * 1024 * 1024;

/// How many idle connections are kept. With HTTP/2 one is enough; with HTTP/1.1 an opening uses three.
const IDLE_CONNECTIONS: usize = 8;

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest time for connecting, including TLS and the proxy.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// How long bytes of a call may stay unacknowledged by the other system. Shorter than the time limit of a call.
const SILENCE: Duration = Duration::from_secs(9);

/// How long an HTTP/2 call may be silent before the connection is pinged, and how long the answer may take.
/// Together less than the 10 s of a call.
#[cfg(feature = "http2")]
const PING_AFTER: Duration = Duration::from_secs(4);
#[cfg(feature = "http2")]
const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// A call that is given up after this time without an answer makes its connections suspect.
const PATIENCE: Duration = Duration::from_secs(5);

/// The shortest time between two renewals because of lost sockets: one cause ends many sockets.
const RENEWED_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(crate) struct Http {
    pool: Arc<Mutex<Pool>>,
    dialer: Arc<Dialer>,
    base: BaseUrl,
    proxy: Option<Arc<Proxy>>,
    clock: Clock,
    /// The door whose answers come.
    door: Door,
}

/// A pool of connections. A call keeps the pool with which it began.
#[derive(Debug)]
struct Pool {
    client: Client,
    made: Millis,
    /// The number of this pool.
    number: u64,
}

impl Http {
    pub(crate) fn new(base: BaseUrl, dialer: Arc<Dialer>, clock: Clock, door: Door) -> Result<Self, Error> {
        let proxy = dialer.proxies.of(base.as_url())?;
        let client = client(&base, &dialer, proxy.as_deref())?;
        let pool = Pool { client, made: clock.now(), number: 0 };
        Ok(Self { pool: Arc::new(Mutex::new(pool)), dialer, base, proxy, clock, door })
    }

    /// The proxy to the service.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_deref()
    }

    /// Makes later calls use new connections. The network has changed, or a socket is lost, so the existing
    /// connections may be dead too. Running calls go on.
    pub(crate) fn renew(&self) {
        let now = self.clock.now();
        let mut pool = self.pool();
        if now.since(pool.made) >= RENEWED_EVERY {
            self.replace(&mut pool, now);
        }
    }

    /// Makes later calls use new connections, because a call of this pool failed.
    fn suspect(&self, number: u64) {
        let mut pool = self.pool();
        if pool.number == number {
            self.replace(&mut pool, self.clock.now());
        }
    }

    fn replace(&self, pool: &mut Pool, now: Millis) {
        match client(&self.base, &self.dialer, self.proxy()) {
            Ok(client) => {
                debug!(target: "secondme_avatar::http", "the next calls make connections of their own");
                *pool = Pool { client, made: now, number: pool.number + 1 };
            }
            // Without a new client, the existing connections stay in use.
            Err(error) => debug!(target: "secondme_avatar::http", %error, "the connections stay"),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the call. The machine judges the result.
    pub(crate) async fn call(&self, request: HttpRequest, running: RunningCall) -> Input {
        let (call, step, known) = (request.call, request.step, self.known_secrets(&request));
        match self.answer(request).await {
            Ok(HttpAnswer { status, retry_after, server_time, body }) => {
                running.end(|| (verdict(self.door, step, status, &body, &known), server_time));
                Input::HttpAnswer { call, status, retry_after, body }
            }
            Err((sent, error)) => {
                let error = error.hiding(&known);
                running.end(|| (Some(error.clone()), None));
                Input::HttpFailed { call, sent, error }
            }
        }
    }

    /// Makes a call that is no machine's. Fails where it is not answered in time.
    pub(crate) async fn fetch(&self, request: HttpRequest) -> Result<HttpAnswer, Error> {
        let until = self.clock.now() + CALL_TIMEOUT;
        tokio::select! {
            answer = self.exchanged(request) => answer,
            () = self.clock.at(until) => {
                let message = format!("no answer within {} s", CALL_TIMEOUT.as_secs());
                Err(Error::new(ErrorKind::ConnectionFailed, message))
            }
        }
    }

    /// Makes a call, however long it takes.
    pub(crate) async fn exchanged(&self, request: HttpRequest) -> Result<HttpAnswer, Error> {
        let known = self.known_secrets(&request);
        self.answer(request).await.map_err(|(_, error)| error.hiding(&known))
    }

    /// What no text about this request may repeat.
    pub(crate) fn known_secrets(&self, request: &HttpRequest) -> KnownSecrets {
        let shown = request.headers.iter().map(|(_, value)| value.expose_secret());
        let shown = shown.map(|value| Secret::from(value.trim_start_matches("Bearer ").to_owned()));
        self.dialer.secrets.and(&shown.collect::<Vec<_>>())
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpAnswer, (bool, Error)> {
        let (client, number) = {
            let pool = self.pool();
            (pool.client.clone(), pool.number)
        };
        let request = self.request(&client, request).map_err(|error| (false, error))?;
        let mut guard = CallGuard { http: self, number, began: self.clock.now(), outcome: None };
        let answer = self.exchange(client, request).await;
        guard.outcome = Some(match &answer {
            Err((true, error)) if error.kind() == ErrorKind::ConnectionFailed => CallOutcome::Broke,
            _ => CallOutcome::Answered,
        });
        answer
    }

    fn request(&self, client: &Client, request: HttpRequest) -> Result<reqwest::Request, Error> {
        let misfit = |what: &str| Error::new(ErrorKind::InvalidAnswer, format!("the service gave {what}"));
        let url = self.base.join(&request.path)?;
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| misfit("a token that fits in no header"))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(lower_case(name)), value);
        }
        let mut built = match request.method {
            Method::Get => client.get(url),
            Method::Post => client.post(url),
            Method::Put => client.put(url),
            Method::Patch => client.patch(url),
            Method::Delete => client.delete(url),
        };
        if let Some(body) = request.body {
            let content_type = HeaderValue::from_static(request.encoding.content_type());
            headers.insert(header::CONTENT_TYPE, content_type);
            built = built.body(body);
        }
        let built = built.headers(headers).build();
        built.map_err(|error| misfit("something that fits in no URL").caused_by(error.without_url()))
    }

    async fn exchange(&self, client: Client, request: reqwest::Request) -> Result<HttpAnswer, (bool, Error)> {
        let response = client.execute(request).await.map_err(|error| self.failed(error))?;
        let status = response.status().as_u16();
        if let (407, Some(proxy)) = (status, &self.proxy) {
            // With plain HTTP, the proxy itself answers.
            return Err((false, proxy.wants_credentials()));
        }
        let server_time = response.headers().get(header::DATE).and_then(date);
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| wait(value, server_time));
        let body = self.body(response).await?;
        Ok(HttpAnswer { status, retry_after, server_time, body })
    }

    async fn body(&self, mut response: Response) -> Result<Bytes, (bool, Error)> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if body.len() + chunk.len() > BODY_BYTES {
                let message = format!("the service's answer is longer than {} MiB", BODY_BYTES >> 20);
                return Err((true, Error::new(ErrorKind::InvalidAnswer, message)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Returns the failure as an error without the URL, and whether the request may have arrived.
    fn failed(&self, error: reqwest::Error) -> (bool, Error) {
        let error = error.without_url();
        let (origin, way) = (self.base.origin(), through(self.proxy()));
        if !(error.is_connect() || error.is_builder()) {
            let message =
                format!("the connection to the service broke at {origin}{way}: {}", root_cause(&error));
            return (true, Error::new(ErrorKind::ConnectionFailed, message).caused_by(error));
        }
        let fault = self.proxy().and_then(|proxy| self.fault_of(proxy, &error));
        let said = fault.unwrap_or_else(|| {
            in_words_beneath(&format!("the service at {origin}"), &error).unwrap_or_else(|| {
                let (cause, elsewhere) = (root_cause(&error), elsewhere(&self.base));
                let message = format!("the service cannot be reached at {origin}{way}: {cause}{elsewhere}");
                Error::new(ErrorKind::ConnectionFailed, message)
            })
        });
        // A refused certificate already has its cause as a code.
        let is_plain = said.kind() != ErrorKind::Certificate;
        (false, if is_plain { said.caused_by(error) } else { said })
    }

    /// Returns an error if the proxy is why no connection was made.
    fn fault_of(&self, proxy: &Proxy, error: &reqwest::Error) -> Option<Error> {
        let unreachable = || {
            let whose = format!("the proxy at {}", proxy.address());
            in_words_beneath(&whose, error).unwrap_or_else(|| proxy.unreachable(root_cause(error)))
        };
        if !self.base.is_secure() {
            // Without TLS, the proxy is the only server to connect to.
            return error.is_connect().then(unreachable);
        }
        // The crate below keeps the type of this error private. A test in tests/proxy checks its text.
        let what = causes(error)
            .find_map(|error| error.to_string().strip_prefix("tunnel error: ").map(ToOwned::to_owned))?;
        Some(match what.as_str() {
            "proxy authorization required" => proxy.wants_credentials(),
            "unsuccessful" => proxy.refused(None),
            "failed to create underlying connection" => unreachable(),
            _ => proxy.broken(root_cause(error)),
        })
    }
}

/// Names the service's newer host, for an error text: its older ones may have been given up.
fn elsewhere(base: &BaseUrl) -> String {
    base.moved().map_or_else(String::new, |url| {
        format!(
            "; the service's gateway has moved, and may answer at {url}: set {} to `gateway`, or \
             SECONDME_BASE_URL=gateway",
            OptionName::ENVIRONMENT
        )
    })
}

/// Makes an HTTP client without a connection.
fn client(base: &BaseUrl, dialer: &Dialer, proxy: Option<&Proxy>) -> Result<Client, Error> {
    let tls = if base.is_secure() || proxy.is_some_and(Proxy::is_encrypted) {
        (*dialer.tls.config(Alpn::Http2)?).clone()
    } else {
        tls::unused()?
    };
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(dialer.resolver.clone())
        // Following a redirect would send the token elsewhere.
        .redirect(Policy::none())
        .user_agent(&dialer.user_agent)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(SILENCE)
        .tcp_keepalive_interval(SILENCE / 3)
        .tcp_nodelay(true);
    #[cfg(feature = "http2")]
    {
        builder = builder.http2_keep_alive_interval(PING_AFTER).http2_keep_alive_timeout(PING_TIMEOUT);
    }
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        builder = builder.tcp_user_timeout(SILENCE);
    }
    builder = match proxy {
        None => builder.no_proxy(),
        Some(proxy) => {
            // All calls go to one host, so the proxy is known here.
            let url = proxy.url().clone();
            builder.proxy(reqwest::Proxy::custom(move |_| Some(url.clone())))
        }
    };
    builder.build().map_err(|error| {
        Error::new(ErrorKind::Misuse, "the HTTP client could not be set up").caused_by(error.without_url())
    })
}

/// An error and its chain of causes.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Returns the first I/O error in the chain that has a text of its own. An I/O error may wrap another one that
/// is not its source.
fn in_words_beneath(whose: &str, error: &(dyn StdError + 'static)) -> Option<Error> {
    let failures = causes(error).filter_map(|error| error.downcast_ref::<io::Error>()).flat_map(|error| {
        std::iter::successors(Some(error), |error| error.get_ref()?.downcast_ref::<io::Error>())
    });
    failures.into_iter().find_map(|error| in_words(whose, error))
}

/// A running call. If it is given up after a while without an answer, its connections become suspect.
struct CallGuard<'a> {
    http: &'a Http,
    number: u64,
    began: Millis,
    /// `None` if the call was given up.
    outcome: Option<CallOutcome>,
}

enum CallOutcome {
    Answered,
    Broke,
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        let is_suspect = match self.outcome {
            Some(CallOutcome::Answered) => false,
            // A connection that breaks is seldom the only one.
            Some(CallOutcome::Broke) => true,
            None => self.http.clock.now().since(self.began) >= PATIENCE,
        };
        if is_suspect {
            self.http.suspect(self.number);
        }
    }
}

/// What the service has answered.
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) server_time: Option<SystemTime>,
    pub(crate) body: Bytes,
}

/// Reads `Retry-After`: seconds, or a moment by the service's clock.
fn wait(value: &HeaderValue, server_time: Option<SystemTime>) -> Option<Duration> {
    if let Ok(seconds) = value.to_str().ok()?.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = date(value)?;
    // A moment in the past means now.
    Some(until.duration_since(server_time.unwrap_or_else(SystemTime::now)).unwrap_or_default())
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

/// The machine's three header names in lower case, as HTTP/2 requires.
fn lower_case(name: &'static str) -> &'static str {
    match name {
        "Authorization" => "authorization",
        "Fp" => "fp",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use secondme_avatar_protocol::Visitor;

    use super::*;
    use crate::client::AvatarClient;
    use crate::environment::Environment;
    use crate::resolver::Resolver;

    /// What the first call says where no host has an address.
    async fn nowhere(environment: Environment) -> Error {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let mut builder = AvatarClient::builder("sk-0123456789abcdef").unwrap().no_proxy();
        builder.resolver = Resolver::asking(|_| Err(io::Error::new(io::ErrorKind::NotFound, "no such host")));
        let report = move |call: &crate::CallReport| {
            let _ = tell.send(call.error.clone());
        };
        let client = builder.environment(environment).on_call(report).build().unwrap();
        let open = tokio::spawn(client.open(Visitor::for_user("web", "ada").unwrap()).into_future());
        let error = told.recv().await.unwrap().expect("a failure");
        open.abort();
        error
    }

    #[tokio::test]
    async fn a_host_of_the_service_that_cannot_be_found_names_the_one_that_its_gateway_has_moved_to() {
        for environment in [Environment::Production, Environment::PreRelease] {
            let error = nowhere(environment).await;
            assert_eq!(error.kind(), ErrorKind::ConnectionFailed);
            let said = error.to_string();
            assert!(said.contains("cannot be reached at https://mindos"), "{said}");
            assert!(
                said.contains("may answer at https://api.mindverse.com/gate/in: set `environment` to"),
                "{said}"
            );
        }
        let error = nowhere(Environment::Gateway).await.to_string();
        assert!(error.contains("https://api.mindverse.com") && !error.contains("has moved"), "{error}");
    }

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
