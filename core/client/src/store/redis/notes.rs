//! Notes of the program's.

use std::time::{Duration, SystemTime};

use secondme_avatar_protocol::{Text, VisitorId};

use super::errors::{Operation, redis_error};
use super::messages::{split_time, split_word};
use super::session::{add, random};
use super::{RedisStore, millis, now};
use crate::store::error::StoreError;
use crate::store::rows::{Rows, Unreadable};
use crate::store::{AvatarRef, Note, NoteChange};

/// When to look again for notes that have expired: not sooner, and not later.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(60 * 60));

/// How many of them the script deletes in one step.
const AT_ONCE: usize = 1000;

/// A note as it is written: its place, when it was saved, when it expires (0: never), its text.
pub(super) struct StoredNote {
    pub(super) place: u64,
    pub(super) saved_at: u64,
    pub(super) expires_at: u64,
    pub(super) text: Vec<u8>,
}

impl StoredNote {
    pub(super) fn of(value: &[u8]) -> Self {
        let (place, rest) = split_time(value);
        let (saved_at, rest) = split_time(&rest);
        let (expires_at, text) = split_time(&rest);
        Self { place, saved_at, expires_at, text }
    }
}

impl RedisStore {
    pub(super) fn write_notes(
        &self,
        avatar: &AvatarRef,
        changes: &[NoteChange],
        at: SystemTime,
    ) -> Result<Vec<bool>, StoreError> {
        let session = self.session()?;
        let rows = changes.iter().map(|change| row(change, &self.rows)).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |error| redis_error(session.address(), Operation::Save, error);
        // The same in every attempt: a change that was made, and whose answer was lost, is not made again.
        let call = random().map_err(failed)?;
        let (name, at, saved) = (avatar.to_string(), millis(at), now());
        let writes = rows.iter().filter(|[kind, ..]| kind != "delete").count();
        let changed: String = session.write(&session.scripts.notes, &|invocation| {
            invocation.arg(&name).arg(&call).arg(at).arg(saved).arg(writes);
            rows.iter().for_each(|row| add(invocation, row));
        })?;
        Ok(changed.bytes().map(|digit| digit == b'1').collect())
    }

    pub(super) fn read_note(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
        key: &str,
        at: SystemTime,
    ) -> Result<Option<Text>, StoreError> {
        let session = self.session()?;
        let notes = session.key(&format!("{avatar}:notes:{visitor}"));
        let value: Option<Vec<u8>> =
            session.command(Operation::Read, "HGET", &[notes.as_bytes(), key.as_bytes()])?;
        let stored = value.as_deref().map(StoredNote::of);
        let lives = |stored: &StoredNote| stored.expires_at == 0 || stored.expires_at > millis(at);
        let Some(stored) = stored.filter(lives) else { return Ok(None) };
        let note = self.rows.read_note(&stored.text, visitor.as_str(), key);
        note.map(|note| Some(note.text)).map_err(|unreadable| {
            StoreError::new(format!(
                "a note of {visitor} in {} cannot be read: {unreadable}; it is left as it is",
                session.address()
            ))
        })
    }

    pub(super) fn read_notes(
        &self,
        avatar: &AvatarRef,
        prefix: &str,
        at: SystemTime,
    ) -> Result<Vec<Note>, StoreError> {
        let (session, name, at) = (self.session()?, avatar.to_string(), millis(at));
        let stored: Vec<Vec<u8>> = session.read(&session.scripts.list_notes, &|invocation| {
            invocation.arg(&name).arg(prefix).arg(at);
        })?;
        let mut stored: Vec<_> = stored.chunks_exact(4).collect();
        stored.sort_by_key(|row| split_time(&row[0]).0);
        let mut notes = Vec::new();
        for row in stored {
            let (visitor, key) = (String::from_utf8_lossy(&row[1]), String::from_utf8_lossy(&row[2]));
            match Unreadable::of(self.rows.read_note(&row[3], &visitor, &key))? {
                Ok(note) => notes.push(note),
                Err(unreadable) => {
                    if self.is_first_report(format!("note {name} {visitor} {key}")) {
                        let store = session.address();
                        tracing::warn!(
                            target: "secondme_avatar::store", %store, %visitor,
                            "a note cannot be read, and stays where it is: {unreadable}"
                        );
                    }
                }
            }
        }
        Ok(notes)
    }

    /// Deletes the notes of all avatars that have expired. Returns when to look again, where some will expire.
    pub(super) fn forget_expired_notes(&self) -> Result<Option<Duration>, StoreError> {
        let session = self.session()?;
        loop {
            let now = now();
            let (gone, next): (usize, String) = session.write(&session.scripts.expire, &|invocation| {
                invocation.arg(now);
            })?;
            if gone < AT_ONCE {
                // A time in milliseconds, as Redis writes numbers with a point.
                let (next, _) = split_word(next.as_bytes());
                let next = std::str::from_utf8(next).ok().and_then(|next| next.parse::<f64>().ok());
                let wait = next.map(|next| Duration::from_secs_f64((next / 1000.0).clamp(0.0, 1e10)));
                let wait = wait.map(|until| until.saturating_sub(Duration::from_millis(now)));
                return Ok(wait.map(|wait| wait.clamp(LOOK_AGAIN.0, LOOK_AGAIN.1)));
            }
        }
    }
}

/// A change as the script takes it.
fn row(change: &NoteChange, rows: &Rows) -> Result<[String; 5], StoreError> {
    let (kind, note, expires_at) = match change {
        NoteChange::Set { note, expires_at } => ("set", note, expires_at),
        NoteChange::Add { note, expires_at } => ("add", note, expires_at),
        NoteChange::Delete { visitor, key } => {
            return Ok([
                "delete".to_owned(),
                visitor.to_string(),
                key.clone(),
                String::new(),
                "0".to_owned(),
            ]);
        }
    };
    // One that expired long ago is not one that never does.
    let expires_at = expires_at.map_or(0, |at| millis(at).max(1));
    Ok([
        kind.to_owned(),
        note.visitor.id().to_string(),
        note.key.clone(),
        rows.write_note(note)?,
        expires_at.to_string(),
    ])
}
