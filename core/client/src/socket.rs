//! The WebSocket: connected, then a pump of text frames both ways.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream, StreamExt};
use secondme_avatar_protocol::{Error, ErrorKind, OptionName, Raw, Secret};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

use crate::base_url::{BaseUrl, is_loopback};
use crate::dial::{Dialer, Transport, root_cause};
use crate::loss;
use crate::read_ahead::ReadAhead;

/// What one read of a quiet socket takes. Ten thousand sockets have one such buffer each, so it is
/// small: tungstenite's own default is 128 KiB.
const READ_BUFFER: usize = 2 * 1024;

/// Written at once; it grows as far as there is something to write, and no acknowledgement goes out
/// alone when many are due.
const WRITE_BUFFER: usize = 8 * 1024;

/// The longest frame, and the longest message.
const FRAME_BYTES: usize = 4 * 1024 * 1024;

/// Frames handed over at a time, and their bytes: many small ones, or one of the longest.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;

/// Frames that wait to be written, and their bytes, beyond which nothing more is read: the service names
/// what it wants acknowledged, and may name it at length.
const BACKLOG: usize = 256;
const BACKLOG_BYTES: usize = 256 * 1024;

/// How long a polite good-bye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What it takes to connect.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) base: BaseUrl,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) allow_insecure: bool,
}

/// Why there is no socket, and the HTTP status of the handshake where there was one.
pub(crate) type NotConnected = (Option<u16>, Error);

impl Connector {
    pub(crate) async fn connect(self, address: Secret) -> Result<Socket, NotConnected> {
        let url = self.check(address.expose_secret())?;
        let stream = self.dialer.dial(&url).await.map_err(|error| (None, error))?;
        let mut request = url.as_str().into_client_request().map_err(|_| unusable("is not a valid URL"))?;
        // A browser always sends its origin; a service that insists on one gets the service's own.
        let origin = self.base.origin();
        for (name, value) in [(header::ORIGIN, &origin), (header::USER_AGENT, &self.dialer.user_agent)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                request.headers_mut().insert(name, value);
            }
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(FRAME_BYTES))
            .max_frame_size(Some(FRAME_BYTES));
        match tokio_tungstenite::client_async_with_config(request, ReadAhead::new(stream), Some(config)).await
        {
            Ok((socket, _)) => Ok(Socket {
                socket,
                outgoing: VecDeque::new(),
                outgoing_bytes: 0,
                unflushed: false,
                good_bye: None,
            }),
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

    /// The address comes from the service: it must not lead out of the encryption.
    fn check(&self, address: &str) -> Result<Url, NotConnected> {
        let url = Url::parse(address).map_err(|_| unusable("is not a valid URL"))?;
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

/// The address itself is a secret and not repeated.
fn unusable(why: &str) -> NotConnected {
    (None, Error::new(ErrorKind::InvalidAnswer, format!("the socket address that the service gave {why}")))
}

/// A connected WebSocket.
pub(crate) struct Socket {
    socket: WebSocketStream<ReadAhead<Transport>>,
    outgoing: VecDeque<String>,
    outgoing_bytes: usize,
    unflushed: bool,
    /// What the other side said when it closed the connection.
    good_bye: Option<Error>,
}

/// What came over a socket.
pub(crate) enum Traffic {
    Frames(Vec<Raw>),
    /// It is over; why.
    Closed(Error),
}

impl Socket {
    /// Queues a text frame; [`Socket::poll`] writes it.
    pub(crate) fn send(&mut self, text: String) {
        self.outgoing_bytes += text.len();
        self.outgoing.push_back(text);
    }

    /// Writes what is queued, and reads what has come if that is wanted.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Traffic> {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(self.over(Some(&error)));
        }
        if !read || self.outgoing.len() > BACKLOG || self.outgoing_bytes > BACKLOG_BYTES {
            return Poll::Pending;
        }
        let (mut frames, mut bytes) = (Vec::new(), 0);
        while self.good_bye.is_none() && frames.len() < BATCH && bytes < BATCH_BYTES {
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(Message::Text(text)))) => {
                    bytes += text.len();
                    frames.push(Raw::from(text.as_str()));
                }
                Poll::Ready(Some(Ok(Message::Binary(binary)))) => {
                    bytes += binary.len();
                    frames.push(readable(&binary));
                }
                // tungstenite has queued the answer; it has to be flushed.
                Poll::Ready(Some(Ok(Message::Ping(_)))) => self.unflushed = true,
                Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                    self.good_bye = Some(loss::said_good_bye(frame.as_ref()));
                    break;
                }
                Poll::Ready(Some(Ok(Message::Pong(_) | Message::Frame(_)))) => {}
                Poll::Ready(Some(Err(error))) if frames.is_empty() => {
                    return Poll::Ready(self.over(Some(&error)));
                }
                Poll::Ready(None) if frames.is_empty() => return Poll::Ready(self.over(None)),
                // What came before the end is handed over first; the end is found again.
                Poll::Ready(Some(Err(_)) | None) => break,
                Poll::Pending if frames.is_empty() => {
                    if self.unflushed
                        && let Poll::Ready(Err(error)) = self.poll_write(cx)
                    {
                        return Poll::Ready(self.over(Some(&error)));
                    }
                    return Poll::Pending;
                }
                Poll::Pending => break,
            }
        }
        // Nothing comes after a Close frame, and whether TCP ends too is left to the other side.
        if frames.is_empty() && self.good_bye.is_some() {
            return Poll::Ready(self.over(None));
        }
        Poll::Ready(Traffic::Frames(frames))
    }

    /// The other side's own words say more than how its connection ended.
    fn over(&mut self, error: Option<&tungstenite::Error>) -> Traffic {
        let cause = self.good_bye.take().unwrap_or_else(|| error.map_or_else(loss::just_ended, loss::broke));
        Traffic::Closed(cause)
    }

    /// Says good-bye, within a second.
    pub(crate) async fn close(mut self) {
        // Whether the other side hears it changes nothing; but until it has, it counts the socket.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
            self.socket.close(None).await?;
            while self.socket.next().await.is_some_and(|frame| frame.is_ok()) {}
            Ok::<(), tungstenite::Error>(())
        })
        .await;
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        while !self.outgoing.is_empty() {
            ready!(Pin::new(&mut self.socket).poll_ready(cx))?;
            if let Some(text) = self.outgoing.pop_front() {
                self.outgoing_bytes -= text.len();
                Pin::new(&mut self.socket).start_send(Message::text(text))?;
                self.unflushed = true;
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// A binary frame is not the service's way; what it says is handed on as far as it can be read.
fn readable(bytes: &[u8]) -> Raw {
    Raw::from(String::from_utf8_lossy(bytes).into_owned())
}
