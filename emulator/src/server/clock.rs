//! Real time plus what the control API has added to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::service::Millis;

/// A clock that never goes back. Its moments count from the Unix epoch.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    epoch: Millis,
    added: AtomicU64,
}

impl Clock {
    /// A clock that shows the real time, or a later one from which another has come.
    pub(super) fn new(at_least: Millis) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = Millis::from(since_epoch);
        Self { started: Instant::now(), epoch, added: AtomicU64::new((at_least - epoch).0) }
    }

    pub(super) fn now(&self) -> Millis {
        let added = Millis(self.added.load(Ordering::Relaxed));
        self.epoch + Millis::from(self.started.elapsed()) + added
    }

    /// Moves on to a moment; does nothing if it is past.
    pub(super) fn move_to(&self, moment: Millis) {
        let by = moment - self.now();
        self.added.fetch_add(by.0, Ordering::Relaxed);
    }
}
