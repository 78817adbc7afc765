//! A store's file as this process has it open.
//!
//! All stores of a process on one file share one opening. SQLite keeps one index of the write-ahead log for each
//! process, and a second opening could not begin that index anew.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::errors::{Operation, forked, forked_in_between, not_scrubbed, sqlite_error};
use super::files::{self, Identity};
use super::guarded::GuardedConnection;
use super::lock_file::{Exclusive, LockFile};
use super::schema::{self, PATIENCE};
use crate::per_process::PerProcess;
use crate::store::error::StoreError;

/// How often a transaction is repeated because its log was removed.
const TRIES: usize = 5;

/// The time between two attempts to empty a log that another program reads.
const RETRY: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct OpenFile {
    path: PathBuf,
    identity: Identity,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    /// `None` while it is closed, and after it could not be opened again.
    connection: Option<GuardedConnection>,
    lock_file: LockFile,
}

impl OpenFile {
    /// Returns the opening that this process has, or makes a new one.
    pub(super) fn open(path: &Path, migrations: &[&str]) -> Result<Arc<Self>, StoreError> {
        let mut open_files = OpenFiles::lock();
        let is_open_here = |path: &Path| open_files.has(path);
        let path = files::find_or_create(path, is_open_here, schema::version(migrations))?;
        let known = open_files.find(&path).filter(|file| file.identity.check(&path).is_ok());
        if let Some(known) = known {
            return Ok(known);
        }
        let mut lock_file = LockFile::of(&path);
        let (connection, identity) = {
            let exclusive = lock_file.acquire()?;
            let opened = GuardedConnection::open(&path, migrations, &exclusive);
            let opened = opened.and_then(|connection| Ok((connection, Identity::of(&path)?)));
            // A file that is refused stays as it was, without a lock file beside it.
            opened.inspect_err(|_| exclusive.remove_lock_file())?
        };
        let inside = Mutex::new(Inside { connection: Some(connection), lock_file });
        let file = Arc::new(Self { path, identity, inside });
        open_files.add(&file);
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads without changing anything.
    pub(super) fn read<T>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.exclusively(|connection| {
            act(connection.sqlite()).map_err(|error| sqlite_error(&self.path, Operation::Read, error))
        })
    }

    /// Makes one transaction, which locks the file for writing from its beginning. Two transactions that read
    /// first and write afterwards would block each other. `act` may run more than once.
    pub(super) fn write<T>(
        &self,
        act: impl Fn(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let mut done = None;
        self.transact(&mut |transaction| {
            done = Some(act(transaction)?);
            Ok(())
        })?;
        Ok(done.expect("a transaction is written after its statements"))
    }

    /// Not generic, for there is much of it.
    fn transact(
        &self,
        act: &mut dyn FnMut(&Transaction<'_>) -> Result<(), rusqlite::Error>,
    ) -> Result<(), StoreError> {
        let mut transact = |connection: &mut GuardedConnection| {
            let connection = connection.sqlite_mut();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            act(&transaction)?;
            transaction.commit()
        };
        self.with(|connection, exclusive| {
            let mut done = transact(GuardedConnection::renewed(connection, &self.path, exclusive)?);
            let mut tries = 0;
            // If the log was removed meanwhile, the transaction may have gone to a file without a name. The
            // same transaction twice has the effect of one.
            while !connection.as_ref().is_some_and(|connection| connection.is_current(&self.path))
                && tries < TRIES
            {
                done = transact(GuardedConnection::renewed(connection, &self.path, exclusive)?);
                tries += 1;
            }
            if let Some(connection) = connection {
                connection.checkpoint_if_long(&self.path);
            }
            done.map_err(|error| sqlite_error(&self.path, Operation::Save, error))
        })
    }

    /// Uses the file while no other process does.
    pub(super) fn exclusively<T>(
        &self,
        act: impl FnOnce(&mut GuardedConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|connection, exclusive| act(GuardedConnection::renewed(connection, &self.path, exclusive)?))
    }

    /// Writes the file anew without what was deleted, and empties its log.
    pub(super) fn scrub(&self) -> Result<(), StoreError> {
        let end = Instant::now() + PATIENCE;
        // The file is not locked between two attempts.
        while !self.scrub_once()? {
            if Instant::now() >= end {
                return Err(not_scrubbed(
                    &self.path,
                    "another program has been reading it for more than 10 s: end what reads it (a backup, an open \
                     sqlite3 shell)",
                ));
            }
            thread::sleep(RETRY);
        }
        Ok(())
    }

    /// `false` if another program reads from the log.
    pub(super) fn scrub_once(&self) -> Result<bool, StoreError> {
        self.with(|connection, exclusive| {
            // If the log was removed meanwhile, the file may be the old one still.
            for _ in 0..TRIES {
                let done =
                    GuardedConnection::renewed(connection, &self.path, exclusive)?.scrub(&self.path)?;
                if !done || connection.as_ref().is_some_and(|connection| connection.is_current(&self.path)) {
                    return Ok(done);
                }
            }
            Err(not_scrubbed(&self.path, "another program removes its log all the time: end that program"))
        })
    }

    /// Brings the log into the file, and empties it. `false` if another program reads from it.
    pub(super) fn empty_log(&self) -> Result<bool, StoreError> {
        self.exclusively(|connection| {
            connection.empty_log().map_err(|error| sqlite_error(&self.path, Operation::Save, error))
        })
    }

    pub(super) fn length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Option<GuardedConnection>, &Exclusive<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.identity.check(&self.path)?;
        let mut inside = self.lock();
        let Inside { connection, lock_file } = &mut *inside;
        let exclusive = lock_file.acquire()?;
        act(connection, &exclusive)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // A transaction that a panic interrupted was rolled back when it was dropped.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut open_files = OpenFiles::lock();
        let Inside { connection, lock_file } = self.inside.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = connection.take() {
            let exclusive = lock_file.acquire();
            // If the file is no longer there, its log stays with it.
            let exclusive = exclusive.as_ref().ok().filter(|_| self.identity.check(&self.path).is_ok());
            connection.close(&self.path, exclusive);
        }
        open_files.remove(self);
    }
}

type List = Mutex<Vec<Entry>>;

/// A forked child has a list of its own: another thread may hold the parent's lock at the moment of the fork, and
/// that lock is never released in the child.
static OPEN_FILES: PerProcess<List> = PerProcess::new();

/// The files that this process has open as stores. While it is locked, this process opens and closes no store.
struct OpenFiles(MutexGuard<'static, Vec<Entry>>);

struct Entry {
    path: PathBuf,
    file: Weak<OpenFile>,
}

impl OpenFiles {
    fn lock() -> Self {
        let Ok(list) = OPEN_FILES.get_or_try_init(|| Ok::<_, Infallible>(List::default()));
        Self(list.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the file is open in this process.
    ///
    /// # Errors
    /// Fails if the parent of this process had the file open at the fork: SQLite would then count on locks that
    /// only the parent holds.
    fn has(&self, path: &Path) -> Result<bool, StoreError> {
        check_inherited(&OPEN_FILES, path)?;
        Ok(self.0.iter().any(|entry| entry.path == path))
    }

    /// Returns the opening of this file, unless it is about to be closed.
    fn find(&self, path: &Path) -> Option<Arc<OpenFile>> {
        self.0.iter().filter(|entry| entry.path == path).find_map(|entry| entry.file.upgrade())
    }

    fn add(&mut self, file: &Arc<OpenFile>) {
        self.0.push(Entry { path: file.path.clone(), file: Arc::downgrade(file) });
    }

    fn remove(&mut self, closed: &OpenFile) {
        self.0.retain(|entry| !std::ptr::eq(entry.file.as_ptr(), closed));
    }
}

/// Fails if a process that this one was forked from had the file open then, or if that cannot be told.
fn check_inherited(lists: &PerProcess<List>, path: &Path) -> Result<(), StoreError> {
    for list in lists.inherited() {
        let list = match list.try_lock() {
            Ok(list) => list,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(forked_in_between(path)),
        };
        if list.iter().any(|entry| entry.path == path) {
            return Err(forked(path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_was_forked_while_a_store_was_opened_gets_an_error_and_does_not_wait() {
        let lists = PerProcess::forked_from(List::default());
        let path = Path::new("avatar.db");
        assert!(check_inherited(&lists, path).is_ok());
        let parents = lists.inherited().next().unwrap();
        let mut held = parents.lock().unwrap();
        let error = check_inherited(&lists, path).unwrap_err().to_string();
        assert!(error.contains("was opening or closing a store"), "{error}");
        held.push(Entry { path: path.to_owned(), file: Weak::new() });
        drop(held);
        let error = check_inherited(&lists, path).unwrap_err().to_string();
        assert!(error.contains("was open when this process was forked"), "{error}");
        assert!(check_inherited(&lists, Path::new("other.db")).is_ok());
    }
}
