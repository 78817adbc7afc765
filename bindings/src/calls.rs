//! Reports of the calls to the service, for metrics.

use std::sync::Arc;

use secondme_avatar::ClientBuilder;
use secondme_avatar_bridge::streams::{HostStream, Reports};

use crate::CoreCallReport;
use crate::convert::size;

/// What was taken at once.
#[derive(uniffi::Record)]
pub struct CoreCallBatch {
    /// Oldest first.
    pub calls: Vec<CoreCallReport>,
    /// How many were lost before them because they were not taken.
    pub lost: u64,
}

/// The reports of a client, one queue for all who drain it. They end with the client.
#[derive(uniffi::Object)]
pub struct CoreCalls(HostStream<Reports>);

#[uniffi::export]
impl CoreCalls {
    /// Waits until there may be something to drain. `false`: there will be nothing more.
    pub async fn ready(self: Arc<Self>) -> bool {
        self.0.ready().await
    }

    /// Takes at most `max` reports. Never waits.
    pub fn drain(&self, max: u32) -> CoreCallBatch {
        // Reports do not fail.
        let calls =
            self.0.drain(size(max)).unwrap_or_default().into_iter().map(CoreCallReport::from).collect();
        CoreCallBatch { calls, lost: self.0.with(Reports::take_lost).unwrap_or_default() }
    }

    /// Ends the queue: a wait in `ready` is told `false` once all has been drained.
    pub fn finish(&self) {
        self.0.finish();
    }
}

impl CoreCalls {
    /// The reports of the client that is being built.
    pub(crate) fn of(builder: ClientBuilder) -> (Arc<Self>, ClientBuilder) {
        let (reports, builder) = Reports::of(builder);
        (Arc::new(Self(HostStream::new(reports))), builder)
    }

    /// Those of a client that reports nothing.
    pub(crate) fn ended() -> Arc<Self> {
        Arc::new(Self(HostStream::ended()))
    }
}
