//! A reply, piece by piece.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use secondme_avatar_protocol::{Error, Reply, Ticket};

use crate::pieces::{Piece, Pieces};
use crate::visitor_handle::{VisitorHandle, Waiting, Wanted};

/// A reply, piece by piece. Pieces that wait to be taken are merged, so a slow reader delays nothing.
///
/// Take the pieces one by one, as a [`Stream`] or with [`next`](Self::next), or in batches: await
/// [`ready`](Self::ready), then call [`drain`](Self::drain). Cancelling `ready` loses nothing. After the last piece,
/// [`reply`](Self::reply) returns the whole reply.
///
/// Dropping the stream, or calling [`stop`](Self::stop), cancels the question if it has not gone out yet. If it has,
/// the rest of the reply comes as events, and the next question goes out at once.
#[derive(Debug)]
pub struct ReplyStream {
    pieces: Arc<Pieces>,
    asked: Mutex<Option<(Arc<VisitorHandle>, Ticket)>>,
}

impl ReplyStream {
    pub(crate) fn start(handle: Arc<VisitorHandle>, wanted: Wanted) -> Self {
        let pieces = Arc::new(Pieces::default());
        let asked = match handle.give(wanted, Waiting::Pieces(Arc::clone(&pieces))) {
            Ok(ticket) => Some((handle, ticket)),
            Err(error) => {
                pieces.finish(Err(error));
                None
            }
        };
        Self { pieces, asked: Mutex::new(asked) }
    }

    /// Returns the next piece; `None` when the reply is complete.
    pub async fn next(&mut self) -> Option<Result<Piece, Error>> {
        poll_fn(|cx| self.pieces.poll_next(cx)).await
    }

    /// Waits until there is something to [`drain`](Self::drain): a piece, or an error. Returns `false` if the reply
    /// is complete or stopped, and all pieces were taken.
    pub async fn ready(&self) -> bool {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// Polls [`ready`](Self::ready).
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.pieces.poll_ready(cx)
    }

    /// Takes at most `max` of the pieces that have come, oldest first, without waiting.
    ///
    /// ```no_run
    /// # async fn example(chat: secondme_avatar::Conversation) -> Result<(), secondme_avatar::Error> {
    /// let pieces = chat.stream("Hello");
    /// while pieces.ready().await {
    ///     for piece in pieces.drain(64)? {
    ///         print!("{}", piece.text);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Fails once, after the last piece, if the question failed.
    pub fn drain(&self, max: usize) -> Result<Vec<Piece>, Error> {
        self.pieces.drain(max)
    }

    /// Stops the stream. Pieces that have come can still be taken; then the stream ends.
    ///
    /// The next question goes out at once, and gets its own answer. The rest of this reply comes as events.
    ///
    /// ```no_run
    /// # async fn example(chat: secondme_avatar::Conversation) -> Result<(), secondme_avatar::Error> {
    /// let mut pieces = chat.stream("Tell me a long story");
    /// pieces.next().await.transpose()?;
    /// pieces.stop();
    /// let reply = chat.ask("Tell me a short one").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop(&self) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((handle, ticket)) = asked {
            handle.cancel(ticket);
            self.pieces.stop();
        }
    }

    /// Returns the whole reply when all pieces have come; `None` before that, and after an error.
    pub fn reply(&self) -> Option<Reply> {
        self.pieces.reply()
    }
}

impl Stream for ReplyStream {
    type Item = Result<Piece, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next(cx)
    }
}

impl Drop for ReplyStream {
    fn drop(&mut self) {
        self.stop();
    }
}
