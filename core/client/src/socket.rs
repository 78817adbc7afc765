//! The WebSocket: connects, then moves text frames in both directions.

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
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

use crate::base_url::{BaseUrl, is_loopback};
use crate::buffered::Buffered;
use crate::dial::{Dialer, Transport, root_cause};
use crate::loss;
use crate::origin::Origin;
use crate::pins::SocketHosts;

/// The buffer in which tungstenite keeps the beginning of a frame, for as long as the socket is open: tungstenite's
/// default of 128 KiB would be the most of what a conversation costs. A longer frame gets a buffer of its own length.
const READ_BUFFER: usize = 512;

/// tungstenite hands on each frame at once: [`Buffered`] writes many together.
const WRITE_BUFFER: usize = 0;

/// The longest frame, and the longest message.
const FRAME_BYTES: usize = 4 * 1024 * 1024;

/// The most frames returned at a time, and the most bytes: many small frames, or one of the longest.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;

/// The most frames that may wait to be written, and the most bytes. Beyond them nothing more is read: the
/// service decides how much has to be acknowledged.
const BACKLOG: usize = 256;
const BACKLOG_BYTES: usize = 256 * 1024;

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
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(FRAME_BYTES))
            .max_frame_size(Some(FRAME_BYTES));
        match tokio_tungstenite::client_async_with_config(request, Buffered::new(stream), Some(config)).await
        {
            Ok((socket, _)) => Ok(Socket {
                socket: without_handshake(socket, config).await,
                outgoing: VecDeque::new(),
                outgoing_bytes: 0,
                unflushed: false,
                close_error: None,
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

/// tungstenite goes on with the 4 KiB into which it has read the handshake's answer. Unless more was read into them than
/// that, the socket begins anew with small ones.
async fn without_handshake(
    socket: WebSocketStream<Buffered<Transport>>,
    config: WebSocketConfig,
) -> WebSocketStream<Buffered<Transport>> {
    match socket.get_ref().has_given_the_head() {
        true => WebSocketStream::from_raw_socket(socket.into_inner(), Role::Client, Some(config)).await,
        false => socket,
    }
}

/// The address is a secret, so the text does not repeat it.
fn unusable(why: &str) -> NotConnected {
    (None, Error::new(ErrorKind::InvalidAnswer, format!("the socket address that the service gave {why}")))
}

/// A connected WebSocket.
pub(crate) struct Socket {
    socket: WebSocketStream<Buffered<Transport>>,
    outgoing: VecDeque<String>,
    outgoing_bytes: usize,
    unflushed: bool,
    /// The error for a Close frame that was received.
    close_error: Option<Error>,
}

/// What was received on a socket.
pub(crate) enum Traffic {
    Frames(Vec<Raw>),
    /// The connection has ended, with the cause.
    Closed(Error),
}

impl Socket {
    /// Queues a text frame. [`Socket::poll`] writes it.
    pub(crate) fn send(&mut self, text: String) {
        self.outgoing_bytes += text.len();
        self.outgoing.push_back(text);
    }

    /// Writes what is queued. Reads what has come, if `read` is set.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Traffic> {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(self.over(Some(&error)));
        }
        if !read || self.outgoing.len() > BACKLOG || self.outgoing_bytes > BACKLOG_BYTES {
            return Poll::Pending;
        }
        let (mut frames, mut bytes) = (Vec::new(), 0);
        while self.close_error.is_none() && frames.len() < BATCH && bytes < BATCH_BYTES {
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(Message::Text(text)))) => {
                    bytes += text.len();
                    frames.push(Raw::from(text.as_str()));
                }
                Poll::Ready(Some(Ok(Message::Binary(binary)))) => {
                    bytes += binary.len();
                    frames.push(readable(&binary));
                }
                // tungstenite has queued the answer, which must be flushed.
                Poll::Ready(Some(Ok(Message::Ping(_)))) => self.unflushed = true,
                Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                    self.close_error = Some(loss::closed_by_peer(frame.as_ref()));
                    break;
                }
                Poll::Ready(Some(Ok(Message::Pong(_) | Message::Frame(_)))) => {}
                Poll::Ready(Some(Err(error))) if frames.is_empty() => {
                    return Poll::Ready(self.over(Some(&error)));
                }
                Poll::Ready(None) if frames.is_empty() => return Poll::Ready(self.over(None)),
                // Frames that came before the end are returned first. The next poll finds the end again.
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
        // Nothing follows a Close frame. The other side decides when TCP ends.
        if frames.is_empty() && self.close_error.is_some() {
            return Poll::Ready(self.over(None));
        }
        Poll::Ready(Traffic::Frames(frames))
    }

    /// A Close frame says more than how the connection ended.
    fn over(&mut self, error: Option<&tungstenite::Error>) -> Traffic {
        let cause = self
            .close_error
            .take()
            .unwrap_or_else(|| error.map_or_else(loss::ended_without_close_frame, loss::failed));
        Traffic::Closed(cause)
    }

    /// Closes the connection with a Close frame, within a second.
    pub(crate) async fn close(mut self) {
        // Failures do not matter here. Until the handshake is done, the service counts the socket.
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

/// The service does not send binary frames. One is read as text, as far as possible.
fn readable(bytes: &[u8]) -> Raw {
    Raw::from(String::from_utf8_lossy(bytes).into_owned())
}
