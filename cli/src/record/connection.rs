//! A client's connection. It can end as the service's has ended: in order, or with a reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How a connection ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate(Arc<AtomicBool>);

impl Fate {
    /// It ends with a reset.
    pub(super) fn reset(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// It ends as another connection did.
    pub(super) fn follow(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionReset {
            self.reset();
        }
    }

    fn is_reset(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    fate: Fate,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, fate: Fate) -> Self {
        // A socket without it is merely slower.
        let _ = stream.set_nodelay(true);
        Self { stream, fate }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.fate.is_reset() {
            // Where it cannot be done the connection merely ends in good order.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.fate.is_reset() {
            // An orderly end before the reset would be one.
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_shutdown(cx),
        }
    }
}
