//! A store in memory, for tests.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use secondme_avatar_protocol::{KeptMessage, Record, Text, Visitor, VisitorId};

use super::error::StoreError;
use super::leftover::{group, known, with_messages};
use super::note::NoteTable;
use super::{
    AvatarRef, Change, Idle, KeyRef, KnownVisitor, Leftover, Note, NoteChange, RowContent, Store,
    StoreCounts, StoredRow,
};

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
    records: HashMap<VisitorId, SavedRecord>,
    saved: u64,
    messages: Vec<SavedMessage>,
    notes: NoteTable,
}

#[derive(Clone, Debug)]
struct SavedRecord {
    /// Its place in the order of saving.
    number: u64,
    record: Record,
    at: SystemTime,
}

#[derive(Clone, Debug)]
struct SavedMessage {
    visitor: Visitor,
    message: KeptMessage,
    at: SystemTime,
}

impl AvatarData {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.messages.is_empty() && self.notes.is_empty()
    }

    fn messages_of<'a>(&'a self, visitor: &'a VisitorId) -> impl Iterator<Item = &'a SavedMessage> {
        self.messages.iter().filter(move |saved| saved.visitor.id() == visitor)
    }

    fn visitors(&self) -> impl Iterator<Item = &VisitorId> {
        let said = self.messages.iter().map(|saved| saved.visitor.id());
        self.records.keys().chain(said).chain(self.notes.visitors())
    }

    fn forget(&mut self, visitor: &VisitorId) {
        self.records.remove(visitor);
        self.messages.retain(|saved| saved.visitor.id() != visitor);
        self.notes.forget(visitor);
    }

    fn is_idle(&self, visitor: &VisitorId, idle: &Idle) -> bool {
        let is_old = |at: SystemTime| at < idle.before;
        !idle.in_use.contains(visitor)
            && self.records.get(visitor).is_none_or(|saved| is_old(saved.at))
            && self.messages_of(visitor).all(|saved| is_old(saved.at) && !idle.is_owed(&saved.message))
            && self.notes.of(visitor).iter().all(|kept| is_old(kept.saved_at))
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
        avatars.sort_unstable();
        Ok(avatars)
    }

    fn rename(&self, from: &AvatarRef, to: &AvatarRef) -> Result<(), StoreError> {
        let mut inside = self.lock();
        let Some(moved) = inside.avatars.remove(from) else { return Ok(()) };
        let there = inside.avatars.entry(*to).or_default();
        for (visitor, saved) in moved.records {
            there.saved += 1;
            there.records.entry(visitor).or_insert(SavedRecord { number: there.saved, ..saved });
        }
        for saved in moved.messages {
            if !there.messages.iter().any(|other| other.is_same(&saved)) {
                there.messages.push(saved);
            }
        }
        there.notes.take_over(moved.notes);
        Ok(())
    }

    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        Ok(self
            .lock()
            .avatars
            .get(avatar)
            .and_then(|data| data.records.get(visitor))
            .map(|saved| saved.record.clone()))
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        let (mut inside, at) = (self.lock(), SystemTime::now());
        let data = inside.avatars.entry(*avatar).or_default();
        for change in changes {
            match change {
                Change::SaveRecord(record) => {
                    data.saved += 1;
                    let saved = SavedRecord { number: data.saved, record: record.clone(), at };
                    data.records.insert(record.visitor_id.clone(), saved);
                }
                Change::SaveMessage(visitor, message) => {
                    let saved = SavedMessage { visitor: visitor.clone(), message: message.clone(), at };
                    match data.messages.iter_mut().find(|known| known.is_same(&saved)) {
                        Some(known) => *known = saved,
                        None => data.messages.push(saved),
                    }
                }
                Change::ForgetMessage(visitor, message) => data
                    .messages
                    .retain(|saved| saved.visitor.id() != visitor || saved.message.message_id != *message),
            }
        }
        Ok(())
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        Ok(self
            .lock()
            .avatars
            .get(avatar)
            .map(|data| {
                group(data.messages.iter().map(|saved| (saved.visitor.clone(), saved.message.clone())))
            })
            .unwrap_or_default())
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        let inside = self.lock();
        let Some(data) = inside.avatars.get(avatar) else { return Ok(Vec::new()) };
        let mut records: Vec<_> = data.records.values().collect();
        records.sort_unstable_by_key(|saved| std::cmp::Reverse(saved.number));
        let records = records.into_iter().map(|saved| known(&saved.record));
        let said = data.messages.iter().map(|saved| saved.visitor.clone());
        let noted = data.notes.visitors().flat_map(|visitor| data.notes.of(visitor));
        let noted = noted.map(|kept| kept.note.visitor.clone());
        Ok(with_messages(records.collect(), said.chain(noted)))
    }

    fn count(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        let count = |data: &AvatarData| (data.records.len(), data.messages.len());
        let (visitors, messages) = self.lock().avatars.get(avatar).map(count).unwrap_or_default();
        Ok(StoreCounts { visitors: visitors as u64, messages: messages as u64 })
    }

    fn forget(&self, avatars: &[AvatarRef], visitor: &VisitorId) -> Result<(), StoreError> {
        let mut inside = self.lock();
        for avatar in avatars {
            if let Some(data) = inside.avatars.get_mut(avatar) {
                data.forget(visitor);
            }
        }
        Ok(())
    }

    fn export(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Vec<StoredRow>, StoreError> {
        let inside = self.lock();
        let Some(data) = inside.avatars.get(avatar) else { return Ok(Vec::new()) };
        let row = |at, content| StoredRow { avatar: *avatar, saved_at: Some(at), content };
        let record = data.records.get(visitor).into_iter();
        let record = record.map(|saved| row(saved.at, RowContent::Record(Box::new(saved.record.clone()))));
        let messages = data
            .messages_of(visitor)
            .map(|saved| row(saved.at, RowContent::Message(saved.visitor.clone(), saved.message.clone())));
        let notes = data.notes.of(visitor).into_iter().map(|kept| {
            row(kept.saved_at, RowContent::Note { note: kept.note.clone(), expires_at: kept.expires_at })
        });
        Ok(record.chain(messages).chain(notes).collect())
    }

    fn forget_idle(&self, avatars: &[AvatarRef], idle: &Idle) -> Result<Vec<VisitorId>, StoreError> {
        let mut inside = self.lock();
        let of: Vec<_> = avatars.iter().filter_map(|avatar| inside.avatars.get(avatar)).collect();
        let known: HashSet<_> = of.iter().flat_map(|data| data.visitors()).cloned().collect();
        let is_idle = |visitor: &VisitorId| of.iter().all(|data| data.is_idle(visitor, idle));
        let forgotten: Vec<_> = known.into_iter().filter(is_idle).collect();
        for avatar in avatars {
            if let Some(data) = inside.avatars.get_mut(avatar) {
                forgotten.iter().for_each(|visitor| data.forget(visitor));
            }
        }
        Ok(forgotten)
    }

    fn change_notes(
        &self,
        avatar: &AvatarRef,
        changes: &[NoteChange],
        now: SystemTime,
    ) -> Result<Vec<bool>, StoreError> {
        let mut inside = self.lock();
        let notes = &mut inside.avatars.entry(*avatar).or_default().notes;
        Ok(changes.iter().map(|change| notes.change(change, now)).collect())
    }

    fn note(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
        key: &str,
        now: SystemTime,
    ) -> Result<Option<Text>, StoreError> {
        let inside = self.lock();
        let note = inside.avatars.get(avatar).and_then(|data| data.notes.get(visitor, key, now));
        Ok(note.map(|note| note.text.clone()))
    }

    fn notes(&self, avatar: &AvatarRef, prefix: &str, now: SystemTime) -> Result<Vec<Note>, StoreError> {
        let inside = self.lock();
        Ok(inside.avatars.get(avatar).map(|data| data.notes.list(prefix, now)).unwrap_or_default())
    }
}

impl SavedMessage {
    fn is_same(&self, other: &Self) -> bool {
        self.visitor.id() == other.visitor.id() && self.message.message_id == other.message.message_id
    }
}
