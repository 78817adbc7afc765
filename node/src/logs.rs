//! The core's log, on its way to one of the process's environments.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use napi_derive::napi;
use secondme_avatar::{Error, ErrorKind};
use secondme_avatar_bridge::logs::Logs;

use crate::port::{Message, Shared};

/// Lines taken at a time.
const BATCH: usize = 256;

/// Who wants it. A process has one log: the last of these that is still there gets it.
static LISTENERS: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

static HANDING_OVER: Mutex<()> = Mutex::new(());

/// An environment that wants the log.
struct Listener {
    port: Weak<Shared>,
    /// What it wants of it. None where the program has no logger: what `SECONDME_LOG` lets through goes to stderr.
    filter: Option<String>,
}

/// The lines that have come, oldest first, as a list of `level, target, message, …`.
#[napi]
pub(crate) fn take_logs() -> Vec<String> {
    let Some(logs) = Logs::installed() else {
        return Vec::new();
    };
    let batch = logs.drain(BATCH);
    let mut lines = Vec::with_capacity(batch.records.len() * 3);
    for record in batch.records {
        lines.extend([record.level.as_str().to_lowercase(), record.target, record.message]);
    }
    if batch.lost > 0 {
        let message = format!("{} lines before these are lost: they were not taken in time", batch.lost);
        lines.extend(["warn".to_owned(), "secondme_avatar::log".to_owned(), message]);
    }
    lines
}

/// From now on the log goes to this environment, and this of it: the newest logger wins. Without a filter it goes
/// there only where no other environment wants it.
pub(crate) fn collect(filter: Option<String>, port: &Arc<Shared>) -> Result<(), Error> {
    if let Some(filter) = filter.as_deref().filter(|filter| !Logs::understands(filter)) {
        let message = format!("`{filter}` is no filter: write a level, such as `debug`");
        return Err(Error::new(ErrorKind::Misuse, message));
    }
    let port = Arc::downgrade(port);
    let mut listeners = listeners();
    listeners.retain(|listener| !listener.port.ptr_eq(&port));
    let at = if filter.is_some() { listeners.len() } else { 0 };
    listeners.insert(at, Listener { port, filter });
    drop(listeners);
    hand_over();
    Ok(())
}

/// The log goes to the one whose turn it is now: it has asked, or another environment has ended. What has come in the
/// meantime is for it.
pub(crate) fn hand_over() {
    // One at a time: the filter is that of the listener that was last when all is done.
    let _order = HANDING_OVER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut listeners = listeners();
    listeners.retain(|listener| listener.port.upgrade().is_some_and(|port| !port.is_closed()));
    let Some(listener) = listeners.last() else {
        return;
    };
    let filter = listener.filter.clone().unwrap_or_else(|| "off".to_owned());
    drop(listeners);
    Logs::install(&filter, wake);
    wake();
}

fn wake() {
    let port = listeners().last().and_then(|listener| listener.port.upgrade());
    if let Some(port) = port {
        port.tell(Message::Logs);
    }
}

fn listeners() -> MutexGuard<'static, Vec<Listener>> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}
