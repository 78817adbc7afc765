//! A subscription, taken in batches.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use napi_derive::napi;
use secondme_avatar::Events;

use crate::contract::batch::NativeBatch;
use crate::port::{Message, Shared};

#[napi]
pub struct NativeEvents {
    /// `None` once it is closed.
    events: Option<Events>,
    waker: Waker,
    id: u32,
    has_ended: bool,
}

/// Says that a subscription or a stream has something to take.
pub(crate) struct Bell {
    port: Arc<Shared>,
    id: u32,
}

#[napi]
impl NativeEvents {
    pub(crate) fn new(events: Events, port: &Arc<Shared>) -> Self {
        let (waker, id) = Bell::at(port);
        Self { events: Some(events), waker, id, has_ended: false }
    }

    /// By which the port says that there is something to take.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// There will be nothing more.
    #[napi(getter)]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// At most so many events that have come. If there are none, the port will say when there are; and whoever
    /// takes again says by that that the ones before have been dealt with.
    #[napi]
    pub fn take(&mut self, max: u32) -> Option<NativeBatch> {
        let events = self.events.as_ref()?;
        loop {
            match events.poll_ready(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    self.has_ended = true;
                    return None;
                }
                Poll::Pending => return None,
            }
            let batch = events.drain(max as usize);
            if !batch.is_empty() {
                return Some(NativeBatch::of(batch));
            }
        }
    }

    /// Ends the subscription once what has come is taken.
    #[napi]
    pub fn finish(&self) {
        if let Some(events) = &self.events {
            events.finish();
        }
    }

    /// Ends the subscription.
    #[napi]
    pub fn close(&mut self) {
        self.events = None;
        self.has_ended = true;
    }
}

impl Bell {
    /// A waker that lets the port say so, and the number that it names.
    pub(crate) fn at(port: &Arc<Shared>) -> (Waker, u32) {
        let id = port.ticket();
        let port = Arc::clone(port);
        (Waker::from(Arc::new(Self { port, id })), id)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.port.tell(Message::Ready(self.id));
    }
}
