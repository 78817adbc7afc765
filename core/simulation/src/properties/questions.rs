//! Questions and their answers.

use std::collections::{BTreeMap, BTreeSet};

use secondme_avatar_protocol::{Attribution, Author, Ended, EventKind, Gap, Outcome, Ticket};

use super::{Property, Terms, Verdict};
use crate::client::ClientId;
use crate::life::number_of;
use crate::sight::Sight;
use crate::world::World;

/// A question gets its own answer, never another's.
///
/// The service does not say which message a reply answers: a client that asks while another answer is
/// overdue, or after something was lost for good, can only guess. So this is claimed where a reply can be
/// attributed ([`Terms::attributes`]), and did not end by silence (such a reply says that it may be a
/// part). Where the avatar answers in several messages, it is claimed of the replies that are certain.
#[derive(Debug)]
pub(super) struct Questions {
    claims: bool,
    /// One turn of the avatar may be several messages.
    goes_on: bool,
    asked: BTreeMap<(ClientId, Ticket), u64>,
    answered: BTreeSet<(ClientId, Ticket)>,
    /// The service forgot what it was about to say.
    forgotten: bool,
    /// Clients that were told that something may be missing: among it, an echo.
    may_lack: BTreeSet<ClientId>,
}

impl Questions {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            claims: terms.attributes(),
            goes_on: terms.goes_on(),
            asked: BTreeMap::new(),
            answered: BTreeSet::new(),
            forgotten: false,
            may_lack: BTreeSet::new(),
        }
    }
}

impl Property for Questions {
    fn name(&self) -> &'static str {
        "a question gets its own answer"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Reset => self.forgotten = true,
            Sight::Event(client, event) if is_unknown_gap(&event.kind) => {
                self.may_lack.insert(*client);
            }
            Sight::Commanded { client, ticket, question: Some((_, text)), .. } => {
                if let Some(number) = number_of(text) {
                    self.asked.insert((*client, *ticket), number);
                }
            }
            Sight::Resolved(client, ticket, Ok(Outcome::Replied(reply))) => {
                let whose = (*client, *ticket);
                if !self.answered.insert(whose) {
                    return Err(format!("{client:?} {ticket:?} is answered twice"));
                }
                let question = self.asked.get(&whose);
                let knows = self.claims && !self.forgotten && !self.may_lack.contains(client);
                let is_sure = !self.goes_on || reply.attribution == Attribution::Certain;
                let tells = knows && is_sure && reply.ended != Ended::Silence;
                if tells
                    && reply.author == Author::Avatar
                    && let Some(question) = question
                    && number_of(reply.text.as_str()) != Some(*question)
                {
                    return Err(format!(
                        "{client:?} {ticket:?} asked #{question}, and gets {:?}",
                        reply.text.as_str()
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_unknown_gap(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Reconnected { gap: Gap::Unknown })
}
