//! A subscription to events.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use secondme_avatar::Events;

use crate::CoreBatch;
use crate::bell::Bell;
use crate::convert::size;

/// A subscription. It begins when it is made; it ends with the conversation or the client, with `finish`, or with
/// `end`.
#[derive(uniffi::Object)]
pub struct CoreEvents {
    /// None: it has ended, and what had come is dropped.
    events: Mutex<Option<Events>>,
    /// Rung by `wake`, ended by `end`.
    nudged: Bell,
}

#[uniffi::export]
impl CoreEvents {
    /// Waits until there may be something to drain. `false`: there will be nothing more.
    pub async fn ready(self: Arc<Self>) -> bool {
        poll_fn(|cx| {
            if self.nudged.poll(cx).is_ready() {
                return Poll::Ready(!self.has_ended());
            }
            match &*self.lock() {
                Some(events) => events.poll_ready(cx),
                None => Poll::Ready(false),
            }
        })
        .await
    }

    /// Takes at most `max` events that have come, oldest first. Never waits.
    pub fn drain(&self, max: u32) -> CoreBatch {
        // What is taken is put into its form outside the lock.
        let events = self.lock().as_ref().map(|events| events.drain(size(max)));
        events.map(CoreBatch::new).unwrap_or_default()
    }

    /// Whoever waits in `ready`, or does so next, is told `true` at once, though nothing may have come: for a wait
    /// that is given up while the subscription goes on.
    pub fn wake(&self) {
        self.nudged.ring();
    }

    /// Nothing more comes; what has come can still be taken, and then `ready` says `false`. Once more does no harm.
    pub fn finish(&self) {
        if let Some(events) = &*self.lock() {
            events.finish();
        }
    }

    /// Ends the subscription now, and drops what has come: a wait in `ready` is told `false`. Once more does no harm.
    pub fn end(&self) {
        let events = self.lock().take();
        drop(events);
        self.nudged.end();
    }
}

impl CoreEvents {
    pub(crate) fn new(events: Events, raw: bool) -> Arc<Self> {
        let events = if raw { events } else { events.without_raw() };
        Arc::new(Self { events: Mutex::new(Some(events)), nudged: Bell::default() })
    }

    fn has_ended(&self) -> bool {
        self.lock().is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Events>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
