//! The file in which the emulator's state outlives it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::hub::Hub;
use crate::service::{Millis, Saved};

/// The least time between two savings; and which part of the time they may take, at most.
const LEAST: Duration = Duration::from_secs(1);
const PART: u32 = 20;

/// What is wrong with a state file. It is left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFileError {
    /// It cannot be read or written.
    #[error("the state file {path}: {source}; give the path of a file that this user may read and write")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another emulator uses it.
    #[error("the state file {path} is in use by another emulator; end that, or give another path")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else, or something broken.
    #[error("the state file {path} is left as it is: {why}; move it away, or give another path")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A state file, for as long as this emulator uses it.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Keeps other emulators away.
    _lock: File,
    /// Held while it is written: one at a time, so that an older state never takes the place of a newer one.
    saving: Mutex<()>,
    last: Mutex<Last>,
}

/// What became of the last saving.
#[derive(Debug, Clone, Default)]
pub(super) struct Last {
    /// When, by the emulator's clock.
    pub(super) saved_at: Option<Millis>,
    /// What was saved, by the service's count of changes.
    revision: Option<u64>,
    /// Why it failed, if it did.
    pub(super) trouble: Option<String>,
}

impl StateFile {
    /// Takes a file for this emulator, and reads what is in it; there may be none yet.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<Saved>), StateFileError> {
        let path = path.to_owned();
        let failed = |source| StateFileError::Io { path: path.clone(), source };
        let lock = private(&beside(&path, "lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateFileError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let saved = match std::fs::read(&path) {
            Ok(text) => {
                Some(Saved::read(&text).map_err(|why| StateFileError::Content { path: path.clone(), why })?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed(source)),
        };
        Ok((Self { path, _lock: lock, saving: Mutex::default(), last: Mutex::default() }, saved))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn last(&self) -> Last {
        self.known().clone()
    }

    fn known(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves what the service knows now: to a file beside, which then takes the place of the old one.
    pub(super) fn save(&self, hub: &Arc<Hub>) -> Result<(), StateFileError> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let (text, revision, now) = hub.look(|service, now| (service.saved(), service.revision(), now));
        let written = self.write(&text);
        let trouble = written.as_ref().err().map(|error| format!("{}: {error}", self.path.display()));
        match &trouble {
            None => *self.known() = Last { saved_at: Some(now), revision: Some(revision), trouble: None },
            Some(_) => self.known().trouble.clone_from(&trouble),
        }
        if hub.look(|service, _| service.state_trouble() != trouble.as_ref()) {
            hub.with(|service, _| service.set_state_trouble(trouble));
        }
        written.map_err(|source| StateFileError::Io { path: self.path.clone(), source })
    }

    /// Saves after changes, but not too often, until the emulator stops.
    pub(super) async fn keep(self: Arc<Self>, hub: Arc<Hub>) {
        let mut stopped = hub.stopped();
        loop {
            let change = hub.change();
            tokio::pin!(change);
            change.as_mut().enable();
            if Some(hub.look(|service, _| service.revision())) == self.last().revision {
                tokio::select! {
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                    () = change => continue,
                }
            }
            let (file, of, begun) = (Arc::clone(&self), Arc::clone(&hub), Instant::now());
            // What fails is told by `last` and by the service, and tried again after the pause and at the end.
            let _ = tokio::task::spawn_blocking(move || file.save(&of)).await;
            let pause = LEAST.max(begun.elapsed() * PART);
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn write(&self, text: &[u8]) -> io::Result<()> {
        let beside = beside(&self.path, "new");
        let mut file = private(&beside)?;
        file.set_len(0)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)
    }
}

/// `FILE.lock` for `FILE`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// A file that this user alone may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
