//! Reports of the calls to the service, for metrics.

use std::sync::Arc;

use secondme_avatar::CallReport;
use secondme_avatar_bridge::queue::HostQueue;

use crate::CoreCallReport;
use crate::convert::size;

/// Reports that wait for the host before further ones are only counted.
const CAPACITY: usize = 1024;

/// What was taken at once.
#[derive(uniffi::Record)]
pub struct CoreCallBatch {
    /// Oldest first.
    pub calls: Vec<CoreCallReport>,
    /// How many were lost before them because they were not taken.
    pub lost: u64,
}

/// The reports of a client, one queue for all who drain it.
#[derive(uniffi::Object)]
pub struct CoreCalls(HostQueue<CallReport>);

#[uniffi::export]
impl CoreCalls {
    /// Waits until there may be something to drain. `false`: there will be nothing more.
    pub async fn ready(self: Arc<Self>) -> bool {
        self.0.ready().await
    }

    /// Takes at most `max` reports. Never waits.
    pub fn drain(&self, max: u32) -> CoreCallBatch {
        let calls = self.0.drain(size(max)).into_iter().map(CoreCallReport::from).collect();
        CoreCallBatch { calls, lost: self.0.take_lost() }
    }

    /// Ends the queue: a wait in `ready` is told `false` once all has been drained.
    pub fn finish(&self) {
        self.0.finish();
    }
}

impl CoreCalls {
    pub(crate) fn push(&self, report: &CallReport) {
        self.0.offer(report.clone());
    }
}

impl Default for CoreCalls {
    fn default() -> Self {
        Self(HostQueue::new(CAPACITY))
    }
}
