//! The wall clock once, then a monotonic one: time never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secondme_avatar_protocol::Millis;
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Millis,
    /// Milliseconds by which it was put forward.
    forward: Arc<AtomicU64>,
    moved: Arc<Notify>,
    /// Somebody has done all that was due since it was put forward.
    pub(crate) noticed: Arc<Notify>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        // A wall clock before 1970 is a broken one; counting from zero is as good as anything.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            started: Instant::now(),
            started_at: Millis(0) + since_epoch,
            forward: Arc::default(),
            moved: Arc::default(),
            noticed: Arc::default(),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.origin() + self.started.elapsed()
    }

    /// The moment as the runtime's timers count it; never too early.
    pub(crate) fn instant_of(&self, moment: Millis) -> Instant {
        self.started + moment.since(self.origin()) + Duration::from_millis(1)
    }

    /// Whoever waits for a moment has to count anew. Says by how much it was put forward until now.
    pub(crate) fn advance(&self, by: Duration) -> u64 {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        // Beyond every lifetime there is, and far from where the sum would overflow.
        let millis = millis.min(Duration::from_secs(365 * 24 * 60 * 60).as_millis() as u64);
        let forward = self.forward.fetch_add(millis, Ordering::Relaxed) + millis;
        self.moved.notify_waiters();
        forward
    }

    /// Waits for a moment.
    pub(crate) async fn at(&self, moment: Millis) {
        loop {
            let moved = self.moved.notified();
            if self.now() >= moment {
                return;
            }
            tokio::select! {
                () = moved => {}
                () = tokio::time::sleep_until(self.instant_of(moment)) => {}
            }
        }
    }

    /// Milliseconds by which it was put forward until now.
    pub(crate) fn forward(&self) -> u64 {
        self.forward.load(Ordering::Relaxed)
    }

    /// What it says it was when it started.
    fn origin(&self) -> Millis {
        self.started_at + Duration::from_millis(self.forward())
    }
}
