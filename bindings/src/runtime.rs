//! Where the clients' work is done: on one thread for all of them, which ends with the last one. A host that loads
//! the library anew with each of its applications (a servlet container) is so left without a thread of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::{CoreError, CoreErrorKind, CoreFailure};

/// How long the end may take, where a thread waits for the operating system (for a name server, say).
const PATIENCE: Duration = Duration::from_secs(1);

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

struct Shared {
    runtime: Runtime,
    clients: usize,
}

/// A client's share in the runtime. It ends with `end`, or when it is let go of.
#[derive(Debug)]
pub(crate) struct Share {
    handle: Handle,
    has_ended: AtomicBool,
}

impl Share {
    /// A share in the runtime that there is, or in a new one.
    pub(crate) fn take() -> Result<Arc<Self>, CoreError> {
        let mut slot = lock();
        let shared = match &mut *slot {
            Some(shared) => shared,
            none => none.insert(Shared { runtime: start()?, clients: 0 }),
        };
        shared.clients += 1;
        Ok(Arc::new(Self { handle: shared.runtime.handle().clone(), has_ended: AtomicBool::new(false) }))
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends it. With the last share the runtime ends: its threads are gone when this returns.
    pub(crate) async fn end(&self) {
        let Some(runtime) = self.give_back() else { return };
        let (gone, ended) = oneshot::channel();
        let end = move || {
            runtime.shutdown_timeout(PATIENCE);
            // The caller that waited may have given up.
            let _ = gone.send(());
        };
        // Not by the caller, who may be an event loop. Where no thread can be had, the runtime ends as it is dropped.
        if std::thread::Builder::new().name("secondme-avatar-end".into()).spawn(end).is_ok() {
            let _ = ended.await;
        }
    }

    /// The runtime, if this was the last share in it.
    fn give_back(&self) -> Option<Runtime> {
        if self.has_ended.swap(true, Ordering::AcqRel) {
            return None;
        }
        let mut slot = lock();
        let shared = slot.as_mut()?;
        shared.clients -= 1;
        if shared.clients > 0 {
            return None;
        }
        slot.take().map(|shared| shared.runtime)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(runtime) = self.give_back() {
            runtime.shutdown_background();
        }
    }
}

/// One worker holds thousands of conversations.
fn start() -> Result<Runtime, CoreError> {
    let built = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("secondme-avatar")
        .enable_io()
        .enable_time()
        .build();
    built.map_err(|error| {
        let message =
            "no thread could be started for the client's work: raise the limit of threads or of open files";
        let failure = CoreFailure {
            kind: CoreErrorKind::Misuse,
            message: message.to_owned(),
            code: None,
            step: None,
            status: None,
            retryable: false,
            retry_after_ms: None,
            unsent: None,
            causes: vec![error.to_string()],
        };
        CoreError::Failed { failure: Box::new(failure) }
    })
}

fn lock() -> MutexGuard<'static, Option<Shared>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}
