//! The core's log on its way to the host.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use secondme_avatar_bridge::logs::Logs;

use crate::bell::Bell;
use crate::options::size;

/// A line of the log. It holds no secret and nothing that anybody says.
#[derive(uniffi::Record)]
pub struct CoreLogRecord {
    /// How bad it is.
    pub level: CoreLogLevel,
    /// Who says it, such as `secondme_avatar::socket`.
    pub target: String,
    /// What, with its fields behind it.
    pub message: String,
}

/// How bad it is.
#[derive(uniffi::Enum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CoreLogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// What was taken at once.
#[derive(uniffi::Record)]
pub struct CoreLogBatch {
    /// Oldest first.
    pub records: Vec<CoreLogRecord>,
    /// How many were lost before them because nobody took any.
    pub lost: u64,
}

/// The log of the process, for the one who asked for it last.
#[derive(uniffi::Object)]
pub struct CoreLog {
    logs: &'static Logs,
    bell: Arc<Bell>,
}

static NEWEST: Mutex<Weak<CoreLog>> = Mutex::new(Weak::new());

/// Begins to collect what `SECONDME_LOG` lets through, or without it this filter (`secondme_avatar=info`). There
/// is one log in a process, and the newest call counts: what the one before waits for has ended. `None` where
/// something else in the process collects it already.
#[uniffi::export]
pub fn install_log(filter: String) -> Option<Arc<CoreLog>> {
    let bell = Arc::new(Bell::default());
    let rung = Arc::clone(&bell);
    let logs = Logs::install(&filter, move || rung.ring())?;
    let log = Arc::new(CoreLog { logs, bell });
    let before =
        std::mem::replace(&mut *NEWEST.lock().unwrap_or_else(PoisonError::into_inner), Arc::downgrade(&log));
    if let Some(before) = before.upgrade() {
        before.finish();
    }
    Some(log)
}

#[uniffi::export]
impl CoreLog {
    /// Waits until there may be something to drain. `false`: `finish` was called, or there is a newer one.
    pub async fn ready(self: Arc<Self>) -> bool {
        self.bell.heard().await
    }

    /// Takes at most `max` records. Never waits.
    pub fn drain(&self, max: u32) -> CoreLogBatch {
        let batch = self.logs.drain(size(max));
        if batch.records.len() == size(max) {
            // There may be more, for which the core rings no second time.
            self.bell.ring();
        }
        let records = batch.records.into_iter().map(|record| CoreLogRecord {
            level: level(record.level.as_str()),
            target: record.target,
            message: record.message,
        });
        CoreLogBatch { records: records.collect(), lost: batch.lost }
    }

    /// Ends the taking: a wait in `ready` is told `false`. Records go on being collected for the next one.
    pub fn finish(&self) {
        self.bell.end();
    }
}

fn level(name: &str) -> CoreLogLevel {
    match name {
        "ERROR" => CoreLogLevel::Error,
        "WARN" => CoreLogLevel::Warn,
        "INFO" => CoreLogLevel::Info,
        "DEBUG" => CoreLogLevel::Debug,
        _ => CoreLogLevel::Trace,
    }
}
