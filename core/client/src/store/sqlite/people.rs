//! Deletes and lists what the file holds of a visitor.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction};
use secondme_avatar_protocol::VisitorId;

use super::avatars::{CLAIMED_BY, FORGET};
use super::notes::NOTES;
use super::owner::OwnerId;
use super::rows::{self, Unreadable};
use super::{SqliteStore, millis};
use crate::store::AvatarRef;
use crate::store::error::StoreError;
use crate::store::people::{Idle, RowContent, StoredRow, StoredVisitor};

/// How many visitors are looked at in one transaction, and about as many forgotten in one call.
const AT_ONCE: usize = 1000;

/// When copies of deleted texts are removed from a file that is short.
const SCRUB_AFTER: Duration = Duration::from_secs(60 * 60);

/// The longest file that is written anew without having been asked to: half a second at most.
const SHORT: u64 = 16 << 20;

/// When to look again at a log that another program reads.
const READ_AGAIN: Duration = Duration::from_secs(60);

const RECORDS: &str = "SELECT record, saved_at FROM records WHERE avatar = ?1 AND visitor = ?2";
const MESSAGES: &str =
    "SELECT message, saved_at FROM messages WHERE avatar = ?1 AND visitor = ?2 ORDER BY position";
const ALL_RECORDS: &str = "SELECT visitor, record, saved_at FROM records WHERE avatar = ?1";
const ALL_MESSAGES: &str = "SELECT visitor, message, saved_at FROM messages WHERE avatar = ?1";
const CLAIMANTS: &str =
    "SELECT owner FROM openings WHERE avatar = ?1 UNION SELECT owner FROM claims WHERE avatar = ?1";
const FORGET_CLAIMS: [&str; 2] = [
    "DELETE FROM openings WHERE avatar = ?1 AND owner = ?2",
    "DELETE FROM claims WHERE avatar = ?1 AND owner = ?2",
];
/// A row of an unknown time is not old.
const OLD: &str = "SELECT visitor FROM records WHERE avatar = ?1 AND saved_at BETWEEN 1 AND ?2
    UNION SELECT visitor FROM messages WHERE avatar = ?1 AND saved_at BETWEEN 1 AND ?2
    UNION SELECT visitor FROM notes WHERE avatar = ?1 AND saved_at BETWEEN 1 AND ?2";

const OLD_MESSAGES: &str =
    "SELECT visitor, message FROM messages WHERE avatar = ?1 AND saved_at BETWEEN 1 AND ?2";

impl SqliteStore {
    /// Lists all visitors of whom there is a record, a message or a note under this name, those too whose rows cannot be read,
    /// in the order of their ids.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn visitors(&self, avatar: &AvatarRef) -> Result<Vec<StoredVisitor>, StoreError> {
        let (stored, noted) = self.file()?.read(|connection| {
            let mut stored = Vec::new();
            for (statement, is_message) in [(ALL_RECORDS, false), (ALL_MESSAGES, true)] {
                let mut statement = connection.prepare_cached(statement)?;
                let mut rows = statement.query([avatar.to_string()])?;
                while let Some(row) = rows.next()? {
                    let id = String::from_utf8_lossy(&rows::text(row, 0)?).into_owned();
                    stored.push((id, rows::text(row, 1)?, time(row.get(2)?), is_message));
                }
            }
            Ok((stored, self.noted_visitors(connection, avatar)?))
        })?;
        let mut found = BTreeMap::<String, StoredVisitor>::new();
        for (id, text, saved_at, is_message) in stored {
            let named = if is_message {
                Unreadable::of(self.rows.read_message(&text, &id))?.ok().map(|(visitor, _)| visitor)
            } else {
                let record = id.parse().ok().map(|id| self.rows.read_record(&text, &id));
                let record = record.map(Unreadable::of).transpose()?;
                record.and_then(Result::ok).map(|record| record.visitor())
            };
            let visitor = found.entry(id.clone()).or_insert_with(|| StoredVisitor::new(id));
            visitor.messages += u64::from(is_message);
            visitor.unreadable += u64::from(named.is_none());
            visitor.visitor = visitor.visitor.take().or(named);
            visitor.saved_at = visitor.saved_at.max(saved_at);
        }
        for noted in noted {
            let named = Unreadable::of(self.rows.read_note(&noted.note, &noted.visitor, &noted.key))?;
            let visitor =
                found.entry(noted.visitor.clone()).or_insert_with(|| StoredVisitor::new(noted.visitor));
            visitor.notes = noted.count;
            visitor.unreadable += u64::from(named.is_err());
            visitor.visitor = visitor.visitor.take().or(named.ok().map(|note| note.visitor));
            visitor.saved_at = visitor.saved_at.max(time(noted.saved_at));
        }
        Ok(found.into_values().collect())
    }

    /// Writes the file anew without what was deleted, and empties its log. Fails if another program keeps reading the
    /// file, or if there is no room for a second copy of it.
    pub(super) fn scrub_file(&self) -> Result<(), StoreError> {
        self.file()?.scrub()?;
        *self.deleted.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.forgot.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn forget_visitor(
        &self,
        avatars: &[AvatarRef],
        visitor: &VisitorId,
    ) -> Result<(), StoreError> {
        let is_used = self.file()?.write(|transaction| {
            let names = self.all_names_of(transaction, avatars)?;
            for name in &names {
                if self.is_used_elsewhere(transaction, &name.to_string(), visitor.as_str())? {
                    return Ok(true);
                }
            }
            names.iter().try_for_each(|name| delete(transaction, name, visitor.as_str()))?;
            Ok(false)
        })?;
        if is_used {
            return Err(StoreError::new(format!(
                "{visitor} is in use by another client of the store {}, and was not deleted: close the conversation \
                 there, and forget the visitor again",
                self.path().display()
            )));
        }
        self.forgot.store(true, Ordering::Relaxed);
        self.openings.note_forgotten(visitor);
        self.note_deleted();
        Ok(())
    }

    pub(super) fn forget_idle_visitors(
        &self,
        avatars: &[AvatarRef],
        idle: &Idle,
    ) -> Result<Vec<VisitorId>, StoreError> {
        let before = millis(idle.before);
        let (names, mut old, said) = self.file()?.read(|connection| {
            let names = self.all_names_of(connection, avatars)?;
            let (mut old, mut said) = (BTreeSet::new(), Vec::new());
            for name in &names {
                let mut visitors = connection.prepare_cached(OLD)?;
                let visitors = visitors
                    .query_map((name.to_string(), before.saturating_sub(1)), |row| rows::text(row, 0))?;
                for visitor in visitors {
                    old.extend(String::from_utf8_lossy(&visitor?).parse::<VisitorId>());
                }
                let mut messages = connection.prepare_cached(OLD_MESSAGES)?;
                let messages = messages.query_map((name.to_string(), before.saturating_sub(1)), |row| {
                    Ok((String::from_utf8_lossy(&rows::text(row, 0)?).into_owned(), rows::text(row, 1)?))
                })?;
                said.extend(messages.collect::<rusqlite::Result<Vec<_>>>()?);
            }
            Ok((names, old, said))
        })?;
        old.retain(|visitor| !idle.in_use.contains(visitor));
        let old: Vec<_> = old.into_iter().collect();
        let mut over = HashSet::new();
        for (visitor, text) in said {
            // A message that cannot be read may be one that is still to be sent.
            let message = Unreadable::of(self.rows.read_message(&text, &visitor))?;
            if message.is_ok_and(|(_, message)| !idle.is_owed(&message)) {
                over.insert(text);
            }
        }
        if self.file()?.write(|transaction| self.forget_dead_claims(transaction, &names))? > 0 {
            self.forgot.store(true, Ordering::Relaxed);
        }
        let mut forgotten = Vec::new();
        // Other stores use the file in between.
        for some in old.chunks(AT_ONCE) {
            let more = self.file()?.write(|transaction| {
                let mut forgotten = Vec::new();
                for visitor in some {
                    if self.is_idle(transaction, &names, visitor, before, &over)? {
                        names.iter().try_for_each(|name| delete(transaction, name, visitor.as_str()))?;
                        forgotten.push(visitor.clone());
                    }
                }
                Ok(forgotten)
            });
            match more {
                Ok(more) => forgotten.extend(more),
                Err(error) if forgotten.is_empty() => return Err(error),
                // The next call says what is wrong; this one says who was deleted.
                Err(_) => return Ok(forgotten),
            }
            if !forgotten.is_empty() {
                self.forgot.store(true, Ordering::Relaxed);
            }
            if forgotten.len() >= AT_ONCE {
                return Ok(forgotten);
            }
        }
        if forgotten.is_empty() && self.forgot.load(Ordering::Relaxed) {
            self.scrub_file()?;
        }
        Ok(forgotten)
    }

    pub(super) fn read_rows(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let stored = self.file()?.read(|connection| {
            let mut stored = Vec::new();
            for name in self.names_of(connection, avatar)? {
                let records = texts(connection, RECORDS, &name, visitor)?;
                let messages = texts(connection, MESSAGES, &name, visitor)?;
                let notes = self.stored_notes(connection, &name, visitor)?;
                stored.push((name, records, messages, notes, owners(connection, &name, visitor)?.len()));
            }
            Ok(stored)
        })?;
        let mut found = Vec::new();
        for (avatar, records, messages, notes, claims) in stored {
            let row = |saved_at, content| StoredRow { avatar, saved_at: time(saved_at), content };
            let unreadable = |why: Unreadable| RowContent::Unreadable(why.to_string());
            for (record, saved_at) in records {
                let record = Unreadable::of(self.rows.read_record(&record, visitor))?;
                let record = record.map(|record| RowContent::Record(Box::new(record)));
                found.push(row(saved_at, record.unwrap_or_else(unreadable)));
            }
            for (message, saved_at) in messages {
                let message = Unreadable::of(self.rows.read_message(&message, visitor.as_str()))?;
                let message = message.map(|(visitor, message)| RowContent::Message(visitor, message));
                found.push(row(saved_at, message.unwrap_or_else(unreadable)));
            }
            for stored in notes {
                let note = Unreadable::of(self.rows.read_note(&stored.note, visitor.as_str(), &stored.key))?;
                let expires_at = time(stored.expires_at);
                let note = note.map(|note| RowContent::Note { note, expires_at });
                found.push(row(stored.saved_at, note.unwrap_or_else(unreadable)));
            }
            found.extend((0..claims).map(|_| row(0, RowContent::Claim)));
        }
        Ok(found)
    }

    /// Deletes what stores that are gone have claimed. Returns how much that was.
    fn forget_dead_claims(
        &self,
        transaction: &Transaction<'_>,
        names: &BTreeSet<AvatarRef>,
    ) -> rusqlite::Result<usize> {
        let mut count = 0;
        for name in names {
            let mut owners = transaction.prepare_cached(CLAIMANTS)?;
            let owners = owners.query_map([name.to_string()], |row| row.get(0))?;
            for owner in owners.collect::<rusqlite::Result<Vec<OwnerId>>>()? {
                if self.owner.is_gone(owner) {
                    for statement in FORGET_CLAIMS {
                        let mut forget = transaction.prepare_cached(statement)?;
                        count += forget.execute((name.to_string(), owner))?;
                    }
                }
            }
        }
        Ok(count)
    }

    /// Deletes the notes that have expired, and empties the log. Writes the file anew as well, if it is short and texts
    /// were deleted an hour ago.
    pub(super) fn tidy_up(&self) -> Result<Option<Duration>, StoreError> {
        let expiry = self.forget_expired_notes()?;
        let since = self.deleted_since().filter(|_| self.file().is_ok_and(|file| file.length() <= SHORT));
        let waits = since.map(|since| SCRUB_AFTER.saturating_sub(since.elapsed()));
        if waits.is_some_and(|waits| waits.is_zero()) {
            self.scrub_file()?;
            return Ok(expiry);
        }
        let waits = waits.into_iter().chain(expiry).min();
        Ok(if self.file()?.empty_log()? { waits } else { Some(READ_AGAIN) })
    }

    pub(super) fn note_deleted(&self) {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    fn deleted_since(&self) -> Option<Instant> {
        *self.deleted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(
        &self,
        connection: &Connection,
        names: &BTreeSet<AvatarRef>,
        visitor: &VisitorId,
        before: i64,
        over: &HashSet<Vec<u8>>,
    ) -> rusqlite::Result<bool> {
        for name in names {
            let claims = owners(connection, name, visitor)?;
            if claims.contains(&self.owner.id())
                || self.is_used_elsewhere(connection, &name.to_string(), visitor.as_str())?
            {
                return Ok(false);
            }
            let records = texts(connection, RECORDS, name, visitor)?;
            let messages = texts(connection, MESSAGES, name, visitor)?;
            let notes = texts(connection, NOTES, name, visitor)?;
            let is_old = |saved_at: i64| 0 < saved_at && saved_at < before;
            if !records.iter().chain(&messages).chain(&notes).all(|(_, saved_at)| is_old(*saved_at)) {
                return Ok(false);
            }
            if !messages.iter().all(|(message, _)| over.contains(message)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl StoredVisitor {
    fn new(id: String) -> Self {
        Self { id, visitor: None, saved_at: None, messages: 0, notes: 0, unreadable: 0 }
    }
}

fn delete(transaction: &Transaction<'_>, name: &AvatarRef, visitor: &str) -> rusqlite::Result<()> {
    for statement in FORGET {
        transaction.prepare_cached(statement)?.execute((name.to_string(), visitor))?;
    }
    Ok(())
}

/// The texts of a visitor's rows, with the time of each.
fn texts(
    connection: &Connection,
    statement: &str,
    name: &AvatarRef,
    visitor: &VisitorId,
) -> rusqlite::Result<Vec<(Vec<u8>, i64)>> {
    let mut statement = connection.prepare_cached(statement)?;
    let texts = statement
        .query_map((name.to_string(), visitor.as_str()), |row| Ok((rows::text(row, 0)?, row.get(1)?)))?;
    texts.collect()
}

fn owners(connection: &Connection, name: &AvatarRef, visitor: &VisitorId) -> rusqlite::Result<Vec<OwnerId>> {
    let mut statement = connection.prepare_cached(CLAIMED_BY)?;
    statement.query_map((name.to_string(), visitor.as_str()), |row| row.get(0))?.collect()
}

/// An earlier version has written no time.
fn time(saved_at: i64) -> Option<SystemTime> {
    let millis = u64::try_from(saved_at).ok().filter(|millis| *millis > 0)?;
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}
