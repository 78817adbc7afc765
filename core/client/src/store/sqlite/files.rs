//! Checks of the file before SQLite opens it: where it is, whether it is a store, and who may read it.

use std::ffi::OsString;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::errors::{damaged, foreign, later};
use super::schema;
use crate::store::error::StoreError;

/// The first bytes of every SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The length of the header, and the offsets in it of the page size and of the two numbers that an application
/// may choose.
const HEADER: usize = 100;
const PAGE_SIZE: usize = 16;
const USER_VERSION: usize = 60;
const APPLICATION_ID: usize = 68;

/// What stands beside a store under a name that another user of the computer can guess.
const BESIDE: [&str; 4] = ["-wal", "-shm", "-journal", "-lock"];

/// Returns the path of the file to open. The file is a store or empty, and only its owner may read it.
///
/// The header is read as plain bytes. SQLite itself would write to a file that a crash left unfinished, even to
/// the file of another program.
pub(super) fn find_or_create(
    path: &Path,
    is_open_here: impl FnOnce(&Path) -> Result<bool, StoreError>,
    version: u32,
) -> Result<PathBuf, StoreError> {
    let path = match find(path)? {
        Some(path) => path,
        None => create(path)?,
    };
    check_folder(&path)?;
    let metadata = fs::metadata(&path).map_err(|error| unreachable(&path, error))?;
    check_kind(&path, &metadata)?;
    check_owner(&path, &metadata)?;
    for suffix in BESIDE {
        check_beside(&beside(&path, suffix))?;
    }
    // The header is not read while the file is open here: closing a file drops all locks that this process has
    // on it, SQLite's locks among them.
    if !is_open_here(&path)? {
        check_header(&path, version)?;
    }
    for path in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
        make_private(&path)?;
    }
    Ok(path)
}

/// Returns the path with its symbolic links resolved, or `None` if there is no file.
fn find(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(Some(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreachable(path, error)),
    }
}

/// Options to open a file that only its owner may read and write.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Identifies the file that was opened under a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity(#[cfg(unix)] (u64, u64));

impl Identity {
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let metadata = fs::metadata(path).map_err(|error| unreachable(path, error))?;
        Ok(Self::of_metadata(&metadata))
    }

    /// Fails if the path leads to another file by now, or to none. The next opening would not find what was
    /// written to the old one.
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

/// Whether the two metadata are of the same file.
#[cfg(unix)]
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// On these systems a file that is open cannot be replaced.
#[cfg(not(unix))]
pub(super) fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Identifies a log and its index. Empty if there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogId(String);

impl LogId {
    /// The log and the index that stand beside the store now.
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

/// On these systems a file that is open cannot be replaced.
#[cfg(not(unix))]
fn number(_: &Metadata) -> String {
    "there".to_owned()
}

/// Makes an empty file. Another process may make it at the same moment, which is as good.
fn create(path: &Path) -> Result<PathBuf, StoreError> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        let path = path.display();
        return Err(StoreError::new(format!(
            "{path} is a symbolic link that leads nowhere: make what it leads to, or remove it"
        )));
    }
    let Some(name) = path.file_name() else { return Err(no_file(path)) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(folder).map_err(|error| unreachable(path, error))?;
    let path = folder.join(name);
    check_folder(&path)?;
    match private().create_new(true).open(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unwritable(&path, error)),
    }
    sync_folder(&path).map_err(|error| unwritable(&path, error))?;
    Ok(path)
}

/// Flushes the folder of a file to disk, and with it the file's name.
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

/// Fails if every user of the computer may put another file into the place of this one. The sticky bit, as `/tmp` has
/// it, keeps them from that. The group's right to write is left alone: it is given on purpose, to a container's volume
/// for one.
#[cfg(unix)]
fn check_folder(file: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;

    let Some(folder) = file.parent() else { return Ok(()) };
    let mode = fs::metadata(folder).map_err(|error| unreachable(file, error))?.permissions().mode();
    if mode & 0o002 == 0 || mode & 0o1000 != 0 {
        return Ok(());
    }
    let (file, folder) = (file.display(), folder.display());
    Err(StoreError::new(format!(
        "the store {file} holds secrets, and every user of this computer may replace it, because all may write into \
         {folder}: chmod o-w that folder, or name a file in one that is yours alone"
    )))
}

#[cfg(not(unix))]
fn check_folder(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// Fails if the file is another user's. Root could open it all the same, and would read what that user wrote into it.
#[cfg(unix)]
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let owner = std::os::unix::fs::MetadataExt::uid(metadata);
    let us = nix::unistd::geteuid().as_raw();
    // What is closed to a user who is not root is said with the system's own error, when it is opened.
    if owner == us || us != 0 {
        return Ok(());
    }
    let path = path.display();
    Err(StoreError::new(format!(
        "{path} belongs to the user with the id {owner}, and this program runs as root: run it as that user, or \
         chown the store and the files beside it to root"
    )))
}

#[cfg(not(unix))]
fn check_owner(_: &Path, _: &Metadata) -> Result<(), StoreError> {
    Ok(())
}

/// Fails if this library has not made what stands beside the store. A symbolic link would have this process
/// change and write what the link leads to.
fn check_beside(path: &Path) -> Result<(), StoreError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if metadata.is_symlink() || !metadata.is_file() {
        let file = path.display();
        return Err(StoreError::new(format!(
            "{file} is no ordinary file, and a store keeps one of its own there: look who made it, and remove it"
        )));
    }
    check_owner(path, &metadata)
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
        // 65,536 does not fit into two bytes: 1 stands for it.
        None | Some(0 | 1) => 65_536,
        Some(size) => size.into(),
    }
}

/// Whether a log holds changes that are not in the file yet. SQLite writes them there when it opens the file.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Between the look for the file and its making, another process may make it.
    #[test]
    fn a_file_that_another_process_has_just_made_is_taken() {
        let folder = std::env::temp_dir().join(format!("secondme-avatar-files-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("avatar.db");
        assert_eq!(find(&path).unwrap(), None);
        fs::write(&path, "").unwrap();
        assert_eq!(create(&path).unwrap(), fs::canonicalize(&path).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }
}
