//! One opening of the file: SQLite's connection, what guards it, and the log it writes to.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::files::{self, LogId};
use super::guard::{Guard, IndexGuard};
use super::schema;
use super::trouble::{Doing, trouble};
use super::turn::Turn;
use crate::StoreError;

/// So often others would have to remove a log in the moment in which it is opened.
const TRIES: usize = 20;

/// From here on the log goes into the file, where SQLite would do it after 1,000 pages.
const LOG_BYTES: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    guard: Guard,
    log: LogId,
}

impl Session {
    /// Opens a file that was found to be ours or empty, checks it, and brings it to the last version.
    pub(super) fn open(path: &Path, steps: &[&str], turn: &Turn<'_>) -> Result<Self, StoreError> {
        Self::open_by(path, turn, || schema::connect(path, steps))
    }

    /// The session, opened anew where its log has been removed or replaced, or where that has failed before.
    pub(super) fn renewed<'a>(
        session: &'a mut Option<Self>,
        path: &Path,
        turn: &Turn<'_>,
    ) -> Result<&'a mut Self, StoreError> {
        let fresh = match session.take() {
            Some(here) if here.is_there(path) => here,
            Some(lost) => {
                // Where it cannot be saved now, it is tried again the next time.
                if let Err(error) = lost.save_log(path, turn) {
                    *session = Some(lost);
                    return Err(error);
                }
                // Closed before the next one is opened: connections of one process share their index.
                drop(lost);
                Self::open_by(path, turn, || schema::reconnect(path))?
            }
            None => Self::open_by(path, turn, || schema::reconnect(path))?,
        };
        Ok(session.insert(fresh))
    }

    fn open_by(
        path: &Path,
        turn: &Turn<'_>,
        connect: impl Fn() -> Result<Connection, StoreError>,
    ) -> Result<Self, StoreError> {
        for _ in 0..TRIES {
            let index = files::beside(path, "-shm");
            let was_there = index.exists();
            let held = IndexGuard::hold(path)?;
            let connection = match connect() {
                Ok(connection) => connection,
                Err(error) => {
                    // As it was before.
                    if !was_there {
                        let _ = fs::remove_file(&index);
                    }
                    return Err(error);
                }
            };
            if let Some(guard) = held.complete(path)? {
                let log = LogId::at(path);
                // What cannot be noted is not relied upon.
                let _ = turn.note(log.as_str());
                return Ok(Self { connection, guard, log });
            }
            leave_log(&connection);
        }
        let file = path.display();
        Err(StoreError::new(format!(
            "the store {file} cannot be opened: another program removes its log all the time: end that program"
        )))
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Whether what is written here is found by the next to open the file.
    pub(super) fn is_there(&self, path: &Path) -> bool {
        self.log == LogId::at(path)
    }

    /// Brings what stands only in a log that was removed into the file, where no other has been begun since.
    fn save_log(&self, path: &Path, turn: &Turn<'_>) -> Result<(), StoreError> {
        let file = path.display();
        let begun_since = files::beside(path, "-wal").exists()
            || !turn.noted().is_ok_and(|noted| noted == self.log.as_str());
        if begun_since {
            tracing::warn!(
                store = %file,
                "another program has replaced the log of the open store: what was saved last may be lost; \
                 do not remove the files beside a store that is open"
            );
        } else {
            checkpoint(&self.connection).map_err(|error| trouble(path, Doing::Save, error))?;
            tracing::warn!(
                store = %file,
                "another program has removed the log of the open store; what stood in it is saved"
            );
        }
        leave_log(&self.connection);
        Ok(())
    }

    /// Brings the log into the file once it is long, unless a transaction reads from it.
    pub(super) fn tidy(&self, path: &Path) {
        let log = fs::metadata(files::beside(path, "-wal")).map_or(0, |log| log.len());
        if log >= LOG_BYTES && !self.guard.is_read() {
            // What does not succeed now does after the next transaction.
            let _ = checkpoint(&self.connection);
        }
    }

    /// Closes it; the last one at the file takes the log along. Without a `turn` another may be writing: then
    /// the log stays.
    pub(super) fn close(self, path: &Path, turn: Option<&Turn<'_>>) {
        let Self { connection, guard, .. } = self;
        let Some(turn) = turn else {
            leave_log(&connection);
            return;
        };
        drop(guard);
        drop(connection);
        if !files::beside(path, "-wal").exists() {
            turn.tidy_up();
        }
    }
}

/// All that stands in the log and can be, into the file.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
}

/// Closing the connection touches neither the log nor the file.
fn leave_log(connection: &Connection) {
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
}
