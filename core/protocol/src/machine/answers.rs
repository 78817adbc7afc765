//! What a call that succeeded tells.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use super::Machine;
use crate::call::{Call, CallId, Flight};
use crate::conversation::Conversation;
use crate::error::{Error, Step};
use crate::event::{Confirmation, ConversationKey};
use crate::facts::{ChatContext, Identity, SocketAddress};
use crate::ids::{AvatarId, SessionId};
use crate::redact::Secret;
use crate::time::Millis;
use crate::wire::{self, AuthAnswer, AvatarAnswer, InitAnswer, SessionAnswer, SocketAnswer};

impl Machine {
    pub(super) fn answered(
        &mut self,
        now: Millis,
        id: CallId,
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
    ) {
        let Some(flight) = self.calls.finish(id) else {
            return; // It was given up.
        };
        let door = self.config.door;
        // What a query finds is read frame by frame, and each is mended there.
        let known = self.known_secrets();
        let is_query =
            flight.call.step() == Step::QueryMessages && wire::read(door, status, body, &known).is_ok();
        let mended = if is_query { None } else { wire::mend_body(body) };
        let body = mended.as_deref().map_or(body, str::as_bytes);
        match wire::read(door, status, body, &known) {
            Ok(data) => match self.learn(now, &flight, data) {
                Ok(()) => {
                    self.calls.forget_failures(&flight.call);
                    self.way.proven = true;
                    self.way.troubled &= flight.call.is_optional();
                    if flight.call != Call::Authenticate {
                        self.authentication.proven(flight.token);
                    }
                }
                Err(error) => self.malformed(now, &flight.call, error),
            },
            Err(refusal) => self.refused(now, &flight, refusal, retry_after),
        }
    }

    pub(super) fn unanswered(&mut self, now: Millis, id: CallId, sent: bool, error: Error) {
        let Some(flight) = self.calls.finish(id) else {
            return;
        };
        let error = error.at(flight.call.step());
        if error.forbids_retry() {
            return self.hopeless(now, &flight.call, error);
        }
        if let Call::SendMessage(key, message) = &flight.call
            && sent
        {
            return self.mark_unconfirmed(now, *key, message, error);
        }
        self.retry(now, &flight.call, Duration::ZERO, error);
    }

    /// Takes a success for what it tells.
    fn learn(&mut self, now: Millis, flight: &Flight, data: Option<&RawValue>) -> Result<(), Error> {
        let since = flight.sent_at.unwrap_or(now);
        let step = flight.call.step();
        match &flight.call {
            Call::Authenticate => self.learn_credentials(wire::data(step, data)?)?,
            Call::InitChat => self.learn_context(since, wire::data(step, data)?),
            Call::CreateSocket => {
                let answer: SocketAnswer<'_> = wire::data(step, data)?;
                let address = Secret::from(answer.address.0.into_owned());
                let ws_id = Some(answer.ws_id.0.as_ref().into());
                self.connection.set_address(SocketAddress { ws_id, address, since, attempts: 1 });
            }
            // The handshake is no HTTP call of the driver's; only its failures stand among the calls'.
            Call::Connect => {}
            Call::ResolveAvatar => {
                let answer: AvatarAnswer<'_> = wire::data(step, data)?;
                self.facts.avatar_id = Some(AvatarId(wire::number(step, "id", answer.id.as_u64())?));
                self.remember();
            }
            Call::CreateSession(key) => {
                let answer: SessionAnswer<'_> = wire::data(step, data)?;
                let session = SessionId::from(answer.session_id.0.as_ref());
                self.change_session(*key, |conversation| conversation.set_session(session));
            }
            Call::BindSession(key) => self.change_session(*key, Conversation::bind),
            Call::SendMessage(key, message) => {
                self.learn_message_name(*key, message, data);
                self.confirm(now, *key, message.as_str(), Confirmation::Answer);
                self.fail_kept(*key);
            }
            Call::FillGap(key) => self.gap_page(now, *key, data)?,
            Call::History(key, ticket) => self.history_page(now, *key, *ticket, data)?,
            Call::EndSession(key) => self.session_ended(now, *key),
            // The host brings the token: it is no HTTP call of the machine's.
            Call::FetchToken => {}
            Call::InitVisitorChat => self.learn_visitor_chat(now, since, wire::data(step, data)?),
        }
        Ok(())
    }

    fn learn_credentials(&mut self, answer: AuthAnswer<'_>) -> Result<(), Error> {
        self.authentication.granted(Identity::told(answer)?);
        self.remember();
        Ok(())
    }

    fn learn_context(&mut self, since: Millis, answer: InitAnswer<'_>) {
        self.facts.context = Some(ChatContext {
            mind_id: answer.mind_id.0.as_ref().into(),
            opening: Arc::new(answer.opening.as_deref().unwrap_or_default().into()),
            since,
        });
        self.facts.context_doubted = false;
        self.remember();
    }

    fn change_session(&mut self, key: ConversationKey, change: impl FnOnce(&mut Conversation)) {
        if let Some(conversation) = self.conversation_mut(key) {
            change(conversation);
            self.remember();
        }
    }
}
