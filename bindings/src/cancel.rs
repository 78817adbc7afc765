//! Calls that are given up by whoever made them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::CoreError;

/// Ends the calls it was handed to: for hosts whose own cancellation does not drop a future.
#[derive(Debug, Default, uniffi::Object)]
pub struct CoreCancel(CancellationToken);

#[uniffi::export]
impl CoreCancel {
    /// One that has not been used yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Ends the calls now, and those that are made with it later: they fail with [`CoreError::Cancelled`].
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// A call of the core, until it is over or given up. Given up, the core's own future is dropped.
pub(crate) async fn until<T, E: Into<CoreError>>(
    cancel: Option<Arc<CoreCancel>>,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, CoreError> {
    let Some(cancel) = cancel else {
        return call.await.map_err(Into::into);
    };
    tokio::select! {
        biased;
        result = call => result.map_err(Into::into),
        () = cancel.0.cancelled() => Err(CoreError::Cancelled),
    }
}
