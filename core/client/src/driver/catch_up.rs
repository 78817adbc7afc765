//! Handles a frozen process or a suspended machine: what came meanwhile is read before passed deadlines count.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;

/// A deadline that is noticed later than this was slept through: by the process or by the machine.
const LATE: Duration = Duration::from_secs(1);

/// How long to read what came meanwhile, before the deadline counts.
const CATCHES_UP: Duration = Duration::from_millis(250);

pub(super) struct CatchUp {
    /// Until when what came meanwhile is read.
    until: Option<Instant>,
    /// How often a test had advanced the clock, and the machine was suspended, when nothing was due.
    advanced: u64,
    gaps: u64,
}

/// What to do at a deadline.
pub(super) enum Due {
    /// The deadline counts.
    Now,
    /// The deadline counts later, after reading what came meanwhile.
    Later,
    /// The machine was suspended, and what came meanwhile has been read.
    Woke,
}

impl CatchUp {
    pub(super) fn new(clock: &Clock) -> Self {
        Self { until: None, advanced: clock.advanced(), gaps: clock.gaps() }
    }

    /// Returns the deadline, or now if a suspension is still to be handled.
    pub(super) fn deadline(&self, clock: &Clock, deadline: Instant) -> Instant {
        if self.has_slept(clock) { deadline.min(Instant::now()) } else { deadline }
    }

    /// Whether no suspension is still to be handled.
    pub(super) fn is_over(&self, clock: &Clock) -> bool {
        self.until.is_none() && !self.has_slept(clock)
    }

    /// Returns when to wake up for this deadline.
    pub(super) fn wakes_at(&self, deadline: Instant) -> Instant {
        self.until.unwrap_or(deadline)
    }

    /// Nothing is due, although a test has advanced the clock.
    pub(super) fn nothing_due(&mut self, advanced: u64) {
        self.advanced = advanced;
    }

    /// A deadline has come. If it was slept through, it counts a little later.
    pub(super) fn due(&mut self, clock: &Clock, deadline: Instant) -> Due {
        let slept = self.has_slept(clock);
        // A test that advances the clock has not frozen the process.
        let late = clock.advanced() == self.advanced && deadline + LATE < Instant::now();
        if (slept || late) && self.until.is_none() {
            self.until = Some(Instant::now() + CATCHES_UP);
            return Due::Later;
        }
        self.until = None;
        if !slept {
            return Due::Now;
        }
        self.gaps = clock.gaps();
        Due::Woke
    }

    /// Whether the time for reading is over, but the socket has not been read to its end.
    pub(super) fn reads_on(&self) -> bool {
        let now = Instant::now();
        self.until.is_some_and(|until| until <= now && now < until + LATE)
    }

    fn has_slept(&self, clock: &Clock) -> bool {
        clock.gaps() != self.gaps
    }
}
