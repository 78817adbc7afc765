//! A client's socket slots: the queue of the protocol crate, shared by the drivers and awaited.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use secondme_avatar_protocol::{Error, ErrorKind, Millis, OptionName, SlotTicket, Slots};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::visitor_handle::VisitorHandle;

#[derive(Debug)]
pub(crate) struct SocketSlots {
    queue: Mutex<Queue>,
    limit: Option<usize>,
    /// How many wait. Every driver reads this at each event.
    waiting: AtomicUsize,
    changed: Notify,
    clock: Clock,
}

#[derive(Debug)]
struct Queue {
    slots: Slots,
    visitors: HashMap<SlotTicket, Weak<VisitorHandle>>,
}

/// A visitor's slot: waited for, then held, given back when dropped.
#[derive(Debug)]
pub(crate) struct SlotPermit {
    slots: Arc<SocketSlots>,
    ticket: SlotTicket,
}

impl SocketSlots {
    pub(crate) fn new(limit: Option<usize>, clock: Clock) -> Arc<Self> {
        let queue = Mutex::new(Queue { slots: Slots::new(limit), visitors: HashMap::new() });
        Arc::new(Self { queue, limit, waiting: AtomicUsize::new(0), changed: Notify::new(), clock })
    }

    /// Joins the queue, and takes a free slot at once. A visitor that has to wait calls
    /// [`make_room`](Self::make_room) next.
    pub(crate) fn join(self: &Arc<Self>, handle: &Arc<VisitorHandle>) -> SlotPermit {
        let mut queue = self.lock();
        let ticket = queue.slots.join();
        if self.limit.is_some() {
            queue.visitors.insert(ticket, Arc::downgrade(handle));
        }
        self.grant(&mut queue);
        SlotPermit { slots: Arc::clone(self), ticket }
    }

    /// The number of slots; `None` without a limit.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Whether a visitor waits for a slot.
    pub(crate) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Takes slots back from the visitors that have owed nothing for the longest, one for each waiting visitor.
    ///
    /// Called by a visitor that has to wait, and by one that becomes idle while another waits. Must not be
    /// called with a handle locked, since it locks other handles.
    pub(crate) fn make_room(&self) {
        loop {
            let (ticket, handle) = {
                let mut queue = self.lock();
                let Some(ticket) = queue.slots.reclaim(self.clock.now()) else {
                    return;
                };
                (ticket, queue.visitors.get(&ticket).and_then(Weak::upgrade))
            };
            // One whose handle is gone gives its slot back by itself.
            let Some(handle) = handle else { continue };
            if !handle.reclaim_slot() {
                self.lock().slots.keep(ticket);
                // Its driver notes again from when on nothing is owed.
                handle.look_again();
            }
        }
    }

    /// How many hold a slot.
    pub(crate) fn held(&self) -> usize {
        self.lock().slots.held()
    }

    /// How many wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().slots.waiting()
    }

    /// The error for a visitor that has to wait.
    pub(crate) fn denial(&self) -> Error {
        let slots = self.limit.unwrap_or(usize::MAX);
        let message = format!(
            "no slot to connect: {} is {slots}, and no connected visitor is idle; raise it, or wait longer",
            OptionName::MAX_LIVE
        );
        Error::new(ErrorKind::Unavailable, message)
    }

    /// Gives free slots to the visitors that wait.
    fn grant(&self, queue: &mut Queue) {
        while queue.slots.grant().is_some() {}
        self.waiting.store(queue.slots.waiting(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotPermit {
    /// Whether the slot is held.
    pub(crate) fn is_held(&self) -> bool {
        self.slots.lock().slots.is_held(self.ticket)
    }

    /// Notes since when, or from when on, its visitor owes nothing.
    pub(crate) fn set_idle(&self, idle_from: Option<Millis>) {
        self.slots.lock().slots.set_idle(self.ticket, idle_from);
    }

    /// Waits until the slot is held.
    pub(crate) fn granted(&self) -> impl Future<Output = ()> + Send + use<> {
        let (slots, ticket) = (Arc::clone(&self.slots), self.ticket);
        async move {
            loop {
                let changed = slots.changed.notified();
                if slots.lock().slots.is_held(ticket) {
                    return;
                }
                changed.await;
            }
        }
    }
}

impl Drop for SlotPermit {
    fn drop(&mut self) {
        let mut queue = self.slots.lock();
        queue.slots.leave(self.ticket);
        queue.visitors.remove(&self.ticket);
        self.slots.grant(&mut queue);
        drop(queue);
        self.slots.changed.notify_waiters();
    }
}
