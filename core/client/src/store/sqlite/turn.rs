//! One after the other: of all stores on a file, in this process and in others, one at a time uses it.
//!
//! SQLite's own locks would see to that, but they may be lost in the middle of a transaction (see
//! [`guard`](super::guard)). This one is on a file that nothing else opens, and belongs to the file handle.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::files;
use crate::StoreError;

/// How long another's turn is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks whether it is over: the first time, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(2));

/// How long at most one who has just had a turn leaves the next one to those who wait: until one of them has
/// taken it, which a busy machine may delay.
const COURTESY: Duration = Duration::from_millis(200);

/// The file's first byte says that one waits; what is noted stands behind it.
const CALM: [u8; 1] = *b".";
const WANTED: [u8; 1] = *b"!";

#[derive(Debug)]
pub(super) struct Turns {
    path: PathBuf,
    file: Option<File>,
    /// Others are to have a turn first.
    not_before: Option<Instant>,
}

/// A turn: over when it is dropped.
pub(super) struct Turn<'a> {
    path: &'a Path,
    file: &'a File,
    not_before: &'a mut Option<Instant>,
}

impl Turns {
    pub(super) fn of(store: &Path) -> Self {
        Self { path: files::beside(store, "-lock"), file: None, not_before: None }
    }

    pub(super) fn take(&mut self) -> Result<Turn<'_>, StoreError> {
        let end = Instant::now() + PATIENCE;
        let mut pause = LOOK_AGAIN.0;
        let others_first = self.not_before.take();
        while others_first.is_some_and(|until| Instant::now() < until)
            && self.file.as_ref().is_some_and(is_wanted)
        {
            thread::sleep(LOOK_AGAIN.0);
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
                    // The one who had it before may have tidied it away.
                    let is_there = file.metadata().and_then(|ours| Ok((ours, fs::metadata(&self.path)?)));
                    if is_there.is_ok_and(|(ours, there)| files::is_same(&ours, &there)) {
                        let file = self.file.insert(file);
                        if is_wanted(file) {
                            // Those who still wait say so again.
                            let _ = put(file, &CALM);
                        }
                        return Ok(Turn { path: &self.path, file, not_before: &mut self.not_before });
                    }
                }
                Err(TryLockError::WouldBlock) if Instant::now() < end => {
                    // Where it cannot be said, it is chance who comes next.
                    let _ = put(&file, &WANTED);
                    self.file = Some(file);
                    thread::sleep(pause);
                    pause = (pause * 2).min(LOOK_AGAIN.1);
                }
                Err(TryLockError::WouldBlock) => return Err(self.taken()),
                Err(TryLockError::Error(error)) => return Err(self.failed(error)),
            }
        }
    }

    fn failed(&self, error: io::Error) -> StoreError {
        let file = self.path.display();
        StoreError::new(format!(
            "{file}, by which the users of a store take turns, cannot be made or locked: this user must be able \
             to make files in its folder, and the folder must be on a disk of this machine ({error})"
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

impl Turn<'_> {
    /// Whose log it is that is written to: the one who began it last says so.
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

    /// Removes the file: who comes next makes another one.
    pub(super) fn tidy_up(&self) {
        let _ = fs::remove_file(self.path);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.not_before = is_wanted(self.file).then(|| Instant::now() + COURTESY);
        // A forked child may hold the file as well; to close it would not do.
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
