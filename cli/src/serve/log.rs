//! One line for each request, without words and secrets.

use std::io::Write as _;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use axum::http::{Method, StatusCode};
use secondme_avatar::{date, one_line};

use super::gateway::Trace;

/// The longest path that is repeated, in characters.
const PATH: usize = 80;
/// How many lines may wait for a slow standard error. Beyond that lines are left out, and no request waits.
const LINES: usize = 4096;

/// Writes on a thread of its own: standard error may be a pipe that is read slowly.
#[derive(Debug)]
pub(super) struct Log(SyncSender<String>);

impl Log {
    pub(super) fn start() -> Self {
        let (lines, waiting) = sync_channel::<String>(LINES);
        std::thread::spawn(move || {
            for line in waiting {
                // Without a standard error it cannot be told.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        });
        Self(lines)
    }

    pub(super) fn request(
        &self,
        method: &Method,
        path: &str,
        status: StatusCode,
        took: Duration,
        trace: &Trace,
        code: &str,
    ) {
        let Trace { model, visitor, what, .. } = trace;
        let (time, path) = (date(SystemTime::now()), one_line(path, PATH));
        let mut line = format!("{time} {} {method} {path} {}ms", status.as_u16(), took.as_millis());
        for (name, value) in [("model", model.as_str()), ("visitor", visitor), ("what", what), ("code", code)]
        {
            if !value.is_empty() {
                line += &format!(" {name}={value}");
            }
        }
        let _ = self.0.try_send(line);
    }
}
