//! The socket slots that all clients of a world share.

use std::collections::BTreeMap;

use secondme_avatar_protocol::{Millis, SlotTicket, Slots};

use crate::client::ClientId;

#[derive(Debug, Default)]
pub(crate) struct SlotDesk {
    slots: Slots,
    whose: BTreeMap<SlotTicket, ClientId>,
}

impl SlotDesk {
    pub(crate) fn set_limit(&mut self, limit: Option<usize>) {
        self.slots.set_limit(limit);
    }

    pub(crate) fn limit(&self) -> Option<usize> {
        self.slots.limit()
    }

    /// Whether the client holds a slot. Joins the queue for one where it has no ticket.
    pub(crate) fn ask(&mut self, client: ClientId) -> bool {
        let ticket = self.ticket_of(client).unwrap_or_else(|| {
            let ticket = self.slots.join();
            self.whose.insert(ticket, client);
            ticket
        });
        self.slots.is_held(ticket)
    }

    /// The next client that gets a slot.
    pub(crate) fn grant(&mut self) -> Option<ClientId> {
        let ticket = self.slots.grant()?;
        self.whose.get(&ticket).copied()
    }

    /// The client gives up its ticket, which is free once it [leaves](Self::leave).
    pub(crate) fn release(&mut self, client: ClientId) -> Option<SlotTicket> {
        let ticket = self.ticket_of(client)?;
        self.whose.remove(&ticket);
        Some(ticket)
    }

    pub(crate) fn leave(&mut self, ticket: SlotTicket) {
        self.slots.leave(ticket);
    }

    /// Notes from when on the client owes nothing. Returns whether another waits for its slot now.
    pub(crate) fn set_idle(&mut self, client: ClientId, idle_from: Option<Millis>, now: Millis) -> bool {
        if let Some(ticket) = self.ticket_of(client) {
            self.slots.set_idle(ticket, idle_from);
        }
        self.slots.waiting() > 0 && idle_from.is_some_and(|from| from <= now)
    }

    /// The client that is to give its slot back.
    pub(crate) fn reclaim(&mut self, now: Millis) -> Option<ClientId> {
        let ticket = self.slots.reclaim(now)?;
        self.whose.get(&ticket).copied()
    }

    /// The client is at work again, and keeps its slot.
    pub(crate) fn keep(&mut self, client: ClientId) {
        if let Some(ticket) = self.ticket_of(client) {
            self.slots.keep(ticket);
        }
    }

    /// Whether the client waits for a slot.
    pub(crate) fn awaits(&self, client: ClientId) -> bool {
        self.ticket_of(client).is_some_and(|ticket| !self.slots.is_held(ticket))
    }

    fn ticket_of(&self, client: ClientId) -> Option<SlotTicket> {
        self.whose.iter().find(|(_, whose)| **whose == client).map(|(ticket, _)| *ticket)
    }
}
