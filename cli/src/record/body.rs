//! Bodies that pass. A copy of the beginning is kept for the journal.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// How much of a body is kept for the journal.
pub(super) const KEPT: usize = 1024 * 1024;

/// A copy of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Copy {
    /// Its beginning.
    pub(super) bytes: Vec<u8>,
    /// How long it was.
    pub(super) length: u64,
    /// Whether it came to its end.
    pub(super) is_whole: bool,
}

type Done = Box<dyn FnOnce(Copy) + Send>;

/// A body that is on its way.
pub(super) struct Passing {
    /// What has been read already.
    ahead: VecDeque<Bytes>,
    /// Nothing if all has been read.
    rest: Option<Incoming>,
    copy: Copy,
    /// Takes the copy, when the body has passed or is given up.
    done: Option<Done>,
}

impl Passing {
    pub(super) fn new(body: Incoming, done: impl FnOnce(Copy) + Send + 'static) -> Self {
        Self::after(VecDeque::new(), Some(body), done)
    }

    /// A body whose beginning, or all of it, has been read already.
    pub(super) fn after(
        ahead: VecDeque<Bytes>,
        rest: Option<Incoming>,
        done: impl FnOnce(Copy) + Send + 'static,
    ) -> Self {
        Self { ahead, rest, copy: Copy::default(), done: Some(Box::new(done)) }
    }

    fn keep(&mut self, data: &Bytes) {
        self.copy.length += data.len() as u64;
        let room = KEPT.saturating_sub(self.copy.bytes.len());
        self.copy.bytes.extend_from_slice(&data[..data.len().min(room)]);
    }

    fn done(&mut self, is_whole: bool) {
        if let Some(done) = self.done.take() {
            let mut copy = std::mem::take(&mut self.copy);
            copy.is_whole = is_whole;
            done(copy);
        }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(data) = self.ahead.pop_front() {
            self.keep(&data);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some(rest) = &mut self.rest else {
            self.done(true);
            return Poll::Ready(None);
        };
        let polled = Pin::new(rest).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    let data = data.clone();
                    self.keep(&data);
                }
                if self.is_end_stream() {
                    self.done(true);
                }
            }
            Poll::Ready(Some(Err(_))) => self.done(false),
            Poll::Ready(None) => self.done(true),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ahead: u64 = self.ahead.iter().map(|data| data.len() as u64).sum();
        match self.rest.as_ref().map_or(Some(0), |rest| rest.size_hint().exact()) {
            Some(rest) => SizeHint::with_exact(ahead + rest),
            None => SizeHint::default(),
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // A body without bytes need not be polled.
        let is_whole = self.is_end_stream();
        self.done(is_whole);
    }
}
