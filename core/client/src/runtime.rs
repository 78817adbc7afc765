//! The runtime of the client: the caller's tokio runtime, or one that all clients share.

use std::net::{Ipv4Addr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::Duration;

use secondme_avatar_protocol::{Error, ErrorKind};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::context::TokioContext;

use crate::per_process::PerProcess;

static SHARED: PerProcess<SharedRuntime> = PerProcess::new();

/// The runtime, until it is dropped. Dropping may happen on a thread that must not wait for the workers.
struct SharedRuntime(Option<Runtime>);

impl Drop for SharedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Returns the runtime that all clients outside a tokio runtime share. It starts on first use, and has one
/// worker thread, which is enough for thousands of conversations. A forked child has its own.
///
/// # Errors
///
/// Fails with [`ErrorKind::Misuse`] if the system starts no thread.
pub fn shared_runtime() -> Result<&'static Runtime, Error> {
    let failed = || Error::new(ErrorKind::Misuse, "no thread could be started for the client's runtime");
    let start = || {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("secondme-avatar")
            .enable_io()
            .enable_time()
            .build()
            .map(|runtime| SharedRuntime(Some(runtime)))
            .map_err(|error| failed().caused_by(error))
    };
    SHARED.get_or_try_init(start)?.0.as_ref().ok_or_else(failed)
}

/// Work on a task of its own. Boxed, work with the same result shares the code that runs it.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Begins work on a task of its own.
pub(crate) fn spawn<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let work: Work<T> = Box::pin(work);
    runtime.spawn(work)
}

/// Gives a future timers under every executor: those of the runtime it is polled on, or of this one.
pub(crate) fn with_timers<F: Future>(runtime: &Handle, future: F) -> TokioContext<F> {
    TokioContext::new(future, Handle::try_current().unwrap_or_else(|_| runtime.clone()))
}

/// Returns the caller's runtime, or the shared one.
pub(crate) fn current() -> Result<Handle, Error> {
    match Handle::try_current() {
        Ok(handle) => suitable().map(|()| handle),
        Err(_) => shared_runtime().map(|runtime| runtime.handle().clone()),
    }
}

/// Checks that the current runtime has timers and I/O. Tokio has no query for this, and using them panics. It
/// is better to find out here than in a task.
fn suitable() -> Result<(), Error> {
    let lacks = |what: &str| {
        let message = format!(
            "this tokio runtime was built without {what}: build it with `enable_all`, or make the client outside of it"
        );
        Error::new(ErrorKind::Misuse, message)
    };
    catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).map_err(|_| lacks("timers (`enable_time`)"))?;
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) else {
        return Ok(()); // This says nothing about the runtime.
    };
    if socket.set_nonblocking(true).is_err() {
        return Ok(());
    }
    let registered = catch_unwind(AssertUnwindSafe(|| drop(tokio::net::UdpSocket::from_std(socket))));
    registered.map_err(|_| lacks("I/O (`enable_io`)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::AvatarClient;

    #[test]
    fn a_runtime_without_timers_or_without_io_is_an_error_that_says_what_to_do() {
        let make = || AvatarClient::builder("sk-0123456789abcdef").unwrap().build();
        let with = |build: fn(&mut Builder) -> &mut Builder| {
            let mut builder = Builder::new_current_thread();
            build(&mut builder).build().unwrap()
        };
        for (runtime, says) in [
            (with(|builder| builder), "without timers"),
            (with(|builder| builder.enable_io()), "without timers"),
            (with(|builder| builder.enable_time()), "without I/O"),
        ] {
            let error = runtime.block_on(async { make() }).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse);
            assert!(error.to_string().contains(says), "{error}");
            assert!(error.to_string().contains("enable_all"), "{error}");
        }
        with(|builder| builder.enable_all()).block_on(async { make() }).unwrap();
        make().unwrap();
    }
}
