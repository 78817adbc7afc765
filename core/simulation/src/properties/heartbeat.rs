//! The heartbeat.

use std::collections::BTreeMap;

use secondme_avatar_protocol::{Generation, Millis, limits};

use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::Sight;
use crate::world::World;

/// While a link is up, no more than the interval lies between its opening and the first ping, and
/// between two pings. Every ping goes over the present socket.
///
/// No weaker form: whether pings are answered, or anything is read, does not matter.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    last: BTreeMap<ClientId, (Generation, Millis)>,
}

impl Property for Heartbeat {
    fn name(&self) -> &'static str {
        "no gap between pings is longer than the interval"
    }

    fn see(&mut self, world: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Up(client, generation) => {
                self.last.insert(*client, (*generation, world.now()));
            }
            Sight::Down(client, generation)
                if self.last.get(client).is_some_and(|(up, _)| up == generation) =>
            {
                self.last.remove(client);
            }
            Sight::Killed { client, .. } => {
                self.last.remove(client);
            }
            Sight::Sent(client, generation, text) if text.contains("\"ping\"") => {
                if let Some((up, last)) = self.last.get_mut(client)
                    && up == generation
                {
                    *last = world.now();
                } else {
                    return Err(format!("{client:?} pings over {generation:?}, which is not up"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, world: &World) -> Verdict {
        for (client, (_, last)) in &self.last {
            let machine = &world.of(*client).machine;
            let gap = world.now().since(*last);
            if gap > limits::HEARTBEAT && machine.is_connected() {
                return Err(format!("{client:?} has not pinged for {gap:?}"));
            }
        }
        Ok(())
    }
}
