//! Takes over the messages of stores that are gone.

use std::collections::HashSet;
use std::sync::PoisonError;

use rusqlite::Transaction;

use super::SqliteStore;
use super::owner::OwnerId;
use super::rows::{self, Unreadable};
use crate::store::error::StoreError;
use crate::store::leftover::group;
use crate::store::{AvatarRef, Leftover};

const OWNERS: &str = "SELECT DISTINCT owner FROM messages WHERE avatar = ?1";
const MESSAGES: &str =
    "SELECT position, visitor, owner, message FROM messages WHERE avatar = ?1 ORDER BY position";
const TAKE_OVER: &str = "UPDATE messages SET owner = ?2 WHERE position = ?1 AND owner = ?3";

impl SqliteStore {
    pub(super) fn adopt_messages(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        self.note_seen(avatar)?;
        let avatar = avatar.to_string();
        let own = self.owner.id();
        let (stored, gone) = self.file()?.write(|transaction| {
            let gone = self.gone(transaction, &avatar)?;
            let theirs = |owner| owner == own || gone.contains(&owner);
            Ok((StoredMessage::of(transaction, &avatar, theirs)?, gone))
        })?;
        // Unsealing may take its time, so the file is not locked.
        let mut readable = Vec::new();
        for stored in stored {
            match Unreadable::of(self.rows.read_message(&stored.message, &stored.visitor))? {
                Ok(message) => readable.push((stored.position, stored.owner, message)),
                // The message keeps its owner: a later version of the library may be able to read it.
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
        let taken = self.file()?.write(|transaction| {
            let mut take = transaction.prepare_cached(TAKE_OVER)?;
            let mut taken = HashSet::new();
            for (position, owner, _) in &readable {
                // Another store may have taken it meanwhile, or forgotten its visitor.
                if take.execute((position, own, owner))? > 0 {
                    taken.insert(*position);
                }
            }
            Ok(taken)
        })?;
        let messages = readable.into_iter().filter(|(position, ..)| taken.contains(position));
        let messages: Vec<_> = messages.map(|(.., message)| message).collect();
        // From here on the messages belong to this store, so the files of their former owners are of no use.
        self.owner.sweep(&gone);
        Ok(group(messages))
    }

    pub(super) fn is_first_report(&self, position: i64) -> bool {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(position)
    }

    /// Which owners of messages are gone.
    fn gone(&self, transaction: &Transaction<'_>, avatar: &str) -> rusqlite::Result<HashSet<OwnerId>> {
        let mut owners = transaction.prepare_cached(OWNERS)?;
        let owners = owners.query_map([avatar], |row| row.get(0))?;
        let mut gone = owners.collect::<rusqlite::Result<HashSet<OwnerId>>>()?;
        gone.retain(|owner| self.owner.is_gone(*owner));
        Ok(gone)
    }
}

/// A message as it is in the file.
struct StoredMessage {
    position: i64,
    visitor: String,
    owner: OwnerId,
    message: Vec<u8>,
}

impl StoredMessage {
    /// Returns the messages of these owners.
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
