//! Who may hold a socket: at most so many visitors at a time, first come first served. Whoever has been
//! idle the longest makes room.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use secondme_avatar_protocol::{Error, ErrorKind, OptionName};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::visitor_handle::VisitorHandle;

#[derive(Debug)]
pub(crate) struct SocketSlots {
    /// How many there are; none where there is no limit.
    max: Option<usize>,
    taken: Mutex<Taken>,
    /// How many wait: every driver looks at it all the time.
    wanted: AtomicUsize,
    changed: Notify,
    clock: Clock,
    /// Calls that were not made, since there was no slot.
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    holders: HashMap<u64, Weak<VisitorHandle>>,
    waiting: VecDeque<(u64, Weak<VisitorHandle>)>,
    /// Holders who have been told to rest, and whose sockets are not closed yet.
    leaving: HashSet<u64>,
}

/// A visitor's slot: waited for, then held, given up when dropped.
#[derive(Debug)]
pub(crate) struct SlotPermit {
    slots: Arc<SocketSlots>,
    id: u64,
}

impl SocketSlots {
    pub(crate) fn new(max: Option<usize>, clock: Clock) -> Arc<Self> {
        let (taken, wanted, changed) = (Mutex::default(), AtomicUsize::new(0), Notify::new());
        Arc::new(Self { max, taken, wanted, changed, clock, refused: AtomicU64::new(0) })
    }

    /// Joins the queue, and takes the slot at once if there is one. One who has to wait calls
    /// [`make_room`](Self::make_room) next.
    pub(crate) fn join(self: &Arc<Self>, handle: &Arc<VisitorHandle>) -> SlotPermit {
        let mut taken = self.lock();
        taken.next += 1;
        let id = taken.next;
        taken.waiting.push_back((id, Arc::downgrade(handle)));
        self.fill(&mut taken);
        SlotPermit { slots: Arc::clone(self), id }
    }

    /// Whether there is a limit: without one nobody ever waits.
    pub(crate) fn are_limited(&self) -> bool {
        self.max.is_some()
    }

    /// How many there are; none where there is no limit.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.max
    }

    /// Whether somebody waits.
    pub(crate) fn are_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) > 0
    }

    /// Has those rest who have been idle the longest, one for each who waits.
    ///
    /// To be called by one who has to wait, and by one who has become idle while somebody waits; and never
    /// with a handle locked, since it looks into others.
    pub(crate) fn make_room(&self) {
        loop {
            let holders: Vec<_> = {
                let taken = self.lock();
                if !taken.wants_room() {
                    return;
                }
                let stays = |id: &u64| !taken.leaving.contains(id);
                let holders = taken.holders.iter().filter(|(id, _)| stays(id));
                holders.filter_map(|(id, handle)| Some((*id, handle.upgrade()?))).collect()
            };
            let now = self.clock.now();
            let idle = holders.into_iter().filter_map(|(id, handle)| Some((handle.idle_from()?, id, handle)));
            let longest = idle.filter(|(since, ..)| *since <= now).min_by_key(|(since, ..)| *since);
            let Some((_, id, handle)) = longest else {
                return;
            };
            {
                let mut taken = self.lock();
                if !taken.wants_room() {
                    return;
                }
                // Beforehand: it may be gone before the next line of this.
                if taken.holders.contains_key(&id) {
                    taken.leaving.insert(id);
                }
            }
            if !handle.rest_if_idle() {
                // It was quicker, and is at work again.
                self.lock().leaving.remove(&id);
            }
        }
    }

    /// How many hold a slot.
    pub(crate) fn held(&self) -> usize {
        self.lock().holders.len()
    }

    /// How many wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// How many calls were not made, since there was no slot.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Why a socket is not asked for.
    pub(crate) fn refuse(&self) -> Error {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let slots = self.max.unwrap_or(usize::MAX);
        let message = format!(
            "no slot to connect: {} is {slots}, and no connected visitor is idle; raise it, or wait longer",
            OptionName::MAX_LIVE
        );
        Error::new(ErrorKind::Unavailable, message)
    }

    /// Gives free slots to those who wait.
    fn fill(&self, taken: &mut Taken) {
        while self.max.is_none_or(|max| taken.holders.len() < max)
            && let Some((id, handle)) = taken.waiting.pop_front()
        {
            taken.holders.insert(id, handle);
        }
        self.wanted.store(taken.waiting.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Whether more wait than slots are about to become free.
    fn wants_room(&self) -> bool {
        self.waiting.len() > self.leaving.len()
    }
}

impl SlotPermit {
    /// Whether it is this one's turn.
    pub(crate) fn is_held(&self) -> bool {
        self.slots.lock().holders.contains_key(&self.id)
    }

    /// Waits for its turn.
    pub(crate) async fn taken(&self) {
        loop {
            let changed = self.slots.changed.notified();
            if self.is_held() {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for SlotPermit {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.waiting.retain(|(id, _)| *id != self.id);
        taken.holders.remove(&self.id);
        taken.leaving.remove(&self.id);
        self.slots.fill(&mut taken);
        drop(taken);
        self.slots.changed.notify_waiters();
    }
}
