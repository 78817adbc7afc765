//! The links between clients and the service.

use std::collections::BTreeMap;

use secondme_avatar_emulator::service::SocketId;
use secondme_avatar_protocol::{Generation, Millis};

use crate::client::ClientId;

/// One connection, with the moment at which each of its directions is free again: what was sent
/// earlier arrives earlier.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: ClientId,
    pub(crate) generation: Generation,
    pub(crate) socket: SocketId,
    pub(crate) up_free: Millis,
    pub(crate) down_free: Millis,
    /// Nothing comes through any more, either way, and neither side is told.
    pub(crate) half_open: bool,
    /// A pong has come through.
    pub(crate) has_answered: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Links {
    by_socket: BTreeMap<SocketId, Link>,
    /// Handshakes that were given up before they came to the service.
    given_up: Vec<(ClientId, Generation)>,
}

impl Links {
    pub(crate) fn add(&mut self, link: Link) {
        self.by_socket.insert(link.socket, link);
    }

    pub(crate) fn of(&mut self, client: ClientId, generation: Generation) -> Option<&mut Link> {
        self.by_socket.values_mut().find(|link| link.client == client && link.generation == generation)
    }

    pub(crate) fn get(&mut self, socket: SocketId) -> Option<&mut Link> {
        self.by_socket.get_mut(&socket)
    }

    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<Link> {
        self.by_socket.remove(&socket)
    }

    pub(crate) fn count(&self) -> usize {
        self.by_socket.len()
    }

    /// The links of all clients.
    pub(crate) fn all(&self) -> Vec<SocketId> {
        self.by_socket.keys().copied().collect()
    }

    pub(crate) fn newest(&mut self, client: ClientId) -> Option<&mut Link> {
        self.by_socket.values_mut().rfind(|link| link.client == client)
    }

    pub(crate) fn sockets_of(&self, client: ClientId) -> Vec<SocketId> {
        self.by_socket.values().filter(|link| link.client == client).map(|link| link.socket).collect()
    }

    pub(crate) fn give_up(&mut self, client: ClientId, generation: Generation) {
        self.given_up.push((client, generation));
    }

    pub(crate) fn was_given_up(&mut self, client: ClientId, generation: Generation) -> bool {
        let found = self.given_up.iter().position(|whose| *whose == (client, generation));
        found.map(|at| self.given_up.swap_remove(at)).is_some()
    }
}
