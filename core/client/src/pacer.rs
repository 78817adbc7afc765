//! Paces connection attempts: limits their number, and spreads them after a common loss.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The number of simultaneous attempts for which no call waits. Enough for the closest spacing, where an attempt takes
/// a quarter of a second.
const AT_A_TIME: usize = 128;

/// The number of simultaneous attempts for which a call waits. They are counted apart, so a thousand
/// reconnecting visitors do not delay a caller.
const AWAITED_AT_A_TIME: usize = 64;

/// The time between two attempts for which no call waits: a hundred visitors reconnect in a second, a thousand
/// in ten.
const APART: Duration = Duration::from_millis(10);

/// More visitors are closer together, so that all of them are back after this time.
const ALL_WITHIN: Duration = Duration::from_secs(20);

/// The closest spacing: a service that comes back meets no more than five hundred in a second.
const CLOSEST: Duration = Duration::from_millis(2);

/// How many attempts may begin at once: the losses of a few visitors need no pacing.
const BURST: u32 = 10;

/// One for each client.
#[derive(Debug)]
pub(crate) struct Pacer {
    quiet: Arc<Semaphore>,
    awaited: Arc<Semaphore>,
    /// How many visitors may lose their connections at the same moment.
    visitors: AtomicUsize,
    /// When the next attempt would begin if all were evenly spaced.
    next: Mutex<Option<Instant>>,
}

/// A permit that is waited for. The attempt counts until the permit is dropped.
pub(crate) type AttemptPermit = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

impl Pacer {
    pub(crate) fn new() -> Self {
        Self {
            quiet: Arc::new(Semaphore::new(AT_A_TIME)),
            awaited: Arc::new(Semaphore::new(AWAITED_AT_A_TIME)),
            visitors: AtomicUsize::new(0),
            next: Mutex::default(),
        }
    }

    /// There are so many visitors now.
    pub(crate) fn expect(&self, visitors: usize) {
        self.visitors.store(visitors, Ordering::Relaxed);
    }

    /// Requests a permit for an attempt. `awaited`: a call waits for it.
    pub(crate) fn permit(&self, awaited: bool) -> AttemptPermit {
        let (at, attempts) = if awaited {
            (None, Arc::clone(&self.awaited))
        } else {
            (Some(self.slot(Instant::now())), Arc::clone(&self.quiet))
        };
        Box::pin(async move {
            if let Some(at) = at {
                tokio::time::sleep_until(at).await;
            }
            // The semaphore is never closed.
            attempts.acquire_owned().await.ok()
        })
    }

    /// Returns the next free moment.
    fn slot(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.map_or(now, |next| next.max(now));
        let apart = self.apart();
        *next = Some(due + apart);
        due.checked_sub(apart * (BURST - 1)).map_or(now, |at| at.max(now))
    }

    /// The time between two attempts.
    fn apart(&self) -> Duration {
        let visitors = u32::try_from(self.visitors.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        (ALL_WITHIN / visitors.max(1)).clamp(CLOSEST, APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_begin_at_once_and_many_are_spread_by_their_number() {
        let (pacer, now) = (Pacer::new(), Instant::now());
        let waits: Vec<Duration> = (0..1000).map(|_| pacer.slot(now) - now).collect();
        assert!(waits[..BURST as usize].iter().all(Duration::is_zero), "{:?}", &waits[..12]);
        assert!(waits.windows(2).skip(BURST as usize).all(|pair| pair[1] - pair[0] == APART));
        assert_eq!(waits[999], APART * (1000 - BURST));
        let later = now + Duration::from_secs(60);
        assert_eq!(pacer.slot(later), later, "what is past does not count");
    }

    #[test]
    fn thousands_are_closer_together_and_tens_of_thousands_take_longer() {
        let last = |visitors: u32| {
            let (pacer, now) = (Pacer::new(), Instant::now());
            pacer.expect(visitors as usize);
            (0..visitors).map(|_| pacer.slot(now) - now).max().unwrap()
        };
        assert_eq!(last(2_000), APART * (2_000 - BURST));
        assert!((ALL_WITHIN / 2..=ALL_WITHIN).contains(&last(5_000)), "{:?}", last(5_000));
        assert_eq!(last(50_000), CLOSEST * (50_000 - BURST));
    }
}
