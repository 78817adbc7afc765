//! The core's log on its way to the host.

use std::sync::Arc;

use secondme_avatar_bridge::logs::Logs;
use secondme_avatar_bridge::streams::HostStream;

use crate::convert::size;

/// A line of the log. It holds no secret and no text of a message.
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
    /// How many were lost before them because they were not taken.
    pub lost: u64,
}

/// The log of the process, for the caller that asked for it last.
#[derive(uniffi::Object)]
pub struct CoreLog(HostStream<Logs>);

/// Begins to collect what `SECONDME_LOG` lets through, or without it this filter (`secondme_avatar=info`). There
/// is one log in a process, and the newest call counts: what the one before waits for has ended. `None` where
/// something else in the process collects it already.
#[uniffi::export]
pub fn install_log(filter: String) -> Option<Arc<CoreLog>> {
    Logs::install(&filter).map(|logs| Arc::new(CoreLog(HostStream::new(logs))))
}

#[uniffi::export]
impl CoreLog {
    /// Waits until there may be something to drain. `false`: `finish` was called, or there is a newer one.
    pub async fn ready(self: Arc<Self>) -> bool {
        self.0.ready().await
    }

    /// Takes at most `max` records. Never waits.
    pub fn drain(&self, max: u32) -> CoreLogBatch {
        // A log does not fail.
        let records = self.0.drain(size(max)).unwrap_or_default().into_iter().map(|record| CoreLogRecord {
            level: level(record.level.as_str()),
            target: record.target,
            message: record.message,
        });
        CoreLogBatch { records: records.collect(), lost: self.0.with(Logs::take_lost).unwrap_or_default() }
    }

    /// Ends the taking: a wait in `ready` is told `false`. Records go on being collected for the next one.
    pub fn finish(&self) {
        self.0.finish();
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
