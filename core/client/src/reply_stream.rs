//! A reply, piece by piece.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use secondme_avatar_protocol::{Author, Command, Error, Outcome, Reply, Text, Ticket};

use crate::errors::unexpected;
use crate::visitor_handle::{VisitorHandle, Waiting};
use crate::wakers::Wakers;

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
/// Take the pieces one by one, as a [`Stream`] or with [`next`](Self::next), or in batches: await
/// [`ready`](Self::ready), which carries nothing and so loses nothing when it is cancelled, then call
/// [`drain`](Self::drain). After the last piece, [`reply`](Self::reply) is the whole reply.
///
/// Dropping it, or [`stop`](Self::stop), gives the question up if it has not gone out yet. If it has, what still
/// comes of its reply are events like any, and the next question goes out at once.
#[derive(Debug)]
pub struct ReplyStream {
    pieces: Arc<Pieces>,
    asked: Mutex<Option<(Arc<VisitorHandle>, Ticket)>>,
}

/// Pieces on their way to the one who asked.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Piece>,
    end: Option<End>,
    reply: Option<Reply>,
    wakers: Wakers,
}

#[derive(Debug)]
enum End {
    Whole,
    Failed(Error),
    /// It failed, and that has been said.
    Told,
}

impl ReplyStream {
    pub(crate) fn start(handle: Arc<VisitorHandle>, command: Command) -> Self {
        let pieces = Arc::new(Pieces::default());
        let asked = match handle.give(command, Waiting::Pieces(Arc::clone(&pieces))) {
            Ok(ticket) => Some((handle, ticket)),
            Err(error) => {
                pieces.finish(Err(error));
                None
            }
        };
        Self { pieces, asked: Mutex::new(asked) }
    }

    /// The next piece; `None` when the reply is complete.
    pub async fn next(&mut self) -> Option<Result<Piece, Error>> {
        poll_fn(|cx| self.pieces.poll_next(cx)).await
    }

    /// Waits until there is something to [`drain`](Self::drain): a piece, or a failure. `false`: the reply is
    /// complete or given up, and all of it has been taken.
    pub async fn ready(&self) -> bool {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// [`ready`](Self::ready) for those who poll by hand.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.pieces.poll_ready(cx)
    }

    /// Takes at most `max` pieces that have come, oldest first. Never waits.
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
    /// Fails once, after the last piece, if the reply did.
    pub fn drain(&self, max: usize) -> Result<Vec<Piece>, Error> {
        self.pieces.drain(max)
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
    pub fn stop(&self) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((handle, ticket)) = asked {
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

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        match state.end {
            _ if !state.waiting.is_empty() => Poll::Ready(true),
            Some(End::Failed(_)) => Poll::Ready(true),
            Some(End::Whole | End::Told) => Poll::Ready(false),
            None => {
                state.wakers.register(cx);
                Poll::Pending
            }
        }
    }

    fn drain(&self, max: usize) -> Result<Vec<Piece>, Error> {
        let mut state = self.lock();
        if state.waiting.is_empty()
            && let Some(End::Failed(error)) = state.end.take_if(|end| matches!(end, End::Failed(_)))
        {
            state.end = Some(End::Told);
            return Err(error);
        }
        let take = max.min(state.waiting.len());
        Ok(state.waiting.drain(..take).collect())
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Error>>> {
        // With several who take, another one may have been quicker.
        loop {
            match self.poll_ready(cx) {
                Poll::Ready(true) => {
                    if let Some(next) = self.drain(1).map(|mut pieces| pieces.pop()).transpose() {
                        return Poll::Ready(Some(next));
                    }
                }
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes outside the lock: those who are woken may come back at once.
fn wake(mut state: MutexGuard<'_, State>) {
    let wakers = state.wakers.take();
    drop(state);
    wakers.wake();
}
