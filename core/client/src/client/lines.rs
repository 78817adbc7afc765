//! The lines of a client, one for each visitor, and what is left of those that are closed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use secondme_avatar_protocol::{Counters, KeptMessage, Record, Visitor, VisitorId};

use crate::env::Env;
use crate::line::Line;
use crate::store::Leftover;

#[derive(Debug, Default)]
pub(super) struct Lines {
    live: HashMap<VisitorId, Arc<Line>>,
    /// What is known of visitors whose conversations are closed: the next `open` goes on there.
    records: HashMap<VisitorId, Record>,
    /// Messages that are kept, of visitors whose conversations are closed.
    leftovers: HashMap<VisitorId, Leftover>,
    /// Counted on lines that are closed.
    past: Counters,
    closed: bool,
    /// Visitors that are being opened because messages were left for them.
    recovering: usize,
    /// What was last told about there being visitors.
    occupied: bool,
}

/// What is left of a visitor's earlier lines.
pub(super) struct Past {
    pub(super) record: Option<Record>,
    pub(super) leftover: Option<Leftover>,
}

impl Lines {
    pub(super) fn get(&self, visitor: &VisitorId) -> Option<&Arc<Line>> {
        self.live.get(visitor)
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Arc<Line>> {
        self.live.values()
    }

    /// How many are live.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// The visitors who have one.
    pub(super) fn visitors(&self) -> impl Iterator<Item = &VisitorId> {
        self.live.keys()
    }

    /// Whether more is known of a visitor than the store has.
    pub(super) fn knows(&self, visitor: &VisitorId) -> bool {
        self.live.contains_key(visitor) || self.records.contains_key(visitor)
    }

    /// The visitors without a line to whom messages are still to be sent.
    pub(super) fn left(&self) -> impl Iterator<Item = &Visitor> {
        self.leftovers.values().map(|left| &left.visitor)
    }

    /// What was counted on lines that are closed.
    pub(super) fn past(&self) -> Counters {
        self.past
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// No line is begun any more. Says which ones there are.
    pub(super) fn close(&mut self) -> Vec<Arc<Line>> {
        self.closed = true;
        self.live.values().cloned().collect()
    }

    /// Takes what is left of the visitor's earlier lines, for a new one.
    pub(super) fn take_past(&mut self, visitor: &VisitorId) -> Past {
        Past { record: self.records.remove(visitor), leftover: self.leftovers.remove(visitor) }
    }

    /// The visitor has a line from now on.
    pub(super) fn begin(&mut self, env: &Env, visitor: VisitorId, line: Arc<Line>) {
        self.live.insert(visitor, line);
        self.tell_occupied(env);
    }

    /// So many visitors more are being opened because of what was left for them, and so many fewer.
    pub(super) fn recovering(&mut self, env: &Env, more: usize, fewer: usize) {
        self.recovering = (self.recovering + more).saturating_sub(fewer);
        self.tell_occupied(env);
    }

    /// The line is closed: what it knew is kept for the next one. One that is not the visitor's any more has
    /// been here before.
    pub(super) fn retire(&mut self, env: &Env, line: &Arc<Line>) {
        let state = line.lock();
        let visitor = state.machine.visitor().id();
        if !self.live.get(visitor).is_some_and(|live| Arc::ptr_eq(live, line)) {
            return;
        }
        self.live.remove(visitor);
        self.past += state.machine.counters();
        // Where another process has the visitor, its record in the store is the newer one.
        if !state.elsewhere {
            self.records.insert(visitor.clone(), state.machine.record());
        }
        if let Some(keeper) = &env.keeper {
            keeper.release(visitor.clone());
        }
        let messages = state.machine.kept_messages();
        if !messages.is_empty() {
            self.leave(Leftover { visitor: state.machine.visitor().clone(), messages });
        }
        self.tell_occupied(env);
    }

    /// Keeps messages of a visitor who has no line.
    pub(super) fn leave(&mut self, left: Leftover) {
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
            env.on_occupied.tell(occupied);
        }
    }
}
