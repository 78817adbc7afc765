//! Locks that no other copy of SQLite in this process takes away.
//!
//! SQLite's own locks are POSIX locks: they belong to the process, and closing the file by any other means
//! (another copy of SQLite, such as Python's `sqlite3`, or a plain copy of the file) drops them all. Between
//! two copies in one process they do not even count. The other copy then takes itself for the last one at the
//! file, and removes the log that is written to here; or it takes the log's index for a leftover and begins
//! it anew. Locks of an open file description belong to nothing but the file handle they were taken through,
//! and count for the other copy as those of another process would.

use std::fs::File;
use std::path::Path;

use super::files;
use crate::store::error::StoreError;

/// Held for as long as the store is open, at the bytes where SQLite looks.
#[derive(Debug)]
pub(super) struct Guard {
    index: File,
    database: File,
}

/// The log's index is in use, from before SQLite opens it.
#[derive(Debug)]
pub(super) struct IndexGuard(File);

impl IndexGuard {
    /// Makes the index where there is none, and says that it is in use. One that was left behind is marked as
    /// such, as SQLite would do by cutting it to nothing: it is never cut here, since another copy may have it
    /// in its memory.
    pub(super) fn hold(store: &Path) -> Result<Self, StoreError> {
        let index = files::beside(store, "-shm");
        let mut options = files::private();
        let file = options.create(true).open(&index).map_err(|error| files::unwritable(&index, error))?;
        system::hold_index(&file).map_err(|error| files::unwritable(&index, error))?;
        Ok(Self(file))
    }

    /// Says as well that the database is in use. `None`: the index is no longer the one at its place, so the
    /// log may not be either.
    pub(super) fn complete(self, store: &Path) -> Result<Option<Guard>, StoreError> {
        let failed = |error| files::unwritable(store, error);
        let database = files::private().open(store).map_err(failed)?;
        system::hold_database(&database).map_err(failed)?;
        let index = self.0.metadata().map_err(failed)?;
        let there = std::fs::metadata(files::beside(store, "-shm"));
        let is_there = there.is_ok_and(|there| files::is_same(&there, &index));
        // Dropped where it is of no use, and its locks with it.
        let guard = Guard { index: self.0, database };
        Ok(is_there.then_some(guard))
    }
}

/// Released for good, though a child that is being forked in this moment holds the files as well.
impl Drop for Guard {
    fn drop(&mut self) {
        system::release(&self.index);
        system::release(&self.database);
    }
}

impl Guard {
    /// Whether a transaction reads in this moment, of whichever copy of SQLite. One of a copy in this process
    /// does not keep ours from writing over what it reads.
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

    /// Where SQLite locks a database that is read from, and how many bytes.
    const SHARED: (libc::off_t, libc::off_t) = (0x4000_0000 + 2, 510);
    /// Where it locks an index that is in use.
    const IN_USE: (libc::off_t, libc::off_t) = (128, 1);
    /// Where it locks an index for each of those who read from the log.
    const READERS: (libc::off_t, libc::off_t) = (123, 5);
    /// How long the head of an index is. One of zeros is made anew from the log.
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

    /// Waits for those who have it alone: they are about to close it, or to begin.
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
        // The constants are small, and of another width on each system.
        let (l_type, l_whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
        libc::flock { l_type, l_whence, l_start: start, l_len: len, l_pid: 0 }
    }
}

/// Where there are no such locks, what goes wrong is noticed: see `SqliteStore::write`. On Windows locks
/// belong to file handles from the first.
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
