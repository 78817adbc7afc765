//! A monotonic clock that knows what time it is: time never goes back.
//!
//! The monotonic clock stands still while the machine is suspended, and the wall clock is set by hand or by
//! NTP. So time is counted by the monotonic clock; where the wall clock is ahead of it by more than a
//! [`GAP`], the machine has slept, and that time has passed as well.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secondme_avatar_protocol::Millis;
use tokio::sync::Notify;
use tokio::time::Instant;

/// By how much the wall clock must have gone ahead for the difference to count as time passed. NTP sets a
/// clock by less.
const GAP: Duration = Duration::from_secs(10);

/// Both clocks are read one after the other; where that took longer, they are not compared.
const READ_TOGETHER: Duration = Duration::from_millis(100);

/// Far from where a sum would overflow, and beyond every lifetime there is.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Millis,
    wall: WallClock,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Milliseconds by which it was put forward, for whatever reason.
    forward: AtomicU64,
    /// How often that was for a test.
    advanced: AtomicU64,
    /// How often that was because the machine had slept.
    gaps: AtomicU64,
    /// Milliseconds by which the wall clock was ahead of the monotonic one when they were last compared.
    ahead: AtomicI64,
    moved: Notify,
    /// Somebody has done all that was due since it was put forward.
    noticed: Notify,
}

/// Says what time it is; the system's clock, if not said otherwise.
#[derive(Clone)]
pub(crate) struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    pub(crate) fn new(clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(clock))
    }

    fn now(&self) -> Millis {
        // A wall clock before 1970 is a broken one; counting from zero is as good as anything.
        Millis(0) + (self.0)().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

impl Clock {
    pub(crate) fn start(wall: WallClock) -> Self {
        let (started, started_at) = (Instant::now(), wall.now());
        let shared = Shared { ahead: AtomicI64::new(signed(started_at.0)), ..Shared::default() };
        Self { started, started_at, wall, shared: Arc::new(shared) }
    }

    pub(crate) fn now(&self) -> Millis {
        self.compare();
        self.origin() + self.started.elapsed()
    }

    /// The moment as the runtime's timers count it; never too early.
    pub(crate) fn instant_of(&self, moment: Millis) -> Instant {
        self.started + moment.since(self.origin()) + Duration::from_millis(1)
    }

    /// Whoever waits for a moment has to count anew. Says by how much it was put forward until now.
    pub(crate) fn advance(&self, by: Duration) -> u64 {
        self.shared.advanced.fetch_add(1, Ordering::Relaxed);
        self.put_forward(by)
    }

    /// Waits for a moment.
    pub(crate) async fn at(&self, moment: Millis) {
        loop {
            let moved = self.moved();
            if self.now() >= moment {
                return;
            }
            tokio::select! {
                () = moved => {}
                () = tokio::time::sleep_until(self.instant_of(moment)) => {}
            }
        }
    }

    /// Resolves once the clock is put forward, after this was called.
    pub(crate) fn moved(&self) -> impl Future<Output = ()> {
        self.shared.moved.notified()
    }

    /// Resolves once what is due has been done, after this was called.
    pub(crate) fn noticed(&self) -> impl Future<Output = ()> {
        self.shared.noticed.notified()
    }

    pub(crate) fn notice(&self) {
        self.shared.noticed.notify_waiters();
    }

    /// Milliseconds by which it was put forward until now.
    pub(crate) fn forward(&self) -> u64 {
        self.shared.forward.load(Ordering::Relaxed)
    }

    /// How often a test has put it forward.
    pub(crate) fn advanced(&self) -> u64 {
        self.shared.advanced.load(Ordering::Relaxed)
    }

    /// How often the machine has slept.
    pub(crate) fn gaps(&self) -> u64 {
        self.shared.gaps.load(Ordering::Relaxed)
    }

    fn put_forward(&self, by: Duration) -> u64 {
        let millis = u64::try_from(by.min(LONGEST).as_millis()).unwrap_or(0);
        let forward = self.shared.forward.fetch_add(millis, Ordering::Relaxed) + millis;
        self.shared.moved.notify_waiters();
        forward
    }

    /// What it says it was when it started.
    fn origin(&self) -> Millis {
        self.started_at + Duration::from_millis(self.forward())
    }

    /// Compares both clocks. A wall clock that was put back, or ahead by little, is followed and changes
    /// nothing.
    fn compare(&self) {
        let before = self.started.elapsed();
        let wall = self.wall.now();
        if self.started.elapsed() - before > READ_TOGETHER {
            return; // This thread has stood between the two.
        }
        let monotonic = i64::try_from(before.as_millis()).unwrap_or(i64::MAX);
        let ahead = signed(wall.0).saturating_sub(monotonic);
        let known = self.shared.ahead.load(Ordering::Relaxed);
        let change = ahead.saturating_sub(known);
        if change == 0 {
            return;
        }
        // One of several who see it counts it.
        let counts =
            self.shared.ahead.compare_exchange(known, ahead, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let slept = Duration::from_millis(u64::try_from(change).unwrap_or(0));
        if counts && slept >= GAP {
            self.shared.gaps.fetch_add(1, Ordering::Relaxed);
            self.put_forward(slept);
            tracing::info!(
                target: "secondme_avatar::client", seconds = slept.as_secs(),
                "the machine was suspended: that time has passed, and all connections are made anew"
            );
        }
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// A clock, and the seconds that its wall clock shows.
    fn stage() -> (Clock, Arc<AtomicU64>) {
        let seconds = Arc::new(AtomicU64::new(1_800_000_000));
        let shown = Arc::clone(&seconds);
        let wall = move || UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::Relaxed));
        (Clock::start(WallClock::new(wall)), seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_slept_has_let_that_time_pass() {
        let (clock, seconds) = stage();
        let before = clock.now();
        seconds.fetch_add(25 * 60 * 60, Ordering::Relaxed);
        assert_eq!((clock.now().since(before), clock.gaps()), (25 * HOUR, 1));
        assert_eq!((clock.now().since(before), clock.gaps()), (25 * HOUR, 1), "once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_counts_for_nothing() {
        let (clock, seconds) = stage();
        let before = clock.now();
        for _ in 0..100 {
            seconds.fetch_add(3, Ordering::Relaxed);
            clock.now();
        }
        seconds.fetch_sub(60 * 60, Ordering::Relaxed);
        assert_eq!((clock.now(), clock.gaps()), (before, 0));
        // Nor is the same hour counted when it is put right again, but for what lies between.
        tokio::time::advance(HOUR).await;
        seconds.fetch_add(60 * 60, Ordering::Relaxed);
        assert_eq!((clock.now().since(before), clock.gaps()), (HOUR, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_moment_that_was_slept_through_is_woken() {
        let (clock, seconds) = stage();
        let until = clock.now() + HOUR;
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.at(until).await }
        });
        tokio::task::yield_now().await;
        seconds.fetch_add(2 * 60 * 60, Ordering::Relaxed);
        clock.now();
        let started = Instant::now();
        waiting.await.unwrap();
        assert!(started.elapsed() < HOUR);
    }
}
