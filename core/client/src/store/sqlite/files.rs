//! The file, before SQLite sees it: where it is, whether it is ours, and who may read it.

use std::ffi::OsString;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::schema;
use super::shared::Shared;
use super::trouble::{damaged, foreign, forked, later};
use crate::StoreError;

/// What stands at the beginning of every SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// How long the header is, and where in it the page size stands, and the two numbers that a
/// program may choose.
const HEADER: usize = 100;
const PAGE_SIZE: usize = 16;
const USER_VERSION: usize = 60;
const APPLICATION_ID: usize = 68;

/// The file to open, which is ours or empty, and which nobody else may read.
///
/// It is looked at as plain bytes: SQLite itself would write to a file that somebody's crash left
/// unfinished, whosever it is.
pub(super) fn find_or_create(path: &Path, open_here: &OpenHere, version: u32) -> Result<PathBuf, StoreError> {
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return create(path),
        Err(error) => return Err(unreachable(path, error)),
    };
    let metadata = fs::metadata(&path).map_err(|error| unreachable(&path, error))?;
    check_kind(&path, &metadata)?;
    // The bytes are not looked at while the file is open here: closing a file drops all locks that this
    // process has on it, and SQLite's are among them.
    if !open_here.has(&path)? {
        check_header(&path, version)?;
    }
    for path in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
        make_private(&path)?;
    }
    Ok(path)
}

/// How files are opened that hold secrets or speak of them.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The files that this process has open as stores, and who opened them: a fork takes the list along.
pub(super) struct OpenHere(MutexGuard<'static, Vec<Entry>>);

struct Entry {
    path: PathBuf,
    process: u32,
    shared: Weak<Shared>,
}

/// For as long as this is held, no other store is opened in this process.
pub(super) fn open_here() -> OpenHere {
    static OPEN: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
    OpenHere(OPEN.lock().unwrap_or_else(PoisonError::into_inner))
}

impl OpenHere {
    pub(super) fn add(&mut self, path: &Path, shared: &Arc<Shared>) {
        let (path, shared) = (path.to_owned(), Arc::downgrade(shared));
        self.0.push(Entry { path, process: std::process::id(), shared });
    }

    /// It is closed: nothing of this process is at the file any more.
    pub(super) fn remove(&mut self, closed: &Shared) {
        self.0.retain(|entry| !std::ptr::eq(entry.shared.as_ptr(), closed));
    }

    /// The opening of this file, unless it is about to be closed.
    pub(super) fn shared(&self, path: &Path) -> Option<Arc<Shared>> {
        self.0.iter().filter(|entry| entry.path == path).find_map(|entry| entry.shared.upgrade())
    }

    /// An error where it was opened before this process was forked off: SQLite then believes that it holds
    /// locks which only the parent has.
    fn has(&self, path: &Path) -> Result<bool, StoreError> {
        let mut same = self.0.iter().filter(|entry| entry.path == path).peekable();
        let open = same.peek().is_some();
        if same.any(|entry| entry.process != std::process::id()) { Err(forked(path)) } else { Ok(open) }
    }
}

/// Which file it was that was opened under a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity(#[cfg(unix)] (u64, u64));

impl Identity {
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let metadata = fs::metadata(path).map_err(|error| unreachable(path, error))?;
        Ok(Self::of_metadata(&metadata))
    }

    /// An error where the path leads to another file by now, or to none: what was written then would be
    /// found by nobody.
    pub(super) fn check(&self, path: &Path) -> Result<(), StoreError> {
        let there = fs::metadata(path).map(|metadata| Self::of_metadata(&metadata));
        if there.as_ref().is_ok_and(|there| there == self) {
            return Ok(());
        }
        let path = path.display();
        Err(StoreError::new(format!(
            "{path} was moved, deleted or replaced while it was open: put it back, or restart to begin anew"
        )))
    }

    #[cfg(unix)]
    fn of_metadata(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self((metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of_metadata(_: &Metadata) -> Self {
        Self()
    }
}

/// Whether two looks at files have found the same one.
#[cfg(unix)]
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// A file that is open cannot be replaced there.
#[cfg(not(unix))]
pub(super) fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Which log it is that is written to, and which index it has. Empty where there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogId(String);

impl LogId {
    /// Those at their places.
    pub(super) fn at(store: &Path) -> Self {
        let id = |suffix| fs::metadata(beside(store, suffix)).ok().map(|file| number(&file));
        Self(id("-wal").zip(id("-shm")).map(|(log, index)| format!("{log} {index}")).unwrap_or_default())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(unix)]
fn number(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{:x}:{:x}", metadata.dev(), metadata.ino())
}

/// A file that is open cannot be replaced there.
#[cfg(not(unix))]
fn number(_: &Metadata) -> String {
    "there".to_owned()
}

fn create(path: &Path) -> Result<PathBuf, StoreError> {
    if fs::symlink_metadata(path).is_ok() {
        let path = path.display();
        return Err(StoreError::new(format!(
            "{path} is a symbolic link that leads nowhere: make what it leads to, or remove it"
        )));
    }
    let Some(name) = path.file_name() else { return Err(no_file(path)) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(folder).map_err(|error| unreachable(path, error))?;
    let path = folder.join(name);
    let created = match private().create_new(true).open(&path) {
        Ok(_) => Ok(()),
        // Another process was quicker: its file is as good.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    };
    created.map_err(|error| unwritable(&path, error))?;
    sync_folder(&path).map_err(|error| unwritable(&path, error))?;
    Ok(path)
}

/// A name is on disk once its folder is.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        return fs::File::open(folder)?.sync_all();
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

pub(super) fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    if metadata.is_dir() {
        return Err(no_file(path));
    }
    if !metadata.is_file() {
        let path = path.display();
        return Err(StoreError::new(format!("{path} is no ordinary file: name one that is, or a new one")));
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(metadata) > 1 {
        let path = path.display();
        return Err(StoreError::new(format!(
            "{path} has several names (hard links), and a store used under two of them is lost: \
             remove the others, or use a symbolic link"
        )));
    }
    Ok(())
}

pub(super) fn check_header(path: &Path, version: u32) -> Result<(), StoreError> {
    let mut header = Vec::with_capacity(HEADER);
    let mut read = || {
        let file = private().open(path)?;
        let length = file.metadata()?.len();
        file.take(HEADER as u64).read_to_end(&mut header)?;
        Ok(length)
    };
    let length = read().map_err(|error| unwritable(path, error))?;
    if header.is_empty() {
        return Ok(());
    }
    if !header.starts_with(MAGIC) {
        let path = path.display();
        return Err(StoreError::new(format!(
            "{path} is no SQLite file, and is left as it is: name another file, or move it away"
        )));
    }
    let number =
        |at: usize| header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    match (number(APPLICATION_ID), number(USER_VERSION)) {
        (Some(schema::APPLICATION_ID), Some(found)) if found > version => Err(later(path, found, version)),
        (Some(schema::APPLICATION_ID), Some(_)) if length % page_size(&header) != 0 && !has_log(path) => {
            Err(damaged(path, "it ends within a page"))
        }
        (Some(schema::APPLICATION_ID), Some(_)) => Ok(()),
        (Some(_), _) => Err(foreign(path)),
        (None, _) => Err(damaged(path, "it ends within its header")),
    }
}

fn page_size(header: &[u8]) -> u64 {
    let size = header.get(PAGE_SIZE..PAGE_SIZE + 2).and_then(|bytes| bytes.try_into().ok());
    match size.map(u16::from_be_bytes) {
        // 65,536 does not fit.
        None | Some(0 | 1) => 65_536,
        Some(size) => size.into(),
    }
}

/// Whether something is still to be brought into the file, which SQLite does when it opens it.
fn has_log(path: &Path) -> bool {
    ["-wal", "-journal"].iter().any(|log| fs::metadata(beside(path, log)).is_ok_and(|log| log.len() > 0))
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(suffix);
    path.into()
}

#[cfg(unix)]
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;

    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let file = path.display();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|error| {
        StoreError::new(format!(
            "{file} holds secrets and others may read or write it, which only its owner can change ({error}): chmod 600 it"
        ))
        .caused_by(error)
    })?;
    tracing::warn!(%file, "others could read or write a store, which holds secrets; its mode is 0600 now");
    Ok(())
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

pub(super) fn no_file(path: &Path) -> StoreError {
    if path.as_os_str().is_empty() {
        return StoreError::new("the path of the store's file is empty: name a file, such as avatar.db");
    }
    let path = path.display();
    StoreError::new(format!("{path} is a folder: name a file in it, such as avatar.db"))
}

pub(super) fn unreachable(path: &Path, error: io::Error) -> StoreError {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "its folder does not exist: make it first".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!("this user may not look into its folder ({error}): change that, or name another file")
        }
        io::ErrorKind::NotADirectory => "a part of this path is no folder: name another file".to_owned(),
        _ => format!("the path cannot be followed ({error}): name another file"),
    };
    StoreError::new(format!("the store {} cannot be opened: {what}", path.display())).caused_by(error)
}

pub(super) fn unwritable(path: &Path, error: io::Error) -> StoreError {
    let what = match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "this user may not read and write it or its folder ({error}): change that, or name another file"
        ),
        io::ErrorKind::ReadOnlyFilesystem => "its disk is read-only: name a file on another".to_owned(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("there is no space left for it ({error}): free some")
        }
        _ => format!("{error}: check the disk, or name another file"),
    };
    StoreError::new(format!("the store {} cannot be opened: {what}", path.display())).caused_by(error)
}
