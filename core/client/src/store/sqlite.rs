//! A store in an SQLite file.

mod avatars;
mod backup;
mod errors;
mod files;
mod guard;
mod guarded;
mod lock_file;
mod messages;
mod notes;
mod open_file;
mod owner;
mod people;
mod rows;
mod schema;
mod visitors;

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, Transaction};
use secondme_avatar_protocol::{Record, Text, VisitorId};

use super::error::StoreError;
use super::openings::Openings;
use super::seal::Seal;
use super::{
    AvatarRef, Change, Idle, KeyRef, KnownVisitor, Leftover, Note, NoteChange, Store, StoreCounts, StoredRow,
};
use errors::forked;
use open_file::OpenFile;
use owner::{Owner, OwnerId};
use rows::Rows;

const LOAD: &str = "SELECT record FROM records WHERE avatar = ?1 AND visitor = ?2";
const SAVE_RECORD: &str = "INSERT INTO records (avatar, visitor, record, saved, saved_at)
    VALUES (?1, ?2, ?3, (SELECT coalesce(max(saved), 0) + 1 FROM records WHERE avatar = ?1), ?4)
    ON CONFLICT (avatar, visitor) DO UPDATE
    SET record = excluded.record, saved = excluded.saved, saved_at = excluded.saved_at";
const SAVE_MESSAGE: &str = "INSERT INTO messages (avatar, visitor, message_id, owner, message, saved_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (avatar, visitor, message_id) DO UPDATE
    SET owner = excluded.owner, message = excluded.message, saved_at = excluded.saved_at";
const FORGET_MESSAGE: &str = "DELETE FROM messages WHERE avatar = ?1 AND visitor = ?2 AND message_id = ?3";

/// Keeps everything in one SQLite file, so that a restarted process resumes where the last one stopped.
///
/// ```
/// use secondme_avatar::{AvatarRef, SqliteStore, Store, Visitor};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("secondme-avatar-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("avatar.db");
/// let store = SqliteStore::open(&path)?;
///
/// // A client calls these by itself; a program that looks into its file may as well.
/// let avatar = AvatarRef::of_avatar("its-share-code", "its-owner-s-user-id");
/// let ada = Visitor::for_user("web", "ada")?;
/// assert_eq!(store.load(&avatar, ada.id())?, None);
/// assert!(store.adopt(&avatar)?.is_empty());
/// # drop(store);
///
/// // What is no store of this library is left as it is.
/// let letter = folder.join("letter.txt");
/// std::fs::write(&letter, "Dear Ada")?;
/// let error = SqliteStore::open(&letter).unwrap_err();
/// assert!(error.to_string().contains("is no SQLite file"));
/// assert_eq!(std::fs::read_to_string(&letter)?, "Dear Ada");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// **Durability.** [`save`](Store::save) returns after the disk has confirmed the write (`synchronous=FULL` in a
/// write-ahead log). Neither `kill -9` nor a power cut undoes it. Each call costs one flush of the disk, a fraction
/// of a millisecond to some milliseconds, however many changes it has.
///
/// **Secrets.** The file holds visitor tokens, notes and the text of unsent messages, unencrypted unless there is a
/// [seal](Self::seal). On Unix the file and
/// those beside it have mode 0600 from the start; a store with another mode is changed to 0600 when it is opened.
/// A folder into which every user of the computer may write is refused, unless it has the sticky bit (`/tmp`); so are
/// files of another user where the program runs as root, and a symbolic link in the place of a file beside the store.
/// On Windows the folder's permissions count. Deleted data is overwritten with zeros, as far as SQLite's
/// `secure_delete` does so.
///
/// **Several stores on one file**, in one process or in several, are allowed. A lock on the file `NAME-lock` beside
/// the store lets one at a time use it. A message belongs to the store that saved it while that store is open,
/// which a lock on the file `NAME-owner-…` shows. Do not remove these files: without its owner file a store counts
/// as gone. [`adopt`](Store::adopt) takes over the messages of stores that are gone, and each message goes to one
/// adopter. A visitor belongs to the store that [claimed](Store::claim) it last. Records of it from other stores
/// are skipped; without a claim the last write wins.
///
/// **Forks.** In a child made by `fork` without `exec`, a store that was opened before the fork is an error, and so
/// is opening its file again: open it after the fork. While such a child lives, its parent counts as alive.
///
/// **Other programs may read the file**, also in this process with another copy of SQLite (such as Python's
/// `sqlite3`), and saved data stays safe. On Linux and Android, locks of the open file description guard the log;
/// closing the file elsewhere does not release them. On other systems, each transaction checks whether the log was
/// removed or replaced. If so, the old log is saved and the file is opened again. Do not write to the file, and do
/// not remove the files beside it.
///
/// **Copies.** [`backup`](Store::backup) makes a consistent copy while the store is in use, with mode 0600, and
/// replaces an earlier copy. Do not use `cp`: its copy may mix two moments. Use only one of the two afterwards:
/// unsent messages are in both.
///
/// ```
/// # use secondme_avatar::{SqliteStore, Store};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("secondme-avatar-copy-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let store = SqliteStore::open(folder.join("avatar.db"))?;
/// store.backup(&folder.join("copy.db"))?;
/// assert!(SqliteStore::open(folder.join("copy.db")).is_ok());
/// # drop(store);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// **Location.** The file must be on a local disk: the log needs shared memory, which network drives do not have.
/// Symbolic links are followed. Hard links are refused, since a log belongs to one name. An empty file becomes a
/// store. Do not move or delete the file while a store is open. Every call fails after that, instead of writing to
/// a file without a name.
///
/// The feature `sqlite`, on by default, compiles SQLite from source, which takes a C compiler.
pub struct SqliteStore {
    file: Arc<OpenFile>,
    process: u32,
    owner: Owner,
    rows: Rows,
    /// Unreadable messages that were logged already.
    reported: Mutex<HashSet<i64>>,
    openings: Openings,
    /// Since when there may be copies of settled texts in the file.
    deleted: Mutex<Option<Instant>>,
    /// Visitors were deleted, and the file was not scrubbed since.
    forgot: AtomicBool,
}

impl SqliteStore {
    /// Opens the store in this file. Makes the file if it does not exist; its folder must exist.
    ///
    /// # Errors
    ///
    /// Fails if the file is not a store, is damaged, was written by a later version of the library, or may not
    /// be read and written; if the path does not lead to a file; and if another process keeps the file locked
    /// for more than 10 s. The text says what to do. A refused file stays as it is, byte by byte, except that a
    /// damaged store which others may read gets the mode 0600.
    ///
    /// The first opening in a process checks the whole file, tables against indexes. That took 8 ms for 10,000
    /// visitors (10 MB) on the machine of the author. A store of an earlier version is migrated.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path.as_ref(), schema::MIGRATIONS)
    }

    /// Seals what is written from now on: records, messages and notes, and with them tokens, names, tags and what people
    /// say. Not sealed are visitor ids, message ids, the keys of notes, times and the names of avatars, by which rows are
    /// found.
    ///
    /// Rows that were written before, without a seal, are read as they are, and are sealed when they are next written.
    /// A row that cannot be unsealed stays where it is: loading its visitor fails, and a kept message is logged and not
    /// sent. Earlier versions of this library take sealed rows for those of a later version.
    #[must_use]
    pub fn seal(mut self, seal: impl Seal) -> Self {
        self.rows.seal = Some(Box::new(seal));
        self
    }

    /// The path of the file, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    fn open_with(path: &Path, migrations: &[&str]) -> Result<Self, StoreError> {
        let file = OpenFile::open(path, migrations)?;
        let owner = Owner::enter(file.path())?;
        Ok(Self {
            file,
            process: std::process::id(),
            owner,
            rows: Rows::default(),
            reported: Mutex::default(),
            openings: Openings::default(),
            deleted: Mutex::default(),
            forgot: AtomicBool::new(false),
        })
    }

    /// The file. Fails in a forked child.
    fn file(&self) -> Result<&OpenFile, StoreError> {
        if self.process == std::process::id() { Ok(&self.file) } else { Err(forked(self.path())) }
    }
}

impl Store for SqliteStore {
    fn avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        self.read_avatar_of(key)
    }

    fn identify(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        self.note_key(key, avatar)
    }

    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        let text = self.file()?.read(|connection| {
            let mut load = connection.prepare_cached(LOAD)?;
            load.query_row((avatar.to_string(), visitor.as_str()), |row| rows::text(row, 0)).optional()
        })?;
        self.openings.note_loaded(avatar, visitor, text.is_some());
        let Some(text) = text else { return Ok(None) };
        self.rows.read_record(&text, visitor).map(Some).map_err(|unreadable| {
            StoreError::new(format!(
                "what {} keeps of {visitor} cannot be read: {unreadable}; it is left as it is",
                self.path().display()
            ))
        })
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        // Made before the file is locked.
        let changes =
            changes.iter().map(|change| ChangeRow::of(change, &self.rows)).collect::<Result<Vec<_>, _>>()?;
        let (name, now) = (avatar.to_string(), now());
        self.file()?.write(|transaction| {
            for change in &changes {
                // The store that has claimed the visitor has the newer record.
                if let ChangeRow::SaveRecord(visitor, _) = change
                    && (self.openings.is_forgotten(avatar, visitor)
                        || self.is_elsewhere(transaction, &name, visitor)?)
                {
                    continue;
                }
                change.write(transaction, &name, self.owner.id(), now)?;
            }
            Ok(())
        })?;
        if changes.iter().any(|change| matches!(change, ChangeRow::ForgetMessage(..))) {
            self.note_deleted();
        }
        Ok(())
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        self.adopt_messages(avatar)
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        self.read_known(avatar)
    }

    fn avatars(&self) -> Result<Vec<AvatarRef>, StoreError> {
        self.read_avatars()
    }

    fn rename(&self, from: &AvatarRef, to: &AvatarRef) -> Result<(), StoreError> {
        self.move_rows(from, to)
    }

    fn count(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        self.read_counts(avatar)
    }

    fn forget(&self, avatars: &[AvatarRef], visitor: &VisitorId) -> Result<(), StoreError> {
        self.forget_visitor(avatars, visitor)
    }

    fn export(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Vec<StoredRow>, StoreError> {
        self.read_rows(avatar, visitor)
    }

    fn forget_idle(&self, avatars: &[AvatarRef], idle: &Idle) -> Result<Vec<VisitorId>, StoreError> {
        self.forget_idle_visitors(avatars, idle)
    }

    fn scrub(&self) -> Result<(), StoreError> {
        self.scrub_file()
    }

    fn tidy(&self) -> Result<Option<Duration>, StoreError> {
        self.tidy_up()
    }

    fn change_notes(
        &self,
        avatar: &AvatarRef,
        changes: &[NoteChange],
        now: SystemTime,
    ) -> Result<Vec<bool>, StoreError> {
        self.write_notes(avatar, changes, now)
    }

    fn note(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
        key: &str,
        now: SystemTime,
    ) -> Result<Option<Text>, StoreError> {
        self.read_note(avatar, visitor, key, now)
    }

    fn notes(&self, avatar: &AvatarRef, prefix: &str, now: SystemTime) -> Result<Vec<Note>, StoreError> {
        self.read_notes(avatar, prefix, now)
    }

    fn claim(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        self.write_claims(avatar, visitors)
    }

    fn release(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        self.give_up_claims(avatar, visitors)
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.copy_to(to)
    }

    fn is_claimed_elsewhere(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<bool, StoreError> {
        let avatar = avatar.to_string();
        self.file()?.read(|connection| self.is_elsewhere(connection, &avatar, visitor))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path()).field("owner", &self.owner).finish()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.owner.leave();
        } else {
            // In a forked child: closing the file would drop locks of the parent.
            std::mem::forget(Arc::clone(&self.file));
        }
    }
}

/// The present moment as it is written to the file: milliseconds since 1970.
fn now() -> i64 {
    millis(SystemTime::now())
}

fn millis(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A change as it is written to the file.
enum ChangeRow<'a> {
    SaveRecord(&'a VisitorId, String),
    SaveMessage(&'a VisitorId, &'a str, String),
    ForgetMessage(&'a VisitorId, &'a str),
}

impl<'a> ChangeRow<'a> {
    fn of(change: &'a Change, rows: &Rows) -> Result<Self, StoreError> {
        Ok(match change {
            Change::SaveRecord(record) => Self::SaveRecord(&record.visitor_id, rows.write_record(record)?),
            Change::SaveMessage(visitor, message) => Self::SaveMessage(
                visitor.id(),
                message.message_id.as_str(),
                rows.write_message(visitor, message)?,
            ),
            Change::ForgetMessage(visitor, message) => Self::ForgetMessage(visitor, message.as_str()),
        })
    }

    fn write(
        &self,
        transaction: &Transaction<'_>,
        avatar: &str,
        owner: OwnerId,
        now: i64,
    ) -> rusqlite::Result<()> {
        match self {
            Self::SaveRecord(visitor, record) => {
                transaction.prepare_cached(SAVE_RECORD)?.execute((avatar, visitor.as_str(), record, now))?
            }
            Self::SaveMessage(visitor, id, message) => transaction
                .prepare_cached(SAVE_MESSAGE)?
                .execute((avatar, visitor.as_str(), id, owner, message, now))?,
            Self::ForgetMessage(visitor, id) => {
                transaction.prepare_cached(FORGET_MESSAGE)?.execute((avatar, visitor.as_str(), id))?
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
