//! What becomes of messages that are to outlive their process.

use std::collections::{BTreeMap, BTreeSet};

use secondme_avatar_emulator::service::State;
use secondme_avatar_protocol::{ConversationKey, EventKind, Outcome, State as ConversationState, Step};

use super::visitor_chat::Parroted;
use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::{Call, Sight};
use crate::world::World;

/// A message that is said to be kept is taken by the service, or handed back, or still kept by a client
/// that is closed or whose time is not over; whichever client is killed, and whenever.
///
/// And it goes out only when it stands on the disk that it may have: whatever moment the process is
/// killed at, the next one knows.
#[derive(Debug, Default)]
pub(super) struct Durable {
    /// By whom each message was kept first.
    kept: BTreeMap<String, ClientId>,
    taken: BTreeSet<String>,
    handed_back: BTreeSet<String>,
    parroted: Parroted,
}

impl Property for Durable {
    fn name(&self) -> &'static str {
        "a message that is kept is not lost"
    }

    fn see(&mut self, world: &World, sight: &Sight) -> Verdict {
        self.parroted.see(sight);
        match sight {
            Sight::Resolved(client, _, Ok(Outcome::Kept(message))) => {
                let on_disk = &world.of(*client).disk.messages;
                if !on_disk.iter().any(|kept| kept.message_id == *message) {
                    return Err(format!("{message} is said to be kept, and is not on the disk"));
                }
                self.kept.insert(message.as_str().to_owned(), *client);
            }
            Sight::Called(client, Call { step: Step::SendMessage, message: Some((id, _)), .. }) => {
                let on_disk = &world.of(*client).disk.messages;
                let kept = on_disk.iter().find(|kept| kept.message_id.as_str() == id);
                if self.kept.contains_key(id) && !kept.is_some_and(|kept| kept.left) {
                    return Err(format!("{id} goes out, and the disk does not know"));
                }
            }
            Sight::Answered(_, Call { step: Step::SendMessage, message: Some((id, _)), .. }, None) => {
                self.taken.insert(id.clone());
            }
            Sight::Event(_, event) => {
                if let EventKind::Unsent { message, .. } = &event.kind {
                    self.handed_back.insert(message.message_id.as_str().to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn calm(&mut self, world: &World, _: &State) -> Verdict {
        let is_settled = |id: &str| self.taken.contains(id) || self.handed_back.contains(id);
        let open = self.kept.keys().filter(|id| !is_settled(id) && !self.parroted.has(id));
        for id in open {
            let holds = |one: &crate::client::Client| {
                let kept = one.machine.kept_messages();
                kept.into_iter().find(|kept| kept.message_id.as_str() == id)
            };
            let mut present = world.clients().filter(|(_, one)| !one.is_gone());
            let Some((client, one, kept)) =
                present.find_map(|(client, one)| holds(one).map(|kept| (client, one, kept)))
            else {
                return Err(format!("{id} was kept, and now no client has it"));
            };
            if one.machine.state(ConversationKey::FIRST) != ConversationState::Closed {
                return Err(format!("{client:?} still has {kept:?} after long calm"));
            }
        }
        Ok(())
    }
}
