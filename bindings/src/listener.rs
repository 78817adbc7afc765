//! The way not taken, for `make bench ROW=kotlin` alone: the host's listener is called with each event, from a thread
//! of the core's.

use std::sync::Arc;

use crate::CoreClient;
use crate::event::CoreBatch;

/// A listener of the host's.
#[uniffi::export(foreign)]
pub trait CoreListener: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: CoreBatch);
}

#[uniffi::export]
impl CoreClient {
    /// Calls a listener with each event, one at a time.
    pub fn listen(&self, listener: Arc<dyn CoreListener>) {
        let events = self.subscribe().without_raw();
        self.runtime().spawn(async move {
            while let Some(event) = events.next().await {
                listener.on_event(CoreBatch::new(vec![event]));
            }
        });
    }
}
