//! A reply, piece by piece.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use secondme_avatar::{Piece, ReplyStream};

use crate::bell::Bell;
use crate::{CoreAuthor, CoreError, CoreReply};

/// A piece of a reply.
#[derive(uniffi::Record)]
pub struct CorePiece {
    /// Who says it: the avatar, or its owner in person.
    pub author: CoreAuthor,
    /// The next piece of the text.
    pub text: String,
}

/// A reply, piece by piece. Pieces that nobody has taken yet become one. `finish`, or letting go of it, gives the
/// question up, if it has not gone out yet.
#[derive(uniffi::Object)]
pub struct CorePieces {
    state: Mutex<State>,
    /// Rung by the core when there is more to look at, and by `finish`.
    bell: Arc<Bell>,
}

struct State {
    /// None: it was given up.
    stream: Option<ReplyStream>,
    /// Seen while waiting, and not taken yet.
    pieces: VecDeque<Piece>,
    /// It failed, and nobody has been told yet.
    failure: Option<CoreError>,
    is_over: bool,
}

#[uniffi::export]
impl CorePieces {
    /// Waits until there is something to drain: a piece, or a failure. `false`: the reply is complete, or was
    /// given up, and all has been taken.
    pub async fn ready(self: Arc<Self>) -> bool {
        poll_fn(|cx| {
            self.bell.register(cx);
            self.look(|state| {
                if !state.pieces.is_empty() || state.failure.is_some() {
                    Poll::Ready(true)
                } else if state.is_over {
                    Poll::Ready(false)
                } else {
                    Poll::Pending
                }
            })
        })
        .await
    }

    /// Takes the pieces that have come. Never waits. Fails once, after the last piece, if the reply did.
    pub fn drain(&self) -> Result<Vec<CorePiece>, CoreError> {
        self.look(|state| match state.failure.take_if(|_| state.pieces.is_empty()) {
            Some(failure) => Err(failure),
            None => Ok(state.pieces.drain(..).map(CorePiece::from).collect()),
        })
    }

    /// The whole reply, once all its pieces have come; nothing before, and after a failure.
    pub fn reply(&self) -> Option<CoreReply> {
        self.lock().stream.as_ref().and_then(ReplyStream::reply).map(CoreReply::from)
    }

    /// Stops: what has come can still be taken, and then `ready` says `false`. The next question goes out at once.
    pub fn stop(&self) {
        if let Some(stream) = &mut self.lock().stream {
            stream.stop();
        }
        self.bell.ring();
    }

    /// Gives the reply up: whoever waits in `ready` is told `false`. Once more does no harm.
    pub fn finish(&self) {
        let mut state = self.lock();
        let stream = state.stream.take();
        state.is_over = true;
        state.pieces.clear();
        state.failure = None;
        drop(state);
        drop(stream);
        self.bell.ring();
    }
}

impl CorePieces {
    pub(crate) fn new(stream: ReplyStream) -> Arc<Self> {
        let state = State { stream: Some(stream), pieces: VecDeque::new(), failure: None, is_over: false };
        Arc::new(Self { state: Mutex::new(state), bell: Arc::default() })
    }

    /// Takes in all that has come, then has a look.
    fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let waker = Waker::from(Arc::clone(&self.bell));
        let mut state = self.lock();
        while state.take_in(&mut Context::from_waker(&waker)).is_ready() {}
        look(&mut state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes in one thing that has come. Pending: nothing has, or nothing will any more.
    fn take_in(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_over) else {
            return Poll::Pending;
        };
        match Pin::new(stream).poll_next(cx) {
            Poll::Ready(Some(Ok(piece))) => self.pieces.push_back(piece),
            Poll::Ready(Some(Err(error))) => {
                self.failure = Some(error.into());
                self.is_over = true;
            }
            Poll::Ready(None) => self.is_over = true,
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(())
    }
}

impl From<Piece> for CorePiece {
    fn from(piece: Piece) -> Self {
        Self { author: piece.author.into(), text: piece.text.into() }
    }
}
