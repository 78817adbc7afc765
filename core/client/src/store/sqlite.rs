//! A store that is a file.

mod backup;
mod errors;
mod files;
mod guard;
mod guarded;
mod lock_file;
mod open_file;
mod owner;
mod rows;
mod schema;
mod visitors;

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{OptionalExtension, Transaction};
use secondme_avatar_protocol::{Record, VisitorId};

use super::error::StoreError;
use super::leftover::group;
use super::{AvatarRef, Change, KnownVisitor, Leftover, Store, StoreCounts};
use errors::forked;
use open_file::OpenFile;
use owner::{Owner, OwnerId};

const LOAD: &str = "SELECT record FROM records WHERE avatar = ?1 AND visitor = ?2";
const SAVE_RECORD: &str = "INSERT INTO records (avatar, visitor, record, saved)
    VALUES (?1, ?2, ?3, (SELECT coalesce(max(saved), 0) + 1 FROM records WHERE avatar = ?1))
    ON CONFLICT (avatar, visitor) DO UPDATE SET record = excluded.record, saved = excluded.saved";
const SAVE_MESSAGE: &str = "INSERT INTO messages (avatar, visitor, message_id, owner, message) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (avatar, visitor, message_id) DO UPDATE SET owner = excluded.owner, message = excluded.message";
const FORGET_MESSAGE: &str = "DELETE FROM messages WHERE avatar = ?1 AND visitor = ?2 AND message_id = ?3";
const OWNERS: &str = "SELECT DISTINCT owner FROM messages WHERE avatar = ?1";
const MESSAGES: &str =
    "SELECT position, visitor, owner, message FROM messages WHERE avatar = ?1 ORDER BY position";
const TAKE_OVER: &str = "UPDATE messages SET owner = ?2 WHERE position = ?1";

/// Keeps everything in one SQLite file: what a restart needs to go on where the process stood.
///
/// ```
/// use secondme_avatar::{ApiKey, AvatarRef, BaseUrl, Change, SqliteStore, Store, Visitor};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("secondme-avatar-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("avatar.db");
/// let store = SqliteStore::open(&path)?;
///
/// // A client calls these by itself; a program that looks into its file may as well.
/// let key: ApiKey = "sk-example".parse()?;
/// let avatar = AvatarRef::new(&key, &BaseUrl::default());
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
/// **Saved is on disk.** [`save`](Store::save) returns after the disk has confirmed (`synchronous=FULL`
/// in a write-ahead log), so neither `kill -9` nor a power cut takes back what it promised. That costs
/// one flush of the disk, a fraction of a millisecond to some milliseconds, for a call and not for a
/// change: a hundred changes in one call cost as much as one.
///
/// **Secrets.** The file holds visitor tokens and the text of unsent messages, unencrypted. On Unix it
/// and the files beside it have mode 0600 from their first byte; a store that others may read, or write,
/// is made 0600 when it is opened. On Windows the folder's permissions hold. What is overwritten or
/// settled is zeroed in the file, as far as SQLite's `secure_delete` goes.
///
/// **Several processes, and several stores in one process, may share a file.** They take turns by a lock on
/// a file of its own beside the store, `NAME-lock`. A message belongs to the store that kept it, for as long
/// as that one lives: it holds a lock on another file, `NAME-owner-…`. Leave these files alone: an owner's
/// that is missing says that its store is gone. [`adopt`](Store::adopt) takes over the messages of those that
/// are gone, and no two adopters get the same one. A visitor belongs to the store that
/// [claimed](Store::claim) it last: records that another one saves of it are passed over; without a claim
/// the last writer wins. In a child made by `fork` without `exec`, a store that was opened before is an
/// error, and so is opening its file again: open it after the fork only. While such a child lives, its
/// parent counts as alive.
///
/// **Other programs may look into the file**, in this process too, by another copy of SQLite (such as Python's
/// `sqlite3`): nothing that was saved is lost by it. On Linux and Android the store's log is guarded by locks
/// of the open file description, which closing the file elsewhere does not drop. On other systems, a log that
/// was removed or replaced is noticed before and after each transaction: the file is opened anew, and what
/// stood in the old log is saved first. Do not write to it, and do not remove the files beside it.
///
/// **Copies.** [`backup`](Store::backup) makes a safe copy while the store is in use, mode 0600, in the place of
/// an earlier copy if there is one. A copy by `cp` may be of two moments, so do not use one. Only one of the
/// two may then be used: messages that are still to be sent stand in both.
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
/// **Where the file may be.** On a disk of this machine: the log needs shared memory, which network
/// drives do not have. Symbolic links are followed; hard links are refused, since a log belongs to one
/// name. An empty file becomes a store. While a store is open, nobody may move or delete its file: that is
/// noticed, and every call fails from then on, rather than saving to nowhere.
///
/// The feature `sqlite`, which is on by default, builds SQLite in; that takes a C compiler, as `ring` does.
pub struct SqliteStore {
    file: Arc<OpenFile>,
    process: u32,
    owner: Owner,
    /// Messages that cannot be read and have been spoken of.
    reported: Mutex<HashSet<i64>>,
}

impl SqliteStore {
    /// Opens the store in this file, and makes it where there is none; the folder must exist.
    ///
    /// # Errors
    ///
    /// Fails where the file is none of this library (another SQLite file, or none at all), damaged, of a
    /// later version of the library, or may not be read and written; where the path leads to no file; and
    /// where another process keeps the file locked for more than 10 s. The text says what to do. A file
    /// that is refused is left as it is, byte by byte; a damaged store that others may read is closed to
    /// them all the same.
    ///
    /// The first opening in a process checks the whole file, tables against indexes: 8 ms for 10,000 visitors (10 MB)
    /// on the machine this was written on. A store of an earlier version of the library is brought up to
    /// date.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path.as_ref(), schema::MIGRATIONS)
    }

    /// Where the file is, with symbolic links followed.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    fn open_with(path: &Path, migrations: &[&str]) -> Result<Self, StoreError> {
        let file = OpenFile::open(path, migrations)?;
        let owner = Owner::enter(file.path())?;
        Ok(Self { file, process: std::process::id(), owner, reported: Mutex::default() })
    }

    /// The file, where it may be used.
    fn file(&self) -> Result<&OpenFile, StoreError> {
        if self.process == std::process::id() { Ok(&self.file) } else { Err(forked(self.path())) }
    }
}

impl Store for SqliteStore {
    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        let text = self.file()?.read(|connection| {
            let mut load = connection.prepare_cached(LOAD)?;
            load.query_row((avatar.to_string(), visitor.as_str()), |row| rows::text(row, 0)).optional()
        })?;
        let Some(text) = text else { return Ok(None) };
        rows::read_record(&text, visitor).map(Some).map_err(|unreadable| {
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
        // Written as text before the file is locked for everyone else.
        let changes = changes.iter().map(ChangeRow::of).collect::<Result<Vec<_>, _>>()?;
        let avatar = avatar.to_string();
        self.file()?.write(|transaction| {
            for change in &changes {
                // The record of the one who has the visitor is the newer one.
                if let ChangeRow::SaveRecord(visitor, _) = change
                    && self.is_elsewhere(transaction, &avatar, visitor)?
                {
                    continue;
                }
                change.write(transaction, &avatar, self.owner.id())?;
            }
            Ok(())
        })
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        let avatar = avatar.to_string();
        let (messages, gone) = self.file()?.write(|transaction| {
            let gone = self.gone(transaction, &avatar)?;
            let mut messages = Vec::new();
            let theirs = |owner| owner == self.owner.id() || gone.contains(&owner);
            for stored in StoredMessage::of(transaction, &avatar, theirs)? {
                match rows::read_message(&stored.message, &stored.visitor) {
                    Ok((visitor, message)) => {
                        if stored.owner != self.owner.id() {
                            transaction
                                .prepare_cached(TAKE_OVER)?
                                .execute((stored.position, self.owner.id()))?;
                        }
                        messages.push((visitor, message));
                    }
                    // It stays whose it was: a later version of the library may know how to read it.
                    Err(unreadable) if self.is_first_report(stored.position) => {
                        let (store, visitor) = (self.path().display(), &stored.visitor);
                        tracing::warn!(
                            %store, %visitor,
                            "a kept message cannot be read, and stays where it is: {unreadable}"
                        );
                    }
                    Err(_) => {}
                }
            }
            Ok((messages, gone))
        })?;
        // From here on the messages are this store's, and nobody asks for the former owners any more.
        self.owner.sweep(&gone);
        Ok(group(messages))
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        self.read_known(avatar)
    }

    fn count(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        self.read_counts(avatar)
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

impl SqliteStore {
    fn is_first_report(&self, position: i64) -> bool {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(position)
    }

    /// Which of those that have messages are gone.
    fn gone(&self, transaction: &Transaction<'_>, avatar: &str) -> rusqlite::Result<HashSet<OwnerId>> {
        let mut owners = transaction.prepare_cached(OWNERS)?;
        let owners = owners.query_map([avatar], |row| row.get(0))?;
        let mut gone = owners.collect::<rusqlite::Result<HashSet<OwnerId>>>()?;
        gone.retain(|owner| self.owner.is_gone(*owner));
        Ok(gone)
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
            // In a forked child: to close it would be to meddle with the parent's locks.
            std::mem::forget(Arc::clone(&self.file));
        }
    }
}

/// A change as it is written.
enum ChangeRow<'a> {
    SaveRecord(&'a VisitorId, String),
    SaveMessage(&'a VisitorId, &'a str, String),
    ForgetMessage(&'a VisitorId, &'a str),
}

impl<'a> ChangeRow<'a> {
    fn of(change: &'a Change) -> Result<Self, StoreError> {
        Ok(match change {
            Change::SaveRecord(record) => Self::SaveRecord(&record.visitor_id, rows::write_record(record)?),
            Change::SaveMessage(visitor, message) => Self::SaveMessage(
                visitor.id(),
                message.message_id.as_str(),
                rows::write_message(visitor, message)?,
            ),
            Change::ForgetMessage(visitor, message) => Self::ForgetMessage(visitor, message.as_str()),
        })
    }

    fn write(&self, transaction: &Transaction<'_>, avatar: &str, owner: OwnerId) -> rusqlite::Result<()> {
        match self {
            Self::SaveRecord(visitor, record) => {
                transaction.prepare_cached(SAVE_RECORD)?.execute((avatar, visitor.as_str(), record))?
            }
            Self::SaveMessage(visitor, id, message) => transaction
                .prepare_cached(SAVE_MESSAGE)?
                .execute((avatar, visitor.as_str(), id, owner, message))?,
            Self::ForgetMessage(visitor, id) => {
                transaction.prepare_cached(FORGET_MESSAGE)?.execute((avatar, visitor.as_str(), id))?
            }
        };
        Ok(())
    }
}

/// A message as it stands in the file.
struct StoredMessage {
    position: i64,
    visitor: String,
    owner: OwnerId,
    message: Vec<u8>,
}

impl StoredMessage {
    /// Those of these owners.
    fn of(
        transaction: &Transaction<'_>,
        avatar: &str,
        owns: impl Fn(OwnerId) -> bool,
    ) -> rusqlite::Result<Vec<Self>> {
        let mut messages = transaction.prepare_cached(MESSAGES)?;
        let mut messages = messages.query([avatar])?;
        let mut found = Vec::new();
        while let Some(row) = messages.next()? {
            let owner = row.get(2)?;
            if owns(owner) {
                let visitor = String::from_utf8_lossy(&rows::text(row, 1)?).into_owned();
                found.push(Self { position: row.get(0)?, visitor, owner, message: rows::text(row, 3)? });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
