//! A store in memory, for tests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secondme_avatar_protocol::{KeptMessage, Record, Visitor, VisitorId};

use super::error::StoreError;
use super::leftover::{group, known, with_messages};
use super::{AvatarRef, Change, KeyRef, KnownVisitor, Leftover, Store, StoreCounts};

/// Keeps everything in memory. A second client on the same store continues where the first one stopped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    avatars: HashMap<AvatarRef, AvatarData>,
    keys: HashMap<KeyRef, AvatarRef>,
}

#[derive(Debug, Default)]
struct AvatarData {
    /// Each record with its number in the order of saving.
    records: HashMap<VisitorId, (u64, Record)>,
    saved: u64,
    messages: Vec<(Visitor, KeptMessage)>,
}

impl AvatarData {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.messages.is_empty()
    }

    fn has(&self, visitor: &Visitor, message: &KeptMessage) -> bool {
        let is_same = |(whose, other): &(Visitor, KeptMessage)| {
            whose.id() == visitor.id() && other.message_id == message.message_id
        };
        self.messages.iter().any(is_same)
    }
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        Ok(self.lock().keys.get(key).copied())
    }

    fn identify(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        self.lock().keys.insert(*key, *avatar);
        Ok(())
    }

    fn avatars(&self) -> Result<Vec<AvatarRef>, StoreError> {
        let inside = self.lock();
        let kept = inside.avatars.iter().filter(|(_, data)| !data.is_empty());
        let mut avatars: Vec<_> = kept.map(|(avatar, _)| *avatar).collect();
        avatars.sort();
        Ok(avatars)
    }

    fn rename(&self, from: &AvatarRef, to: &AvatarRef) -> Result<(), StoreError> {
        let mut inside = self.lock();
        let Some(moved) = inside.avatars.remove(from) else { return Ok(()) };
        let there = inside.avatars.entry(*to).or_default();
        for (visitor, (_, record)) in moved.records {
            there.saved += 1;
            there.records.entry(visitor).or_insert((there.saved, record));
        }
        for (visitor, message) in moved.messages {
            if !there.has(&visitor, &message) {
                there.messages.push((visitor, message));
            }
        }
        Ok(())
    }

    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        Ok(self
            .lock()
            .avatars
            .get(avatar)
            .and_then(|data| data.records.get(visitor))
            .map(|(_, record)| record.clone()))
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        let mut inside = self.lock();
        let data = inside.avatars.entry(*avatar).or_default();
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
        Ok(self
            .lock()
            .avatars
            .get(avatar)
            .map(|data| group(data.messages.iter().cloned()))
            .unwrap_or_default())
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        let inside = self.lock();
        let Some(data) = inside.avatars.get(avatar) else { return Ok(Vec::new()) };
        let mut records: Vec<_> = data.records.values().collect();
        records.sort_by_key(|(saved, _)| std::cmp::Reverse(*saved));
        let records = records.into_iter().map(|(_, record)| known(record));
        Ok(with_messages(records.collect(), data.messages.iter().map(|(visitor, _)| visitor.clone())))
    }

    fn count(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        let count = |data: &AvatarData| (data.records.len(), data.messages.len());
        let (visitors, messages) = self.lock().avatars.get(avatar).map(count).unwrap_or_default();
        Ok(StoreCounts { visitors: visitors as u64, messages: messages as u64 })
    }
}
