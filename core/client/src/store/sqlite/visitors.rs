//! The visitors in the store: their list, their number, and who has claimed them.

use rusqlite::{Connection, OptionalExtension};
use secondme_avatar_protocol::VisitorId;

use super::owner::OwnerId;
use super::{SqliteStore, rows};
use crate::store::error::StoreError;
use crate::store::leftover::{known, with_messages};
use crate::store::{AvatarRef, KnownVisitor, StoreCounts};

const RECORDS: &str = "SELECT visitor, record FROM records WHERE avatar = ?1 ORDER BY saved DESC";
const MESSAGES: &str = "SELECT visitor, message FROM messages WHERE avatar = ?1 ORDER BY position DESC";
const COUNT: &str = "SELECT (SELECT count(*) FROM records WHERE avatar = ?1),
    (SELECT count(*) FROM messages WHERE avatar = ?1)";
const CLAIM: &str = "INSERT INTO claims (avatar, visitor, owner) VALUES (?1, ?2, ?3)
    ON CONFLICT (avatar, visitor) DO UPDATE SET owner = excluded.owner";
const RELEASE: &str = "DELETE FROM claims WHERE avatar = ?1 AND visitor = ?2 AND owner = ?3";
const OWNER: &str = "SELECT owner FROM claims WHERE avatar = ?1 AND visitor = ?2";

impl SqliteStore {
    pub(super) fn read_known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        let avatar = avatar.to_string();
        self.file()?.read(|connection| {
            // Rows that cannot be read are skipped here. Opening the visitor reports them.
            let named = |row: &rusqlite::Row<'_>| Ok((rows::text(row, 0)?, rows::text(row, 1)?));
            let id = |bytes: &[u8]| String::from_utf8_lossy(bytes).parse::<VisitorId>().ok();
            let mut records = connection.prepare_cached(RECORDS)?;
            let records = records.query_map([&avatar], named)?.map(|row| {
                let (visitor, record) = row?;
                Ok(id(&visitor).and_then(|visitor| self.rows.read_record(&record, &visitor).ok()))
            });
            let records = records.collect::<rusqlite::Result<Vec<_>>>()?;
            let records = records.iter().flatten().map(known).collect();
            let mut messages = connection.prepare_cached(MESSAGES)?;
            let messages = messages.query_map([&avatar], named)?.map(|row| {
                let (visitor, message) = row?;
                Ok(self.rows.read_message(&message, &String::from_utf8_lossy(&visitor)).ok())
            });
            let messages = messages.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(with_messages(records, messages.into_iter().flatten().map(|(visitor, _)| visitor)))
        })
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
        self.each(CLAIM, avatar, visitors)
    }

    pub(super) fn give_up_claims(
        &self,
        avatar: &AvatarRef,
        visitors: &[VisitorId],
    ) -> Result<(), StoreError> {
        self.each(RELEASE, avatar, visitors)
    }

    fn each(&self, statement: &str, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        let avatar = avatar.to_string();
        self.file()?.write(|transaction| {
            let mut statement = transaction.prepare_cached(statement)?;
            for visitor in visitors {
                statement.execute((&avatar, visitor.as_str(), self.owner.id()))?;
            }
            Ok(())
        })
    }

    /// Whether another open store has claimed the visitor.
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
    let mut owner = connection.prepare_cached(OWNER)?;
    owner.query_row((avatar, visitor.as_str()), |row| row.get(0)).optional()
}
