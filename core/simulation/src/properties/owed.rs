//! Conversations that pause though their callers did not ask for it.

use std::collections::{BTreeMap, BTreeSet};

use secondme_avatar_protocol::{ConversationKey, EventKind, Millis, Outcome, State, Ticket, limits};

use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::Sight;
use crate::world::World;

/// No conversation that is owed something is paused, unless its caller asks for it: no command waits, no message is
/// kept that is still to be sent, and a message that was taken, or a reply that is coming in, is the last thing that
/// happened for at most as long as an answer may take.
///
/// What else was told after a message was taken may have been its answer: then none is claimed to be owed.
#[derive(Debug, Default)]
pub(super) struct Owed {
    asked_to_pause: BTreeSet<ClientId>,
    paused: BTreeSet<ClientId>,
    /// Commands that are not answered yet. Some are answered before they are known to be given.
    commanded: BTreeSet<(ClientId, Ticket)>,
    /// Messages on their way, since which nothing has been told that might be their answer.
    unanswered: BTreeSet<(ClientId, String)>,
    /// Until when an answer is owed, where that is certain.
    owed_until: BTreeMap<ClientId, Millis>,
}

impl Property for Owed {
    fn name(&self) -> &'static str {
        "no conversation that is owed an answer is paused"
    }

    fn see(&mut self, world: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Pauses(client) => {
                self.asked_to_pause.insert(*client);
            }
            Sight::Commanded { client, ticket, .. } => {
                self.commanded.insert((*client, *ticket));
            }
            Sight::Cancelled(client, ticket) => {
                self.commanded.remove(&(*client, *ticket));
                self.owed_until.remove(client);
            }
            Sight::Called(client, call) => {
                self.unanswered.extend(call.message.iter().map(|(message, _)| (*client, message.clone())));
            }
            Sight::Resolved(client, _, Ok(Outcome::Sent(sent))) => {
                let message = (*client, sent.message_id.as_str().to_owned());
                if self.unanswered.contains(&message) {
                    self.owed_until.insert(*client, world.now() + limits::FIRST_PIECE);
                }
            }
            // A question that goes out may end the turn of a message that was sent before it.
            Sight::Resolved(client, ..) | Sight::Killed { client, .. } => {
                self.owed_until.remove(client);
            }
            Sight::Event(client, event) => match &event.kind {
                EventKind::StateChanged { to: State::Paused, .. } => {
                    self.paused.insert(*client);
                }
                EventKind::ReplyDelta { .. } => {
                    self.unanswered.retain(|(whose, _)| whose != client);
                    self.owed_until.insert(*client, world.now() + limits::REPLY_IDLE);
                }
                EventKind::StateChanged { .. }
                | EventKind::Disconnected { .. }
                | EventKind::Reconnected { .. }
                | EventKind::WaitingForQuota { .. }
                | EventKind::Delivered { .. } => {}
                _ => {
                    self.unanswered.retain(|(whose, _)| whose != client);
                    self.owed_until.remove(client);
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, world: &World) -> Verdict {
        let asked_to = std::mem::take(&mut self.asked_to_pause);
        let paused = std::mem::take(&mut self.paused);
        for client in paused.difference(&asked_to) {
            let one = world.of(*client);
            self.commanded.retain(|(whose, ticket)| whose != client || !one.log.answers.contains_key(ticket));
            if let Some((_, ticket)) = self.commanded.iter().find(|(whose, _)| whose == client) {
                return Err(format!("{client:?} pauses, and {ticket:?} waits for its answer"));
            }
            let is_open = one.machine.state(ConversationKey::FIRST) != State::Closed;
            if is_open && !one.machine.kept_messages().is_empty() {
                return Err(format!("{client:?} pauses, and keeps a message that is to be sent"));
            }
            if self.owed_until.get(client).is_some_and(|until| world.now() < *until) {
                return Err(format!("{client:?} pauses, and is owed an answer"));
            }
        }
        Ok(())
    }
}
