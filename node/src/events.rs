//! A subscription, drained in batches.

use std::sync::Arc;

use napi_derive::napi;
use secondme_avatar::Events;
use secondme_avatar_bridge::calls::Ticket;

use crate::batch::{NativeFrames, Numbers, Written};
use crate::contract::batch;
use crate::host_queue::{Queue, Stream};

#[napi]
pub struct NativeEvents {
    events: Stream<Events>,
    queue: Arc<Queue>,
    frames: Option<NativeFrames>,
    has_ended: bool,
}

#[napi]
impl NativeEvents {
    /// With `raw`, the events have their frames.
    pub(crate) fn new(events: Events, raw: bool, queue: &Arc<Queue>) -> Self {
        let events = if raw { events } else { events.without_raw() };
        Self { events: Stream::new(events), queue: Arc::clone(queue), frames: None, has_ended: false }
    }

    /// By which the queue says that there is something to drain.
    #[napi(getter)]
    pub fn ticket(&self) -> Ticket {
        self.events.ticket()
    }

    /// There will be nothing more.
    #[napi(getter)]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The events that have come, as many as there is room for among the numbers. If there are none, the queue will say
    /// when there are. Draining again says that the ones before have been dealt with.
    #[napi]
    pub fn drain(&mut self, numbers: Numbers<'_>) -> Option<Written> {
        let events = self.events.drain(&self.queue, batch::room(numbers)).unwrap_or_default()?;
        self.has_ended = events.is_empty();
        if self.has_ended {
            return None;
        }
        let written = batch::write(&events, numbers);
        self.frames = NativeFrames::of(events);
        Some(written)
    }

    /// The frames of what was drained last; once.
    #[napi]
    pub fn frames(&mut self) -> Option<NativeFrames> {
        self.frames.take()
    }

    /// Ends the subscription once what has come is drained.
    #[napi]
    pub fn finish(&self) {
        self.events.finish();
    }

    /// Ends the subscription.
    #[napi]
    pub fn close(&mut self) {
        self.events.close();
        self.has_ended = true;
    }
}
