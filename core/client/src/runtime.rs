//! Where the work is done: on the caller's tokio runtime, or on one that all clients share.

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::context::TokioContext;

use crate::{Error, ErrorKind};

static SHARED: OnceCell<Runtime> = OnceCell::new();

/// The runtime that all clients outside a tokio runtime share, started on first use: one worker
/// thread, which holds thousands of conversations. Language bindings run on it.
pub fn shared_runtime() -> Result<&'static Runtime, Error> {
    SHARED.get_or_try_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("secondme-avatar")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Misuse, "no thread could be started for the client's runtime")
                    .caused_by(error)
            })
    })
}

/// Gives a future timers under every executor: those of the runtime it is polled on, or else of this one.
pub(crate) fn with_timers<F: Future>(runtime: &Handle, future: F) -> TokioContext<F> {
    TokioContext::new(future, Handle::try_current().unwrap_or_else(|_| runtime.clone()))
}

/// The runtime of whoever calls, or the shared one.
pub(crate) fn current() -> Result<Handle, Error> {
    match Handle::try_current() {
        Ok(handle) => Ok(handle),
        Err(_) => shared_runtime().map(|runtime| runtime.handle().clone()),
    }
}
