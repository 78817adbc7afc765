//! A reply, piece by piece.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use napi::bindgen_prelude::Either3;
use napi_derive::napi;
use secondme_avatar::ReplyStream;

use crate::contract::names::Named;
use crate::events::Bell;
use crate::json;
use crate::port::Shared;

#[napi]
pub struct NativeStream {
    /// `None` once it is given up.
    stream: Option<ReplyStream>,
    waker: Waker,
    id: u32,
}

/// A piece of a reply.
#[napi(object, object_from_js = false)]
pub struct NativePiece {
    pub author: &'static str,
    pub text: String,
}

#[napi]
impl NativeStream {
    pub(crate) fn new(stream: ReplyStream, port: &Arc<Shared>) -> Self {
        let (waker, id) = Bell::at(port);
        Self { stream: Some(stream), waker, id }
    }

    /// By which the port says that there is something to take.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The next piece; a failure, as JSON; `false` when there will be no more. Nothing where nothing has come:
    /// the port will say when something has.
    #[napi]
    pub fn take(&mut self) -> Option<Either3<NativePiece, String, bool>> {
        let Some(stream) = self.stream.as_mut() else {
            return Some(Either3::C(false));
        };
        match Pin::new(stream).poll_next(&mut Context::from_waker(&self.waker)) {
            Poll::Pending => None,
            Poll::Ready(None) => Some(Either3::C(false)),
            Poll::Ready(Some(Err(error))) => Some(Either3::B(json::error(&error))),
            Poll::Ready(Some(Ok(piece))) => Some(Either3::A(NativePiece {
                author: piece.author.js_name(),
                text: piece.text.into_string(),
            })),
        }
    }

    /// The whole reply, once all its pieces have come.
    #[napi]
    pub fn reply(&self) -> Option<String> {
        self.stream.as_ref()?.reply().as_ref().map(json::reply)
    }

    /// Ends it once what has come is taken, and lets the next question go out.
    #[napi]
    pub fn stop(&mut self) {
        if let Some(stream) = self.stream.as_mut() {
            stream.stop();
        }
    }

    /// Gives it up.
    #[napi]
    pub fn close(&mut self) {
        self.stream = None;
    }
}
