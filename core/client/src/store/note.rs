//! Notes: small texts that a program keeps with a visitor.

use std::collections::HashMap;
use std::time::SystemTime;

use secondme_avatar_protocol::{Text, Visitor, VisitorId};

/// From so many notes in memory on, the expired ones among them are removed.
const PURGE_FROM: usize = 1000;

/// A small text that a program keeps with a visitor: see [`AvatarClient::set_note`](crate::AvatarClient::set_note).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The visitor, as the note was last written with.
    pub visitor: Visitor,
    /// Under which it is found. A visitor has one note under a key.
    pub key: String,
    /// The text.
    pub text: Text,
}

/// One change of the notes in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteChange {
    /// Writes the note, in place of the one that is there.
    Set {
        /// The note.
        note: Note,
        /// From when on it counts as deleted. `None`: never.
        expires_at: Option<SystemTime>,
    },
    /// Writes the note, unless there is one that has not expired.
    Add {
        /// The note.
        note: Note,
        /// From when on it counts as deleted. `None`: never.
        expires_at: Option<SystemTime>,
    },
    /// Deletes the note.
    Delete {
        /// Whose.
        visitor: VisitorId,
        /// Under which key.
        key: String,
    },
}

/// The notes of one avatar in memory.
#[derive(Debug, Default)]
pub(crate) struct NoteTable {
    notes: HashMap<VisitorId, HashMap<String, KeptNote>>,
    count: usize,
    /// The number of the next note that is first written.
    next: u64,
    purged: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct KeptNote {
    /// Its place in the order in which notes were first written.
    place: u64,
    pub(super) note: Note,
    pub(super) saved_at: SystemTime,
    pub(super) expires_at: Option<SystemTime>,
}

impl KeptNote {
    fn is_over(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl NoteTable {
    /// Returns whether something was changed.
    pub(crate) fn change(&mut self, change: &NoteChange, now: SystemTime) -> bool {
        self.purge(now);
        let (note, expires_at) = match change {
            NoteChange::Delete { visitor, key } => {
                let removed = self.remove(visitor, key);
                return removed.is_some_and(|kept| !kept.is_over(now));
            }
            NoteChange::Add { note, .. } if self.get(note.visitor.id(), &note.key, now).is_some() => {
                return false;
            }
            NoteChange::Add { note, expires_at } | NoteChange::Set { note, expires_at } => {
                (note, *expires_at)
            }
        };
        let earlier = self.remove(note.visitor.id(), &note.key).filter(|kept| !kept.is_over(now));
        let place = earlier.map_or(self.next, |earlier| earlier.place);
        self.next += 1;
        let kept = KeptNote { place, note: note.clone(), saved_at: SystemTime::now(), expires_at };
        self.insert(kept);
        true
    }

    pub(crate) fn get(&self, visitor: &VisitorId, key: &str, now: SystemTime) -> Option<&Note> {
        let kept = self.notes.get(visitor)?.get(key)?;
        (!kept.is_over(now)).then_some(&kept.note)
    }

    /// The notes whose keys begin so, those that were first written longest ago first.
    pub(crate) fn list(&self, prefix: &str, now: SystemTime) -> Vec<Note> {
        let all = self.notes.values().flat_map(HashMap::values);
        let mut found: Vec<_> =
            all.filter(|kept| kept.note.key.starts_with(prefix) && !kept.is_over(now)).collect();
        found.sort_unstable_by_key(|kept| kept.place);
        found.into_iter().map(|kept| kept.note.clone()).collect()
    }

    pub(crate) fn forget(&mut self, visitor: &VisitorId) {
        let forgotten = self.notes.remove(visitor);
        self.count -= forgotten.map_or(0, |notes| notes.len());
    }

    /// Adds those of another table, after its own. What is there already stays.
    pub(super) fn take_over(&mut self, other: Self) {
        let mut moved: Vec<_> = other.notes.into_values().flat_map(HashMap::into_values).collect();
        moved.sort_unstable_by_key(|kept| kept.place);
        for kept in moved {
            let there = self.notes.get(kept.note.visitor.id());
            if there.is_none_or(|notes| !notes.contains_key(&kept.note.key)) {
                let place = self.next;
                self.next += 1;
                self.insert(KeptNote { place, ..kept });
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn visitors(&self) -> impl Iterator<Item = &VisitorId> {
        self.notes.keys()
    }

    /// All notes of a visitor, those that were first written longest ago first, the expired ones among them.
    pub(super) fn of(&self, visitor: &VisitorId) -> Vec<&KeptNote> {
        let mut found: Vec<_> = self.notes.get(visitor).into_iter().flat_map(HashMap::values).collect();
        found.sort_unstable_by_key(|kept| kept.place);
        found
    }

    fn insert(&mut self, kept: KeptNote) {
        let of = self.notes.entry(kept.note.visitor.id().clone()).or_default();
        if of.insert(kept.note.key.clone(), kept).is_none() {
            self.count += 1;
        }
    }

    fn remove(&mut self, visitor: &VisitorId, key: &str) -> Option<KeptNote> {
        let of = self.notes.get_mut(visitor)?;
        let removed = of.remove(key)?;
        if of.is_empty() {
            self.notes.remove(visitor);
        }
        self.count -= 1;
        Some(removed)
    }

    /// Removes the expired notes, each time when there are twice as many as the last time.
    fn purge(&mut self, now: SystemTime) {
        if self.count < PURGE_FROM.max(2 * self.purged) {
            return;
        }
        self.notes.retain(|_, notes| {
            notes.retain(|_, kept| !kept.is_over(now));
            !notes.is_empty()
        });
        self.count = self.notes.values().map(HashMap::len).sum();
        self.purged = self.count;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_has_expired_leaves_the_memory_while_more_is_written() {
        let (mut table, start) = (NoteTable::default(), SystemTime::UNIX_EPOCH);
        let ada = Visitor::for_user("test", "ada").unwrap();
        for number in 0..20 * PURGE_FROM as u64 {
            let now = start + Duration::from_secs(number);
            let note = Note { visitor: ada.clone(), key: number.to_string(), text: "".into() };
            let expires_at = Some(now + Duration::from_secs(10));
            assert!(table.change(&NoteChange::Add { note, expires_at }, now));
            assert!(table.count <= PURGE_FROM && table.of(ada.id()).len() == table.count);
            assert!(table.list("", now).len() <= 10);
        }
        table.forget(ada.id());
        assert!(table.is_empty());
    }
}
