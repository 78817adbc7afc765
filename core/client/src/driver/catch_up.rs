//! A process that was frozen, or a machine that was suspended: what came meanwhile is taken in before the
//! deadlines that passed meanwhile are judged.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;

/// A deadline that is noticed so late was slept through: the process was frozen, or the machine was.
const LATE: Duration = Duration::from_secs(1);

/// So long is then taken in what came in the meantime, before the deadline is judged by it.
const CATCHES_UP: Duration = Duration::from_millis(250);

pub(super) struct CatchUp {
    /// Until when what came while nothing ran is taken in.
    until: Option<Instant>,
    /// How often a test had put the clock forward, and the machine had slept, when nothing was due.
    advanced: u64,
    gaps: u64,
}

/// What is to be done at a deadline.
pub(super) enum Due {
    /// What it is for.
    Now,
    /// The same, once what came meanwhile is taken in.
    Later,
    /// The machine had been suspended, and what came meanwhile is taken in.
    Woke,
}

impl CatchUp {
    pub(super) fn new(clock: &Clock) -> Self {
        Self { until: None, advanced: clock.advanced(), gaps: clock.gaps() }
    }

    /// The deadline, or this moment if the machine has slept and that is still to be acted upon.
    pub(super) fn deadline(&self, clock: &Clock, deadline: Instant) -> Instant {
        if self.has_slept(clock) { deadline.min(Instant::now()) } else { deadline }
    }

    /// When to wake up for this deadline.
    pub(super) fn wakes_at(&self, deadline: Instant) -> Instant {
        self.until.unwrap_or(deadline)
    }

    /// Nothing is due, though a test had put the clock forward so often.
    pub(super) fn nothing_due(&mut self, advanced: u64) {
        self.advanced = advanced;
    }

    /// A deadline has come. One that was slept through is judged a little later, by what is there then.
    pub(super) fn due(&mut self, clock: &Clock, deadline: Instant) -> Due {
        let slept = self.has_slept(clock);
        // A test that puts the clock forward has not frozen the process.
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

    /// The time for taking in what came is over: not before the socket is read to its end, if it has one.
    pub(super) fn reads_on(&self) -> bool {
        let now = Instant::now();
        self.until.is_some_and(|until| until <= now && now < until + LATE)
    }

    fn has_slept(&self, clock: &Clock) -> bool {
        clock.gaps() != self.gaps
    }
}
