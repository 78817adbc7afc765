//! What is still to be written to a socket: many frames go out together.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// Frames that wait, encoded. A quiet socket holds no buffer.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    unflushed: bool,
}

impl Outbox {
    /// Where the next frame goes.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Writes all that waits, and gives the buffer back.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut written = 0;
        while written < self.bytes.len() {
            match Pin::new(&mut *stream).poll_write(cx, &self.bytes[written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.bytes.drain(..written);
                    return Poll::Pending;
                }
            }
            self.unflushed = true;
        }
        self.bytes = Vec::new();
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
