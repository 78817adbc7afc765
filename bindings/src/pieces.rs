//! A reply, piece by piece.

use std::sync::Arc;

use secondme_avatar::{Piece, ReplyStream};
use secondme_avatar_bridge::streams::HostStream;

use crate::convert::size;
use crate::{CoreAuthor, CoreError, CoreReply};

/// A piece of a reply.
#[derive(uniffi::Record)]
pub struct CorePiece {
    /// Who says it: the avatar, or its owner in person.
    pub author: CoreAuthor,
    /// The next piece of the text.
    pub text: String,
}

/// A reply, piece by piece. Pieces that have not been drained yet become one. `end`, or letting go of it, gives the
/// question up, if it has not gone out yet.
#[derive(uniffi::Object)]
pub struct CorePieces(HostStream<ReplyStream>);

#[uniffi::export]
impl CorePieces {
    /// Waits until there is something to drain: a piece, or a failure. `false`: the reply is complete, or was
    /// given up, and all has been drained.
    pub async fn ready(self: Arc<Self>) -> bool {
        self.0.ready().await
    }

    /// Takes at most `max` pieces that have come. Never waits. Fails once, after the last piece, if the reply did.
    pub fn drain(&self, max: u32) -> Result<Vec<CorePiece>, CoreError> {
        Ok(self.0.drain(size(max))?.into_iter().map(CorePiece::from).collect())
    }

    /// The whole reply, once all its pieces have come; nothing before, and after a failure.
    pub fn reply(&self) -> Option<CoreReply> {
        self.0.with(ReplyStream::reply).flatten().map(CoreReply::from)
    }

    /// Stops: what has come can still be drained, and then `ready` says `false`. The next question goes out at once.
    pub fn stop(&self) {
        self.0.finish();
    }

    /// Gives the reply up: a wait in `ready` is told `false`. Once more does no harm.
    pub fn end(&self) {
        self.0.close();
    }
}

impl CorePieces {
    pub(crate) fn new(stream: ReplyStream) -> Arc<Self> {
        Arc::new(Self(HostStream::new(stream)))
    }
}

impl From<Piece> for CorePiece {
    fn from(piece: Piece) -> Self {
        Self { author: piece.author.into(), text: piece.text.into() }
    }
}
