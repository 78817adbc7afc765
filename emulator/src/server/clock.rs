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
    pub(super) fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), epoch: since_epoch.into(), added: AtomicU64::new(0) }
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
