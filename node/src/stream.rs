//! A reply, piece by piece.

use std::sync::Arc;

use napi::bindgen_prelude::Either;
use napi_derive::napi;
use secondme_avatar::{Piece, ReplyStream};
use secondme_avatar_bridge::calls::Ticket;

use crate::contract::names::Named;
use crate::host_queue::{Queue, Stream};
use crate::json;

#[napi]
pub struct NativeStream {
    stream: Stream<ReplyStream>,
    queue: Arc<Queue>,
}

/// A piece of a reply.
#[napi(object, object_from_js = false)]
pub struct NativePiece {
    pub author: &'static str,
    pub text: String,
}

#[napi]
impl NativeStream {
    pub(crate) fn new(stream: ReplyStream, queue: &Arc<Queue>) -> Self {
        Self { stream: Stream::new(stream), queue: Arc::clone(queue) }
    }

    /// By which the queue says that there is something to drain.
    #[napi(getter)]
    pub fn ticket(&self) -> Ticket {
        self.stream.ticket()
    }

    /// At most so many pieces that have come; a failure, as JSON; no pieces when there will be no more. Nothing where
    /// nothing has come: the queue will say when something has.
    #[napi]
    pub fn drain(&self, max: u32) -> Option<Either<Vec<NativePiece>, String>> {
        match self.stream.drain(&self.queue, max as usize) {
            Ok(pieces) => Some(Either::A(pieces?.into_iter().map(NativePiece::from).collect())),
            Err(error) => Some(Either::B(json::error(&error))),
        }
    }

    /// The whole reply, once all its pieces have come.
    #[napi]
    pub fn reply(&self) -> Option<String> {
        self.stream.with(ReplyStream::reply)?.as_ref().map(json::reply)
    }

    /// Ends it once what has come is drained, and lets the next question go out.
    #[napi]
    pub fn stop(&self) {
        self.stream.finish();
    }

    /// Gives it up.
    #[napi]
    pub fn close(&self) {
        self.stream.close();
    }
}

impl From<Piece> for NativePiece {
    fn from(piece: Piece) -> Self {
        Self { author: piece.author.js_name(), text: piece.text.into_string() }
    }
}
