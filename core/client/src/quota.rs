//! The API key's quota, shared by the drivers and awaited.

mod exchange;
mod line;
mod share;
#[cfg(test)]
#[cfg(feature = "redis")]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secondme_avatar_protocol::{Error, ErrorKind, Millis, QuotaTicket};
use tokio::sync::Notify;

use self::exchange::Exchange;
use self::line::{Left, Line};
use self::share::{Share, Times};
use crate::clock::Clock;
use crate::peers::SharedStore;
use crate::store::KeyRef;

/// If the expected moment is later by this much, it is reported again.
const LATER: Duration = Duration::from_secs(1);

/// If the expected moment is earlier by this much, it is reported again. Waiting calls that give up make it
/// earlier, one by one.
const SOONER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct SharedQuota {
    inner: Arc<Inner>,
    /// Where other processes share the quota.
    exchange: Mutex<Option<Exchange>>,
}

#[derive(Debug)]
struct Inner {
    line: Mutex<Line>,
    changed: Notify,
    clock: Clock,
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

/// How many calls the service accepts over which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuotaLimit {
    pub(crate) calls: usize,
    pub(crate) window: Duration,
}

impl SharedQuota {
    /// The quota of this process alone.
    pub(crate) fn own(limit: QuotaLimit, clock: Clock) -> Arc<Self> {
        let inner = Inner::new(Line::new(limit.calls, limit.window), clock);
        Arc::new(Self { inner, exchange: Mutex::default() })
    }

    /// The quota of all processes that share the store and show this key.
    ///
    /// # Errors
    /// Fails if there is no thread for it.
    pub(crate) fn shared(
        limit: QuotaLimit,
        clock: Clock,
        store: SharedStore,
        key: KeyRef,
    ) -> Result<Arc<Self>, Error> {
        let name = getrandom::u64().map_err(|error| {
            Error::new(ErrorKind::Misuse, "the operating system has no randomness").caused_by(error)
        })?;
        let share = Share::new(Times::of(limit.window), limit.calls, format!("{name:016x}"));
        let inner = Inner::new(Line::new(limit.calls, limit.window).shared(key, share), clock);
        let exchange = Exchange::start(Arc::clone(&inner), store.0)?;
        Ok(Arc::new(Self { inner, exchange: Mutex::new(Some(exchange)) }))
    }

    /// Joins the queue.
    pub(crate) fn join(self: &Arc<Self>) -> QuotaPermit {
        let ticket = self.inner.lock().join();
        self.report();
        QuotaPermit { quota: Arc::clone(self), ticket, granted: false, used: false }
    }

    /// The service has refused all calls until `until`.
    pub(crate) fn hold_until(&self, until: Millis) {
        self.inner.lock().hold_until(until);
        self.look_again();
    }

    /// The key is another one.
    pub(crate) fn renew(&self, key: KeyRef) {
        self.inner.lock().renew(key, self.inner.clock.now());
        self.look_again();
    }

    /// The clock was advanced.
    pub(crate) fn look_again(&self) {
        self.inner.changed.notify_waiters();
        self.report();
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.inner.lock().waiting()
    }

    /// How long the last one is expected to wait.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.inner.lock().longest_wait(self.inner.clock.now())
    }

    /// Leaves the other processes what this one does not use any more, if they can be reached.
    pub(crate) async fn leave(&self) {
        let exchange = self.exchange.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(exchange) = exchange {
            exchange.end().cancelled().await;
        }
    }

    /// Other processes are told what has changed.
    fn report(&self) {
        if let Some(exchange) = &*self.exchange.lock().unwrap_or_else(PoisonError::into_inner) {
            exchange.wake();
        }
    }
}

impl Inner {
    fn new(line: Line, clock: Clock) -> Arc<Self> {
        Arc::new(Self { line: Mutex::new(line), changed: Notify::new(), clock })
    }

    fn report_due_in(&self) -> Duration {
        let now = self.clock.now();
        self.lock().report_due(now).map_or(Duration::MAX, |due| due.since(now))
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QuotaPermit {
    /// Whether the permit is granted now.
    pub(crate) fn try_acquire(&mut self) -> bool {
        let now = self.now();
        let mut line = self.line();
        let (others, granted) = (line.grant(now), line.notice(self.ticket));
        drop(line);
        self.granted |= granted;
        if others {
            self.quota.inner.changed.notify_waiters();
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
            let now = self.now();
            self.line().finish(self.ticket, now);
            self.quota.report();
        }
    }

    /// When the permit is expected.
    pub(crate) fn expected_at(&self) -> Option<Millis> {
        self.line().expected_at(self.ticket, self.now())
    }

    /// Waits for the permit, or until it is expected at another moment than `told`.
    pub(crate) async fn acquire(&mut self, told: Option<Millis>) -> QuotaWait {
        loop {
            let quota = Arc::clone(&self.quota);
            let inner = &quota.inner;
            let changed = inner.changed.notified();
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
            let next = inner.lock().next_deadline(inner.clock.now());
            match next {
                Some(at) => tokio::select! {
                    () = &mut changed => {}
                    () = tokio::time::sleep_until(inner.clock.instant_of(at)) => {}
                },
                None => changed.await,
            }
        }
    }

    fn now(&self) -> Millis {
        self.quota.inner.clock.now()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.quota.inner.lock()
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        // It is unknown whether the call reached the service, so it counts.
        let left = if self.granted && self.used { Left::UnderWay } else { Left::Unused };
        let now = self.now();
        self.line().leave(self.ticket, left, now);
        self.quota.look_again();
    }
}
