//! A store in memory, for tests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secondme_avatar_protocol::{KeptMessage, Record, Visitor, VisitorId};

use super::error::StoreError;
use super::leftover::{group, known, with_messages};
use super::{AvatarRef, Change, KnownVisitor, Leftover, Store, StoreCounts};

/// Keeps everything in memory. A second client on the same store continues where the first one stopped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    avatars: Mutex<HashMap<AvatarRef, AvatarData>>,
}

#[derive(Debug, Default)]
struct AvatarData {
    /// Each record with its number in the order of saving.
    records: HashMap<VisitorId, (u64, Record)>,
    saved: u64,
    messages: Vec<(Visitor, KeptMessage)>,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AvatarRef, AvatarData>> {
        self.avatars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        Ok(self
            .lock()
            .get(avatar)
            .and_then(|data| data.records.get(visitor))
            .map(|(_, record)| record.clone()))
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        let mut avatars = self.lock();
        let data = avatars.entry(*avatar).or_default();
        for change in changes {
            match change {
                Change::SaveRecord(record) => {
                    data.saved += 1;
                    data.records.insert(record.visitor_id.clone(), (data.saved, record.clone()));
                }
                Change::SaveMessage(visitor, message) => {
                    let same = |(whose, other): &&mut (Visitor, KeptMessage)| {
                        whose.id() == visitor.id() && other.message_id == message.message_id
                    };
                    match data.messages.iter_mut().find(same) {
                        Some(known) => *known = (visitor.clone(), message.clone()),
                        None => data.messages.push((visitor.clone(), message.clone())),
                    }
                }
                Change::ForgetMessage(visitor, message) => data
                    .messages
                    .retain(|(other, stored)| other.id() != visitor || stored.message_id != *message),
            }
        }
        Ok(())
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        Ok(self.lock().get(avatar).map(|data| group(data.messages.iter().cloned())).unwrap_or_default())
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        let avatars = self.lock();
        let Some(data) = avatars.get(avatar) else { return Ok(Vec::new()) };
        let mut records: Vec<_> = data.records.values().collect();
        records.sort_by_key(|(saved, _)| std::cmp::Reverse(*saved));
        let records = records.into_iter().map(|(_, record)| known(record));
        Ok(with_messages(records.collect(), data.messages.iter().map(|(visitor, _)| visitor.clone())))
    }

    fn count(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        let count = |data: &AvatarData| (data.records.len(), data.messages.len());
        let (visitors, messages) = self.lock().get(avatar).map(count).unwrap_or_default();
        Ok(StoreCounts { visitors: visitors as u64, messages: messages as u64 })
    }
}
