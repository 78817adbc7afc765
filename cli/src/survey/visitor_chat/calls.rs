//! What the calls of this door say: the token, `init`, refusals.

use serde_json::{Value, json};

use super::State;
use super::visit::Visit;
use crate::survey::walk::Walk;
use crate::survey::wire::Trouble;

/// Of no session.
const UNKNOWN_SESSION: &str = "survey-no-such-session";

/// What a client of this door was seen to send; no `{platform}_{uuid}`.
const OTHER_VISITOR: &str = "visitor_00000000000000000000000000c0ffee";

impl Walk<'_> {
    pub(super) fn note_token_and_init(&mut self, visit: &Visit<'_>) {
        match visit.expires_as_number {
            Some(true) => {
                self.findings.answer("expires-in", "number", "The token's expiresIn was a JSON number.")
            }
            Some(false) => {
                self.findings.answer("expires-in", "string", "The token's expiresIn was a string.")
            }
            None => self.findings.not_seen("expires-in", "The token came without an expiresIn."),
        }
        match &visit.place.opening {
            Some(Value::String(text)) if text.is_empty() => {
                self.findings.not_seen("opening", "The opening line was empty; perhaps the avatar has none.");
            }
            Some(Value::String(_)) => self.findings.answer("opening", "told", "init told an opening line."),
            Some(_) => self.findings.answer("opening", "null", "init told null as the opening line."),
            None => self.findings.answer("opening", "absent", "init told no opening line."),
        }
        let host = |url: &str| reqwest::Url::parse(url).ok()?.host_str().map(str::to_owned);
        let own = self.wire.base().host_str().map(str::to_owned);
        match (host(&visit.place.url), visit.ws_id()) {
            (None, _) => self.findings.not_seen("socket-url", "init told no address that is a URL."),
            (there, _) if there != own => {
                self.findings.answer(
                    "socket-url",
                    "other-host",
                    "The socket's address names another host than the calls'.",
                );
            }
            (_, Some(_)) => {
                self.findings.answer("socket-url", "query", "The socket's address has a wsId in its query.")
            }
            (_, None) => self.findings.answer("socket-url", "opaque", "The socket's address tells no wsId."),
        }
    }

    pub(super) async fn ask_chat_refusals(&mut self, state: &mut State<'_>) -> Result<(), Trouble> {
        let nothing = "A message for a session that does not exist";
        // If it were taken against all expectation, no one would hear it.
        let answer = state.visit.send(self.wire, &json!(UNKNOWN_SESSION), "Hello!", true).await?;
        let Err(refusal) = answer.data() else {
            self.findings.not_seen("failure-form", format!("{nothing} was not refused."));
            self.findings.not_seen("failure-http", format!("{nothing} was not refused."));
            return Ok(());
        };
        let seen = format!("{nothing} got {}", refusal.shown());
        let form = match refusal.field {
            Some("subCode") => Some("sub-code"),
            Some("error_code") => Some("error-code"),
            Some("detail") => Some("detail"),
            _ => None,
        };
        match (form, refusal.field) {
            (Some(form), Some(field)) => {
                self.findings.answer("failure-form", form, format!("{seen}, in the field `{field}`."));
            }
            _ => self.findings.not_seen("failure-form", format!("{seen}. No known answer is like that.")),
        }
        match answer.number("code") {
            None => self
                .findings
                .not_seen("failure-http", format!("{seen}; the body has no code to compare with.")),
            Some(code) if code == u64::from(refusal.status) => {
                self.findings.answer("failure-http", "code", format!("{seen}, and the same number as code."));
            }
            Some(_) if refusal.status == 200 => {
                self.findings.answer("failure-http", "200", format!("{seen}, and another number as code."));
            }
            Some(_) => self.findings.not_seen("failure-http", format!("{seen}, and another number as code.")),
        }
        Ok(())
    }

    pub(super) async fn ask_visitor_id(&mut self, state: &mut State<'_>) -> Result<(), Trouble> {
        let answer = state.visit.init_as(self.wire, OTHER_VISITOR).await?;
        match answer.data() {
            Ok(_) => self.findings.answer("visitor-id", "any", "A visitorId without a UUID was taken."),
            Err(refusal) => {
                let seen = format!("A visitorId without a UUID got {}.", refusal.shown());
                self.findings.answer("visitor-id", "platform-uuid", seen);
            }
        }
        Ok(())
    }
}
