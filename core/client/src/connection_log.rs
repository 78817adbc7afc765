//! The log of lost connections: not of those that come back at once, and never a flood.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secondme_avatar_protocol::{Error, Millis, VisitorId};
use tracing::{info, warn};

/// How many failures in a row are logged first. Then every doubling is logged.
const SPEAKS_AT: u32 = 3;

/// The most warnings of a client in a [`WINDOW`]: if a thousand visitors lose their connections, the log does
/// not name them all.
const WARNINGS: u32 = 10;

const WINDOW: Duration = Duration::from_secs(60);

/// The failures of one visitor since the connection was last good.
#[derive(Debug, Default)]
pub(crate) struct ConnectionLog {
    failures: u32,
    since: Option<Millis>,
    told: bool,
    told_contested: bool,
}

/// How many warnings the visitors of a client have logged.
#[derive(Debug, Default)]
pub(crate) struct WarningLimit(Mutex<WarningWindow>);

#[derive(Debug, Default)]
struct WarningWindow {
    since: Millis,
    warnings: u32,
    held_back: u64,
}

impl ConnectionLog {
    /// The connection was lost, or an attempt to connect has failed.
    pub(crate) fn failed(&mut self, now: Millis, told: &WarningLimit, visitor: &VisitorId, cause: &Error) {
        self.failures = self.failures.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        let counts = self.failures.is_multiple_of(SPEAKS_AT) && (self.failures / SPEAKS_AT).is_power_of_two();
        if !counts {
            return;
        }
        if let Some(held_back) = told.may_tell(now) {
            self.told = true;
            let (failures, seconds) = (self.failures, now.since(since).as_secs());
            warn!(
                target: "secondme_avatar::socket", %visitor, failures, seconds, held_back, %cause,
                "no connection to the service; it is tried again"
            );
        }
    }

    /// The connection is lost again and again soon after it was made.
    pub(crate) fn contested(&mut self, now: Millis, told: &WarningLimit, visitor: &VisitorId, cause: &Error) {
        if self.told_contested {
            return;
        }
        if let Some(held_back) = told.may_tell(now) {
            self.told_contested = true;
            warn!(target: "secondme_avatar::socket", %visitor, held_back, %cause, "the connection does not last");
        }
    }

    /// Whether nothing is remembered.
    pub(crate) fn is_quiet(&self) -> bool {
        self.failures == 0 && !self.told_contested
    }

    /// The connection lasts.
    pub(crate) fn lasts(&mut self) {
        self.told_contested = false;
    }

    /// The connection is good again, and what was missed is known.
    pub(crate) fn is_over(&mut self, now: Millis, visitor: &VisitorId) {
        if std::mem::take(&mut self.told) {
            let seconds = self.since.map_or(0, |since| now.since(since).as_secs());
            info!(
                target: "secondme_avatar::socket", %visitor, failures = self.failures, seconds,
                "connected to the service again"
            );
        }
        self.failures = 0;
        self.since = None;
    }
}

impl WarningLimit {
    /// Returns how many warnings were suppressed, if one more may be logged.
    fn may_tell(&self, now: Millis) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(told.since) >= WINDOW {
            told.since = now;
            told.warnings = 0;
        }
        if told.warnings < WARNINGS {
            told.warnings += 1;
            return Some(std::mem::take(&mut told.held_back));
        }
        told.held_back += 1;
        None
    }
}
