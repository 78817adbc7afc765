//! Who may hold a socket: at most so many visitors at a time, first come first served. Whoever has been
//! idle the longest makes room.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::line::Line;
use crate::{Error, ErrorKind};

#[derive(Debug)]
pub(crate) struct Places {
    /// How many there are; none where there is no limit.
    max: Option<usize>,
    taken: Mutex<Taken>,
    /// How many wait: every driver looks at it all the time.
    wanted: AtomicUsize,
    changed: Notify,
    clock: Clock,
    /// Calls that were not made, since there was no place.
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    holders: HashMap<u64, Weak<Line>>,
    waiting: VecDeque<(u64, Weak<Line>)>,
    /// Holders who have been told to rest, and whose sockets are not closed yet.
    leaving: HashSet<u64>,
}

/// A visitor's place: waited for, then held, given up when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    id: u64,
}

impl Places {
    pub(crate) fn new(max: Option<usize>, clock: Clock) -> Arc<Self> {
        let (taken, wanted, changed) = (Mutex::default(), AtomicUsize::new(0), Notify::new());
        Arc::new(Self { max, taken, wanted, changed, clock, refused: AtomicU64::new(0) })
    }

    /// Joins the queue, and takes the place at once if there is one. One who has to wait calls
    /// [`make_room`](Self::make_room) next.
    pub(crate) fn join(self: &Arc<Self>, line: &Arc<Line>) -> Place {
        let mut taken = self.lock();
        taken.next += 1;
        let id = taken.next;
        taken.waiting.push_back((id, Arc::downgrade(line)));
        self.fill(&mut taken);
        Place { places: Arc::clone(self), id }
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
    /// with a line locked, since it looks into others.
    pub(crate) fn make_room(&self) {
        loop {
            let holders: Vec<_> = {
                let taken = self.lock();
                if !taken.wants_room() {
                    return;
                }
                let stays = |id: &u64| !taken.leaving.contains(id);
                let holders = taken.holders.iter().filter(|(id, _)| stays(id));
                holders.filter_map(|(id, line)| Some((*id, line.upgrade()?))).collect()
            };
            let now = self.clock.now();
            let idle = holders.into_iter().filter_map(|(id, line)| Some((line.idle_from()?, id, line)));
            let longest = idle.filter(|(since, ..)| *since <= now).min_by_key(|(since, ..)| *since);
            let Some((_, id, line)) = longest else {
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
            if !line.rest_if_idle() {
                // It was quicker, and is at work again.
                self.lock().leaving.remove(&id);
            }
        }
    }

    /// How many hold a place.
    pub(crate) fn held(&self) -> usize {
        self.lock().holders.len()
    }

    /// How many wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// How many calls were not made, since there was no place.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Why a socket is not asked for.
    pub(crate) fn refuse(&self) -> Error {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let places = self.max.unwrap_or(usize::MAX);
        let message = format!(
            "no place to connect: `max_live` is {places}, and none of those who are connected is idle; \
             raise `max_live`, or wait longer"
        );
        Error::new(ErrorKind::Unavailable, message)
    }

    /// Gives free places to those who wait.
    fn fill(&self, taken: &mut Taken) {
        while self.max.is_none_or(|max| taken.holders.len() < max)
            && let Some((id, line)) = taken.waiting.pop_front()
        {
            taken.holders.insert(id, line);
        }
        self.wanted.store(taken.waiting.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Whether more wait than places are about to become free.
    fn wants_room(&self) -> bool {
        self.waiting.len() > self.leaving.len()
    }
}

impl Place {
    /// Whether it is this one's turn.
    pub(crate) fn is_held(&self) -> bool {
        self.places.lock().holders.contains_key(&self.id)
    }

    /// Waits for its turn.
    pub(crate) async fn taken(&self) {
        loop {
            let changed = self.places.changed.notified();
            if self.is_held() {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.waiting.retain(|(id, _)| *id != self.id);
        taken.holders.remove(&self.id);
        taken.leaving.remove(&self.id);
        self.places.fill(&mut taken);
        drop(taken);
        self.places.changed.notify_waiters();
    }
}
