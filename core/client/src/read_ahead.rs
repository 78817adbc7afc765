//! A read buffer that is small for a quiet socket and large while many frames come.
//!
//! A WebSocket with a large buffer reads fast, but has that buffer for as long as it is open. One with a small
//! buffer costs little, but reads from the system for every few frames. Here the large buffer exists only while
//! there is data to fill it.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at a time while many frames come.
const LARGE: usize = 128 * 1024;

pub(crate) struct ReadAhead<S> {
    stream: S,
    /// Empty while the socket is quiet.
    ahead: Vec<u8>,
    /// The part of the buffer with bytes that were not taken yet.
    held: Range<usize>,
    pouring: bool,
}

impl<S> ReadAhead<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, ahead: Vec::new(), held: 0..0, pouring: false }
    }
}

impl<S: AsyncRead + Unpin> ReadAhead<S> {
    /// Fills the large buffer. `false` at the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.ahead.resize(LARGE, 0); // Only once in a while of pouring.
        let mut room = ReadBuf::new(&mut self.ahead);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut room);
        let filled = room.filled().len();
        self.held = 0..filled;
        if polled.is_pending() {
            self.pouring = false;
            self.ahead = Vec::new();
        }
        ready!(polled)?;
        Poll::Ready(Ok(filled > 0))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.held.is_empty() {
            if !this.pouring {
                ready!(Pin::new(&mut this.stream).poll_read(cx, out))?;
                // More came than the reader asked for, so there may be much more.
                this.pouring = out.remaining() == 0;
                return Poll::Ready(Ok(()));
            }
            if !ready!(this.poll_fill(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
        let take = out.remaining().min(this.held.len());
        out.put_slice(&this.ahead[this.held.start..this.held.start + take]);
        this.held.start += take;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn every_byte_comes_once_and_in_order_and_a_quiet_stream_holds_no_buffer() {
        let (mut far, near) = tokio::io::duplex(400_000);
        let sent: Vec<u8> = (0..300_000_u32).map(|byte| (byte % 251) as u8).collect();
        let mut near = ReadAhead::new(near);
        let mut received = Vec::new();
        far.write_all(&sent).await.unwrap();
        let mut chunk = [0; 2048];
        while received.len() < sent.len() {
            let read = near.read(&mut chunk).await.unwrap();
            received.extend_from_slice(&chunk[..read]);
        }
        assert_eq!(received, sent);
        assert!(near.ahead.capacity() >= LARGE, "it poured");

        let reading = near.read(&mut chunk);
        assert!(futures_util::FutureExt::now_or_never(reading).is_none(), "nothing more has come");
        assert_eq!(near.ahead.capacity(), 0, "and now it is quiet");

        far.write_all(b"one more").await.unwrap();
        drop(far);
        received.clear();
        near.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"one more");
    }
}
