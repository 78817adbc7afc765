//! The core's log, on its way to one of the process's environments.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Wake, Waker};

use napi_derive::napi;
use secondme_avatar::{Error, ErrorKind};
use secondme_avatar_bridge::calls::{Signal, Ticket};
use secondme_avatar_bridge::logs::Logs;
use secondme_avatar_bridge::streams::Source;

use crate::host_queue::{Done, Queue};

/// Lines drained at a time.
const BATCH: usize = 256;

/// The listeners. A process has one log: the last of these that is still there gets it.
static LISTENERS: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

/// The log, once an environment has asked for it.
static LOGS: Mutex<Option<Logs>> = Mutex::new(None);

/// An environment that wants the log.
struct Listener {
    queue: Weak<Queue>,
    signal: Signal<Done>,
    /// What it wants of it. None where the program has no logger: what `SECONDME_LOG` lets through goes to stderr.
    filter: Option<String>,
}

/// The lines that have come, oldest first, as a list of `level, target, message, …`.
#[napi]
pub(crate) fn drain_logs() -> Vec<String> {
    let logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(logs) = logs.as_ref() else {
        return Vec::new();
    };
    let records = logs.drain(BATCH);
    let mut lines = Vec::with_capacity(records.len() * 3);
    for record in records {
        lines.extend([record.level.as_str().to_lowercase(), record.target, record.message]);
    }
    let lost = logs.take_lost();
    if lost > 0 {
        let message = format!("{lost} lines before these are lost: they were not drained in time");
        lines.extend(["warn".to_owned(), "secondme_avatar::log".to_owned(), message]);
    }
    if lines.is_empty() {
        wait(logs);
    }
    lines
}

/// From now on the log goes to this environment, and this of it: the newest logger wins. Without a filter it goes
/// there only where no other environment wants it. Says under which ticket the environment is told of lines.
pub(crate) fn collect(filter: Option<String>, queue: &Arc<Queue>) -> Result<Ticket, Error> {
    if let Some(filter) = filter.as_deref().filter(|filter| !Logs::understands(filter)) {
        let message = format!("`{filter}` is no filter: write a level, such as `debug`");
        return Err(Error::new(ErrorKind::Misuse, message));
    }
    let queue = Arc::downgrade(queue);
    let mut listeners = listeners();
    let before = listeners.iter().position(|listener| listener.queue.ptr_eq(&queue));
    let signal = before.map_or_else(Signal::new, |at| listeners.remove(at).signal);
    let ticket = signal.ticket();
    let at = if filter.is_some() { listeners.len() } else { 0 };
    listeners.insert(at, Listener { queue, signal, filter });
    drop(listeners);
    hand_over();
    Ok(ticket)
}

/// The log goes to the one whose turn it is now: it has asked, or another environment has ended. What has come in the
/// meantime is for it.
pub(crate) fn hand_over() {
    // One at a time: the filter is that of the listener that was last when all is done.
    let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut listeners = listeners();
    listeners.retain(|listener| listener.queue.upgrade().is_some_and(|queue| !queue.is_closed()));
    let Some(listener) = listeners.last() else {
        return;
    };
    let filter = listener.filter.clone().unwrap_or_else(|| "off".to_owned());
    drop(listeners);
    *logs = Logs::install(&filter);
    if let Some(logs) = logs.as_ref() {
        wait(logs);
    }
}

/// Has the environment whose turn it is told of the next lines, or at once if there are some.
fn wait(logs: &Logs) {
    // Always the same one: the log knows by it that it has it already.
    static WAKER: LazyLock<Waker> = LazyLock::new(|| Waker::from(Arc::new(NewestListener)));
    if logs.poll_ready(&mut Context::from_waker(&WAKER)).is_ready() {
        WAKER.wake_by_ref();
    }
}

/// Tells the environment whose turn it is.
struct NewestListener;

impl Wake for NewestListener {
    fn wake(self: Arc<Self>) {
        if let Some(listener) = listeners().last()
            && let Some(queue) = listener.queue.upgrade()
        {
            listener.signal.for_queue(&queue).wake_by_ref();
        }
    }
}

fn listeners() -> MutexGuard<'static, Vec<Listener>> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}
