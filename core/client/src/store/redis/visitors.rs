//! The visitors and avatars in the store: their lists, their number, and who has claimed them.

use secondme_avatar_protocol::VisitorId;

use super::RedisStore;
use super::errors::Operation;
use super::messages::split_time;
use super::session::add;
use crate::store::error::StoreError;
use crate::store::leftover::{known, with_messages};
use crate::store::rows::Unreadable;
use crate::store::{AvatarRef, KeyRef, KnownVisitor, StoreCounts};

/// How many records are read, or visitors moved, in one step: other clients of Redis wait as long.
const AT_ONCE: usize = 200;

impl RedisStore {
    pub(super) fn read_avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        let (session, key) = (self.session()?, key.to_string());
        let keys = session.key("keys");
        let name: Option<String> =
            session.command(Operation::Read, "HGET", &[keys.as_bytes(), key.as_bytes()])?;
        // A name that cannot be read is of no version of this library.
        Ok(name.and_then(|name| name.parse().ok()))
    }

    pub(super) fn write_key(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        let session = self.session()?;
        let (keys, key, avatar) = (session.key("keys"), key.to_string(), avatar.to_string());
        let words = [keys.as_bytes(), key.as_bytes(), avatar.as_bytes()];
        session.command::<u32>(Operation::Save, "HSET", &words).map(drop)
    }

    pub(super) fn read_avatars(&self) -> Result<Vec<AvatarRef>, StoreError> {
        let session = self.session()?;
        let names: Vec<String> = session.read(&session.scripts.avatars, &|_| {})?;
        let mut avatars: Vec<AvatarRef> = names.iter().filter_map(|name| name.parse().ok()).collect();
        avatars.sort();
        Ok(avatars)
    }

    pub(super) fn move_rows(&self, from: &AvatarRef, to: &AvatarRef) -> Result<(), StoreError> {
        let session = self.session()?;
        if from == to {
            return Ok(());
        }
        let touched = session.key(&format!("{from}:touched"));
        let visitors: Vec<String> =
            session.command(Operation::Read, "ZRANGE", &[touched.as_bytes(), b"0", b"-1"])?;
        for some in visitors.chunks(AT_ONCE) {
            session.write::<u32>(&session.scripts.r#move, &|invocation| {
                invocation.arg(from.to_string()).arg(to.to_string());
                add(invocation, some);
            })?;
        }
        Ok(())
    }

    pub(super) fn read_known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        let session = self.session()?;
        let (saved, records) =
            (session.key(&format!("{avatar}:saved")), session.key(&format!("{avatar}:records")));
        let ids: Vec<String> =
            session.command(Operation::Read, "ZREVRANGE", &[saved.as_bytes(), b"0", b"-1"])?;
        // Rows that cannot be read are skipped here. Opening the visitor reports them.
        let mut found = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let words: Vec<_> =
                std::iter::once(records.as_bytes()).chain(some.iter().map(|id| id.as_bytes())).collect();
            let values: Vec<Option<Vec<u8>>> = session.command(Operation::Read, "HMGET", &words)?;
            for (id, value) in some.iter().zip(values) {
                let (Ok(id), Some(value)) = (id.parse::<VisitorId>(), value) else { continue };
                let record = Unreadable::of(self.rows.read_record(&split_time(&value).1, &id))?;
                found.extend(record.ok().as_ref().map(known));
            }
        }
        let name = avatar.to_string();
        let (said, noted): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
            session.read(&session.scripts.named, &|invocation| {
                invocation.arg(&name);
            })?;
        let mut visitors = Vec::new();
        for pair in said.chunks_exact(2) {
            let message = self.rows.read_message(&pair[1], &String::from_utf8_lossy(&pair[0]));
            visitors.extend(Unreadable::of(message)?.ok().map(|(visitor, _)| visitor));
        }
        let mut noted: Vec<_> = noted.chunks_exact(4).collect();
        noted.sort_by_key(|row| std::cmp::Reverse(split_time(&row[3]).0));
        for row in noted {
            let (visitor, key) = (String::from_utf8_lossy(&row[0]), String::from_utf8_lossy(&row[1]));
            let note = Unreadable::of(self.rows.read_note(&row[2], &visitor, &key))?;
            visitors.extend(note.ok().map(|note| note.visitor));
        }
        Ok(with_messages(found, visitors))
    }

    pub(super) fn read_counts(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        let (session, name) = (self.session()?, avatar.to_string());
        let (visitors, messages) = session.read(&session.scripts.count, &|invocation| {
            invocation.arg(&name);
        })?;
        Ok(StoreCounts { visitors, messages })
    }

    pub(super) fn write_claims(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        let session = self.session()?;
        let mut loaded = self.openings.loaded(avatar, visitors);
        let name = avatar.to_string();
        let are_there: Vec<bool> = session.write(&session.scripts.claim, &|invocation| {
            invocation.arg(&name);
            visitors.iter().for_each(|visitor| {
                invocation.arg(visitor.as_str());
            });
        })?;
        session.note_claimed(avatar, visitors);
        let gone = visitors.iter().zip(are_there).filter(|(_, is_there)| !is_there);
        let gone: Vec<_> = gone.map(|(visitor, _)| (*avatar, visitor.clone())).collect();
        let forgotten = loaded.extract_if(.., |key| gone.contains(key)).collect::<Vec<_>>();
        loaded.extend(forgotten.iter().cloned());
        self.openings.note_claimed(loaded, forgotten, session.address());
        Ok(())
    }

    pub(super) fn give_up_claims(
        &self,
        avatar: &AvatarRef,
        visitors: &[VisitorId],
    ) -> Result<(), StoreError> {
        let (session, name) = (self.session()?, avatar.to_string());
        session.note_released(avatar, visitors);
        session.write::<u32>(&session.scripts.release, &|invocation| {
            invocation.arg(&name);
            visitors.iter().for_each(|visitor| {
                invocation.arg(visitor.as_str());
            });
        })?;
        self.openings.note_released(avatar, visitors);
        Ok(())
    }

    /// Whether another open store has claimed the visitor after this one. If another one had, and is gone, this one claims
    /// the visitor again.
    pub(super) fn is_elsewhere(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<bool, StoreError> {
        let (session, name) = (self.session()?, avatar.to_string());
        let claimed = u8::from(session.has_claimed(avatar, visitor));
        session.read(&session.scripts.elsewhere, &|invocation| {
            invocation.arg(&name).arg(visitor.as_str()).arg(claimed);
        })
    }
}
