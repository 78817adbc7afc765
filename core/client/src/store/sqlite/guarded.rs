//! One opening of the file: SQLite's connection, the locks that guard it, and the log it writes to.

use std::fs;
use std::path::Path;

use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::errors::{Operation, sqlite_error};
use super::files::{self, LogId};
use super::guard::{Guard, IndexGuard};
use super::lock_file::Exclusive;
use super::schema::{self, PATIENCE};
use crate::store::error::StoreError;

/// How often the log may be removed during an opening before the opening fails.
const TRIES: usize = 20;

/// The log's size from which on it is brought into the file. SQLite itself would do so after 1,000 pages.
const LOG_BYTES: u64 = 4 << 20;

/// The size up to which a file is written anew in memory. A longer one takes a temporary file.
const IN_MEMORY: u64 = 32 << 20;

#[derive(Debug)]
pub(super) struct GuardedConnection {
    sqlite: Connection,
    guard: Guard,
    log: LogId,
    /// The changes that the file had seen when it was last written anew.
    vacuumed: Option<Changes>,
    /// The changes that the file had seen when its log was emptied after that.
    scrubbed: Option<Changes>,
}

/// Counts the changes of a file: those of other connections, and those of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changes(i64, u64);

impl GuardedConnection {
    /// Opens a file that is a store or empty, checks it, and migrates it to the last version.
    pub(super) fn open(
        path: &Path,
        migrations: &[&str],
        exclusive: &Exclusive<'_>,
    ) -> Result<Self, StoreError> {
        Self::open_by(path, exclusive, || schema::connect(path, migrations))
    }

    /// Returns the connection. Opens it again if its log was removed or replaced, or if that failed before.
    pub(super) fn renewed<'a>(
        slot: &'a mut Option<Self>,
        path: &Path,
        exclusive: &Exclusive<'_>,
    ) -> Result<&'a mut Self, StoreError> {
        let fresh = match slot.take() {
            Some(current) if current.is_current(path) => current,
            Some(lost) => {
                // If it cannot be saved now, the next use tries again.
                if let Err(error) = lost.save_log(path, exclusive) {
                    *slot = Some(lost);
                    return Err(error);
                }
                // Closed before the next one is opened: connections of one process share their index.
                drop(lost);
                Self::open_by(path, exclusive, || schema::reconnect(path))?
            }
            None => Self::open_by(path, exclusive, || schema::reconnect(path))?,
        };
        Ok(slot.insert(fresh))
    }

    fn open_by(
        path: &Path,
        exclusive: &Exclusive<'_>,
        connect: impl Fn() -> Result<Connection, StoreError>,
    ) -> Result<Self, StoreError> {
        for _ in 0..TRIES {
            let index = files::beside(path, "-shm");
            let was_there = index.exists();
            let held = IndexGuard::hold(path)?;
            let sqlite = match connect() {
                Ok(sqlite) => sqlite,
                Err(error) => {
                    // The folder is left as it was.
                    if !was_there {
                        let _ = fs::remove_file(&index);
                    }
                    return Err(error);
                }
            };
            if let Some(guard) = held.complete(path)? {
                let log = LogId::at(path);
                // Without the note, a log that was removed is not saved into the file.
                let _ = exclusive.note(log.as_str());
                return Ok(Self { sqlite, guard, log, vacuumed: None, scrubbed: None });
            }
            leave_log(&sqlite);
        }
        let file = path.display();
        Err(StoreError::new(format!(
            "the store {file} cannot be opened: another program removes its log all the time: end that program"
        )))
    }

    pub(super) fn sqlite(&self) -> &Connection {
        &self.sqlite
    }

    pub(super) fn sqlite_mut(&mut self) -> &mut Connection {
        &mut self.sqlite
    }

    /// Whether its log is still the one beside the file, so that the next opening finds what is written here.
    pub(super) fn is_current(&self, path: &Path) -> bool {
        self.log == LogId::at(path)
    }

    /// Copies a removed log into the file, unless another log was begun since.
    fn save_log(&self, path: &Path, exclusive: &Exclusive<'_>) -> Result<(), StoreError> {
        let file = path.display();
        let begun_since = files::beside(path, "-wal").exists()
            || !exclusive.noted().is_ok_and(|noted| noted == self.log.as_str());
        if begun_since {
            tracing::warn!(
                store = %file,
                "another program has replaced the log of the open store: what was saved last may be lost; \
                 do not remove the files beside a store that is open"
            );
        } else {
            checkpoint(&self.sqlite).map_err(|error| sqlite_error(path, Operation::Save, error))?;
            tracing::warn!(
                store = %file,
                "another program has removed the log of the open store; what stood in it is saved"
            );
        }
        leave_log(&self.sqlite);
        Ok(())
    }

    /// Brings a long log into the file, unless a transaction reads from the log.
    pub(super) fn checkpoint_if_long(&self, path: &Path) {
        let log = fs::metadata(files::beside(path, "-wal")).map_or(0, |log| log.len());
        if log >= LOG_BYTES && !self.guard.is_read() {
            // If it fails, it is tried again after the next transaction.
            let _ = checkpoint(&self.sqlite);
        }
    }

    /// Writes the file anew without what was deleted, and empties its log. SQLite overwrites the rows that it deletes,
    /// but not the copies that it leaves in a page when it moves rows to another one.
    ///
    /// `false` if another program reads from the log: it has to be done again. The file is written anew once for the
    /// same changes, and not while the log is read, since the log would grow by the file's length each time.
    pub(super) fn scrub(&mut self, path: &Path) -> Result<bool, StoreError> {
        let failed = |error| sqlite_error(path, Operation::Scrub, error);
        let changes = self.changes().map_err(failed)?;
        if self.scrubbed == Some(changes) {
            return Ok(true);
        }
        if self.vacuumed != Some(changes) {
            if !self.empty_log().map_err(failed)? {
                return Ok(false);
            }
            let length = fs::metadata(path).map_or(0, |file| file.len());
            let place = if length > IN_MEMORY { "FILE" } else { "MEMORY" };
            self.sqlite.pragma_update(None, "temp_store", place).map_err(failed)?;
            self.sqlite.execute_batch("VACUUM").map_err(failed)?;
            self.vacuumed = Some(self.changes().map_err(failed)?);
        }
        if !self.empty_log().map_err(failed)? {
            return Ok(false);
        }
        self.scrubbed = Some(self.changes().map_err(failed)?);
        Ok(true)
    }

    /// Brings the log into the file and empties it. `false` if another program reads from the log.
    pub(super) fn empty_log(&self) -> rusqlite::Result<bool> {
        if self.guard.is_read() {
            return Ok(false);
        }
        // SQLite would wait for readers by itself, without looking for those that only the guard sees.
        self.sqlite.busy_timeout(Duration::ZERO)?;
        let is_read =
            self.sqlite.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, bool>(0));
        self.sqlite.busy_timeout(PATIENCE)?;
        is_read.map(|is_read| !is_read)
    }

    fn changes(&self) -> rusqlite::Result<Changes> {
        let others = self.sqlite.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok(Changes(others, self.sqlite.total_changes()))
    }

    /// Closes it. The last connection to the file removes the log. Without `exclusive` another store may be
    /// writing; then the log stays.
    pub(super) fn close(self, path: &Path, exclusive: Option<&Exclusive<'_>>) {
        let Self { sqlite, guard, .. } = self;
        let Some(exclusive) = exclusive else {
            leave_log(&sqlite);
            return;
        };
        drop(guard);
        drop(sqlite);
        if !files::beside(path, "-wal").exists() {
            exclusive.remove_lock_file();
        }
    }
}

/// Brings as much of the log into the file as readers allow.
fn checkpoint(sqlite: &Connection) -> rusqlite::Result<()> {
    sqlite.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
}

/// Makes closing the connection touch neither the log nor the file.
fn leave_log(sqlite: &Connection) {
    let _ = sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
}
