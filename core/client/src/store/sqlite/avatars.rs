//! The avatars in the store: which keys have shown them, and what belongs to an avatar that no client has opened for
//! long.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction};
use secondme_avatar_protocol::limits::UNSEEN_AVATAR;

use super::owner::OwnerId;
use super::rows::{self, Unreadable};
use super::{SqliteStore, now};
use crate::store::error::StoreError;
use crate::store::{AvatarRef, KeyRef};

const KEY: &str = "SELECT avatar FROM keys WHERE key = ?1";
const KEYS_OF: &str = "SELECT key FROM keys WHERE avatar = ?1";
const NOTE_KEY: &str = "INSERT INTO keys (key, avatar) VALUES (?1, ?2)
    ON CONFLICT (key) DO UPDATE SET avatar = excluded.avatar";
const NOTE_SEEN: &str = "INSERT INTO avatars (avatar, seen) VALUES (?1, ?2)
    ON CONFLICT (avatar) DO UPDATE SET seen = excluded.seen";
const AVATARS: &str = "SELECT avatar FROM records UNION SELECT avatar FROM messages
    UNION SELECT avatar FROM notes UNION SELECT avatar FROM claims UNION SELECT avatar FROM openings";
const RECORDS: &str = "SELECT visitor, record FROM records WHERE avatar = ?1 ORDER BY saved DESC";

const VISITORS: &str = "SELECT visitor FROM records WHERE avatar = ?1
    UNION SELECT visitor FROM messages WHERE avatar = ?1 UNION SELECT visitor FROM notes WHERE avatar = ?1";
/// The stores that have the visitor open. One of an earlier version is in `claims` alone.
pub(super) const CLAIMED_BY: &str = "SELECT owner FROM openings WHERE avatar = ?1 AND visitor = ?2
    UNION SELECT owner FROM claims WHERE avatar = ?1 AND visitor = ?2";
const OWNED_BY: &str = "SELECT DISTINCT owner FROM messages WHERE avatar = ?1 AND visitor = ?2";
/// What is there already under the other name is as new or newer: it stays.
const MOVE: [&str; 3] = [
    "UPDATE OR IGNORE records SET avatar = ?3 WHERE avatar = ?1 AND visitor = ?2",
    "UPDATE OR IGNORE messages SET avatar = ?3 WHERE avatar = ?1 AND visitor = ?2",
    "UPDATE OR IGNORE notes SET avatar = ?3 WHERE avatar = ?1 AND visitor = ?2",
];
/// Everything of a visitor.
pub(super) const FORGET: [&str; 5] = [
    "DELETE FROM records WHERE avatar = ?1 AND visitor = ?2",
    "DELETE FROM messages WHERE avatar = ?1 AND visitor = ?2",
    "DELETE FROM notes WHERE avatar = ?1 AND visitor = ?2",
    "DELETE FROM claims WHERE avatar = ?1 AND visitor = ?2",
    "DELETE FROM openings WHERE avatar = ?1 AND visitor = ?2",
];

/// What belongs to avatars that were not seen since then, and when each was used last.
const UNSEEN: &str = "SELECT stored.avatar, sum(stored.record), sum(stored.message), sum(stored.note)
    FROM (SELECT avatar, 1 AS record, 0 AS message, 0 AS note, saved_at FROM records
          UNION ALL SELECT avatar, 0, 1, 0, saved_at FROM messages
          UNION ALL SELECT avatar, 0, 0, 1, saved_at FROM notes) AS stored
    LEFT JOIN avatars ON avatars.avatar = stored.avatar
    GROUP BY stored.avatar HAVING max(max(stored.saved_at), coalesce(max(avatars.seen), 0)) < ?1";

impl SqliteStore {
    pub(super) fn read_avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        self.file()?.read(|connection| {
            let known =
                connection.prepare_cached(KEY)?.query_row([key.to_string()], |row| rows::text(row, 0));
            let known = known.optional()?.and_then(|text| parse(&text));
            // What an earlier version has filed under this key may say whose it is.
            known.map_or_else(|| self.shown_in(connection, &AvatarRef::former(*key)), |known| Ok(Some(known)))
        })
    }

    /// Remembers whose key it is, and files under the avatar what earlier versions have filed under its keys.
    pub(super) fn note_key(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        let own = AvatarRef::former(*key);
        self.file()?.write(|transaction| {
            transaction.prepare_cached(NOTE_KEY)?.execute((key.to_string(), avatar.to_string()))?;
            for former in avatars(transaction)?.into_iter().filter(AvatarRef::is_former) {
                if former == own || self.shown_in(transaction, &former)? == Some(*avatar) {
                    self.refile(transaction, &former, avatar)?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn move_rows(&self, from: &AvatarRef, to: &AvatarRef) -> Result<(), StoreError> {
        self.file()?.write(|transaction| self.refile(transaction, from, to))
    }

    pub(super) fn read_avatars(&self) -> Result<Vec<AvatarRef>, StoreError> {
        self.file()?.read(|connection| Ok(avatars(connection)?.into_iter().collect()))
    }

    /// A client of this avatar begins. Warns of what belongs to avatars of which there was none for long.
    pub(super) fn note_seen(&self, avatar: &AvatarRef) -> Result<(), StoreError> {
        let now = now();
        let long_ago = now - i64::try_from(UNSEEN_AVATAR.as_millis()).unwrap_or(i64::MAX);
        let unseen = self.file()?.write(|transaction| {
            transaction.prepare_cached(NOTE_SEEN)?.execute((avatar.to_string(), now))?;
            let mut unseen = transaction.prepare_cached(UNSEEN)?;
            let unseen = unseen.query_map([long_ago], |row| {
                let count = |column| row.get::<_, i64>(column);
                Ok((rows::text(row, 0)?, count(1)?, count(2)?, count(3)?))
            })?;
            unseen.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        for (avatar, visitors, messages, notes) in unseen {
            let (store, avatar) = (self.path().display(), String::from_utf8_lossy(&avatar).into_owned());
            let days = UNSEEN_AVATAR.as_secs() / (24 * 60 * 60);
            tracing::warn!(
                target: "secondme_avatar::store", %store, avatar, visitors, messages, notes,
                "the store keeps rows of an avatar of which no client was opened for more than {days} days: open one \
                 with a key of that avatar, or have its visitors forgotten"
            );
        }
        Ok(())
    }

    /// Files the rows of one avatar under another, except those of visitors whom another open store has.
    fn refile(
        &self,
        transaction: &Transaction<'_>,
        from: &AvatarRef,
        to: &AvatarRef,
    ) -> rusqlite::Result<()> {
        if from == to {
            return Ok(());
        }
        let (from, to) = (from.to_string(), to.to_string());
        let mut visitors = transaction.prepare_cached(VISITORS)?;
        let visitors = visitors.query_map([&from], |row| row.get::<_, String>(0))?;
        for visitor in visitors.collect::<rusqlite::Result<Vec<_>>>()? {
            if self.is_used_elsewhere(transaction, &from, &visitor)? {
                continue;
            }
            for statement in MOVE {
                transaction.prepare_cached(statement)?.execute((&from, &visitor, &to))?;
            }
            for statement in FORGET {
                transaction.prepare_cached(statement)?.execute((&from, &visitor))?;
            }
        }
        Ok(())
    }

    /// Whether another open store has claimed the visitor, or has messages of the visitor to send.
    pub(super) fn is_used_elsewhere(
        &self,
        connection: &Connection,
        avatar: &str,
        visitor: &str,
    ) -> rusqlite::Result<bool> {
        for owners in [CLAIMED_BY, OWNED_BY] {
            let mut owners = connection.prepare_cached(owners)?;
            let owners = owners.query_map((avatar, visitor), |row| row.get::<_, OwnerId>(0))?;
            for owner in owners {
                let owner = owner?;
                if owner != self.owner.id() && !self.owner.is_gone(owner) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The names under which the file may hold something of this avatar: its own, and those by which earlier versions
    /// have named its keys.
    pub(super) fn names_of(
        &self,
        connection: &Connection,
        avatar: &AvatarRef,
    ) -> rusqlite::Result<BTreeSet<AvatarRef>> {
        let mut keys = connection.prepare_cached(KEYS_OF)?;
        // The former name is written as the key is.
        let keys = keys.query_map([avatar.to_string()], |row| rows::text(row, 0))?;
        let names = keys.filter_map(|text| text.map(|text| parse(&text)).transpose());
        let mut names = names.collect::<rusqlite::Result<BTreeSet<_>>>()?;
        names.insert(*avatar);
        for former in avatars(connection)?.into_iter().filter(AvatarRef::is_former) {
            if self.shown_in(connection, &former)? == Some(*avatar) {
                names.insert(former);
            }
        }
        Ok(names)
    }

    pub(super) fn all_names_of(
        &self,
        connection: &Connection,
        avatars: &[AvatarRef],
    ) -> rusqlite::Result<BTreeSet<AvatarRef>> {
        let names = avatars.iter().map(|avatar| self.names_of(connection, avatar));
        Ok(names.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// The avatar of which the records under this name are, as far as one of them says so.
    fn shown_in(&self, connection: &Connection, name: &AvatarRef) -> rusqlite::Result<Option<AvatarRef>> {
        let mut records = connection.prepare_cached(RECORDS)?;
        let mut records = records.query([name.to_string()])?;
        while let Some(row) = records.next()? {
            let (visitor, record) = (rows::text(row, 0)?, rows::text(row, 1)?);
            let visitor = std::str::from_utf8(&visitor).ok().and_then(|visitor| visitor.parse().ok());
            let record = visitor.map(|visitor| self.rows.read_record(&record, &visitor));
            // Each further row would take as long, and the file is locked.
            if let Some(Err(unavailable @ Unreadable::Unavailable(_))) = record {
                return Err(rusqlite::Error::ToSqlConversionFailure(unavailable.into()));
            }
            let record = record.and_then(Result::ok);
            if let Some(credentials) = record.and_then(|record| record.credentials) {
                return Ok(Some(AvatarRef::of_identity(&credentials)));
            }
        }
        Ok(None)
    }
}

fn avatars(connection: &Connection) -> rusqlite::Result<BTreeSet<AvatarRef>> {
    let mut avatars = connection.prepare_cached(AVATARS)?;
    let avatars = avatars.query_map((), |row| rows::text(row, 0))?;
    // A name that cannot be read is of no version of this library.
    avatars.filter_map(|text| text.map(|text| parse(&text)).transpose()).collect()
}

fn parse(text: &[u8]) -> Option<AvatarRef> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
