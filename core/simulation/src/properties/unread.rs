//! What lies unread.

use std::collections::BTreeSet;

use secondme_avatar_protocol::{EventKind, Generation};

use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::Sight;
use crate::world::World;

/// A link that carries everything is not taken for a lost one because its frames are not read. (That nothing is
/// lost once it is read again is a part of "nothing said is lost or heard twice".)
///
/// No weaker form. That the network has changed is a reason to give any link up.
#[derive(Debug, Default)]
pub(super) struct Unread {
    up: BTreeSet<(ClientId, Generation)>,
    /// What this step has brought.
    moved: BTreeSet<ClientId>,
    lost: BTreeSet<ClientId>,
    given_up: BTreeSet<ClientId>,
}

impl Property for Unread {
    fn name(&self) -> &'static str {
        "no link is lost because it is not read"
    }

    fn see(&mut self, world: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Up(client, generation) => {
                self.up.retain(|(whose, _)| whose != client);
                self.up.insert((*client, *generation));
            }
            Sight::Moves(client) => {
                self.moved.insert(*client);
            }
            Sight::Event(client, event) if matches!(event.kind, EventKind::Disconnected { .. }) => {
                self.lost.insert(*client);
            }
            Sight::GivesUp(client, generation)
                if !world.is_read(*client) && self.up.contains(&(*client, *generation)) =>
            {
                self.given_up.insert(*client);
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, _: &World) -> Verdict {
        let (moved, lost) = (std::mem::take(&mut self.moved), std::mem::take(&mut self.lost));
        let given_up = std::mem::take(&mut self.given_up);
        match given_up.iter().find(|client| lost.contains(client) && !moved.contains(client)) {
            Some(client) => Err(format!("{client:?} does not read, and gives up a link that is well")),
            None => Ok(()),
        }
    }
}
