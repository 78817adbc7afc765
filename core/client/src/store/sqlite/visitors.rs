//! The visitors in the store: their list, their number, and who has claimed them.

use rusqlite::{Connection, OptionalExtension, Transaction};
use secondme_avatar_protocol::VisitorId;

use super::SqliteStore;
use super::owner::OwnerId;
use super::rows::{self, Unreadable};
use crate::store::error::StoreError;
use crate::store::leftover::{known, with_messages};
use crate::store::{AvatarRef, KnownVisitor, StoreCounts};

const RECORDS: &str = "SELECT visitor, record FROM records WHERE avatar = ?1 ORDER BY saved DESC";
const MESSAGES: &str = "SELECT visitor, message FROM messages WHERE avatar = ?1 ORDER BY position DESC";
/// The newest note of each visitor of whom there is nothing else.
const ONLY_NOTES: &str = "SELECT visitor, key, note, max(position) FROM notes WHERE avatar = ?1
    AND visitor NOT IN (SELECT visitor FROM records WHERE avatar = ?1)
    AND visitor NOT IN (SELECT visitor FROM messages WHERE avatar = ?1)
    GROUP BY visitor ORDER BY max(position) DESC";
const COUNT: &str = "SELECT (SELECT count(*) FROM records WHERE avatar = ?1),
    (SELECT count(*) FROM messages WHERE avatar = ?1)";
const CLAIM: [&str; 2] = [
    "INSERT INTO claims (avatar, visitor, owner) VALUES (?1, ?2, ?3)
     ON CONFLICT (avatar, visitor) DO UPDATE SET owner = excluded.owner",
    "INSERT OR IGNORE INTO openings (avatar, visitor, owner) VALUES (?1, ?2, ?3)",
];
const RELEASE: [&str; 2] = [
    "DELETE FROM claims WHERE avatar = ?1 AND visitor = ?2 AND owner = ?3",
    "DELETE FROM openings WHERE avatar = ?1 AND visitor = ?2 AND owner = ?3",
];
const IS_SAVED: &str = "SELECT EXISTS (SELECT 1 FROM records WHERE avatar = ?1 AND visitor = ?2)";
const NEWEST: &str = "SELECT owner FROM claims WHERE avatar = ?1 AND visitor = ?2";

impl SqliteStore {
    pub(super) fn read_known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        let avatar = avatar.to_string();
        let (stored, said, noted) = self.file()?.read(|connection| {
            let rows = |statement| {
                let mut statement = connection.prepare_cached(statement)?;
                let rows =
                    statement.query_map([&avatar], |row| Ok((rows::text(row, 0)?, rows::text(row, 1)?)))?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            };
            let mut noted = connection.prepare_cached(ONLY_NOTES)?;
            let noted = noted.query_map([&avatar], |row| {
                Ok((rows::text(row, 0)?, rows::text(row, 1)?, rows::text(row, 2)?))
            })?;
            Ok((rows(RECORDS)?, rows(MESSAGES)?, noted.collect::<rusqlite::Result<Vec<_>>>()?))
        })?;
        // Rows that cannot be read are skipped here. Opening the visitor reports them.
        let mut records = Vec::new();
        for (visitor, record) in stored {
            let Ok(visitor) = String::from_utf8_lossy(&visitor).parse::<VisitorId>() else { continue };
            let record = Unreadable::of(self.rows.read_record(&record, &visitor))?;
            records.extend(record.ok().as_ref().map(known));
        }
        let mut visitors = Vec::new();
        for (visitor, message) in said {
            let message = self.rows.read_message(&message, &String::from_utf8_lossy(&visitor));
            visitors.extend(Unreadable::of(message)?.ok().map(|(visitor, _)| visitor));
        }
        for (visitor, key, note) in noted {
            let (visitor, key) = (String::from_utf8_lossy(&visitor), String::from_utf8_lossy(&key));
            let note = Unreadable::of(self.rows.read_note(&note, &visitor, &key))?;
            visitors.extend(note.ok().map(|note| note.visitor));
        }
        Ok(with_messages(records, visitors))
    }

    pub(super) fn read_counts(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        self.file()?.read(|connection| {
            let mut count = connection.prepare_cached(COUNT)?;
            count.query_row([avatar.to_string()], |row| {
                Ok(StoreCounts {
                    visitors: row.get::<_, i64>(0)?.cast_unsigned(),
                    messages: row.get::<_, i64>(1)?.cast_unsigned(),
                })
            })
        })
    }

    pub(super) fn write_claims(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        let loaded = self.openings.loaded(avatar, visitors);
        let name = avatar.to_string();
        let forgotten = self.file()?.write(|transaction| {
            let mut forgotten = Vec::new();
            for key in &loaded {
                let mut is_saved = transaction.prepare_cached(IS_SAVED)?;
                if !is_saved.query_row((&name, key.1.as_str()), |row| row.get::<_, bool>(0))? {
                    forgotten.push(key.clone());
                }
            }
            self.each(transaction, &CLAIM, &name, visitors)?;
            Ok(forgotten)
        })?;
        self.openings.note_claimed(loaded, forgotten, &self.path().display());
        Ok(())
    }

    pub(super) fn give_up_claims(
        &self,
        avatar: &AvatarRef,
        visitors: &[VisitorId],
    ) -> Result<(), StoreError> {
        let name = avatar.to_string();
        self.file()?.write(|transaction| self.each(transaction, &RELEASE, &name, visitors))?;
        self.openings.note_released(avatar, visitors);
        Ok(())
    }

    fn each(
        &self,
        transaction: &Transaction<'_>,
        statements: &[&str],
        avatar: &str,
        visitors: &[VisitorId],
    ) -> rusqlite::Result<()> {
        for statement in statements {
            let mut statement = transaction.prepare_cached(statement)?;
            for visitor in visitors {
                statement.execute((avatar, visitor.as_str(), self.owner.id()))?;
            }
        }
        Ok(())
    }

    /// Whether another open store has claimed the visitor after this one.
    pub(super) fn is_elsewhere(
        &self,
        connection: &Connection,
        avatar: &str,
        visitor: &VisitorId,
    ) -> rusqlite::Result<bool> {
        let owner = owner_of(connection, avatar, visitor)?;
        Ok(owner.is_some_and(|owner| owner != self.owner.id() && !self.owner.is_gone(owner)))
    }
}

fn owner_of(connection: &Connection, avatar: &str, visitor: &VisitorId) -> rusqlite::Result<Option<OwnerId>> {
    let mut owner = connection.prepare_cached(NEWEST)?;
    owner.query_row((avatar, visitor.as_str()), |row| row.get(0)).optional()
}
