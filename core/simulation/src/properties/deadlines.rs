//! Deadlines.

use std::collections::{BTreeMap, BTreeSet};

use secondme_avatar_emulator::service::State;
use secondme_avatar_protocol::{Millis, Ticket};

use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::Sight;
use crate::world::World;

/// Each command is answered by its deadline, once, and a machine never asks to be woken in the past.
///
/// A cancelled command is not answered at all. No weaker form.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    waiting: BTreeSet<(Millis, ClientId, Ticket)>,
    by: BTreeMap<(ClientId, Ticket), Millis>,
    /// Some commands are answered before they are known to be given.
    answered: BTreeSet<(ClientId, Ticket)>,
}

impl Deadlines {
    fn settle(&mut self, client: ClientId, ticket: Ticket) -> bool {
        let by = self.by.remove(&(client, ticket));
        by.is_some_and(|by| self.waiting.remove(&(by, client, ticket)))
    }
}

impl Property for Deadlines {
    fn name(&self) -> &'static str {
        "every command is answered by its deadline"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Commanded { client, ticket, by, .. } if !self.answered.contains(&(*client, *ticket)) => {
                self.waiting.insert((*by, *client, *ticket));
                self.by.insert((*client, *ticket), *by);
            }
            Sight::Resolved(client, ticket, _) => {
                self.settle(*client, *ticket);
                if !self.answered.insert((*client, *ticket)) {
                    return Err(format!(
                        "{client:?} {ticket:?} is answered twice, or after it was cancelled"
                    ));
                }
            }
            Sight::Cancelled(client, ticket) => {
                self.settle(*client, *ticket);
                self.answered.insert((*client, *ticket));
            }
            Sight::Killed { client, .. } => {
                self.waiting.retain(|(_, whose, _)| whose != client);
                self.by.retain(|(whose, _), _| whose != client);
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, world: &World) -> Verdict {
        let now = world.now();
        if let Some((by, client, ticket)) = self.waiting.first()
            && *by < now
        {
            return Err(format!("{client:?} {ticket:?} was to be answered {:?} ago", now.since(*by)));
        }
        for (client, one) in world.clients().filter(|(_, one)| !one.is_gone()) {
            if let Some(next) = one.machine.next_deadline().filter(|next| *next < now) {
                return Err(format!("{client:?} wants to be woken {:?} ago", now.since(next)));
            }
        }
        Ok(())
    }

    fn calm(&mut self, _: &World, _: &State) -> Verdict {
        match self.waiting.first() {
            Some((_, client, ticket)) => {
                Err(format!("{client:?} {ticket:?} is not answered after long calm"))
            }
            None => Ok(()),
        }
    }
}
