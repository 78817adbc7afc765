//! The visitors of a client who have a handle, and what is left of those whose conversations are closed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use secondme_avatar_protocol::{Counters, KeptMessage, Record, Visitor, VisitorId};

use crate::env::Env;
use crate::store::Leftover;
use crate::visitor_handle::VisitorHandle;

#[derive(Debug, Default)]
pub(crate) struct Visitors {
    live: HashMap<VisitorId, Arc<VisitorHandle>>,
    /// What is known of visitors whose conversations are closed: the next `open` goes on there.
    records: HashMap<VisitorId, Record>,
    /// Messages that are kept, of visitors whose conversations are closed.
    leftovers: HashMap<VisitorId, Leftover>,
    /// Counted by machines that are closed.
    past: Counters,
    closed: bool,
    /// Visitors that are being opened because messages were left for them.
    recovering: usize,
    /// What was last told about there being visitors.
    occupied: bool,
}

/// What is left of a visitor's earlier handles.
pub(crate) struct Past {
    pub(crate) record: Option<Record>,
    pub(crate) leftover: Option<Leftover>,
}

impl Visitors {
    pub(crate) fn get(&self, visitor: &VisitorId) -> Option<&Arc<VisitorHandle>> {
        self.live.get(visitor)
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Arc<VisitorHandle>> {
        self.live.values()
    }

    /// How many are live.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// The visitors who have one.
    pub(crate) fn visitors(&self) -> impl Iterator<Item = &VisitorId> {
        self.live.keys()
    }

    /// Whether more is known of a visitor than the store has.
    pub(crate) fn knows(&self, visitor: &VisitorId) -> bool {
        self.live.contains_key(visitor) || self.records.contains_key(visitor)
    }

    /// The visitors without a handle to whom messages are still to be sent.
    pub(crate) fn left(&self) -> impl Iterator<Item = &Visitor> {
        self.leftovers.values().map(|left| &left.visitor)
    }

    /// What machines that are closed had counted.
    pub(crate) fn past(&self) -> Counters {
        self.past
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Refuses new visitors from now on, and returns the handles there are.
    pub(crate) fn close(&mut self) -> Vec<Arc<VisitorHandle>> {
        self.closed = true;
        self.live.values().cloned().collect()
    }

    /// Takes what is left of the visitor's earlier handles, for a new one.
    pub(crate) fn take_past(&mut self, visitor: &VisitorId) -> Past {
        Past { record: self.records.remove(visitor), leftover: self.leftovers.remove(visitor) }
    }

    /// The visitor has a handle from now on.
    pub(crate) fn begin(&mut self, env: &Env, visitor: VisitorId, handle: Arc<VisitorHandle>) {
        self.live.insert(visitor, handle);
        self.tell_occupied(env);
    }

    /// So many visitors more are being opened because of what was left for them, and so many fewer.
    pub(crate) fn recovering(&mut self, env: &Env, more: usize, fewer: usize) {
        self.recovering = (self.recovering + more).saturating_sub(fewer);
        self.tell_occupied(env);
    }

    /// The handle is closed: what it knew is kept for the next one. One that is not the visitor's any more has
    /// been here before.
    pub(crate) fn retire(&mut self, env: &Env, handle: &Arc<VisitorHandle>) {
        let state = handle.lock();
        let visitor = state.machine.visitor().id();
        if !self.live.get(visitor).is_some_and(|live| Arc::ptr_eq(live, handle)) {
            return;
        }
        self.live.remove(visitor);
        self.past += state.machine.counters();
        // Where another process has the visitor, its record in the store is the newer one.
        if !state.elsewhere {
            self.records.insert(visitor.clone(), state.machine.record());
        }
        if let Some(store_writer) = &env.store_writer {
            store_writer.release(visitor.clone());
        }
        let messages = state.machine.kept_messages();
        if !messages.is_empty() {
            self.leave(Leftover { visitor: state.machine.visitor().clone(), messages });
        }
        self.tell_occupied(env);
    }

    /// Keeps messages of a visitor who has no handle.
    pub(crate) fn leave(&mut self, left: Leftover) {
        match self.leftovers.entry(left.visitor.id().clone()) {
            Entry::Occupied(known) => {
                let messages = &mut known.into_mut().messages;
                let is_new = |new: &KeptMessage| messages.iter().all(|old| old.message_id != new.message_id);
                let new = left.messages.into_iter().filter(is_new).collect::<Vec<_>>();
                messages.extend(new);
            }
            Entry::Vacant(place) => drop(place.insert(left)),
        }
    }

    /// Says whether there are visitors, if that has changed.
    fn tell_occupied(&mut self, env: &Env) {
        let occupied = !self.live.is_empty() || self.recovering > 0;
        if std::mem::replace(&mut self.occupied, occupied) != occupied {
            env.settings.on_occupied.tell(occupied);
        }
    }
}
