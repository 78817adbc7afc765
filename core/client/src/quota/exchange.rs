//! Reports to the processes that share a quota, and asks for places, on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use secondme_avatar_protocol::{Error, ErrorKind};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Inner;
use super::share::Alone;
use crate::peers::Peers;
use crate::store::StoreError;

/// The thread's other end. When it is dropped, the thread reports for the last time, and ends.
#[derive(Debug)]
pub(super) struct Exchange {
    wake: SyncSender<()>,
    ended: CancellationToken,
}

impl Exchange {
    pub(super) fn start(inner: Arc<Inner>, peers: Arc<dyn Peers>) -> Result<Self, Error> {
        let (wake, woken) = sync_channel(1);
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let run = move || {
            let _end = end;
            work(&inner, &*peers, &woken);
        };
        thread::Builder::new().name("secondme-quota".to_owned()).spawn(run).map_err(|error| {
            let message = "no thread could be started for the quota that processes share";
            Error::new(ErrorKind::Store, message).caused_by(error)
        })?;
        Ok(Self { wake, ended })
    }

    /// Something has changed.
    pub(super) fn wake(&self) {
        // A thread that was woken already looks once more.
        let _ = self.wake.try_send(());
    }

    /// Lets the thread end. What is returned is cancelled when it has.
    pub(super) fn end(self) -> CancellationToken {
        self.ended
    }
}

fn work(inner: &Inner, peers: &dyn Peers, woken: &Receiver<()>) {
    loop {
        match woken.recv_timeout(inner.report_due_in()) {
            Ok(()) if !inner.report_due_in().is_zero() => {}
            Ok(()) | Err(RecvTimeoutError::Timeout) => report(inner, peers),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let mut line = inner.lock();
    let mut reports = line.former_reports();
    reports.extend(line.last_report(inner.clock.now()));
    drop(line);
    for (key, report) in reports {
        // Without it, what this process has runs out by itself.
        let _ = peers.share_quota(&key, &report);
    }
}

fn report(inner: &Inner, peers: &dyn Peers) {
    let former = inner.lock().former_reports();
    for (key, report) in former {
        let _ = peers.share_quota(&key, &report);
    }
    let asked_at = inner.clock.now();
    let Some((key, report)) = inner.lock().report(asked_at) else { return };
    let answer = peers.share_quota(&key, &report);
    let now = inner.clock.now();
    match answer {
        Ok(answer) => {
            let processes = answer.processes;
            if inner.lock().answered(&key, &report, asked_at, now, answer) {
                info!(
                    target: "secondme_avatar::client", processes,
                    "the store answers again: the quota of the API key is one for all processes"
                );
            }
        }
        Err(error) => {
            if let Some(alone) = inner.lock().failed(&key, &report, now) {
                say_alone(&alone, &error);
            }
        }
    }
    inner.changed.notify_waiters();
}

fn say_alone(alone: &Alone, error: &StoreError) {
    let Alone { share, begins_in, lasts } = alone;
    let seconds = Duration::as_secs;
    warn!(
        target: "secondme_avatar::client", %error, share, begins_in = seconds(begins_in), lasts = seconds(lasts),
        "the processes that share the quota of the API key cannot be reached: until the store answers again, this one \
         authenticates no visitor for `begins_in` seconds, then `share` visitors a minute for `lasts` seconds"
    );
}
