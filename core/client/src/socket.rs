//! The WebSocket: connects, then moves text frames in both directions.
//!
//! tungstenite knows the protocol. It works in memory here: the bytes come from an [`Inbox`] and go into an [`Outbox`].
//! So it needs no wakers and keeps no buffers of its own, and a text that came in one frame, as nearly all do, is read
//! where it stands.

mod head;
mod inbox;
mod outbox;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use secondme_avatar_protocol::{Error, ErrorKind, OptionName, Raw, Secret};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

use self::head::Head;
use self::inbox::{Inbox, Next};
use self::outbox::Outbox;
use crate::base_url::{BaseUrl, is_loopback};
use crate::dial::{Dialer, Transport, root_cause};
use crate::loss;
use crate::origin::Origin;
use crate::pins::SocketHosts;

/// tungstenite's buffer for what it reads, for as long as the socket is open: it reads frames that bring no text, and
/// these are short.
const READ_BUFFER: usize = 128;

/// tungstenite hands on each frame at once: the [`Outbox`] writes many together.
const WRITE_BUFFER: usize = 0;

/// The longest frame, and the longest message.
const FRAME_BYTES: usize = 4 * 1024 * 1024;

/// The most frames read at a time, and the most bytes: many small frames, or one of the longest.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;

/// The most bytes that may wait to be written. Beyond them nothing more is read: the service decides how much has to be
/// acknowledged.
const BACKLOG: usize = 64 * 1024;

/// How long the closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is needed to connect.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) base: BaseUrl,
    pub(crate) origin: Origin,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) allow_insecure: bool,
    pub(crate) socket_hosts: SocketHosts,
}

/// Why there is no socket, and the HTTP status of the handshake if there was one.
pub(crate) type NotConnected = (Option<u16>, Error);

impl Connector {
    pub(crate) async fn connect(self, address: Secret) -> Result<Socket, NotConnected> {
        let known = self.dialer.secrets.and([&address]);
        self.handshake(&address).await.map_err(|(status, error)| (status, error.hiding(&known)))
    }

    async fn handshake(self, address: &Secret) -> Result<Socket, NotConnected> {
        let url = self.check(address.expose_secret())?;
        let stream = self.dialer.dial(&url).await.map_err(|error| (None, error))?;
        let mut request = url.as_str().into_client_request().map_err(|_| unusable("is not a valid URL"))?;
        // Browsers always send an origin, and a service may require its own. No extension is offered: a gateway of the
        // service was seen to reset the connection when one was.
        request.headers_mut().insert(header::ORIGIN, self.origin.header());
        if let Ok(user_agent) = HeaderValue::from_str(&self.dialer.user_agent) {
            request.headers_mut().insert(header::USER_AGENT, user_agent);
        }
        // With the usual one it would take 128 KiB for the frames that are read elsewhere.
        let config = Some(config());
        match tokio_tungstenite::client_async_with_config(request, Head::new(stream), config).await {
            Ok((socket, _)) => {
                let (stream, inbox) = socket.into_inner().into_parts();
                Ok(Socket::new(stream, inbox))
            }
            Err(tungstenite::Error::Http(response)) => {
                let status = response.status().as_u16();
                let message = format!("the service refused the WebSocket handshake (HTTP {status})");
                Err((Some(status), Error::new(ErrorKind::ConnectionFailed, message)))
            }
            Err(error) => {
                let message = format!("the WebSocket handshake failed: {}", root_cause(&error));
                Err((None, Error::new(ErrorKind::ConnectionFailed, message)))
            }
        }
    }

    /// Checks an address that the service gave: it must not lose the encryption.
    fn check(&self, address: &str) -> Result<Url, NotConnected> {
        let url = Url::parse(address).map_err(|_| unusable("is not a valid URL"))?;
        if !self.socket_hosts.allow(url.host_str().unwrap_or_default()) {
            let hosts = &self.socket_hosts;
            let why = format!("leads to a host that {} does not name ({hosts})", OptionName::SOCKET_HOSTS);
            return Err(unusable(&why));
        }
        match url.scheme() {
            "wss" => Ok(url),
            "ws" if self.base.is_secure() => {
                Err(unusable("is not encrypted (ws) though the base URL is (https)"))
            }
            "ws" if is_loopback(&url) || self.allow_insecure => Ok(url),
            "ws" => Err(unusable(&format!(
                "is not encrypted (ws) and not on this machine; {} accepts it",
                OptionName::ALLOW_INSECURE
            ))),
            _ => Err(unusable("is neither ws nor wss")),
        }
    }
}

/// The address is a secret, so the text does not repeat it.
fn unusable(why: &str) -> NotConnected {
    (None, Error::new(ErrorKind::InvalidAnswer, format!("the socket address that the service gave {why}")))
}

/// A connected WebSocket.
pub(crate) struct Socket {
    stream: Transport,
    protocol: WebSocketContext,
    inbox: Inbox,
    outbox: Outbox,
    /// A message has begun that comes in several frames.
    is_split: bool,
    /// Why the connection is over, once that is known.
    cause: Option<Error>,
}

/// What was received on a socket.
pub(crate) enum Traffic {
    Frames(Vec<Raw>),
    /// The connection has ended, with the cause.
    Closed(Error),
}

impl Socket {
    /// A socket whose handshake is done. `inbox` has what came behind that.
    fn new(stream: Transport, inbox: Inbox) -> Self {
        let (protocol, outbox) = (protocol(), Outbox::default());
        Self { stream, protocol, inbox, outbox, is_split: false, cause: None }
    }

    /// Queues a text frame. [`Socket::poll`] writes it.
    pub(crate) fn send(&mut self, text: String) {
        // It fails only where the connection is over, and the cause of that is told anyway.
        let _ = self.protocol.write(&mut Pipe::out(&mut self.outbox), Message::text(text));
    }

    /// Writes what is queued. Reads what has come, if `read` is set.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Traffic> {
        if let Poll::Ready(Err(error)) = self.outbox.poll_write(&mut self.stream, cx) {
            return Poll::Ready(self.over(&error.into()));
        }
        if !read || self.outbox.len() > BACKLOG {
            return Poll::Pending;
        }
        let (mut frames, mut looked_at, mut bytes) = (Vec::new(), 0, 0);
        let has_more = loop {
            if self.cause.is_some() || looked_at == BATCH || bytes >= BATCH_BYTES {
                break true;
            }
            match self.poll_frame(cx) {
                Poll::Ready(Ok(text)) => {
                    looked_at += 1;
                    bytes += text.as_ref().map_or(0, |text| text.as_str().len());
                    frames.extend(text);
                }
                Poll::Ready(Err(error)) => self.cause = Some(loss::failed(&error)),
                Poll::Pending => break false,
            }
        };
        // Frames that came before the end are returned first.
        if !frames.is_empty() {
            return Poll::Ready(Traffic::Frames(frames));
        }
        if let Some(cause) = self.cause.take() {
            return Poll::Ready(Traffic::Closed(cause));
        }
        if has_more {
            cx.waker().wake_by_ref();
        }
        // What came may have been a ping, whose answer is written now.
        match self.outbox.poll_write(&mut self.stream, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(self.over(&error.into())),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    /// A Close frame says more than how the connection ended.
    fn over(&mut self, error: &tungstenite::Error) -> Traffic {
        Traffic::Closed(self.cause.take().unwrap_or_else(|| loss::failed(error)))
    }

    /// Closes the connection with a Close frame, within a second.
    pub(crate) async fn close(mut self) {
        // Failures do not matter here. Until the handshake is done, the service counts the socket.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
            self.protocol.close(&mut Pipe::out(&mut self.outbox), None)?;
            poll_fn(|cx| self.outbox.poll_write(&mut self.stream, cx)).await?;
            while poll_fn(|cx| self.poll_frame(cx)).await.is_ok() {}
            Ok::<(), tungstenite::Error>(())
        })
        .await;
    }

    /// Reads a frame. `None` if it brings no text.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Raw>, tungstenite::Error>> {
        loop {
            let here = self.inbox.held().len();
            let next = self.inbox.next()?;
            if let Some(next) = &next
                && (next.whole() <= here || next.payload > FRAME_BYTES)
            {
                return Poll::Ready(self.read(next));
            }
            let needed = next.map_or(here + 1, |next| next.whole());
            if !ready!(self.inbox.poll_read(&mut self.stream, needed, cx))? {
                return Poll::Ready(self.hand_over(here, true));
            }
        }
    }

    /// Reads a frame that is here, or one that is too long, of which tungstenite needs no more than its head.
    fn read(&mut self, next: &Next) -> Result<Option<Raw>, tungstenite::Error> {
        let held = self.inbox.held();
        if next.is_text()
            && next.payload <= FRAME_BYTES
            && !self.is_split
            && let Ok(text) = str::from_utf8(&held[next.head..next.whole()])
        {
            let text = Raw::from(text);
            self.inbox.take(next.whole());
            return Ok(Some(text));
        }
        let text = self.hand_over(next.whole().min(held.len()), false)?;
        if let Some(is_last) = next.is_last_piece() {
            self.is_split = !is_last;
        }
        if next.payload > READ_BUFFER && !self.is_split && self.protocol.can_write() {
            self.protocol = protocol(); // It would keep the room that the message took.
        }
        Ok(text)
    }

    /// Lets tungstenite read so many bytes: a frame, or the beginning of one in which the stream has ended.
    fn hand_over(&mut self, bytes: usize, is_end: bool) -> Result<Option<Raw>, tungstenite::Error> {
        let incoming = &self.inbox.held()[..bytes];
        let mut pipe = Pipe { incoming, is_end, outgoing: self.outbox.bytes() };
        let message = match self.protocol.read(&mut pipe) {
            Ok(message) => Some(message),
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => return Err(error),
        };
        // The answer to a ping, or to a Close frame.
        self.protocol.flush(&mut pipe)?;
        self.inbox.take(bytes);
        Ok(match message {
            Some(Message::Text(text)) => Some(Raw::from(text.as_str())),
            Some(Message::Binary(binary)) => Some(readable(&binary)),
            Some(Message::Close(frame)) => {
                self.cause = Some(loss::closed_by_peer(frame.as_ref()));
                None
            }
            Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) | None => None,
        })
    }
}

fn protocol() -> WebSocketContext {
    WebSocketContext::new(Role::Client, Some(config()))
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(FRAME_BYTES))
        .max_frame_size(Some(FRAME_BYTES))
}

/// What tungstenite reads, and where it writes: bytes in memory.
struct Pipe<'a> {
    incoming: &'a [u8],
    /// Nothing follows them.
    is_end: bool,
    outgoing: &'a mut Vec<u8>,
}

impl<'a> Pipe<'a> {
    /// Nothing is to be read.
    fn out(outbox: &'a mut Outbox) -> Self {
        Self { incoming: &[], is_end: false, outgoing: outbox.bytes() }
    }
}

impl Read for Pipe<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() && !self.is_end {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.incoming.read(room)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The service does not send binary frames. One is read as text, as far as possible.
fn readable(bytes: &[u8]) -> Raw {
    Raw::from(String::from_utf8_lossy(bytes).into_owned())
}
