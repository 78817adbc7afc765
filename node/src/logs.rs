//! The core's log, on its way to one of the process's environments.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use napi_derive::napi;
use secondme_avatar_bridge::logs::Logs;

use crate::port::{Message, Shared};

/// Lines taken at a time.
const BATCH: usize = 256;

/// Who wants it. A process has one log: the first of these that is still there gets it.
static LISTENERS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// The lines that have come, oldest first, as a list of `level, target, message, …`.
#[napi]
pub(crate) fn take_logs() -> Vec<String> {
    let Some(logs) = Logs::install("off", wake) else {
        return Vec::new();
    };
    let batch = logs.drain(BATCH);
    let mut lines = Vec::with_capacity(batch.records.len() * 3);
    for record in batch.records {
        lines.extend([record.level.as_str().to_lowercase(), record.target, record.message]);
    }
    if batch.lost > 0 {
        let message = format!("{} lines before these are lost: nobody took them in time", batch.lost);
        lines.extend(["warn".to_owned(), "secondme_avatar::log".to_owned(), message]);
    }
    lines
}

/// Whether the log could be had.
pub(crate) fn collect(filter: &str, port: &Arc<Shared>) -> bool {
    listeners().push(Arc::downgrade(port));
    Logs::install(filter, wake).is_some()
}

/// An environment has ended: what has come in the meantime goes to the next one.
pub(crate) fn hand_over() {
    wake();
}

fn wake() {
    let mut listeners = listeners();
    listeners.retain(|port| port.upgrade().is_some_and(|port| !port.is_closed()));
    if let Some(port) = listeners.first().and_then(Weak::upgrade) {
        drop(listeners);
        port.tell(Message::Logs);
    }
}

fn listeners() -> MutexGuard<'static, Vec<Weak<Shared>>> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}
