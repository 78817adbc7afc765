//! The API key's quota, shared by the drivers and awaited.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secondme_avatar_protocol::{Millis, Quota, QuotaTicket};
use tokio::sync::Notify;

use crate::clock::Clock;

/// If the expected moment is later by this much, it is reported again.
const LATER: Duration = Duration::from_secs(1);

/// If the expected moment is earlier by this much, it is reported again. Waiting calls that give up make it
/// earlier, one by one.
const SOONER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct SharedQuota {
    queue: Mutex<Queue>,
    changed: Notify,
    clock: Clock,
}

#[derive(Debug)]
struct Queue {
    quota: Quota,
    /// Granted, and not yet noticed by the waiting task.
    granted: Vec<QuotaTicket>,
    /// All waiting tickets, in order.
    waiting: BTreeSet<QuotaTicket>,
}

/// The result of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuotaWait {
    /// The permit is granted.
    Granted,
    /// The permit is expected at this moment.
    Expected(Millis),
}

/// A ticket in the quota: waiting, then granted, given back when dropped.
#[derive(Debug)]
pub(crate) struct QuotaPermit {
    quota: Arc<SharedQuota>,
    ticket: QuotaTicket,
    granted: bool,
    /// Its call has gone out.
    used: bool,
}

impl SharedQuota {
    pub(crate) fn new(per_minute: usize, clock: Clock) -> Arc<Self> {
        let queue = Queue { quota: Quota::new(per_minute), granted: Vec::new(), waiting: BTreeSet::new() };
        Arc::new(Self { queue: Mutex::new(queue), changed: Notify::new(), clock })
    }

    /// Joins the queue.
    pub(crate) fn join(self: &Arc<Self>) -> QuotaPermit {
        let mut queue = self.lock();
        let ticket = queue.quota.join();
        queue.waiting.insert(ticket);
        drop(queue);
        QuotaPermit { quota: Arc::clone(self), ticket, granted: false, used: false }
    }

    /// The service has refused all calls until `until`.
    pub(crate) fn hold_until(&self, until: Millis) {
        self.lock().quota.hold_until(until);
        self.changed.notify_waiters();
    }

    /// The key is another one.
    pub(crate) fn renew(&self) {
        self.lock().quota.renew();
        self.changed.notify_waiters();
    }

    /// The clock was advanced.
    pub(crate) fn look_again(&self) {
        self.changed.notify_waiters();
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().quota.waiting()
    }

    /// How long the last one is expected to wait.
    pub(crate) fn longest_wait(&self) -> Duration {
        let now = self.clock.now();
        let queue = self.lock();
        let last = queue.waiting.last().and_then(|last| queue.quota.expected_at(*last));
        last.map_or(Duration::ZERO, |at| at.since(now))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QuotaPermit {
    /// Whether the permit is granted now.
    pub(crate) fn try_acquire(&mut self) -> bool {
        let now = self.quota.clock.now();
        let mut queue = self.quota.lock();
        let Queue { quota, granted, waiting } = &mut *queue;
        let before = granted.len();
        while let Some(ticket) = quota.grant(now) {
            waiting.remove(&ticket);
            granted.push(ticket);
        }
        let others = granted.len() > before;
        if let Some(at) = granted.iter().position(|ticket| *ticket == self.ticket) {
            granted.swap_remove(at);
            self.granted = true;
        }
        drop(queue);
        if others {
            self.quota.changed.notify_waiters();
        }
        self.granted
    }

    /// The call has gone out.
    pub(crate) fn used(&mut self) {
        self.used = true;
    }

    /// The call is back.
    pub(crate) fn finish(mut self) {
        if std::mem::take(&mut self.granted) {
            let now = self.quota.clock.now();
            self.quota.lock().quota.finish(self.ticket, now);
        }
    }

    /// When the permit is expected.
    pub(crate) fn expected_at(&self) -> Option<Millis> {
        self.quota.lock().quota.expected_at(self.ticket)
    }

    /// Waits for the permit, or until it is expected at another moment than `told`.
    pub(crate) async fn acquire(&mut self, told: Option<Millis>) -> QuotaWait {
        loop {
            let quota = Arc::clone(&self.quota);
            let changed = quota.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed, even before the await.
            changed.as_mut().enable();
            if self.try_acquire() {
                return QuotaWait::Granted;
            }
            if let Some(expected) = self.expected_at()
                && told.is_none_or(|told| expected > told + LATER || told > expected + SOONER)
            {
                return QuotaWait::Expected(expected);
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

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        let now = self.quota.clock.now();
        let mut queue = self.quota.lock();
        queue.granted.retain(|ticket| *ticket != self.ticket);
        queue.waiting.remove(&self.ticket);
        if self.granted && self.used {
            // It is unknown whether the call reached the service, so it counts.
            queue.quota.abandon(self.ticket, now);
        } else {
            queue.quota.leave(self.ticket);
        }
        drop(queue);
        self.quota.changed.notify_waiters();
    }
}
