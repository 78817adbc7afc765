//! There is a way out of every state.

use secondme_avatar_emulator::service;
use secondme_avatar_protocol::State;

use super::{Property, Verdict};
use crate::world::World;

/// A conversation that is neither live, paused nor closed has something under way: its machine wants
/// to be woken at some time (every call under way has one), or waits for the quota or its turn to connect. In calm
/// weather all that is not closed is live.
///
/// No weaker form: no answer of the service may leave a conversation stuck.
#[derive(Debug)]
pub(super) struct WaysOut;

impl Property for WaysOut {
    fn name(&self) -> &'static str {
        "there is a way out of every state"
    }

    fn step(&mut self, world: &World) -> Verdict {
        for (client, one) in world.clients().filter(|(_, one)| !one.is_gone()) {
            if one.machine.next_deadline().is_some() || one.machine.is_closed() || world.awaits(client) {
                continue;
            }
            for key in one.machine.conversations() {
                match one.machine.state(key) {
                    State::Live | State::Paused | State::Closed => {}
                    state => {
                        return Err(format!("{client:?} {key:?} is {state:?}, and nothing is under way"));
                    }
                }
            }
        }
        Ok(())
    }

    fn calm(&mut self, world: &World, _: &service::State) -> Verdict {
        for (client, one) in world.clients().filter(|(_, one)| !one.is_gone()) {
            for key in one.machine.conversations() {
                let state = one.machine.state(key);
                if state != State::Live {
                    return Err(format!("{client:?} {key:?} is {state:?} after long calm"));
                }
            }
        }
        Ok(())
    }
}
