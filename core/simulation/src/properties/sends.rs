//! What becomes of a visitor's messages.

use std::collections::{BTreeMap, BTreeSet};

use super::visitor_chat::Parroted;

use secondme_avatar_protocol::{Delivery, EventKind, Outcome, Step, UnsentMessage};

use super::{Property, Terms, Verdict};
use crate::client::ClientId;
use crate::sight::{Call, Sight, plain};
use crate::world::World;

/// How often the service took each message.
#[derive(Debug, Default)]
struct Taken(BTreeMap<String, u32>);

impl Taken {
    fn see(&mut self, sight: &Sight) -> Option<&str> {
        let Sight::Answered(_, Call { step: Step::SendMessage, message: Some((id, _)), .. }, None) = sight
        else {
            return None;
        };
        *self.0.entry(id.clone()).or_default() += 1;
        self.0.get_key_value(id).map(|(id, _)| id.as_str())
    }

    fn times(&self, id: &str) -> u32 {
        self.0.get(id).copied().unwrap_or_default()
    }
}

/// No acknowledged send is lost: whatever a client was told was sent or answered, the service took.
/// And what was certainly not sent never is.
///
/// Where a client cannot be sure whose answer a reply is (see [`Terms::attributes`]), an answer is no proof,
/// and only what was said to be sent counts. On Visitor Chat an owner who says the same is taken for the echo: then
/// nothing is claimed of that message.
#[derive(Debug)]
pub(super) struct Acknowledged {
    attributes: bool,
    taken: Taken,
    unsent: BTreeSet<String>,
    parroted: Parroted,
}

impl Acknowledged {
    pub(super) fn new(terms: &Terms) -> Self {
        let (attributes, parroted) = (terms.attributes(), Parroted::default());
        Self { attributes, taken: Taken::default(), unsent: BTreeSet::new(), parroted }
    }
}

impl Acknowledged {
    fn is_unsent(&mut self, client: ClientId, unsent: &UnsentMessage) -> Verdict {
        if !unsent.certain {
            return Ok(());
        }
        let id = unsent.message_id.as_str();
        if self.taken.times(id) > 0 {
            return Err(format!("{client:?}: {id} is certainly not sent, but the service took it"));
        }
        self.unsent.insert(id.to_owned());
        Ok(())
    }
}

impl Property for Acknowledged {
    fn name(&self) -> &'static str {
        "no acknowledged send is lost"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        self.parroted.see(sight);
        if let Some(id) = self.taken.see(sight)
            && self.unsent.contains(id)
        {
            return Err(format!("{id} was certainly not sent, and now the service takes it"));
        }
        if let Sight::Event(client, event) = sight
            && let EventKind::Unsent { message, .. } = &event.kind
        {
            return self.is_unsent(*client, message);
        }
        let Sight::Resolved(client, ticket, result) = sight else {
            return Ok(());
        };
        let acknowledged = match result {
            Ok(Outcome::Sent(sent)) => Some(&sent.message_id),
            Ok(Outcome::Replied(reply)) if self.attributes => reply.in_reply_to.as_ref(),
            Ok(_) | Err(_) => None,
        };
        if let Some(id) = acknowledged
            && self.taken.times(id.as_str()) == 0
            && !self.parroted.has(id.as_str())
        {
            return Err(format!(
                "{client:?} {ticket:?}: {id} is acknowledged, and the service never took it"
            ));
        }
        match result.as_ref().err().and_then(|error| error.unsent()) {
            Some(unsent) => self.is_unsent(*client, unsent),
            None => Ok(()),
        }
    }
}

/// A message whose echo came is not sent again.
///
/// Without `messageId` in the frames ([`FrameFields::Documented`]) an echo cannot be told for whose it
/// is; then nothing is claimed.
///
/// [`FrameFields::Documented`]: secondme_avatar_emulator::service::FrameFields::Documented
#[derive(Debug, Default)]
pub(super) struct NotAfterEcho {
    echoed: BTreeSet<(ClientId, String)>,
    sent: BTreeSet<(ClientId, String)>,
}

impl Property for NotAfterEcho {
    fn name(&self) -> &'static str {
        "no send is repeated after its echo"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Came(client, _, frame) => {
                if let Some(id) = plain(&frame["messageId"]) {
                    let whose = (*client, id);
                    if self.sent.contains(&whose) {
                        self.echoed.insert(whose);
                    }
                }
            }
            Sight::Called(client, Call { step: Step::SendMessage, message: Some((id, _)), .. }) => {
                let whose = (*client, id.clone());
                if self.echoed.contains(&whose) {
                    return Err(format!("{client:?} sends {id} again, whose echo was here"));
                }
                self.sent.insert(whose);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What may have been taken does not go out again for callers who chose `Delivery::AtMostOnce`.
#[derive(Debug)]
pub(super) struct NotAgain {
    claims: bool,
    unheard: BTreeSet<String>,
}

impl NotAgain {
    pub(super) fn new(terms: &Terms) -> Self {
        Self { claims: terms.delivery == Delivery::AtMostOnce, unheard: BTreeSet::new() }
    }
}

impl Property for NotAgain {
    fn name(&self) -> &'static str {
        "what may have been taken never goes out again for callers who want that"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Unheard(_, Call { step: Step::SendMessage, message: Some((id, _)), .. }) => {
                self.unheard.insert(id.clone());
            }
            Sight::Called(client, Call { step: Step::SendMessage, message: Some((id, _)), .. })
                if self.claims && self.unheard.contains(id) =>
            {
                return Err(format!("{client:?} sends {id} again, whose answer was lost"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The service takes a message once.
///
/// A service that counts a repeated `messageId` as another message ([`RepeatedMessage::Two`]) takes
/// it more often for callers who chose `Delivery::AtLeastOnce`: then nothing is claimed. One that knows the
/// id again may be asked as often as one likes.
///
/// [`RepeatedMessage::Two`]: secondme_avatar_emulator::service::RepeatedMessage::Two
#[derive(Debug)]
pub(super) struct NotDoubled {
    taken: Taken,
    claims: bool,
}

impl NotDoubled {
    pub(super) fn new(terms: Terms) -> Self {
        Self { taken: Taken::default(), claims: terms.delivery != Delivery::AtLeastOnce }
    }
}

impl Property for NotDoubled {
    fn name(&self) -> &'static str {
        "no send is doubled for callers who want that"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        let taken = self.taken.see(sight).map(str::to_owned);
        match taken {
            Some(id) if self.claims && self.taken.times(&id) > 1 => {
                Err(format!("the service takes {id} for the {}. time", self.taken.times(&id)))
            }
            Some(_) | None => Ok(()),
        }
    }
}
