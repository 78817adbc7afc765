//! A reply, piece by piece.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use secondme_avatar_protocol::{Author, Command, Error, Outcome, Reply, Text, Ticket};

use crate::errors::unexpected;
use crate::visitor_handle::{VisitorHandle, Waiting};

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Who says it: the avatar, or its owner in person.
    pub author: Author,
    /// The next piece of the text.
    pub text: Text,
}

/// A reply, piece by piece. Pieces that have not been taken yet become one, so a slow reader holds up
/// nothing.
///
/// Dropping it, or [`stop`](Self::stop), gives the question up if it has not gone out yet. If it has, what still
/// comes of its reply are events like any, and the next question goes out at once.
#[derive(Debug)]
pub struct ReplyStream {
    pieces: Arc<Pieces>,
    asked: Option<(Arc<VisitorHandle>, Ticket)>,
}

/// Pieces on their way to whoever asked.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Piece>,
    end: Option<End>,
    reply: Option<Reply>,
    waker: Option<Waker>,
}

#[derive(Debug)]
enum End {
    Whole,
    Failed(Error),
    Told,
}

impl ReplyStream {
    pub(crate) fn start(handle: Arc<VisitorHandle>, command: Command) -> Self {
        let pieces = Arc::new(Pieces::default());
        match handle.give(command, Waiting::Pieces(Arc::clone(&pieces))) {
            Ok(ticket) => Self { pieces, asked: Some((handle, ticket)) },
            Err(error) => {
                pieces.finish(Err(error));
                Self { pieces, asked: None }
            }
        }
    }

    /// The next piece; `None` when the reply is complete.
    pub async fn next(&mut self) -> Option<Result<Piece, Error>> {
        poll_fn(|cx| self.pieces.poll_next(cx)).await
    }

    /// Stops: the rest of the reply is not wanted. What has come can still be taken, then the stream ends.
    ///
    /// The next question goes out at once, and gets its own answer: what still comes of this reply is an event
    /// like any other.
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
    pub fn stop(&mut self) {
        if let Some((handle, ticket)) = self.asked.take() {
            handle.cancel(ticket);
            self.pieces.stop();
        }
    }

    /// The whole reply, once all its pieces have come; `None` before, and after a failure.
    pub fn reply(&self) -> Option<Reply> {
        self.pieces.lock().reply.clone()
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

impl Pieces {
    pub(crate) fn push(&self, author: Author, text: &Text) {
        let mut state = self.lock();
        match state.waiting.back_mut() {
            Some(last) if last.author == author => last.text.push_str(text),
            Some(_) | None => state.waiting.push_back(Piece { author, text: text.clone() }),
        }
        wake(state);
    }

    pub(crate) fn finish(&self, result: Result<Outcome, Error>) {
        let mut state = self.lock();
        state.end = Some(match result {
            Ok(Outcome::Replied(reply)) => {
                state.reply = Some(*reply);
                End::Whole
            }
            Ok(_) => End::Failed(unexpected()),
            Err(error) => End::Failed(error),
        });
        wake(state);
    }

    /// Nothing more comes, unless the end is here already.
    fn stop(&self) {
        let mut state = self.lock();
        state.end.get_or_insert(End::Whole);
        wake(state);
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Error>>> {
        let mut state = self.lock();
        if let Some(piece) = state.waiting.pop_front() {
            return Poll::Ready(Some(Ok(piece)));
        }
        match state.end.take() {
            Some(End::Failed(error)) => {
                state.end = Some(End::Told);
                Poll::Ready(Some(Err(error)))
            }
            Some(end @ (End::Whole | End::Told)) => {
                state.end = Some(end);
                Poll::Ready(None)
            }
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
