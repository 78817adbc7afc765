//! The visitors of a client: those with a handle, and what remains of closed ones.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use secondme_avatar_protocol::{ApiKey, Counters, KeptMessage, Machine, Record, Visitor, VisitorId};

use super::remembered::Remembered;
use crate::env::Env;
use crate::store::Leftover;
use crate::visitor_handle::VisitorHandle;

#[derive(Debug, Default)]
pub(crate) struct Visitors {
    /// The avatar's key, with which machines begin. `None` where the visitors' credentials come from elsewhere.
    key: Option<ApiKey>,
    live: HashMap<VisitorId, Arc<VisitorHandle>>,
    /// Records of closed visitors where there is no store. The next `open` resumes from them.
    records: Remembered,
    /// Stored messages of closed visitors.
    leftovers: HashMap<VisitorId, Leftover>,
    /// The counters of machines that have ended.
    past: Counters,
    closed: bool,
    /// How many visitors `recover` is opening.
    recovering: usize,
    /// What `on_occupied` was last called with.
    occupied: bool,
}

/// What remains of a visitor's earlier handles.
pub(crate) struct Past {
    pub(crate) record: Option<Record>,
    pub(crate) leftover: Option<Leftover>,
}

impl Visitors {
    pub(crate) fn new(key: Option<ApiKey>) -> Self {
        Self { key, ..Self::default() }
    }

    pub(crate) fn key(&self) -> Option<&ApiKey> {
        self.key.as_ref()
    }

    /// Puts another key in the place of the one that there is: for the visitors that are here, and those to come.
    pub(crate) fn replace_key(&mut self, key: &ApiKey) {
        self.key = Some(key.clone());
        for handle in self.live.values() {
            handle.set_key(key.clone());
        }
    }

    /// Makes a machine, with the client's key if there is one.
    pub(crate) fn machine(&self, env: &Env, visitor: Visitor, record: Option<Record>, seed: u64) -> Machine {
        let (config, now) = (Arc::clone(&env.settings.config), env.clock.now());
        match self.key.clone() {
            Some(key) => Machine::new(config, key, visitor, record, now, seed),
            None => Machine::without_key(config, visitor, record, now, seed),
        }
    }

    /// Counts an authentication that is no machine's.
    pub(crate) fn authenticated(&mut self) {
        self.past.calls += 1;
        self.past.authentications += 1;
    }

    pub(crate) fn get(&self, visitor: &VisitorId) -> Option<&Arc<VisitorHandle>> {
        self.live.get(visitor)
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Arc<VisitorHandle>> {
        self.live.values()
    }

    /// The number of visitors with a handle.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// The ids of the visitors with a handle.
    pub(crate) fn visitors(&self) -> impl Iterator<Item = &VisitorId> {
        self.live.keys()
    }

    /// Whether there is a handle of the visitor, or an unsent message.
    pub(crate) fn has(&self, visitor: &VisitorId) -> bool {
        self.live.contains_key(visitor) || self.leftovers.contains_key(visitor)
    }

    /// The visitors without a handle who have unsent messages.
    pub(crate) fn left(&self) -> impl Iterator<Item = &Visitor> {
        self.leftovers.values().map(|left| &left.visitor)
    }

    /// The counters of machines that have ended.
    pub(crate) fn past(&self) -> Counters {
        self.past
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Refuses new visitors from now on, and returns the handles.
    pub(crate) fn close(&mut self) -> Vec<Arc<VisitorHandle>> {
        self.closed = true;
        self.live.values().cloned().collect()
    }

    /// Takes what remains of the visitor's earlier handles.
    pub(crate) fn take_past(&mut self, visitor: &VisitorId) -> Past {
        Past { record: self.records.remove(visitor), leftover: self.leftovers.remove(visitor) }
    }

    /// The record of a closed visitor, where there is no store.
    pub(crate) fn remembered(&self, visitor: &VisitorId) -> Option<&Record> {
        self.records.get(visitor)
    }

    /// Keeps the record of a closed visitor, where there is no store.
    pub(crate) fn remember(&mut self, record: Record) {
        self.records.insert(record);
    }

    /// Keeps nothing of a visitor without a handle.
    pub(crate) fn forget(&mut self, visitor: &VisitorId) {
        self.records.remove(visitor);
        self.leftovers.remove(visitor);
    }

    /// Adds the handle of a visitor.
    pub(crate) fn begin(&mut self, env: &Env, visitor: VisitorId, handle: Arc<VisitorHandle>) {
        self.live.insert(visitor, handle);
        self.tell_occupied(env);
    }

    /// Counts visitors that `recover` is opening.
    pub(crate) fn recovering(&mut self, env: &Env, more: usize, fewer: usize) {
        self.recovering = (self.recovering + more).saturating_sub(fewer);
        self.tell_occupied(env);
    }

    /// Removes a handle whose driver has ended. The store has its record, if there is one. Does nothing if the visitor
    /// has another handle by now. Returns whether the handle goes on, because another process has the visitor.
    pub(crate) fn retire(&mut self, env: &Env, handle: &Arc<VisitorHandle>) -> bool {
        let mut state = handle.lock();
        if state.moves() {
            let machine = self.machine(env, state.machine.visitor().clone(), None, 0);
            self.past += state.has_moved(machine).counters();
            handle.closed.notify_waiters();
            return true;
        }
        let visitor = state.machine.visitor().id();
        if !self.live.get(visitor).is_some_and(|live| Arc::ptr_eq(live, handle)) {
            return false;
        }
        self.live.remove(visitor);
        self.past += state.machine.counters();
        if state.remote.is_some() {
            env.store_writer.iter().for_each(|writer| writer.release(visitor.clone()));
            drop(state);
            self.tell_occupied(env);
            return false;
        }
        match &env.store_writer {
            Some(store_writer) => store_writer.release(visitor.clone()),
            None => self.records.insert(state.machine.record()),
        }
        let messages = state.machine.kept_messages();
        if let Some(router) = env.router.as_ref() {
            router.let_go(visitor, state.attached());
        } else if !messages.is_empty() {
            self.leave(Leftover { visitor: state.machine.visitor().clone(), messages });
        }
        self.tell_occupied(env);
        false
    }

    /// Keeps messages of a visitor without a handle.
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

    /// Tells how many visitors there are. Calls `on_occupied` if there were none, or are none any more.
    fn tell_occupied(&mut self, env: &Env) {
        env.pacer.expect(env.slots.limit().map_or(self.live.len(), |most| self.live.len().min(most)));
        let occupied = !self.live.is_empty() || self.recovering > 0;
        if std::mem::replace(&mut self.occupied, occupied) != occupied {
            env.settings.on_occupied.tell(occupied);
        }
    }
}
