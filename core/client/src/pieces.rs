//! The pieces of a reply, between the driver and the reader.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use secondme_avatar_protocol::{Author, Error, Outcome, Reply, Text};

use crate::errors::unexpected;
use crate::wakers::Wakers;

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The author: the avatar, or its owner in person.
    pub author: Author,
    /// The next piece of the text.
    pub text: Text,
}

/// The pieces that the reader has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Mutex<Untaken>);

#[derive(Debug, Default)]
struct Untaken {
    pieces: VecDeque<Piece>,
    end: Option<End>,
    reply: Option<Reply>,
    wakers: Wakers,
    /// What was said so far, where another process may say it again.
    repeated: Option<Box<Repeated>>,
}

#[derive(Debug, Default)]
struct Repeated {
    said: String,
    /// How much of it was heard again.
    heard: usize,
}

impl Repeated {
    /// What is new of a piece.
    fn new_of<'t>(&mut self, text: &'t str) -> &'t str {
        let known = &self.said[self.heard..];
        if known.starts_with(text) {
            self.heard += text.len();
            return "";
        }
        let new = text.strip_prefix(known).unwrap_or(text);
        self.said.push_str(new);
        self.heard = self.said.len();
        new
    }
}

#[derive(Debug)]
enum End {
    Whole,
    Failed(Error),
    /// The question failed, and the reader has got the error.
    FailureTaken,
}

impl Pieces {
    /// The question is given to another process, which may say once more what was said.
    pub(crate) fn may_repeat(&self) {
        self.lock().repeated.get_or_insert_default().heard = 0;
    }

    pub(crate) fn push(&self, author: Author, text: &Text) {
        let mut state = self.lock();
        let new = state.repeated.as_mut().map(|repeated| Text::from(repeated.new_of(text)));
        if new.as_ref().is_some_and(|new| new.is_empty()) {
            return;
        }
        let text = new.as_ref().unwrap_or(text);
        match state.pieces.back_mut() {
            Some(last) if last.author == author => last.text.push_str(text),
            Some(_) | None => state.pieces.push_back(Piece { author, text: text.clone() }),
        }
        wake(state);
    }

    pub(crate) fn finish(&self, result: Result<Outcome, Error>) {
        let mut state = self.lock();
        state.end = Some(match result {
            Ok(Outcome::Replied(reply)) => {
                // Pieces of a process that was thought to be gone were left out, and its answer was not.
                let said = state.repeated.as_ref().map(|repeated| repeated.said.clone());
                let rest = said.and_then(|said| reply.text.strip_prefix(&said).map(Text::from));
                if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                    state.pieces.push_back(Piece { author: reply.author, text: rest });
                }
                state.reply = Some(*reply);
                End::Whole
            }
            Ok(_) => End::Failed(unexpected()),
            Err(error) => End::Failed(error),
        });
        wake(state);
    }

    /// Ends the stream, unless it has ended already.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.end.get_or_insert(End::Whole);
        wake(state);
    }

    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        match state.end {
            _ if !state.pieces.is_empty() => Poll::Ready(true),
            Some(End::Failed(_)) => Poll::Ready(true),
            Some(End::Whole | End::FailureTaken) => Poll::Ready(false),
            None => {
                state.wakers.register(cx);
                Poll::Pending
            }
        }
    }

    pub(crate) fn drain(&self, max: usize) -> Result<Vec<Piece>, Error> {
        let mut state = self.lock();
        if state.pieces.is_empty()
            && let Some(End::Failed(error)) = state.end.take_if(|end| matches!(end, End::Failed(_)))
        {
            state.end = Some(End::FailureTaken);
            return Err(error);
        }
        let take = max.min(state.pieces.len());
        Ok(state.pieces.drain(..take).collect())
    }

    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Error>>> {
        // With several readers, another one may have taken it.
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

    /// Returns the whole reply, if it has come.
    pub(crate) fn reply(&self) -> Option<Reply> {
        self.lock().reply.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Untaken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes outside the lock: a reader that is woken may lock again at once.
fn wake(mut state: MutexGuard<'_, Untaken>) {
    let wakers = state.wakers.take();
    drop(state);
    wakers.wake();
}

#[cfg(test)]
mod tests {
    use secondme_avatar_protocol::{Attribution, Ended};

    use super::*;

    fn reply(text: &str) -> Reply {
        Reply {
            text: Text::from(text),
            author: Author::Avatar,
            id: None,
            in_reply_to: None,
            parts: Vec::new(),
            sources: Vec::new(),
            speech: Vec::new(),
            ended: Ended::Mark,
            confirmed: true,
            asked: true,
            attribution: Attribution::Certain,
        }
    }

    #[test]
    fn what_was_left_out_of_a_reply_comes_with_its_end() {
        let pieces = Pieces::default();
        pieces.may_repeat();
        pieces.push(Author::Avatar, &Text::from("You said: "));
        pieces.may_repeat();
        pieces.finish(Ok(Outcome::Replied(Box::new(reply("You said: Hello")))));
        let said: String = pieces.drain(9).unwrap().iter().map(|piece| piece.text.to_string()).collect();
        assert_eq!(said, "You said: Hello");
    }
}
