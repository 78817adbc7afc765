//! Reports of the calls to the service, for those who measure.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secondme_avatar::CallReport;

use crate::CoreCallReport;
use crate::bell::Bell;
use crate::convert::size;

/// Reports that wait for the host before further ones are only counted.
const CAPACITY: usize = 1024;

/// What was taken at once.
#[derive(uniffi::Record)]
pub struct CoreCallBatch {
    /// Oldest first.
    pub calls: Vec<CoreCallReport>,
    /// How many were lost before them because nobody took any.
    pub lost: u64,
}

/// The reports of a client, one queue for all who drain it.
#[derive(Default, uniffi::Object)]
pub struct CoreCalls {
    queue: Mutex<Queue>,
    bell: Bell,
}

#[derive(Default)]
struct Queue {
    calls: VecDeque<CoreCallReport>,
    lost: u64,
}

#[uniffi::export]
impl CoreCalls {
    /// Waits until there may be something to drain. `false`: there will be nothing more.
    pub async fn ready(self: Arc<Self>) -> bool {
        self.bell.heard().await
    }

    /// Takes at most `max` reports. Never waits.
    pub fn drain(&self, max: u32) -> CoreCallBatch {
        let mut queue = self.lock();
        let take = size(max).min(queue.calls.len());
        let calls = queue.calls.drain(..take).collect();
        let lost = std::mem::take(&mut queue.lost);
        let has_more = !queue.calls.is_empty();
        drop(queue);
        if has_more {
            self.bell.ring();
        }
        CoreCallBatch { calls, lost }
    }

    /// Ends the queue: whoever waits in `ready` is told `false`.
    pub fn finish(&self) {
        self.bell.end();
    }
}

impl CoreCalls {
    pub(crate) fn push(&self, report: &CallReport) {
        if self.bell.has_ended() {
            return;
        }
        let mut queue = self.lock();
        if queue.calls.len() < CAPACITY {
            queue.calls.push_back(report.clone().into());
        } else {
            queue.lost += 1;
        }
        drop(queue);
        self.bell.ring();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
