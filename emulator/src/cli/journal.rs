//! The journal in a file, an entry a line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::RunError;
use crate::server::Emulator;
use crate::service::Entry;

/// The file, and how much of the journal is in it.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    /// `None` once a write has failed.
    file: Option<BufWriter<File>>,
    /// The number of the entry that comes next.
    next: u64,
}

/// Writes entries as they come, for ever.
pub(super) async fn follow(emulator: &Emulator, journal: &mut Option<JournalFile>) {
    while let Some(journal) = journal.as_mut().filter(|journal| journal.file.is_some()) {
        let entries = emulator.entries_from(journal.next).await;
        journal.write(&entries);
    }
    std::future::pending().await
}

impl JournalFile {
    /// Creates it. A file that exists is left alone.
    pub(super) fn create(path: &Path) -> Result<Self, RunError> {
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    "it exists already; choose another name, or remove it".to_owned()
                }
                _ => format!("it cannot be created: {error}"),
            };
            RunError::Journal { path: path.to_owned(), why }
        })?;
        Ok(Self { path: path.to_owned(), file: Some(BufWriter::new(file)), next: 1 })
    }

    /// Writes what has come since.
    pub(super) fn catch_up(&mut self, emulator: &Emulator) {
        let mut entries = emulator.journal();
        entries.retain(|entry| entry.n >= self.next);
        self.write(&entries);
    }

    /// Writes entries. If that fails, a line on stderr says so, and the emulator runs on without.
    fn write(&mut self, entries: &[Entry]) {
        let Some(file) = &mut self.file else { return };
        let next = self.next;
        self.next = entries.last().map_or(next, |last| last.n + 1);
        if let Err(error) = lines(file, next, entries) {
            self.file = None;
            // If stderr is closed, there is no reader.
            let _ = writeln!(io::stderr(), "warning: {} is not whole: {error}", self.path.display());
        }
    }
}

/// Writes entries as lines, and how many are missing before them: those that the ring did not keep.
fn lines(file: &mut BufWriter<File>, next: u64, entries: &[Entry]) -> io::Result<()> {
    if let Some(first) = entries.first().filter(|first| first.n > next) {
        writeln!(
            file,
            "{}",
            json!({"n": next, "atMs": first.at_ms, "what": "lost", "entries": first.n - next})
        )?;
    }
    for entry in entries {
        writeln!(file, "{}", json!(entry))?;
    }
    file.flush()
}
