//! Questions while the avatar's owner has the conversation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secondme_avatar_protocol::{ConversationKey, Millis, State, Ticket};

use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::{Call, Sight};
use crate::world::World;

/// By then a call that was lost is known to be lost, and what it makes wait has waited: 10 s for its answer,
/// 20 s of back-off at most.
const IDLE: Duration = Duration::from_secs(31);

/// While the owner has a conversation, no question waits to go out.
///
/// A message that is under way, unconfirmed or refused holds those behind it, also during a takeover; nor
/// does anything go out before a gap is filled. So this is claimed of a conversation that is live and read, and
/// for which nothing has been called for a while, after a call that went well.
#[derive(Debug, Default)]
pub(super) struct OwnersTime {
    waiting: BTreeMap<(ClientId, Ticket), Question>,
    /// What has gone out: a machine may call before it is known what it was told.
    gone: BTreeSet<String>,
    /// The last call for each session, and whether it went well.
    called: BTreeMap<(ClientId, String), (Millis, bool)>,
}

#[derive(Debug)]
struct Question {
    conversation: ConversationKey,
    text: String,
    /// Since when it has waited in a conversation of the owner's.
    since: Option<Millis>,
}

impl Property for OwnersTime {
    fn name(&self) -> &'static str {
        "no question waits while the owner has the conversation"
    }

    fn see(&mut self, world: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Commanded { client, ticket, question: Some((conversation, text)), .. }
                if !self.gone.contains(text) =>
            {
                let question = Question { conversation: *conversation, text: text.clone(), since: None };
                self.waiting.insert((*client, *ticket), question);
            }
            Sight::Called(client, Call { session: Some(session), message, .. }) => {
                self.called.insert((*client, session.clone()), (world.now(), false));
                if let Some((_, text)) = message {
                    self.gone.insert(text.clone());
                    self.waiting.retain(|(whose, _), question| whose != client || question.text != *text);
                }
            }
            Sight::Answered(client, Call { session: Some(session), .. }, failure) => {
                self.called.insert((*client, session.clone()), (world.now(), failure.is_none()));
            }
            Sight::Resolved(client, ticket, _) | Sight::Cancelled(client, ticket) => {
                self.waiting.remove(&(*client, *ticket));
            }
            Sight::Killed { client, .. } => self.waiting.retain(|(whose, _), _| whose != client),
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, world: &World) -> Verdict {
        let now = world.now();
        for ((client, ticket), question) in &mut self.waiting {
            let machine = &world.of(*client).machine;
            let key = question.conversation;
            let owners =
                machine.taken_over(key) && machine.state(key) == State::Live && world.is_read(*client);
            if !owners {
                question.since = None;
                continue;
            }
            let since = *question.since.get_or_insert(now);
            let session = machine.session_id(key).map(|session| (*client, session.as_str().to_owned()));
            if let Some((called_at, true)) = session.and_then(|session| self.called.get(&session))
                && now.since(since.max(*called_at)) > IDLE
            {
                return Err(format!("{client:?} {ticket:?} has not gone out since {:?}", now.since(since)));
            }
        }
        Ok(())
    }
}
