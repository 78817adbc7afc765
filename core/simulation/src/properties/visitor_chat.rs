//! What holds on Visitor Chat alone.

use std::collections::{BTreeMap, BTreeSet};

use secondme_avatar_emulator::service::State;
use secondme_avatar_protocol::{EventKind, Millis, limits};

use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::{Call, Sight};
use crate::world::World;

/// The messages whose very words the owner has said: their echoes cannot be told from that.
#[derive(Debug, Default)]
pub(super) struct Parroted {
    texts: BTreeSet<String>,
    by_id: BTreeMap<String, String>,
}

impl Parroted {
    pub(super) fn see(&mut self, sight: &Sight) {
        match sight {
            Sight::Parrots(text) => {
                self.texts.insert(text.clone());
            }
            Sight::Called(_, Call { message: Some((id, text)), .. }) => {
                self.by_id.entry(id.clone()).or_insert_with(|| text.clone());
            }
            _ => {}
        }
    }

    /// Whether the owner has said what this message says.
    pub(super) fn has(&self, id: &str) -> bool {
        self.by_id.get(id).is_some_and(|text| self.texts.contains(text))
    }
}

/// The app's token is fetched once for all who need it, and never twice at a time. It is shown in the header of calls
/// and stands nowhere else: in no body, no path, no frame and no record.
#[derive(Debug, Default)]
pub(super) struct Token {
    is_fetching: bool,
    came: BTreeSet<String>,
}

impl Token {
    fn is_exposed(&self, text: &str) -> bool {
        self.came.iter().any(|token| text.contains(token.as_str()))
    }
}

impl Property for Token {
    fn name(&self) -> &'static str {
        "the app's token is fetched once at a time and shown in its header alone"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::TokenFetched if std::mem::replace(&mut self.is_fetching, true) => {
                Err("the token is fetched while a fetch is under way".to_owned())
            }
            Sight::TokenCame(token) => {
                self.is_fetching = false;
                self.came.extend(token.clone());
                Ok(())
            }
            Sight::Called(client, call) => match &call.token {
                _ if self.is_exposed(&call.said) => {
                    Err(format!("{client:?} {}: a token is in it", call.step))
                }
                Some(token) if self.came.contains(token) => Ok(()),
                _ => Err(format!("{client:?} {}: it does not show a token that was fetched", call.step)),
            },
            Sight::Sent(client, _, text) if self.is_exposed(text) => {
                Err(format!("{client:?} sends a token over its socket"))
            }
            _ => Ok(()),
        }
    }

    fn calm(&mut self, world: &World, _: &State) -> Verdict {
        for (client, one) in world.clients() {
            let record = one.disk.record.as_ref().map(serde_json::to_string);
            if record.is_some_and(|record| record.is_ok_and(|record| self.is_exposed(&record))) {
                return Err(format!("{client:?} keeps a token"));
            }
        }
        Ok(())
    }
}

/// An echo is the visitor's, and the owner's word the owner's.
///
/// *The owner's word*: it is never taken for an echo, unless the owner has said the same as the visitor; nor is it
/// after the owner has done so twice to this visitor, since then it looks as if the owner's user id were the visitor's.
///
/// *The echo*: it is never taken for the owner's word within 30 s of its send, by the client that has sent it. It is
/// never said to be the owner's for certain, unless the owner has said the same as a visitor, or the client has not
/// sent it itself.
#[derive(Debug, Default)]
pub(super) struct Voices {
    /// When a client has sent a text last.
    sent: BTreeMap<(ClientId, String), Millis>,
    parroted: BTreeSet<String>,
    parrots: u32,
}

impl Property for Voices {
    fn name(&self) -> &'static str {
        "an echo is the visitor's, and the owner's word the owner's"
    }

    fn see(&mut self, world: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Parrots(text) => {
                self.parrots += 1;
                self.parroted.insert(text.clone());
            }
            Sight::Called(client, Call { message: Some((_, text)), .. }) => {
                self.sent.insert((*client, text.clone()), world.now());
            }
            Sight::Event(client, event) => match &event.kind {
                EventKind::Delivered { text, .. } if text.starts_with("own") && self.parrots < 2 => {
                    return Err(format!("{client:?}: the owner's {:?} is taken for an echo", text.as_str()));
                }
                EventKind::OwnerReply(reply) if !reply.text.starts_with("own") => {
                    let text = reply.text.as_str().to_owned();
                    let sent = self.sent.get(&(*client, text.clone()));
                    if self.parroted.contains(&text) {
                        return Ok(());
                    }
                    let is_fresh = sent.is_some_and(|at| world.now().since(*at) < limits::ECHO_BY_TEXT);
                    let is_sure = reply.confirmed && self.parrots == 0 && sent.is_some();
                    if is_fresh || is_sure {
                        return Err(format!("{client:?}: the echo {text:?} is taken for the owner's word"));
                    }
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}

/// A visitor has one session at a time, and hears of another one.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    present: BTreeMap<ClientId, String>,
}

impl Property for Sessions {
    fn name(&self) -> &'static str {
        "another session is an event"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        let Sight::Event(client, event) = sight else { return Ok(()) };
        let named = event.session_id.as_ref().map(|session| session.as_str().to_owned());
        match &event.kind {
            EventKind::SessionReplaced { from, to } => {
                let before = self.present.insert(*client, to.as_str().to_owned());
                if before.is_some_and(|before| before != from.as_str()) {
                    return Err(format!("{client:?} is told that {from} is replaced, and had another"));
                }
            }
            EventKind::Closed { .. } => {
                self.present.remove(client);
            }
            _ => {
                let Some(named) = named else { return Ok(()) };
                let present = self.present.entry(*client).or_insert_with(|| named.clone());
                if *present != named {
                    return Err(format!(
                        "{client:?} has {named} in the place of {present}, and was not told"
                    ));
                }
            }
        }
        Ok(())
    }
}
