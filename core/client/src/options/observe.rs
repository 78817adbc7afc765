//! Options: what a program is told of its client's work.

use std::sync::Arc;

use super::ClientBuilder;
use crate::report::{CallReport, Observer, Occupancy};

impl ClientBuilder {
    /// Is called with every call to the service, and every handshake of a socket, when it is over: for metrics. The report
    /// holds no secret and no spoken word.
    ///
    /// It is called on the client's own tasks, so it must not block.
    ///
    /// ```
    /// use secondme_avatar::AvatarClient;
    ///
    /// # fn main() -> Result<(), secondme_avatar::Error> {
    /// let client = AvatarClient::builder("sk-0123456789abcdef")?
    ///     .on_call(|call| println!("{} took {:?}: {:?}", call.step, call.took, call.error))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_call(mut self, told: impl Fn(&CallReport) + Send + Sync + 'static) -> Self {
        self.on_call = Observer(Some(Arc::new(told)));
        self
    }

    /// Calls `told` with `true` when the client gets its first visitor whose conversation is not closed, or is about to
    /// by [`recover`](crate::AvatarClient::recover), and with `false` when the last one's is closed: for hosts whose
    /// process must not end in between. The client is locked meanwhile: `told` must not block, and not call the client.
    // For bindings: a host's process must not end while a client has visitors.
    #[doc(hidden)]
    pub fn on_occupied(mut self, told: impl Fn(bool) + Send + Sync + 'static) -> Self {
        self.on_occupied = Occupancy(Some(Arc::new(told)));
        self
    }
}
