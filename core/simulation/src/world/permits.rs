//! Permits to connect: a slot for a socket first, then the moment for the attempt.

use std::time::Duration;

use secondme_avatar_protocol::{Error, ErrorKind, Input};

use super::{Happening, World};
use crate::client::{Client, ClientId};

/// How long the moment for an attempt takes to come.
const PERMIT_TAKES: Duration = Duration::from_millis(150);

impl World {
    /// So many sockets at a time; `None`: as many as are wanted.
    pub fn limit_slots(&mut self, limit: Option<usize>) {
        self.slots.set_limit(limit);
        self.grant_slots();
    }

    /// How many sockets there may be at a time.
    pub fn slot_limit(&self) -> Option<usize> {
        self.slots.limit()
    }

    /// How many clients have a socket, are about to have one, or have closed one without the service knowing of it
    /// yet.
    pub fn with_socket(&self) -> usize {
        let has_one = |(id, client): &(ClientId, &Client)| {
            let is_leaving = self.leaving.values().any(|leaving| leaving == id);
            client.machine.is_connected() || client.machine.is_connecting() || is_leaving
        };
        self.clients().filter(|(_, client)| !client.gone).filter(has_one).count()
    }

    /// The clients that wait for a slot.
    pub fn waiting_for_slot(&self) -> impl Iterator<Item = ClientId> {
        let clients = self.clients().filter(|(_, client)| !client.gone).map(|(id, _)| id);
        clients.filter(|client| self.slots.awaits(*client))
    }

    pub(super) fn ask_for_permit(&mut self, client: ClientId) {
        self.clients[client.0].awaits_permit = true;
        if self.slots.ask(client) {
            return self.plan_permit(client);
        }
        self.grant_slots();
        if self.slots.awaits(client) {
            let error = Error::new(ErrorKind::Unavailable, "no slot");
            self.input(client, Input::ConnectDenied(error));
            self.make_room();
        }
    }

    pub(super) fn permit_comes(&mut self, client: ClientId, asked: u64) {
        // One that was released in the meantime has no permit any more.
        if asked == self.of(client).released && !self.of(client).gone {
            self.clients[client.0].awaits_permit = false;
            self.input(client, Input::ConnectPermitted);
        }
    }

    /// The client wants no socket any more. Its slot is free once the service knows that the socket is closed.
    pub(super) fn release_slot(&mut self, client: ClientId) {
        let one = &mut self.clients[client.0];
        one.awaits_permit = false;
        one.released += 1;
        let free_at = one.closes_at;
        if let Some(ticket) = self.slots.release(client) {
            self.queue.plan(free_at.max(self.now), Happening::SlotIsFree(ticket));
        }
    }

    pub(super) fn grant_slots(&mut self) {
        while let Some(client) = self.slots.grant() {
            self.plan_permit(client);
        }
    }

    /// Has those give their slots back that owe nothing, one for each client that waits.
    fn make_room(&mut self) {
        while let Some(client) = self.slots.reclaim(self.now) {
            self.network.meet("slot reclaimed");
            self.input(client, Input::SlotReclaimed);
            if !self.of(client).machine.is_paused() {
                self.slots.keep(client);
                let idle_from = self.of(client).machine.idle_from();
                self.slots.set_idle(client, idle_from, self.now);
            }
        }
    }

    pub(super) fn note_idle(&mut self, client: ClientId) {
        let idle_from = self.of(client).machine.idle_from();
        if self.slots.set_idle(client, idle_from, self.now) {
            self.make_room();
        }
    }

    fn plan_permit(&mut self, client: ClientId) {
        let asked = self.of(client).released;
        self.queue.plan(self.now + PERMIT_TAKES, Happening::PermitComes(client, asked));
    }
}
