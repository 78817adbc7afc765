//! The exchange: a client's requests go to the service, and what the service answers goes back.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, ORIGIN, REFERER, SEC_WEBSOCKET_EXTENSIONS,
};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::address::Servers;
use super::body::{Copy, KEPT, Passing};
use super::connection::{Connection, Fate};
use super::journal::{Journal, What};
use super::tunnel;
use super::upstream::{Dialer, Origin};

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Failed {
    Connection(io::Error),
    Exchange(hyper::Error),
    /// The path cannot be requested.
    Path,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Exchange(error) => error.fmt(f),
            Self::Path => f.write_str("the path is not valid"),
        }
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Exchange(error) => Some(error),
            Self::Path => None,
        }
    }
}

impl From<hyper::Error> for Failed {
    fn from(error: hyper::Error) -> Self {
        Self::Exchange(error)
    }
}

/// What all connections share.
pub(super) struct Recorder {
    pub(super) servers: Servers,
    pub(super) dialer: Dialer,
    pub(super) journal: Journal,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Tells the person who records what they should know.
    pub(super) warn: Box<dyn Fn(&str) + Send + Sync>,
}

/// One connection of a client, and the one to the service that belongs to it.
struct Exchange {
    recorder: Arc<Recorder>,
    fate: Fate,
    upstream: Mutex<Option<(Origin, SendRequest<Passing>)>>,
}

impl Recorder {
    /// Serves a client's connection until either side ends it.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream) {
        let fate = Fate::default();
        let connection = Connection::new(stream, fate.clone());
        let exchange = Arc::new(Exchange { recorder: self, fate, upstream: Mutex::new(None) });
        let service = service_fn(move |request| {
            let exchange = Arc::clone(&exchange);
            async move { exchange.pass(request).await }
        });
        // A failure is in the journal, and is passed on by how the connection ends.
        let _ = server::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(connection), service)
            .with_upgrades()
            .await;
    }
}

impl Exchange {
    async fn pass(&self, mut request: Request<Incoming>) -> Result<Response<Passing>, Failed> {
        let journal = &self.recorder.journal;
        let (number, at) = (journal.request(), journal.now());
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let (origin, path) = self.recorder.servers.target(&path);
        let mut unanswered =
            Unanswered { journal: journal.clone(), number, why: Some("the client did not wait") };
        let reached_at = request.headers().get(HOST).cloned();
        let upgrade =
            request.headers().contains_key(hyper::header::UPGRADE).then(|| hyper::upgrade::on(&mut request));

        let (mut parts, body) = request.into_parts();
        let offered = parts.headers.clone();
        let changed = redirect(&mut parts.headers, &origin, self.recorder.servers.upstream());
        parts.uri = path.parse().map_err(|_| Failed::Path)?;
        let body = Passing::new(body, {
            let (journal, method, path) = (journal.clone(), parts.method.to_string(), path.clone());
            move |body| {
                let headers = offered;
                journal.note_at(at, What::Request { number, method, path, headers, changed, body });
            }
        });
        let mut answer = match self.send(&origin, Request::from_parts(parts, body)).await {
            Ok(answer) => answer,
            Err(error) => {
                unanswered.why = Some(self.failed(&error));
                return Err(error);
            }
        };
        unanswered.why = None;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(client) = upgrade
        {
            let service = hyper::upgrade::on(&mut answer);
            let socket = journal.socket();
            let ends = tunnel::Ends { client, service, fate: self.fate.clone() };
            let journal = journal.clone();
            self.note_answer(number, &answer, 0, Copy { is_whole: true, ..Copy::default() });
            journal.note(What::Socket { request: number, socket });
            tokio::spawn(async move { tunnel::run(ends, socket, journal).await });
            return Ok(answer.map(|body| Passing::new(body, |_| {})));
        }
        let way = path.split('?').next().unwrap_or_default();
        match Servers::names_socket(way) && answer.status().is_success() {
            true => self.pass_address(number, answer, reached_at.as_ref()).await,
            false => Ok(self.pass_answer(number, answer, VecDeque::new())),
        }
    }

    /// Sends a request over the connection that is there, or over a new one.
    async fn send(
        &self,
        origin: &Origin,
        mut request: Request<Passing>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut upstream = self.upstream.lock().await;
        if let Some((to, mut sender)) = upstream.take()
            && to == *origin
            && sender.ready().await.is_ok()
        {
            match sender.try_send_request(request).await {
                Ok(answer) => {
                    *upstream = Some((to, sender));
                    return Ok(answer);
                }
                Err(mut failed) => match failed.take_message() {
                    // Not a byte of it has left.
                    Some(unsent) => request = unsent,
                    None => return Err(failed.into_error().into()),
                },
            }
        }
        let stream = self.recorder.dialer.dial(origin).await.map_err(Failed::Connection)?;
        let (mut sender, connection) =
            client::Builder::new().preserve_header_case(true).handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        let answer = sender.send_request(request).await?;
        *upstream = Some((origin.clone(), sender));
        Ok(answer)
    }

    /// Says why there is no answer, and lets the client's connection end in the same way.
    fn failed(&self, error: &Failed) -> &'static str {
        match io_kind(error) {
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
                self.fate.reset();
                "the service reset the connection"
            }
            Some(io::ErrorKind::UnexpectedEof) | None => "the service ended the connection",
            Some(_) => {
                (self.recorder.warn)(&format!("the service cannot be reached: {}", root(error)));
                "the service could not be reached"
            }
        }
    }

    /// Passes an answer that names a socket's address: the address leads to the recorder then.
    async fn pass_address(
        &self,
        number: u64,
        answer: Response<Incoming>,
        host: Option<&HeaderValue>,
    ) -> Result<Response<Passing>, Failed> {
        let (mut parts, mut body) = answer.into_parts();
        let mut read = VecDeque::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                length += data.len();
                read.push_back(data);
            }
            if length > KEPT {
                (self.recorder.warn)("an answer is too long to look for the socket's address in it");
                return Ok(self.pass_answer(number, Response::from_parts(parts, body), read));
            }
        }
        let whole: Vec<u8> = read.iter().flatten().copied().collect();
        let named = host.and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty());
        // HTTP/1.0 need not say by which name it has reached the recorder.
        let host = named.map_or_else(|| self.recorder.address.to_string(), str::to_owned);
        let rewritten = self.recorder.servers.rewrite(&whole, &host);
        if rewritten.addresses == 0 {
            let why = match rewritten.left {
                0 => "no socket's address was found in an answer: the socket goes past the recorder",
                _ => {
                    "a socket's address was left as it is, because it is not encrypted: the socket goes past the recorder"
                }
            };
            self.recorder.journal.note(What::Note(why.to_owned()));
            (self.recorder.warn)(why);
        }
        let headers = parts.headers.clone();
        if parts.headers.contains_key(CONTENT_LENGTH) {
            parts.headers.insert(CONTENT_LENGTH, rewritten.body.len().into());
        }
        // The journal shows the answer as it came.
        let came = Copy { length: whole.len() as u64, bytes: whole, is_whole: true };
        let (request, status) = (number, parts.status.as_u16());
        self.recorder.journal.note(What::Answer {
            request,
            status,
            headers,
            addresses: rewritten.addresses,
            body: came,
        });
        let body = Passing::after(VecDeque::from([Bytes::from(rewritten.body)]), None, |_| {});
        Ok(Response::from_parts(parts, body))
    }

    /// Passes an answer on as it comes.
    fn pass_answer(
        &self,
        request: u64,
        answer: Response<Incoming>,
        read: VecDeque<Bytes>,
    ) -> Response<Passing> {
        let (parts, body) = answer.into_parts();
        let journal = self.recorder.journal.clone();
        let (at, status, headers) = (journal.now(), parts.status.as_u16(), parts.headers.clone());
        // A HEAD's length is that of a body which does not come.
        let rest = (!body.is_end_stream()).then_some(body);
        let body = Passing::after(read, rest, move |body| {
            journal.note_at(at, What::Answer { request, status, headers, addresses: 0, body });
        });
        Response::from_parts(parts, body)
    }

    fn note_answer(&self, request: u64, answer: &Response<Incoming>, addresses: usize, body: Copy) {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        self.recorder.journal.note(What::Answer { request, status, headers, addresses, body });
    }
}

/// A request that has no answer yet. Dropped, it will have none.
struct Unanswered {
    journal: Journal,
    number: u64,
    why: Option<&'static str>,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(why) = self.why {
            self.journal.note(What::NoAnswer { request: self.number, why });
        }
    }
}

/// Lets the headers name the service where they named the recorder. Returns what was changed, as it is sent.
fn redirect(headers: &mut HeaderMap, to: &Origin, upstream: &Origin) -> Vec<(&'static str, String)> {
    let mut changed = Vec::new();
    let mut set = |headers: &mut HeaderMap, name: HeaderName, label: &'static str, value: String| {
        if let Ok(header) = HeaderValue::from_str(&value) {
            headers.insert(name, header);
            changed.push((label, value));
        }
    };
    let reached_at = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    set(headers, HOST, "host", to.authority());
    for (name, label) in [(ORIGIN, "origin"), (REFERER, "referer")] {
        let named = headers.get(&name).and_then(|value| value.to_str().ok()).and_then(|value| {
            let (_, rest) = value.split_once("://")?;
            let path = rest.strip_prefix(reached_at.as_str())?;
            (path.is_empty() || path.starts_with('/')).then(|| format!("{}{path}", upstream.as_header()))
        });
        if let Some(named) = named {
            set(headers, name, label, named);
        }
    }
    // Compressed answers could not be read.
    if headers.get(ACCEPT_ENCODING).is_some_and(|offered| offered != "identity") {
        set(headers, ACCEPT_ENCODING, "accept-encoding", "identity".to_owned());
    }
    // Nor could compressed frames. A service that is offered no extension accepts none.
    if headers.remove(SEC_WEBSOCKET_EXTENSIONS).is_some() {
        changed.push(("sec-websocket-extensions", String::new()));
    }
    changed
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
