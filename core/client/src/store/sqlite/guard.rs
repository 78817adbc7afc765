//! Locks that no other copy of SQLite in this process can release.
//!
//! SQLite's own locks are POSIX locks. They belong to the process, so closing the file by any other means (another
//! copy of SQLite, such as Python's `sqlite3`, or a plain copy of the file) releases them all. Between two copies in
//! one process they do not count at all. The other copy then believes that it is alone. It removes the log that is
//! in use here, or takes the log's index for a leftover and rebuilds it.
//!
//! Locks of an open file description belong to the file handle. For the other copy they count like those of another
//! process.

use std::fs::File;
use std::path::Path;

use super::files;
use crate::store::error::StoreError;

/// The locks that are held while the store is open, on the bytes that SQLite checks.
#[derive(Debug)]
pub(super) struct Guard {
    index: File,
    database: File,
}

/// The lock on the log's index, taken before SQLite opens the index.
#[derive(Debug)]
pub(super) struct IndexGuard(File);

impl IndexGuard {
    /// Makes the index if there is none, and locks it. Marks an index that was left behind as stale. SQLite
    /// would truncate it for that, but another copy of SQLite may have it mapped, so it is never truncated
    /// here.
    pub(super) fn hold(store: &Path) -> Result<Self, StoreError> {
        let index = files::beside(store, "-shm");
        let mut options = files::private();
        let file = options.create(true).open(&index).map_err(|error| files::unwritable(&index, error))?;
        system::hold_index(&file).map_err(|error| files::unwritable(&index, error))?;
        Ok(Self(file))
    }

    /// Locks the database as well. Returns `None` if the index was replaced, so that the log may be another one
    /// too.
    pub(super) fn complete(self, store: &Path) -> Result<Option<Guard>, StoreError> {
        let failed = |error| files::unwritable(store, error);
        let database = files::private().open(store).map_err(failed)?;
        system::hold_database(&database).map_err(failed)?;
        let index = self.0.metadata().map_err(failed)?;
        let there = std::fs::metadata(files::beside(store, "-shm"));
        let is_there = there.is_ok_and(|there| files::is_same(&there, &index));
        // If it is of no use, dropping it releases its locks.
        let guard = Guard { index: self.0, database };
        Ok(is_there.then_some(guard))
    }
}

/// Releases the locks explicitly: a child that is being forked may hold the files as well.
impl Drop for Guard {
    fn drop(&mut self) {
        system::release(&self.index);
        system::release(&self.database);
    }
}

impl Guard {
    /// Whether any copy of SQLite is reading. A reader in another copy in this process does not keep our copy
    /// from overwriting what it reads.
    pub(super) fn is_read(&self) -> bool {
        system::is_read(&self.index)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    /// The bytes that SQLite locks in a database while reading, with their number.
    const SHARED: (libc::off_t, libc::off_t) = (0x4000_0000 + 2, 510);
    /// The byte that SQLite locks in an index in use.
    const IN_USE: (libc::off_t, libc::off_t) = (128, 1);
    /// The bytes that SQLite locks in an index, one for each reader of the log.
    const READERS: (libc::off_t, libc::off_t) = (123, 5);
    /// The length of the head of an index. SQLite rebuilds an index with zeros here from the log.
    const HEAD: usize = 136;

    const PATIENCE: Duration = Duration::from_secs(10);
    const LOOK_AGAIN: Duration = Duration::from_millis(2);

    pub(super) fn hold_index(file: &File) -> io::Result<()> {
        if fcntl(file, FcntlArg::F_OFD_SETLK(&lock(libc::F_WRLCK, IN_USE))).is_ok()
            && file.metadata()?.len() >= HEAD as u64
        {
            file.write_all_at(&[0; HEAD], 0)?;
        }
        share(file, IN_USE)
    }

    pub(super) fn hold_database(file: &File) -> io::Result<()> {
        share(file, SHARED)
    }

    pub(super) fn release(file: &File) {
        // To the end of the file.
        let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&lock(libc::F_UNLCK, (0, 0))));
    }

    pub(super) fn is_read(index: &File) -> bool {
        let mut found = lock(libc::F_WRLCK, READERS);
        let asked = fcntl(index, FcntlArg::F_OFD_GETLK(&mut found));
        asked.is_err() || i32::from(found.l_type) != libc::F_UNLCK
    }

    /// Waits for exclusive holders, which hold these bytes only while opening or closing.
    fn share(file: &File, bytes: (libc::off_t, libc::off_t)) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            match fcntl(file, FcntlArg::F_OFD_SETLK(&lock(libc::F_RDLCK, bytes))) {
                Ok(_) => return Ok(()),
                Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) if Instant::now() < end => {
                    thread::sleep(LOOK_AGAIN);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn lock(kind: libc::c_int, (start, len): (libc::off_t, libc::off_t)) -> libc::flock {
        // The constants are small, and their width differs between systems.
        let (l_type, l_whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
        libc::flock { l_type, l_whence, l_start: start, l_len: len, l_pid: 0 }
    }
}

/// Other systems have no such locks. There, problems are noticed later: see `OpenFile::write`. On Windows,
/// locks always belong to file handles.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::fs::File;
    use std::io;

    pub(super) fn hold_index(_: &File) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn hold_database(_: &File) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn release(_: &File) {}

    pub(super) fn is_read(_: &File) -> bool {
        false
    }
}
