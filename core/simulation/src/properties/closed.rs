//! The end of a conversation, and of a socket.

use std::collections::BTreeSet;

use secondme_avatar_protocol::{ConversationKey, EventKind, Generation};

use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::Sight;
use crate::world::World;

/// After a conversation is closed nothing is said about it and nothing is called for its session,
/// until it is opened again. Over a socket that is down nothing is sent. (That a closed machine puts
/// out nothing at all is checked where outputs are taken.)
///
/// No weaker form.
#[derive(Debug, Default)]
pub(super) struct Closed {
    conversations: BTreeSet<(ClientId, ConversationKey)>,
    sessions: BTreeSet<(ClientId, String)>,
    down: BTreeSet<(ClientId, Generation)>,
}

impl Property for Closed {
    fn name(&self) -> &'static str {
        "nothing is sent after the end"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Opens(client, key) => {
                self.conversations.remove(&(*client, *key));
                if *key == ConversationKey::FIRST {
                    // It may take up its session again.
                    self.sessions.retain(|(whose, _)| whose != client);
                }
            }
            Sight::Event(client, event) => {
                let Some(key) = event.conversation else {
                    return Ok(());
                };
                if self.conversations.contains(&(*client, key)) {
                    return Err(format!("{client:?} {key:?} is closed, and tells {:?}", event.kind));
                }
                if matches!(event.kind, EventKind::Closed { .. }) {
                    self.conversations.insert((*client, key));
                    let session = event.session_id.as_ref().map(|session| session.as_str().to_owned());
                    self.sessions.extend(session.map(|session| (*client, session)));
                }
            }
            Sight::Called(client, call) => {
                if let Some(session) = &call.session
                    && self.sessions.contains(&(*client, session.clone()))
                {
                    return Err(format!("{client:?} calls {} for a session that it has closed", call.step));
                }
            }
            Sight::Down(client, generation) => {
                self.down.insert((*client, *generation));
            }
            Sight::Sent(client, generation, _) if self.down.contains(&(*client, *generation)) => {
                return Err(format!("{client:?} sends over {generation:?}, which is down"));
            }
            _ => {}
        }
        Ok(())
    }
}
