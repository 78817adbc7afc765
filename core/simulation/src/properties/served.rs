//! Clients that wait for a slot.

use super::{Property, Verdict};
use crate::world::World;

/// A client that waits for a slot gets one, once the others owe nothing.
///
/// It is looked at where the weather has been calm for long and slots are few: by then every command is answered
/// and every answer has come.
#[derive(Debug)]
pub(super) struct Served;

impl Property for Served {
    fn name(&self) -> &'static str {
        "everybody who waits for a slot gets one"
    }

    fn calm_with_few_slots(&mut self, world: &World) -> Verdict {
        match world.waiting_for_slot().next() {
            Some(client) => Err(format!("{client:?} still waits for a slot after long calm")),
            None => Ok(()),
        }
    }
}
