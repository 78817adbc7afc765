//! The wall clock once, then a monotonic one: time never goes back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secondme_avatar_protocol::Millis;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Millis,
}

impl Clock {
    pub(crate) fn start() -> Self {
        // A wall clock before 1970 is a broken one; counting from zero is as good as anything.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), started_at: Millis(0) + since_epoch }
    }

    pub(crate) fn now(&self) -> Millis {
        self.started_at + self.started.elapsed()
    }

    /// The moment as the runtime's timers count it; never too early.
    pub(crate) fn instant_of(&self, moment: Millis) -> Instant {
        self.started + moment.since(self.started_at) + Duration::from_millis(1)
    }
}
