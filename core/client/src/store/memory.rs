//! A store that ends with the process: for tests, and for what a client remembers of closed visitors.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secondme_avatar_protocol::{KeptMessage, Record, Visitor, VisitorId};

use super::error::StoreError;
use super::leftover::{group, known, with_messages};
use super::{AvatarRef, Change, Known, Leftover, Store, Stored};

/// Keeps everything in memory. A second client on the same store goes on where the first one stood.
#[derive(Debug, Default)]
pub struct MemoryStore {
    avatars: Mutex<HashMap<AvatarRef, Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each with when it was saved: the how many-th of all.
    records: HashMap<VisitorId, (u64, Record)>,
    saved: u64,
    messages: Vec<(Visitor, KeptMessage)>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AvatarRef, Kept>> {
        self.avatars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        Ok(self
            .lock()
            .get(avatar)
            .and_then(|kept| kept.records.get(visitor))
            .map(|(_, record)| record.clone()))
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        let mut avatars = self.lock();
        let kept = avatars.entry(*avatar).or_default();
        for change in changes {
            match change {
                Change::Record(record) => {
                    kept.saved += 1;
                    kept.records.insert(record.visitor_id.clone(), (kept.saved, record.clone()));
                }
                Change::Keep(visitor, message) => {
                    let same = |(whose, other): &&mut (Visitor, KeptMessage)| {
                        whose.id() == visitor.id() && other.message_id == message.message_id
                    };
                    match kept.messages.iter_mut().find(same) {
                        Some(known) => *known = (visitor.clone(), message.clone()),
                        None => kept.messages.push((visitor.clone(), message.clone())),
                    }
                }
                Change::Settle(visitor, message) => {
                    kept.messages.retain(|(other, kept)| other.id() != visitor || kept.message_id != *message)
                }
            }
        }
        Ok(())
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        Ok(self.lock().get(avatar).map(|kept| group(kept.messages.iter().cloned())).unwrap_or_default())
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<Known>, StoreError> {
        let avatars = self.lock();
        let Some(kept) = avatars.get(avatar) else { return Ok(Vec::new()) };
        let mut records: Vec<_> = kept.records.values().collect();
        records.sort_by_key(|(saved, _)| std::cmp::Reverse(*saved));
        let records = records.into_iter().map(|(_, record)| known(record));
        Ok(with_messages(records.collect(), kept.messages.iter().map(|(visitor, _)| visitor.clone())))
    }

    fn count(&self, avatar: &AvatarRef) -> Result<Stored, StoreError> {
        let count = |kept: &Kept| (kept.records.len(), kept.messages.len());
        let (visitors, messages) = self.lock().get(avatar).map(count).unwrap_or_default();
        Ok(Stored { visitors: visitors as u64, messages: messages as u64 })
    }
}
