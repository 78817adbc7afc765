//! A monotonic clock that also counts the time in which the machine was suspended.
//!
//! The monotonic clock stands still while the machine is suspended. The wall clock does not, but NTP and users
//! set it. So time is counted by the monotonic clock. If the wall clock is ahead of it by more than a [`GAP`],
//! the machine was suspended, and that time is added.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secondme_avatar_protocol::Millis;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How far the wall clock must be ahead for the difference to count as time passed. NTP corrects a clock by
/// less.
const GAP: Duration = Duration::from_secs(10);

/// The two clocks are read one after the other. If that took longer than this, they are not compared.
const READ_TOGETHER: Duration = Duration::from_millis(100);

/// Far below the overflow of a sum, and longer than any lifetime.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The clock of a client. Cheap to clone, and small: every visitor has one.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    started_at: Millis,
    wall: WallClock,
    /// The milliseconds added so far, for any reason.
    forward: AtomicU64,
    /// How often a test has added time.
    advanced: AtomicU64,
    /// The milliseconds that tests have added.
    advanced_by: AtomicU64,
    /// How often the machine was suspended.
    gaps: AtomicU64,
    /// How many milliseconds the wall clock was ahead of the monotonic one at the last comparison.
    ahead: AtomicI64,
    moved: Notify,
    /// Notified when a driver has done everything that was due after time was added.
    noticed: Notify,
}

/// Reads the wall clock. Default: the system's clock.
#[derive(Clone)]
pub(crate) struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    pub(crate) fn new(clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(clock))
    }

    pub(crate) fn now(&self) -> Millis {
        // A wall clock before 1970 is wrong; zero is as good as any value.
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
        Self(Arc::new(Shared {
            started,
            started_at,
            wall,
            forward: AtomicU64::default(),
            advanced: AtomicU64::default(),
            advanced_by: AtomicU64::default(),
            gaps: AtomicU64::default(),
            ahead: AtomicI64::new(signed(started_at.0)),
            moved: Notify::new(),
            noticed: Notify::new(),
        }))
    }

    pub(crate) fn now(&self) -> Millis {
        self.compare();
        self.origin() + self.0.started.elapsed()
    }

    /// Returns the moment in the time of the runtime's timers; never too early.
    pub(crate) fn instant_of(&self, moment: Millis) -> Instant {
        self.0.started + moment.since(self.origin()) + Duration::from_millis(1)
    }

    /// Adds time, for tests, and wakes all waits. Returns all milliseconds added so far.
    pub(crate) fn advance(&self, by: Duration) -> u64 {
        self.0.advanced.fetch_add(1, Ordering::Relaxed);
        self.0.advanced_by.fetch_add(millis(by), Ordering::Relaxed);
        self.put_forward(by)
    }

    /// Waits until a moment.
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

    /// Resolves when time is added after this call.
    pub(crate) fn moved(&self) -> impl Future<Output = ()> {
        self.0.moved.notified()
    }

    /// Resolves when a driver has done what is due, after this call.
    pub(crate) fn noticed(&self) -> impl Future<Output = ()> {
        self.0.noticed.notified()
    }

    pub(crate) fn notice(&self) {
        self.0.noticed.notify_waiters();
    }

    /// The milliseconds added so far.
    pub(crate) fn forward(&self) -> u64 {
        self.0.forward.load(Ordering::Relaxed)
    }

    /// How often a test has added time.
    pub(crate) fn advanced(&self) -> u64 {
        self.0.advanced.load(Ordering::Relaxed)
    }

    /// How often the machine was suspended.
    pub(crate) fn gaps(&self) -> u64 {
        self.0.gaps.load(Ordering::Relaxed)
    }

    /// The present by which the age of what is stored is told. A wall clock that was ahead and has been set right is
    /// right: this clock stays ahead.
    pub(crate) fn civil(&self) -> Millis {
        let advanced = Duration::from_millis(self.0.advanced_by.load(Ordering::Relaxed));
        (self.0.wall.now() + advanced).min(self.now())
    }

    /// The time in which the machine was suspended, or by which its wall clock was set forward.
    pub(crate) fn skipped(&self) -> Duration {
        let advanced = self.0.advanced_by.load(Ordering::Relaxed);
        Duration::from_millis(self.forward().saturating_sub(advanced))
    }

    fn put_forward(&self, by: Duration) -> u64 {
        let millis = millis(by);
        let forward = self.0.forward.fetch_add(millis, Ordering::Relaxed) + millis;
        self.0.moved.notify_waiters();
        forward
    }

    /// The wall clock's time at the start.
    fn origin(&self) -> Millis {
        self.0.started_at + Duration::from_millis(self.forward())
    }

    /// Compares the two clocks. A wall clock that was set back, or ahead by little, changes nothing.
    fn compare(&self) {
        let before = self.0.started.elapsed();
        let wall = self.0.wall.now();
        if self.0.started.elapsed() - before > READ_TOGETHER {
            return; // This thread has stood between the two.
        }
        let monotonic = i64::try_from(before.as_millis()).unwrap_or(i64::MAX);
        let ahead = signed(wall.0).saturating_sub(monotonic);
        let known = self.0.ahead.load(Ordering::Relaxed);
        let change = ahead.saturating_sub(known);
        if change == 0 {
            return;
        }
        // If several tasks see the gap, one of them counts it.
        let counts =
            self.0.ahead.compare_exchange(known, ahead, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let slept = Duration::from_millis(u64::try_from(change).unwrap_or(0));
        if counts && slept >= GAP {
            self.0.gaps.fetch_add(1, Ordering::Relaxed);
            self.put_forward(slept);
            tracing::info!(
                target: "secondme_avatar::client", seconds = slept.as_secs(),
                "the machine was suspended: that time has passed, and all connections are made anew"
            );
        }
    }
}

fn millis(by: Duration) -> u64 {
    u64::try_from(by.min(LONGEST).as_millis()).unwrap_or(0)
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// Returns a clock, and the seconds of its wall clock.
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
        // The hour is not counted again when the wall clock is set right, apart from the time in between.
        tokio::time::advance(HOUR).await;
        seconds.fetch_add(60 * 60, Ordering::Relaxed);
        assert_eq!((clock.now().since(before), clock.gaps()), (HOUR, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_was_ahead_and_is_set_right_makes_nothing_old() {
        let (clock, seconds) = stage();
        let before = clock.now();
        seconds.fetch_add(100 * 60 * 60, Ordering::Relaxed);
        assert_eq!((clock.civil().since(before), clock.skipped()), (100 * HOUR, 100 * HOUR));
        seconds.fetch_sub(100 * 60 * 60, Ordering::Relaxed);
        assert_eq!((clock.now().since(before), clock.civil()), (100 * HOUR, before));
        // What a test adds counts in any case.
        clock.advance(HOUR);
        assert_eq!((clock.civil().since(before), clock.skipped()), (HOUR, 100 * HOUR));
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
