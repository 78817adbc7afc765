//! The key's quota, awaited.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secondme_avatar_protocol::{Millis, Place, Quota};
use tokio::sync::Notify;

use crate::clock::Clock;

#[derive(Debug)]
pub(crate) struct SharedQuota {
    queue: Mutex<Queue>,
    changed: Notify,
    clock: Clock,
}

#[derive(Debug)]
struct Queue {
    quota: Quota,
    /// Granted, and not yet noticed by whoever waits.
    granted: Vec<Place>,
}

/// A place in the quota: waiting, then granted, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    quota: Arc<SharedQuota>,
    place: Place,
    granted: bool,
}

impl SharedQuota {
    pub(crate) fn new(per_minute: usize, clock: Clock) -> Arc<Self> {
        let queue = Queue { quota: Quota::new(per_minute), granted: Vec::new() };
        Arc::new(Self { queue: Mutex::new(queue), changed: Notify::new(), clock })
    }

    /// Joins the queue.
    pub(crate) fn join(self: &Arc<Self>) -> Permit {
        let place = self.lock().quota.join();
        Permit { quota: Arc::clone(self), place, granted: false }
    }

    /// The service says that nobody may go before `until`.
    pub(crate) fn hold_until(&self, until: Millis) {
        self.lock().quota.hold_until(until);
        self.changed.notify_waiters();
    }

    /// The clock has been put forward.
    pub(crate) fn look_again(&self) {
        self.changed.notify_waiters();
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().quota.waiting()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Whether it is this one's turn now.
    pub(crate) fn try_acquire(&mut self) -> bool {
        let now = self.quota.clock.now();
        let mut queue = self.quota.lock();
        let Queue { quota, granted } = &mut *queue;
        let before = granted.len();
        while let Some(place) = quota.grant(now) {
            granted.push(place);
        }
        let others = granted.len() > before;
        if let Some(at) = granted.iter().position(|place| *place == self.place) {
            granted.swap_remove(at);
            self.granted = true;
        }
        drop(queue);
        if others {
            self.quota.changed.notify_waiters();
        }
        self.granted
    }

    /// The call is back.
    pub(crate) fn finish(mut self) {
        if std::mem::take(&mut self.granted) {
            let now = self.quota.clock.now();
            self.quota.lock().quota.finish(self.place, now);
        }
    }

    /// When it is this one's turn, as it looks now.
    pub(crate) fn expected_at(&self) -> Option<Millis> {
        self.quota.lock().quota.expected_at(self.place)
    }

    pub(crate) async fn acquire(&mut self) {
        loop {
            let quota = Arc::clone(&self.quota);
            let changed = quota.changed.notified();
            tokio::pin!(changed);
            // From here on a change is noticed, though it comes before the await.
            changed.as_mut().enable();
            if self.try_acquire() {
                return;
            }
            let next = quota.lock().quota.next_deadline();
            match next {
                Some(at) => tokio::select! {
                    () = &mut changed => {}
                    () = tokio::time::sleep_until(quota.clock.instant_of(at)) => {}
                },
                None => changed.await,
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.quota.clock.now();
        let mut queue = self.quota.lock();
        queue.granted.retain(|place| *place != self.place);
        if self.granted {
            // Nobody saw it come back: it may have reached the service, or reach it yet, so it counts.
            queue.quota.abandon(self.place, now);
        } else {
            queue.quota.leave(self.place);
        }
        drop(queue);
        self.quota.changed.notify_waiters();
    }
}
