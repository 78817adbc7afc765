//! The task of one socket.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;

use super::hub::{Hub, Outgoing};
use crate::service::SocketId;

/// How long a client that reads nothing may hold a write up, in real time, before it is cut.
const WRITE_WITHIN: Duration = Duration::from_secs(60);
/// How long the client may take to answer a close frame.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How many frames are written before the socket is flushed.
const BATCH: usize = 64;

/// A socket that is open for the service. Dropped, it is gone for the service as well.
pub(super) struct Live {
    hub: Arc<Hub>,
    socket: SocketId,
    queue: mpsc::Receiver<Outgoing>,
}

impl Live {
    pub(super) fn new(hub: Arc<Hub>, socket: SocketId, queue: mpsc::Receiver<Outgoing>) -> Self {
        Self { hub, socket, queue }
    }

    /// Runs until either side ends it, or the emulator stops.
    pub(super) async fn run(mut self, websocket: WebSocket) {
        let (mut sink, mut stream) = websocket.split();
        let mut stopped = self.hub.stopped();
        // Reading and writing do not wait for each other: pings of a client that reads slowly must
        // still count.
        let (hub, socket) = (Arc::clone(&self.hub), self.socket);
        let closed_clean = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => false,
            () = read(&mut stream, &hub, socket) => false,
            clean = write(&mut sink, &mut self.queue) => clean,
        };
        if closed_clean {
            let goodbye = async { while let Some(Ok(_)) = stream.next().await {} };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                _ = tokio::time::timeout(CLOSE_WITHIN, goodbye) => {}
            }
        }
        // Before the connection ends, so that a client which sees the end finds that the service knows of it.
        drop(self);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.hub.disconnected(self.socket);
    }
}

async fn read(stream: &mut SplitStream<WebSocket>, hub: &Arc<Hub>, socket: SocketId) {
    while let Some(Ok(message)) = stream.next().await {
        match message {
            Message::Text(text) => hub.with(|service, now| service.receive(now, socket, &text)),
            Message::Binary(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                hub.with(|service, now| service.receive(now, socket, &text));
            }
            // tungstenite answers pings and close frames itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
}

/// Writes until the queue has ended. Returns whether it ended with a close frame.
async fn write(sink: &mut SplitSink<WebSocket, Message>, queue: &mut mpsc::Receiver<Outgoing>) -> bool {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let mut closing = false;
        let send = async {
            for outgoing in batch.drain(..) {
                let message = match outgoing {
                    Outgoing::Frame(text) => Message::Text(text.into()),
                    Outgoing::Close { code, reason } => {
                        closing = true;
                        Message::Close(Some(CloseFrame { code, reason: reason.into() }))
                    }
                };
                sink.feed(message).await?;
            }
            sink.flush().await
        };
        if !matches!(tokio::time::timeout(WRITE_WITHIN, send).await, Ok(Ok(()))) {
            return false;
        }
        if closing {
            return true;
        }
        if batch.capacity() > 2 * BATCH {
            batch = Vec::new();
        }
    }
    false
}
