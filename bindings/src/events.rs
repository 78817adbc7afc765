//! A subscription to events.

use std::sync::Arc;

use secondme_avatar::Events;
use secondme_avatar_bridge::streams::HostStream;

use crate::cancel::until;
use crate::convert::size;
use crate::{CoreBatch, CoreCancel, CoreError};

/// A subscription. It begins when it is made; it ends with the conversation or the client, with `finish`, or with
/// `end`.
#[derive(uniffi::Object)]
pub struct CoreEvents(HostStream<Events>);

#[uniffi::export]
impl CoreEvents {
    /// Waits until there may be something to drain. `false`: there will be nothing more. A wait that is cancelled has
    /// taken nothing, and says `true`.
    pub async fn ready(self: Arc<Self>, cancel: Option<Arc<CoreCancel>>) -> bool {
        let ready = async move { Ok::<_, CoreError>(self.0.ready().await) };
        until(cancel, ready).await.unwrap_or(true)
    }

    /// Takes at most `max` events that have come, oldest first. Never waits.
    pub fn drain(&self, max: u32) -> CoreBatch {
        // What is taken is put into its form outside the lock. A subscription does not fail.
        self.0.drain(size(max)).map(CoreBatch::new).unwrap_or_default()
    }

    /// Nothing more comes; what has come can still be drained, and then `ready` says `false`. Once more does no harm.
    pub fn finish(&self) {
        self.0.finish();
    }

    /// Ends the subscription now, and drops what has come: a wait in `ready` is told `false`. Once more does no harm.
    pub fn end(&self) {
        self.0.close();
    }
}

impl CoreEvents {
    pub(crate) fn new(events: Events, raw: bool) -> Arc<Self> {
        Arc::new(Self(HostStream::new(if raw { events } else { events.without_raw() })))
    }
}
