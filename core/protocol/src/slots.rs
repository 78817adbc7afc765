//! The sockets of one client: at most so many at a time, shared by all its visitors, first come first served.

use std::collections::{BTreeMap, VecDeque};

use crate::time::Millis;

/// A ticket for a socket slot: waits first, then holds the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotTicket(u64);

/// The socket slots of one client, as a queue without clock or sockets.
///
/// A slot is held from the first attempt to connect until the visitor pauses or closes. Where all slots are
/// held, the holder that has owed nothing for the longest is asked to give its slot back.
///
/// ```
/// use secondme_avatar_protocol::{Millis, Slots};
///
/// let mut slots = Slots::new(Some(1));
/// let (ada, bob) = (slots.join(), slots.join());
/// assert_eq!(slots.grant(), Some(ada));
/// assert_eq!(slots.grant(), None);
/// slots.set_idle(ada, Some(Millis(5_000)));
/// assert_eq!(slots.reclaim(Millis(5_000)), Some(ada));
/// slots.leave(ada);
/// assert_eq!(slots.grant(), Some(bob));
/// ```
#[derive(Debug, Default)]
pub struct Slots {
    /// `None`: there is no limit.
    limit: Option<usize>,
    next: u64,
    holders: BTreeMap<SlotTicket, Holder>,
    waiting: VecDeque<SlotTicket>,
}

#[derive(Debug, Default)]
struct Holder {
    /// From when on it owes nothing; `None` while it is at work.
    idle_from: Option<Millis>,
    /// It has been asked to give its slot back, and its socket is not closed yet.
    reclaimed: bool,
}

impl Slots {
    /// So many slots; `None`: as many as are asked for.
    pub fn new(limit: Option<usize>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// How many slots there are; `None` where there is no limit.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Changes the limit. Holders beyond a lower limit keep their slots until they leave.
    pub fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
    }

    /// Joins the queue.
    pub fn join(&mut self) -> SlotTicket {
        self.next += 1;
        let ticket = SlotTicket(self.next);
        self.waiting.push_back(ticket);
        ticket
    }

    /// Leaves the queue, or gives a slot back whose socket is closed.
    pub fn leave(&mut self, ticket: SlotTicket) {
        self.waiting.retain(|waiting| *waiting != ticket);
        self.holders.remove(&ticket);
    }

    /// Gives a free slot to the first in the queue. To be called until it returns `None`.
    pub fn grant(&mut self) -> Option<SlotTicket> {
        if self.limit.is_some_and(|limit| self.holders.len() >= limit) {
            return None;
        }
        let ticket = self.waiting.pop_front()?;
        self.holders.insert(ticket, Holder::default());
        Some(ticket)
    }

    /// Whether the ticket holds a slot.
    pub fn is_held(&self, ticket: SlotTicket) -> bool {
        self.holders.contains_key(&ticket)
    }

    /// Notes from when on a holder owes nothing ([`Machine::idle_from`](crate::Machine::idle_from)).
    pub fn set_idle(&mut self, ticket: SlotTicket, idle_from: Option<Millis>) {
        if let Some(holder) = self.holders.get_mut(&ticket) {
            holder.idle_from = idle_from;
        }
    }

    /// The holder that is to give its slot back now, because more tickets wait than slots are about to become
    /// free: the one that has owed nothing for the longest. To be called until it returns `None`.
    pub fn reclaim(&mut self, now: Millis) -> Option<SlotTicket> {
        let leaving = self.holders.values().filter(|holder| holder.reclaimed).count();
        if self.waiting.len() <= leaving {
            return None;
        }
        let idle = self.holders.iter_mut().filter(|(_, holder)| !holder.reclaimed);
        let idle = idle.filter_map(|(ticket, holder)| Some((holder.idle_from?, *ticket, holder)));
        let (_, ticket, holder) =
            idle.filter(|(from, ..)| *from <= now).min_by_key(|(from, ticket, _)| (*from, *ticket))?;
        holder.reclaimed = true;
        Some(ticket)
    }

    /// A holder that was asked for its slot is at work again, and keeps it.
    pub fn keep(&mut self, ticket: SlotTicket) {
        if let Some(holder) = self.holders.get_mut(&ticket) {
            *holder = Holder::default();
        }
    }

    /// How many hold a slot.
    pub fn held(&self) -> usize {
        self.holders.len()
    }

    /// How many wait for one.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(limit: usize) -> (Slots, Vec<SlotTicket>) {
        let mut slots = Slots::new(Some(limit));
        let tickets: Vec<_> = (0..limit).map(|_| slots.join()).collect();
        assert_eq!(std::iter::from_fn(|| slots.grant()).collect::<Vec<_>>(), tickets);
        (slots, tickets)
    }

    #[test]
    fn slots_go_to_those_who_wait_in_order_and_only_once_one_is_free() {
        let (mut slots, holders) = full(2);
        let (first, gone, second) = (slots.join(), slots.join(), slots.join());
        slots.leave(gone);
        assert_eq!((slots.grant(), slots.held(), slots.waiting()), (None, 2, 2));
        slots.leave(holders[1]);
        assert_eq!((slots.grant(), slots.grant()), (Some(first), None));
        slots.leave(holders[0]);
        assert_eq!((slots.grant(), slots.waiting()), (Some(second), 0));
    }

    #[test]
    fn without_a_limit_no_visitor_waits() {
        let mut slots = Slots::new(None);
        let tickets: Vec<_> = (0..100).map(|_| slots.join()).collect();
        assert_eq!(std::iter::from_fn(|| slots.grant()).collect::<Vec<_>>(), tickets);
        assert_eq!(slots.reclaim(Millis(1)), None);
    }

    #[test]
    fn the_holder_that_has_been_idle_the_longest_makes_room_one_for_each_who_waits() {
        let (mut slots, holders) = full(4);
        let now = Millis(100);
        let idle = [Some(Millis(70)), Some(Millis(30)), None, Some(Millis(101))];
        for (ticket, idle_from) in holders.iter().zip(idle) {
            slots.set_idle(*ticket, idle_from);
        }
        assert_eq!(slots.reclaim(now), None, "no visitor waits");
        slots.join();
        assert_eq!((slots.reclaim(now), slots.reclaim(now)), (Some(holders[1]), None));
        slots.join();
        slots.join();
        assert_eq!(
            (slots.reclaim(now), slots.reclaim(now)),
            (Some(holders[0]), None),
            "the others are at work"
        );
        assert_eq!(slots.reclaim(Millis(101)), Some(holders[3]), "until then");
    }

    #[test]
    fn a_holder_that_is_at_work_again_keeps_its_slot_and_another_is_asked() {
        let (mut slots, holders) = full(2);
        slots.set_idle(holders[0], Some(Millis(1)));
        slots.set_idle(holders[1], Some(Millis(2)));
        slots.join();
        assert_eq!(slots.reclaim(Millis(9)), Some(holders[0]));
        slots.keep(holders[0]);
        assert_eq!(slots.reclaim(Millis(9)), Some(holders[1]));
        assert!(slots.is_held(holders[0]) && slots.held() == 2, "its socket is not closed yet");
        slots.join();
        assert_eq!(slots.reclaim(Millis(9)), None, "it is not known to be idle any more");
        slots.set_idle(holders[0], Some(Millis(1)));
        assert_eq!(
            slots.reclaim(Millis(9)),
            Some(holders[0]),
            "until that is noted again, the same moment as before too"
        );
    }
}
