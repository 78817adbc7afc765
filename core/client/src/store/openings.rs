//! What a store knows of visitors who are being opened: whether another client forgot them in between.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secondme_avatar_protocol::VisitorId;

use super::AvatarRef;

/// A visitor of an avatar.
pub(super) type Opened = (AvatarRef, VisitorId);

#[derive(Debug, Default)]
pub(super) struct Openings(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    /// Their records were there when they were loaded, and they are not claimed yet.
    loaded: HashSet<Opened>,
    /// They were forgotten in between. Their records are of the past.
    forgotten: HashSet<Opened>,
}

impl Openings {
    /// Notes whether there was a record when the visitor was about to be opened.
    pub(super) fn note_loaded(&self, avatar: &AvatarRef, visitor: &VisitorId, is_there: bool) {
        let (mut inside, key) = (self.lock(), (*avatar, visitor.clone()));
        if is_there {
            inside.loaded.insert(key);
        } else {
            inside.loaded.remove(&key);
        }
    }

    /// Those of these visitors whose records were there.
    pub(super) fn loaded(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Vec<Opened> {
        let (inside, keys) = (self.lock(), visitors.iter().map(|visitor| (*avatar, visitor.clone())));
        keys.filter(|key| inside.loaded.contains(key)).collect()
    }

    /// The visitors are claimed. Of those that were loaded, the records of some are not there any more.
    pub(super) fn note_claimed(&self, loaded: Vec<Opened>, forgotten: Vec<Opened>, store: &dyn Display) {
        let mut inside = self.lock();
        for key in loaded {
            inside.loaded.remove(&key);
        }
        for key in forgotten {
            let visitor = &key.1;
            tracing::warn!(
                target: "secondme_avatar::store", %store, %visitor,
                "another client forgot the visitor while this one opened the conversation: what is known of it is \
                 not saved; close the conversation and open it again"
            );
            inside.forgotten.insert(key);
        }
    }

    /// Whether another store forgot the visitor after this one had loaded the record, and before it claimed the visitor.
    pub(super) fn is_forgotten(&self, avatar: &AvatarRef, visitor: &VisitorId) -> bool {
        self.lock().forgotten.contains(&(*avatar, visitor.clone()))
    }

    /// The claims to these visitors are given up.
    pub(super) fn note_released(&self, avatar: &AvatarRef, visitors: &[VisitorId]) {
        self.lock().forgotten.retain(|(of, visitor)| of != avatar || !visitors.contains(visitor));
    }

    /// This store has forgotten the visitor.
    pub(super) fn note_forgotten(&self, visitor: &VisitorId) {
        self.lock().loaded.retain(|(_, loaded)| loaded != visitor);
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
