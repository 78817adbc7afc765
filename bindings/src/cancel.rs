//! Calls that are given up.

use std::pin::Pin;
use std::sync::Arc;

use secondme_avatar_bridge::cancel::Cancel;

use crate::CoreError;

/// Gives calls up. The work of a call is dropped on the thread that cancels, before `cancel` returns: a question that
/// has not gone out does not go out any more.
#[derive(Debug, Default, uniffi::Object)]
pub struct CoreCancel(Cancel);

#[uniffi::export]
impl CoreCancel {
    /// One that has not been used yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Gives up the calls that were made with it, now; those that are made with it later do not begin. They fail with
    /// [`CoreError::Cancelled`].
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// A call of the core, until it is over or given up.
pub(crate) fn until<T: 'static, E: Into<CoreError>>(
    cancel: impl Into<Option<Arc<CoreCancel>>>,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> impl Future<Output = Result<T, CoreError>> + Send {
    over(cancel.into(), Begins::UnlessCancelled, boxed(work))
}

/// [`until`] for a call that closes something: it begins even where it is given up already.
pub(crate) fn begun<T: 'static, E: Into<CoreError>>(
    cancel: Option<Arc<CoreCancel>>,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> impl Future<Output = Result<T, CoreError>> + Send {
    over(cancel, Begins::InAnyCase, boxed(work))
}

#[derive(Clone, Copy)]
enum Begins {
    UnlessCancelled,
    InAnyCase,
}

async fn over<T: 'static>(
    cancel: Option<Arc<CoreCancel>>,
    begins: Begins,
    work: Work<T>,
) -> Result<T, CoreError> {
    let Some(cancel) = cancel else { return work.await };
    let result = match begins {
        Begins::UnlessCancelled => cancel.0.until(work).await,
        Begins::InAnyCase => cancel.0.until_begun(work).await,
    };
    result.unwrap_or(Err(CoreError::Cancelled))
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T, CoreError>> + Send>>;

/// Boxed, calls with the same result share all the code that waits for them.
fn boxed<T, E: Into<CoreError>>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Work<T> {
    Box::pin(async move { work.await.map_err(Into::into) })
}
