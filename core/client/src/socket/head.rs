//! The head of the answer to the handshake, read apart from the frames behind it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::inbox::Inbox;

/// What ends the head.
const END: &[u8; 4] = b"\r\n\r\n";

/// A stream whose next bytes are the head of an HTTP answer. For its reader it ends with the head. What came behind
/// that is kept.
pub(super) struct Head<S> {
    stream: S,
    inbox: Inbox,
    /// So many bytes of the head's end were the last ones.
    matched: usize,
}

impl<S> Head<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, inbox: Inbox::default(), matched: 0 }
    }

    /// Returns the stream, and what has come behind the head.
    pub(super) fn into_parts(self) -> (S, Inbox) {
        (self.stream, self.inbox)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Head<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, inbox, matched } = &mut *self;
        if inbox.held().is_empty() && *matched < END.len() {
            ready!(inbox.poll_read(stream, 0, cx))?;
        }
        let room = out.remaining().min(inbox.held().len());
        let take = pass(matched, &inbox.held()[..room]);
        out.put_slice(&inbox.held()[..take]);
        inbox.take(take);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Head<S> {
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

/// Returns how many of these bytes belong to the head.
fn pass(matched: &mut usize, bytes: &[u8]) -> usize {
    for (at, byte) in bytes.iter().enumerate() {
        let Some(wanted) = END.get(*matched) else { return at };
        *matched = match byte {
            byte if byte == wanted => *matched + 1,
            b'\r' => 1,
            _ => 0,
        };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn the_head_of_the_answer_is_read_apart_from_what_follows() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nA: \r\r\n\r\n";
        for cut in 1..=answer.len() {
            let (mut far, near) = tokio::io::duplex(1_000);
            let mut near = Head::new(near);
            let mut read = Vec::new();
            far.write_all(&answer[..cut]).await.unwrap();
            while read.len() < cut {
                near.read_buf(&mut read).await.unwrap();
            }
            far.write_all(&answer[cut..]).await.unwrap();
            far.write_all(b"a frame").await.unwrap();
            near.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, answer, "cut after {cut}");
            let (mut stream, inbox) = near.into_parts();
            let mut behind = inbox.held().to_vec();
            drop(far);
            stream.read_to_end(&mut behind).await.unwrap();
            assert_eq!(behind, b"a frame", "cut after {cut}");
        }
    }
}
