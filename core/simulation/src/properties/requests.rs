//! Requests.

use secondme_avatar_emulator::service::{Money, TokenLifetime};
use secondme_avatar_protocol::Step;

use super::{Property, Terms, Verdict};
use crate::sight::Sight;
use crate::world::World;

/// The service never has to say that a request is wrong: no field missing or of the wrong kind, no id
/// in the wrong place, no session, socket or address that it does not know.
///
/// What the service has forgotten ([`Sight::Reset`]) a client cannot know that it is forgotten: from
/// then on only what is wrong by itself counts. A dead token is known to be dead when it is refused.
/// The calls beyond the page may not be there.
#[derive(Debug)]
pub(super) struct Requests {
    terms: Terms,
    forgotten: bool,
}

impl Requests {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, forgotten: false }
    }
}

impl Property for Requests {
    fn name(&self) -> &'static str {
        "requests are well-formed"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Reset => self.forgotten = true,
            Sight::Answered(client, call, Some(code)) => {
                let beyond = matches!(call.step, Step::QueryMessages | Step::EndSession);
                let excused = match code.as_str() {
                    "visitor.token.invalid" => {
                        self.forgotten || self.terms.settings.token_lifetime != TokenLifetime::Never
                    }
                    // Told, not asked wrongly, by a service that has forgotten them.
                    "oauth2.token.invalid" | "session_not_found" => self.forgotten,
                    "session.not.found"
                    | "session.not.bound"
                    | "chat.context.expired"
                    | "ws.not.found"
                    | "ws.address.unknown" => self.forgotten,
                    "request.path.not.found" | "visitor.call.not.available" => beyond && !self.terms.asks(),
                    "avatar.unlock.required" => self.terms.settings.money == Money::Refused,
                    // Told, not asked wrongly.
                    "ws.gone" | "open.api.rate.limited" | "session.status.closed" => true,
                    _ => false,
                };
                if !excused {
                    return Err(format!("{client:?} {}: the service says {code}", call.step));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
