//! Buffers that a socket has only while something passes through it.
//!
//! A WebSocket keeps its own buffers for as long as it is open, and ten thousand quiet sockets keep ten thousand of
//! them. So those are small, and here are large ones: bytes are read and written many at a time, and what is not
//! needed any more is given back.

use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at a time from a quiet socket. It is on the stack, so a socket that waits holds none of it.
const SMALL: usize = 4 * 1024;

/// How much is read at a time while many frames come.
const LARGE: usize = 128 * 1024;

/// How much may wait to be written. Many acknowledgements go out together.
const BEHIND: usize = 8 * 1024;

/// What ends the head of the handshake's answer.
const HEAD_END: &[u8; 4] = b"\r\n\r\n";

pub(crate) struct Buffered<S> {
    stream: S,
    head: Head,
    /// What was read; empty while the socket is quiet.
    ahead: Vec<u8>,
    /// The part of it that was not taken yet.
    held: Range<usize>,
    pouring: bool,
    /// What is still to be written; empty while the socket is quiet.
    behind: Vec<u8>,
    /// How much of it is written.
    written: usize,
}

/// Where reading stands in the head of the handshake's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// So many bytes of its end were the last ones.
    Inside(usize),
    /// It is read to its end, and no byte of what follows.
    Ended,
    /// What follows is being read.
    Past,
}

impl Head {
    /// Returns how many of the bytes may be read at once: what follows the head is read apart from it.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        let Self::Inside(mut matched) = *self else {
            *self = Self::Past;
            return bytes.len();
        };
        for (at, byte) in bytes.iter().enumerate() {
            matched = match *byte == HEAD_END[matched] {
                true => matched + 1,
                false => usize::from(*byte == HEAD_END[0]),
            };
            if matched == HEAD_END.len() {
                *self = Self::Ended;
                return at + 1;
            }
        }
        *self = Self::Inside(matched);
        bytes.len()
    }
}

impl<S> Buffered<S> {
    /// The stream of a connection whose next bytes are the head of an HTTP answer.
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            head: Head::Inside(0),
            ahead: Vec::new(),
            held: 0..0,
            pouring: false,
            behind: Vec::new(),
            written: 0,
        }
    }

    /// Whether the reader has exactly the head of the answer, so that it holds no byte that is needed any more.
    pub(crate) fn has_given_the_head(&self) -> bool {
        self.head == Head::Ended
    }

    fn give(&mut self, out: &mut ReadBuf<'_>) {
        let take = out.remaining().min(self.held.len());
        let take = self.head.pass(&self.ahead[self.held.start..self.held.start + take]);
        out.put_slice(&self.ahead[self.held.start..self.held.start + take]);
        self.held.start += take;
        if self.held.is_empty() && !self.pouring {
            self.ahead = Vec::new();
        }
    }
}

impl<S: AsyncRead + Unpin> Buffered<S> {
    /// Reads from a quiet stream.
    fn poll_small(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut room = [MaybeUninit::uninit(); SMALL];
        let mut room = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
        // The room is full, so there may be much more.
        self.pouring = room.remaining() == 0;
        let take = room.filled().len().min(out.remaining());
        let take = self.head.pass(&room.filled()[..take]);
        let (now, later) = room.filled().split_at(take);
        out.put_slice(now);
        if !later.is_empty() {
            self.ahead = later.to_vec();
            self.held = 0..later.len();
        }
        Poll::Ready(Ok(()))
    }

    /// Fills the large buffer. `false` at the end of the stream.
    fn poll_large(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
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

impl<S: AsyncWrite + Unpin> Buffered<S> {
    /// Writes all that waits, and gives the buffer back.
    fn poll_behind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.behind.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.behind[self.written..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        (self.behind, self.written) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Buffered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.held.is_empty() {
            if !this.pouring {
                return this.poll_small(cx, out);
            }
            if !ready!(this.poll_large(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
        this.give(out);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Buffered<S> {
    /// Takes the bytes. [`poll_flush`](Self::poll_flush) writes them, or the next call once many wait.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.behind.len() >= BEHIND {
            ready!(self.poll_behind(cx))?;
        }
        let take = bytes.len().min(BEHIND - self.behind.len());
        self.behind.extend_from_slice(&bytes[..take]);
        Poll::Ready(Ok(take))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_behind(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_behind(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn bytes(count: u32) -> Vec<u8> {
        (0..count).map(|byte| (byte % 251) as u8).collect()
    }

    #[tokio::test]
    async fn every_byte_comes_once_and_in_order_and_a_quiet_stream_holds_no_buffer() {
        let (mut far, near) = tokio::io::duplex(400_000);
        let sent = bytes(300_000);
        let mut near = Buffered::new(near);
        let mut received = Vec::new();
        far.write_all(&sent).await.unwrap();
        let mut chunk = [0; 512];
        while received.len() < sent.len() {
            let read = near.read(&mut chunk).await.unwrap();
            received.extend_from_slice(&chunk[..read]);
        }
        assert_eq!(received, sent);
        assert!(near.ahead.capacity() >= LARGE, "it poured");

        assert!(near.read(&mut chunk).now_or_never().is_none(), "nothing more has come");
        assert_eq!(near.ahead.capacity(), 0, "and now it is quiet");

        far.write_all(&sent[..3_000]).await.unwrap();
        drop(far);
        received.clear();
        let read = near.read(&mut chunk).await.unwrap();
        received.extend_from_slice(&chunk[..read]);
        assert!(near.ahead.capacity() > 0, "more came than the reader had room for");
        near.read_to_end(&mut received).await.unwrap();
        assert_eq!((received, near.ahead.capacity()), (sent[..3_000].to_vec(), 0));
    }

    #[tokio::test]
    async fn the_head_of_the_answer_is_read_apart_from_what_follows() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nA: \r\r\n\r\n";
        for cut in 1..=answer.len() {
            let (mut far, near) = tokio::io::duplex(1_000);
            let mut near = Buffered::new(near);
            let mut room = [0; 512];
            far.write_all(&answer[..cut]).await.unwrap();
            let mut read = near.read(&mut room).await.unwrap();
            far.write_all(&answer[cut..]).await.unwrap();
            far.write_all(b"a frame").await.unwrap();
            while !near.has_given_the_head() {
                read += near.read(&mut room[read..]).await.unwrap();
            }
            assert_eq!(&room[..read], answer, "cut after {cut}");
            let read = near.read(&mut room).await.unwrap();
            assert_eq!(&room[..read], b"a frame", "cut after {cut}");
            assert!(!near.has_given_the_head());
        }
    }

    #[tokio::test]
    async fn what_is_written_waits_for_the_flush_and_no_more_than_the_buffer_holds() {
        let (mut far, near) = tokio::io::duplex(4_000);
        let mut near = Buffered::new(near);
        near.write_all(&bytes(100)).await.unwrap();
        assert!(far.read_u8().now_or_never().is_none(), "it waits for more");
        near.flush().await.unwrap();
        assert_eq!(near.behind.capacity(), 0, "a quiet stream holds no buffer");
        let mut received = vec![0; 100];
        far.read_exact(&mut received).await.unwrap();
        assert_eq!(received, bytes(100));

        // The other side does not read: the stream takes what its buffer holds, and then nothing.
        let sent = bytes(100_000);
        let mut taken = 0;
        while let Some(written) = near.write(&sent[taken..]).now_or_never() {
            taken += written.unwrap();
        }
        assert!((BEHIND..=BEHIND + 4_000).contains(&taken), "{taken}");
        let writing = tokio::spawn(async move {
            near.write_all(&sent[taken..]).await.unwrap();
            near.shutdown().await.unwrap();
        });
        received.clear();
        far.read_to_end(&mut received).await.unwrap();
        writing.await.unwrap();
        assert_eq!(received, bytes(100_000));
    }
}
