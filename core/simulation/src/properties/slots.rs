//! The socket slots that clients share.

use super::{Property, Verdict};
use crate::world::World;

/// There are never more clients with a socket than slots. A socket counts from when its address is asked for until
/// the service knows that it is closed; a client that changes from one socket to the next counts once.
///
/// A link that went silent counts until the client gives it up: nothing of the client's reaches the service.
#[derive(Debug)]
pub(super) struct Slots;

impl Property for Slots {
    fn name(&self) -> &'static str {
        "there are never more sockets than slots"
    }

    fn step(&mut self, world: &World) -> Verdict {
        match world.slot_limit() {
            Some(slots) if world.with_socket() > slots => {
                Err(format!("{} clients with a socket, {slots} slots", world.with_socket()))
            }
            _ => Ok(()),
        }
    }
}
