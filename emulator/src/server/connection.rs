//! Connections that can be made to fail: reset, or silent.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

// 0, the default, is a connection without a fault.
const RESET: u8 = 1;
const SILENT: u8 = 2;

/// What becomes of a connection; shared by the service and the connection itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate(Arc<AtomicU8>);

impl Fate {
    /// When it ends, it is reset: the client sees no orderly end.
    pub(super) fn reset(&self) {
        self.0.store(RESET, Ordering::Relaxed);
    }

    /// Nothing passes any more, either way, and neither side is told.
    pub(super) fn silence(&self) {
        self.0.store(SILENT, Ordering::Relaxed);
    }

    fn is(&self, fate: u8) -> bool {
        self.0.load(Ordering::Relaxed) == fate
    }
}

/// The peer's address, and what becomes of the connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) fate: Fate,
}

impl Connected<IncomingStream<'_, Connections>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        Self { address: *stream.remote_addr(), fate: stream.io().fate.clone() }
    }
}

/// Takes connections whose fate can be decided.
#[derive(Debug)]
pub(super) struct Connections(pub(super) TcpListener);

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // axum's own waits and goes on where an error is one connection's, or will pass.
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Frames are small and must not wait for each other. A socket without it is merely slower.
        let _ = stream.set_nodelay(true);
        (Connection { stream, fate: Fate::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection with a fate.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    fate: Fate,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.fate.is(RESET) {
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
        let filled = into.filled().len();
        loop {
            ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
            if !self.fate.is(SILENT) || into.filled().len() == filled {
                return Poll::Ready(Ok(()));
            }
            into.set_filled(filled);
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.fate.is(SILENT) {
            true => Poll::Ready(Ok(bytes.len())),
            false => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.fate.is(SILENT) {
            true => Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum())),
            false => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.fate.is(RESET) {
            // An orderly end before the reset would be one.
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_shutdown(cx),
        }
    }
}
