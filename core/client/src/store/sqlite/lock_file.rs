//! The lock beside the store: of all stores on a file, in this process and in others, one at a time uses it.
//!
//! SQLite's own locks would do this, but they can be lost in the middle of a transaction (see
//! [`guard`](super::guard)). This lock is on a file that nothing else opens, and belongs to the file handle.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::files;
use crate::store::error::StoreError;

/// How long to wait for the lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time between two attempts to lock: the first one, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(2));

/// The longest time for which the last holder lets the others go first: until one of them holds the lock, which
/// takes a while on a busy machine.
const COURTESY: Duration = Duration::from_millis(200);

/// The first byte of the file says whether another store waits; the note stands behind it.
const CALM: [u8; 1] = *b".";
const WANTED: [u8; 1] = *b"!";

#[derive(Debug)]
pub(super) struct LockFile {
    path: PathBuf,
    file: Option<File>,
    /// Until then, the others go first.
    not_before: Option<Instant>,
}

/// Exclusive use of the store's file, until it is dropped.
pub(super) struct Exclusive<'a> {
    path: &'a Path,
    file: &'a File,
    not_before: &'a mut Option<Instant>,
}

impl LockFile {
    pub(super) fn of(store: &Path) -> Self {
        Self { path: files::beside(store, "-lock"), file: None, not_before: None }
    }

    pub(super) fn acquire(&mut self) -> Result<Exclusive<'_>, StoreError> {
        let end = Instant::now() + PATIENCE;
        let mut pause = RETRY.0;
        let others_first = self.not_before.take();
        while others_first.is_some_and(|until| Instant::now() < until)
            && self.file.as_ref().is_some_and(is_wanted)
        {
            thread::sleep(RETRY.0);
        }
        loop {
            let file = match self.file.take() {
                Some(file) => file,
                None => {
                    let mut options = files::private();
                    let file = options.create(true).open(&self.path);
                    file.map_err(|error| self.failed(error))?
                }
            };
            match file.try_lock() {
                Ok(()) => {
                    // The last holder may have removed the file.
                    let is_there = file.metadata().and_then(|ours| Ok((ours, fs::metadata(&self.path)?)));
                    if is_there.is_ok_and(|(ours, there)| files::is_same(&ours, &there)) {
                        let file = self.file.insert(file);
                        if is_wanted(file) {
                            // The stores that still wait write it again.
                            let _ = put(file, &CALM);
                        }
                        return Ok(Exclusive { path: &self.path, file, not_before: &mut self.not_before });
                    }
                }
                Err(TryLockError::WouldBlock) if Instant::now() < end => {
                    // If this cannot be written, chance decides which store is next.
                    let _ = put(&file, &WANTED);
                    self.file = Some(file);
                    thread::sleep(pause);
                    pause = (pause * 2).min(RETRY.1);
                }
                Err(TryLockError::WouldBlock) => return Err(self.taken()),
                Err(TryLockError::Error(error)) => return Err(self.failed(error)),
            }
        }
    }

    fn failed(&self, error: io::Error) -> StoreError {
        let file = self.path.display();
        StoreError::new(format!(
            "the store's lock file {file} cannot be made or locked: this user must be able to make files in its \
             folder, and the folder must be on a disk of this machine ({error})"
        ))
        .caused_by(error)
    }

    fn taken(&self) -> StoreError {
        let file = self.path.display();
        StoreError::new(format!(
            "{file} has been locked by another process for more than 10 s: end that process, which may be \
             suspended, and try again"
        ))
    }
}

impl Exclusive<'_> {
    /// Notes which log is in use. The store that began the log writes this.
    pub(super) fn note(&self, log: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        put(self.file, &[&CALM[..], log.as_bytes()].concat())
    }

    pub(super) fn noted(&self) -> io::Result<String> {
        let (mut file, mut noted) = (self.file, String::new());
        file.rewind()?;
        file.read_to_string(&mut noted)?;
        Ok(noted.get(1..).unwrap_or_default().to_owned())
    }

    /// Removes the lock file. The next store makes another one.
    pub(super) fn remove_lock_file(&self) {
        let _ = fs::remove_file(self.path);
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        *self.not_before = is_wanted(self.file).then(|| Instant::now() + COURTESY);
        // Closing the file would not release the lock: a forked child may hold the file too.
        let _ = self.file.unlock();
    }
}

fn put(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(bytes)
}

fn is_wanted(mut file: &File) -> bool {
    let mut first = CALM;
    file.rewind().and_then(|()| file.read_exact(&mut first)).is_ok() && first == WANTED
}
