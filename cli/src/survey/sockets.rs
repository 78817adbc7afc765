//! WebSockets as they are: any header at the handshake, every frame with its moment, and how the end came.

use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use reqwest::{Upgraded, Url};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::clock::Clock;
use super::wire::{Trouble, Wire};

/// The time between two pings, where a socket is kept alive.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(15);
/// In real time: how long an emulator may take to send what it has.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

/// What browsers offer.
pub(super) const EXTENSION: &str = "permessage-deflate; client_max_window_bits";

/// What a handshake offers beside the address.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    pub(super) origin: Option<String>,
    pub(super) extensions: Option<&'static str>,
}

/// How a handshake ended, if not with a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// With an HTTP status other than 101.
    Status(u16),
    /// Without any answer.
    NoAnswer,
}

impl Refused {
    pub(super) fn shown(self) -> String {
        match self {
            Self::Status(status) => format!("HTTP {status}"),
            Self::NoAnswer => "no HTTP answer".to_owned(),
        }
    }
}

/// How a socket ended, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) at: Duration,
    /// The code of the close frame, if there was one.
    pub(super) code: Option<u16>,
}

/// A frame that came.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) at: Duration,
    pub(super) frame: Value,
}

/// One open socket.
pub(super) struct Socket {
    /// As it was told, or learnt from a frame.
    pub(super) ws_id: Option<String>,
    stream: WebSocketStream<Upgraded>,
    pub(super) heard: Vec<Heard>,
    pub(super) ended: Option<Ended>,
    pub(super) last_ping: Duration,
    /// Whether it is kept alive with pings.
    pub(super) pinging: bool,
    /// Whether frames are acknowledged.
    pub(super) acking: bool,
    close_code: Option<u16>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "a socket with {} frames", self.heard.len())
    }
}

/// Shakes hands at an address. The outer error is trouble of this side.
pub(super) async fn connect(
    wire: &mut Wire,
    (ws_id, address): (Option<String>, &str),
    offer: &Offer,
) -> Result<Result<Socket, Refused>, Trouble> {
    let url = handshake_url(wire.base(), address)?;
    wire.used.sockets += 1;
    let mut request = wire
        .http()
        .get(url)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key());
    if let Some(origin) = &offer.origin {
        request = request.header("origin", origin);
    }
    if let Some(extensions) = offer.extensions {
        request = request.header("sec-websocket-extensions", extensions);
    }
    let answer = match tokio::time::timeout(HANDSHAKE_WITHIN, request.send()).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.is_connect() => return Err(Trouble::of_transport(&error)),
        Ok(Err(_)) | Err(_) => return Ok(Err(Refused::NoAnswer)),
    };
    let status = answer.status().as_u16();
    if status != 101 {
        return Ok(Err(Refused::Status(status)));
    }
    let Ok(upgraded) = answer.upgrade().await else {
        return Ok(Err(Refused::NoAnswer));
    };
    let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
    Ok(Ok(Socket {
        ws_id,
        stream,
        heard: Vec::new(),
        ended: None,
        last_ping: wire.clock.now(),
        pinging: true,
        acking: true,
        close_code: None,
    }))
}

/// The address as HTTP, for the handshake. It must not lose the encryption.
fn handshake_url(base: &Url, address: &str) -> Result<Url, Trouble> {
    let mut url = Url::parse(address).map_err(|_| Trouble::new("the socket's address is not a valid URL"))?;
    let scheme = match (url.scheme(), base.scheme()) {
        ("wss", _) => "https",
        ("ws", "http") => "http",
        _ => return Err(Trouble::new("the socket's address is not encrypted though the service is")),
    };
    // Between these schemes it cannot fail.
    let _ = url.set_scheme(scheme);
    Ok(url)
}

impl Socket {
    pub(super) async fn ping(&mut self, clock: &Clock) {
        self.last_ping = clock.now();
        let ping = match &self.ws_id {
            Some(ws_id) => json!({"type": "ping", "wsId": ws_id}),
            None => json!({"type": "ping"}),
        };
        self.say(&ping, clock).await;
    }

    pub(super) async fn say(&mut self, frame: &Value, clock: &Clock) {
        if self.ended.is_none() && self.stream.send(Message::text(frame.to_string())).await.is_err() {
            self.end(clock);
        }
    }

    /// Acknowledges every frame that has come so far.
    pub(super) async fn acknowledge_all(&mut self, clock: &Clock) {
        let acks: Vec<_> = self.heard.iter().filter_map(|heard| self.ack_of(&heard.frame)).collect();
        for ack in acks {
            self.say(&ack, clock).await;
        }
    }

    /// Closes it. Failures do not matter: it is gone either way.
    pub(super) async fn close(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), async {
            self.stream.close(None).await?;
            while self.stream.next().await.is_some_and(|message| message.is_ok()) {}
            Ok::<(), Error>(())
        })
        .await;
    }

    fn ack_of(&self, frame: &Value) -> Option<Value> {
        let (seq_id, ws_id) = (frame.get("seqId")?, self.ws_id.as_ref()?);
        Some(json!({"type": "ack", "seqId": seq_id, "wsId": ws_id}))
    }

    fn end(&mut self, clock: &Clock) {
        self.ended.get_or_insert(Ended { at: clock.now(), code: self.close_code });
    }

    /// Takes what has come.
    async fn take(&mut self, clock: &Clock) {
        if clock.is_moved() {
            return self.settle(clock).await;
        }
        while self.ended.is_none() {
            match self.stream.next().now_or_never() {
                Some(message) => drop(self.note(message, clock).await),
                None => return,
            }
        }
    }

    /// Takes everything that an emulator had to send by now: it answers a ping of the protocol behind all that.
    async fn settle(&mut self, clock: &Clock) {
        // A frame that was queued at the same moment may be written behind the first answer.
        for round in 0..2 {
            let question = [round];
            if self.ended.is_some()
                || self.stream.send(Message::Ping(question.to_vec().into())).await.is_err()
            {
                break;
            }
            while self.ended.is_none() {
                match tokio::time::timeout(SETTLES_WITHIN, self.stream.next()).await {
                    Ok(message) => {
                        if self.note(message, clock).await.as_deref() == Some(&question) {
                            break;
                        }
                    }
                    Err(_) => return,
                }
            }
        }
        // What lies before the end of a broken stream is still read.
        while self.ended.is_none() {
            match self.stream.next().now_or_never() {
                Some(message) => drop(self.note(message, clock).await),
                None => return,
            }
        }
    }

    /// Notes what came. Returns what the answer to a ping of the protocol holds.
    async fn note(&mut self, message: Option<Result<Message, Error>>, clock: &Clock) -> Option<Vec<u8>> {
        match message {
            Some(Ok(Message::Text(text))) => self.note_frame(text.as_str(), clock).await,
            Some(Ok(Message::Binary(bytes))) => {
                self.note_frame(&String::from_utf8_lossy(&bytes), clock).await
            }
            Some(Ok(Message::Close(frame))) => {
                self.close_code = frame.map(|frame| frame.code.into());
                self.end(clock);
            }
            Some(Ok(Message::Pong(bytes))) => return Some(bytes.to_vec()),
            // tungstenite answers it with the next write or read.
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
            Some(Err(_)) | None => self.end(clock),
        }
        None
    }

    async fn note_frame(&mut self, text: &str, clock: &Clock) {
        let frame = serde_json::from_str(text).unwrap_or(Value::Null);
        if self.ws_id.is_none() {
            self.ws_id = frame.get("wsId").and_then(Value::as_str).map(str::to_owned);
        }
        if let Some(ack) = self.ack_of(&frame).filter(|_| self.acking) {
            self.say(&ack, clock).await;
        }
        self.heard.push(Heard { at: clock.now(), frame });
    }
}

/// Listens at sockets for a time, or until enough was heard. Says whether that was so.
pub(super) async fn listen(
    clock: &Clock,
    sockets: &mut [&mut Socket],
    time: Duration,
    mut enough: impl FnMut(&[&mut Socket]) -> bool,
) -> Result<bool, Trouble> {
    let until = clock.now() + time;
    loop {
        for socket in sockets.iter_mut() {
            socket.take(clock).await;
        }
        if enough(sockets) {
            return Ok(true);
        }
        let now = clock.now();
        if now >= until {
            return Ok(false);
        }
        for socket in sockets.iter_mut() {
            if socket.pinging && now.saturating_sub(socket.last_ping) >= PING_EVERY {
                socket.ping(clock).await;
                // An emulator must have it before its clock is moved on.
                socket.take(clock).await;
            }
        }
        clock.pass(clock.step().min(until.saturating_sub(now))).await?;
    }
}
