//! Notes of the program's.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Transaction};
use secondme_avatar_protocol::{Text, VisitorId};

use super::rows::{self, Rows, Unreadable};
use super::{SqliteStore, millis, now};
use crate::store::error::StoreError;
use crate::store::{AvatarRef, Note, NoteChange};

/// When to look again for notes that have expired: not sooner, and not later.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(60 * 60));

/// The texts and times of a visitor's notes.
pub(super) const NOTES: &str = "SELECT note, saved_at FROM notes WHERE avatar = ?1 AND visitor = ?2";

const STORED: &str = "SELECT key, note, saved_at, expires_at FROM notes WHERE avatar = ?1 AND visitor = ?2
    ORDER BY position";
/// `key` and `note` are those of the row with the last position.
const NOTED: &str = "SELECT visitor, key, note,
        (SELECT max(saved_at) FROM notes AS same WHERE same.avatar = notes.avatar AND same.visitor = notes.visitor),
        count(*), max(position)
    FROM notes WHERE avatar = ?1 GROUP BY visitor";
const GET: &str = "SELECT note FROM notes WHERE avatar = ?1 AND key = ?2 AND visitor = ?3
    AND expires_at NOT BETWEEN 1 AND ?4";
/// Where the upper bound is NULL, all that follows counts.
const LIST: &str = "SELECT position, visitor, key, note FROM notes
    WHERE avatar = ?1 AND key >= ?2 AND (?3 IS NULL OR key < ?3) AND expires_at NOT BETWEEN 1 AND ?4
    ORDER BY position";
const EXPIRE: &str = "DELETE FROM notes WHERE avatar = ?1 AND key = ?2 AND visitor = ?3
    AND expires_at BETWEEN 1 AND ?4";
const EXPIRE_ALL: &str = "DELETE FROM notes WHERE expires_at > 0 AND expires_at <= ?1";
const NEXT_EXPIRY: &str = "SELECT min(expires_at) FROM notes WHERE expires_at > 0";
const ADD: &str = "INSERT INTO notes (avatar, key, visitor, note, saved_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (avatar, key, visitor) DO NOTHING";
const SET: &str = "INSERT INTO notes (avatar, key, visitor, note, saved_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (avatar, key, visitor) DO UPDATE
    SET note = excluded.note, saved_at = excluded.saved_at, expires_at = excluded.expires_at";
const DELETE: &str = "DELETE FROM notes WHERE avatar = ?1 AND key = ?2 AND visitor = ?3";

/// A note as it is in the file.
pub(super) struct StoredNote {
    pub(super) key: String,
    pub(super) note: Vec<u8>,
    pub(super) saved_at: i64,
    pub(super) expires_at: i64,
}

/// A visitor with notes, the newest of them, and when one was last written.
pub(super) struct NotedVisitor {
    pub(super) visitor: String,
    pub(super) key: String,
    pub(super) note: Vec<u8>,
    pub(super) saved_at: i64,
    pub(super) count: u64,
}

impl SqliteStore {
    pub(super) fn write_notes(
        &self,
        avatar: &AvatarRef,
        changes: &[NoteChange],
        now: SystemTime,
    ) -> Result<Vec<bool>, StoreError> {
        // Sealed before the file is locked.
        let changes =
            changes.iter().map(|change| NoteRow::of(change, &self.rows)).collect::<Result<Vec<_>, _>>()?;
        let (avatar, now) = (avatar.to_string(), millis(now));
        let changed = self.file()?.write(|transaction| {
            changes.iter().map(|change| change.write(transaction, &avatar, now)).collect()
        });
        self.note_deleted();
        changed
    }

    pub(super) fn read_note(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
        key: &str,
        now: SystemTime,
    ) -> Result<Option<Text>, StoreError> {
        let note = self.file()?.read(|connection| {
            let mut get = connection.prepare_cached(GET)?;
            let by = (avatar.to_string(), key, visitor.as_str(), millis(now));
            get.query_row(by, |row| rows::text(row, 0)).optional()
        })?;
        let Some(note) = note else { return Ok(None) };
        let note = self.rows.read_note(&note, visitor.as_str(), key);
        note.map(|note| Some(note.text)).map_err(|unreadable| {
            StoreError::new(format!(
                "a note of {visitor} in {} cannot be read: {unreadable}; it is left as it is",
                self.path().display()
            ))
        })
    }

    pub(super) fn read_notes(
        &self,
        avatar: &AvatarRef,
        prefix: &str,
        now: SystemTime,
    ) -> Result<Vec<Note>, StoreError> {
        let stored = self.file()?.read(|connection| {
            let mut list = connection.prepare_cached(LIST)?;
            let by = (avatar.to_string(), prefix, after(prefix), millis(now));
            let rows = list.query_map(by, |row| {
                Ok((row.get::<_, i64>(0)?, words(row, 1)?, words(row, 2)?, rows::text(row, 3)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut notes = Vec::new();
        // Unsealing may take its time, so the file is not locked.
        for (position, visitor, key, note) in stored {
            match Unreadable::of(self.rows.read_note(&note, &visitor, &key))? {
                Ok(note) => notes.push(note),
                // Numbers of notes are no numbers of messages.
                Err(unreadable) if self.is_first_report(-position) => {
                    let store = self.path().display();
                    tracing::warn!(
                        target: "secondme_avatar::store", %store, %visitor,
                        "a note cannot be read, and stays where it is: {unreadable}"
                    );
                }
                Err(_) => {}
            }
        }
        Ok(notes)
    }

    /// Deletes the notes of all avatars that have expired. Returns when to look again, where some will expire.
    pub(super) fn forget_expired_notes(&self) -> Result<Option<Duration>, StoreError> {
        let now = now();
        let next = |connection: &Connection| {
            connection.prepare_cached(NEXT_EXPIRY)?.query_row((), |row| row.get::<_, Option<i64>>(0))
        };
        let mut first = self.file()?.read(next)?;
        if first.is_some_and(|first| first <= now) {
            first = self.file()?.write(|transaction| {
                transaction.prepare_cached(EXPIRE_ALL)?.execute([now])?;
                next(transaction)
            })?;
            self.note_deleted();
        }
        let wait = first.map(|first| Duration::from_millis(u64::try_from(first - now).unwrap_or(0)));
        Ok(wait.map(|wait| wait.clamp(LOOK_AGAIN.0, LOOK_AGAIN.1)))
    }

    pub(super) fn stored_notes(
        &self,
        connection: &Connection,
        avatar: &AvatarRef,
        visitor: &VisitorId,
    ) -> rusqlite::Result<Vec<StoredNote>> {
        let mut stored = connection.prepare_cached(STORED)?;
        let stored = stored.query_map((avatar.to_string(), visitor.as_str()), |row| {
            let (key, note) = (words(row, 0)?, rows::text(row, 1)?);
            Ok(StoredNote { key, note, saved_at: row.get(2)?, expires_at: row.get(3)? })
        })?;
        stored.collect()
    }

    pub(super) fn noted_visitors(
        &self,
        connection: &Connection,
        avatar: &AvatarRef,
    ) -> rusqlite::Result<Vec<NotedVisitor>> {
        let mut noted = connection.prepare_cached(NOTED)?;
        let noted = noted.query_map([avatar.to_string()], |row| {
            let (visitor, key, note) = (words(row, 0)?, words(row, 1)?, rows::text(row, 2)?);
            let count = row.get::<_, i64>(4)?.cast_unsigned();
            Ok(NotedVisitor { visitor, key, note, saved_at: row.get(3)?, count })
        })?;
        noted.collect()
    }
}

/// A change as it is written to the file.
enum NoteRow<'a> {
    Write { statement: &'static str, visitor: &'a str, key: &'a str, note: String, expires_at: i64 },
    Delete { visitor: &'a str, key: &'a str },
}

impl<'a> NoteRow<'a> {
    fn of(change: &'a NoteChange, rows: &Rows) -> Result<Self, StoreError> {
        let (statement, note, expires_at) = match change {
            NoteChange::Set { note, expires_at } => (SET, note, expires_at),
            NoteChange::Add { note, expires_at } => (ADD, note, expires_at),
            NoteChange::Delete { visitor, key } => {
                return Ok(Self::Delete { visitor: visitor.as_str(), key });
            }
        };
        Ok(Self::Write {
            statement,
            visitor: note.visitor.id().as_str(),
            key: &note.key,
            note: rows.write_note(note)?,
            // One that expired long ago is not one that never does.
            expires_at: expires_at.map_or(0, |at| millis(at).max(1)),
        })
    }

    /// Returns whether something was changed.
    fn write(&self, transaction: &Transaction<'_>, avatar: &str, now: i64) -> rusqlite::Result<bool> {
        let (Self::Write { visitor, key, .. } | Self::Delete { visitor, key }) = *self;
        transaction.prepare_cached(EXPIRE)?.execute((avatar, key, visitor, now))?;
        let changed = match self {
            Self::Write { statement, note, expires_at, .. } => {
                let row = (avatar, key, visitor, note, super::now(), expires_at);
                transaction.prepare_cached(statement)?.execute(row)?
            }
            Self::Delete { .. } => transaction.prepare_cached(DELETE)?.execute((avatar, key, visitor))?,
        };
        Ok(changed > 0)
    }
}

fn words(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(String::from_utf8_lossy(&rows::text(row, column)?).into_owned())
}

/// The first text after all that begin so, in the order of their bytes. `None` where there is none.
fn after(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The numbers between are those of half characters.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_prefix_comes_after_all_that_begin_so() {
        for (prefix, expected) in [
            ("a/", Some("a0")),
            ("", None),
            ("a\u{10FFFF}", Some("b")),
            ("\u{10FFFF}", None),
            ("\u{D7FF}", Some("\u{E000}")),
            ("\u{7F}", Some("\u{80}")),
        ] {
            let next = after(prefix);
            assert_eq!(next.as_deref(), expected);
            let longest = format!("{prefix}\u{10FFFF}\u{10FFFF}");
            assert!(next.is_none_or(|next| *longest < *next), "{prefix:?}");
        }
    }
}
