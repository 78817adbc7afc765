//! Owners of messages: each open store is an owner, and holds a lock on a file of its own while it is open. The
//! operating system releases the lock however the process ends.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::files;
use crate::store::error::StoreError;

/// A random number that no other owner ever has. So an owner that is gone stays gone.
pub(super) type OwnerId = i64;

/// How often drawing a number may fail: because it is taken, or because the new file was swept away.
const TRIES: usize = 20;

/// Between the name of a store and the number of an owner, in the name of its lock file.
const LOCK: &str = "-owner-";

/// The same in the name of a copy that is not complete yet.
const PART: &str = "-part-";

#[derive(Debug)]
pub(super) struct Owner {
    id: OwnerId,
    store: PathBuf,
    /// Locked while it is open.
    _lock: File,
}

impl Owner {
    /// Makes a new owner in this store.
    pub(super) fn enter(store: &Path) -> Result<Self, StoreError> {
        let failed = |error: io::Error| {
            let store = store.display();
            StoreError::new(format!(
                "beside {store}, the file that says who uses it cannot be made or locked ({error}): \
                 the folder must be writable, and on a disk of this machine"
            ))
            .caused_by(error)
        };
        for _ in 0..TRIES {
            let id = draw().map_err(failed)?;
            let path = lock_path(store, id);
            let lock = match files::private().create_new(true).open(&path) {
                Ok(lock) => lock,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(failed(error)),
            };
            match lock.try_lock() {
                // Otherwise another owner has swept the new file away as an old one.
                Ok(()) if path.try_exists().map_err(failed)? => {
                    return Ok(Self { id, store: store.to_owned(), _lock: lock });
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    let _ = fs::remove_file(&path);
                    return Err(failed(error));
                }
            }
            let _ = fs::remove_file(&path);
        }
        Err(failed(io::Error::other("other processes are in the way all the time")))
    }

    pub(super) fn id(&self) -> OwnerId {
        self.id
    }

    /// Whether an owner is gone.
    pub(super) fn is_gone(&self, owner: OwnerId) -> bool {
        owner != self.id && is_unlocked(&lock_path(&self.store, owner))
    }

    /// Removes the lock files of these owners, and of others that are gone.
    pub(super) fn sweep(&self, gone: &HashSet<OwnerId>) {
        for owner in gone {
            let _ = fs::remove_file(lock_path(&self.store, *owner));
        }
        let Some(entries) = self.store.parent().and_then(|folder| fs::read_dir(folder).ok()) else {
            return;
        };
        for entry in entries.flatten() {
            let owner = owner_of(&self.store, LOCK, &entry.file_name());
            if owner.is_some_and(|owner| self.is_gone(owner)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The file in which this owner makes a copy of the store.
    pub(super) fn part(&self, copy: &Path) -> PathBuf {
        files::beside(copy, &format!("{PART}{:016x}", self.id))
    }

    /// Removes what owners that are gone have left of copies with this name.
    pub(super) fn sweep_parts(&self, copy: &Path) {
        let Some(entries) = copy.parent().and_then(|folder| fs::read_dir(folder).ok()) else { return };
        for entry in entries.flatten() {
            let owner = owner_of(copy, PART, &entry.file_name());
            if owner.is_some_and(|owner| self.is_gone(owner)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Gives its messages up to other owners.
    pub(super) fn leave(&self) {
        let _ = fs::remove_file(lock_path(&self.store, self.id));
    }
}

/// Whether an open store uses this file.
pub(super) fn is_used(store: &Path) -> bool {
    let Some(entries) = store.parent().and_then(|folder| fs::read_dir(folder).ok()) else {
        return false;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| owner_of(store, LOCK, &name).is_some_and(|owner| !is_unlocked(&lock_path(store, owner))))
}

fn draw() -> io::Result<OwnerId> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(i64::from_le_bytes(bytes) & i64::MAX)
}

fn lock_path(store: &Path, owner: OwnerId) -> PathBuf {
    let mut path = OsString::from(store);
    path.push(format!("{LOCK}{owner:016x}"));
    path.into()
}

/// The owner whose number stands in the name of a file of this kind.
fn owner_of(store: &Path, kind: &str, file: &OsStr) -> Option<OwnerId> {
    let prefix = store.file_name()?.as_encoded_bytes();
    let rest = file.as_encoded_bytes().strip_prefix(prefix)?.strip_prefix(kind.as_bytes())?;
    let digits = std::str::from_utf8(rest.get(..16)?).ok()?;
    // SQLite's journal beside a copy has the copy's name and an end of its own.
    let is_whole = rest.len() == 16 || kind == PART && rest.get(16..)? == b"-journal";
    OwnerId::from_str_radix(digits, 16).ok().filter(|_| is_whole)
}

/// If this cannot be told, the owner counts as alive: a message that waits is better than one that is sent
/// twice.
fn is_unlocked(path: &Path) -> bool {
    let lock = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
        Err(error) => {
            let file = path.display();
            tracing::warn!(%file, "whether the owner of kept messages is alive cannot be told: {error}");
            return false;
        }
    };
    // A shared lock, so that several can check at the same time.
    match lock.try_lock_shared() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => {
            let file = path.display();
            tracing::warn!(%file, "whether the owner of kept messages is alive cannot be told: {error}");
            false
        }
    }
}
