//! A call that failed, and what is done about it.

use std::time::Duration;

use super::{Goal, Machine, Output};
use crate::authentication::TokenRefusal;
use crate::call::{Call, CallId, Flight};
use crate::capabilities::DeniedBy;
use crate::conversation::Conversation;
use crate::error::{Error, ErrorKind, Step};
use crate::event::{CloseReason, ConversationKey, EventKind, ServiceError};
use crate::limits::{RATE_LIMIT_WAIT, RATE_LIMIT_WAIT_MAX};
use crate::quota::Quota;
use crate::time::Millis;
use crate::wire::{Blame, Refusal};

impl Machine {
    pub(super) fn malformed(&mut self, now: Millis, call: &Call, error: Error) {
        if let Call::SendMessage(key, message) = call {
            return self.mark_unconfirmed(now, *key, message, error);
        }
        self.retry(now, call, Duration::ZERO, error);
    }

    pub(super) fn refused(
        &mut self,
        now: Millis,
        flight: &Flight,
        refusal: Refusal,
        retry_after: Option<Duration>,
    ) {
        let call = &flight.call;
        let step = call.step();
        if !call.is_optional() {
            self.way.troubled = refusal.is_foreign();
        }
        let blame = if step == Step::Authenticate { Blame::No } else { refusal.blames_the_token() };
        // A call that is not on the vendor's API page may well be forbidden. Only a clear refusal of the token costs
        // an authentication.
        if blame == Blame::Surely || (blame == Blame::Perhaps && !call.is_optional()) {
            return self.token_refused(now, flight, blame, refusal.into_error(step));
        }
        if let Call::SendMessage(key, message) = call {
            if refusal.leaves_unconfirmed() {
                let wait = retry_after.map(|wait| wait.min(RATE_LIMIT_WAIT_MAX));
                let error = refusal.into_error(step).with_retry_after(wait);
                self.mark_unconfirmed(now, *key, message, error);
                return self.calls.hold(call, now + wait.unwrap_or_default());
            }
            if refusal.names_a_lost_session()
                && (self.is_session_renewed_since(flight)
                    || self.renew_session(now, refusal.clone().into_error(step)))
            {
                self.return_to_queue(*key, message);
                return;
            }
            if refusal.names_the_socket() {
                self.return_to_queue(*key, message);
                if flight.generation == self.connection.generation() {
                    self.link_is_dead(now, refusal.into_error(step));
                }
                return;
            }
        }
        if self.showed_an_earlier_key(flight) {
            return self.retry(now, call, Duration::ZERO, refusal.into_error(step));
        }
        // While answers come from something in between, a page says nothing about what the service has. Nor does a
        // page in the place of a call that the service has answered before.
        let says_nothing =
            refusal.is_foreign() && call.is_optional() && (self.way.troubled || self.is_proven(call));
        let absent = refusal.is_absence() && !says_nothing;
        let error = refusal.into_error(step);
        if error.kind() == ErrorKind::RateLimited {
            return self.rate_limited(now, call, error, retry_after);
        }
        if let (ErrorKind::Unavailable, Some(wait)) = (error.kind(), retry_after)
            && !absent
        {
            return self.told_to_wait(now, call, error, wait);
        }
        if is_final(error.kind()) && blame == Blame::No {
            return self.close_all_refused(now, call, &error);
        }
        let hopeless = if error.kind() == ErrorKind::InvalidAnswer {
            // A page of something in between may be gone the next time. Before the service has ever answered, a
            // page that does not know the call, or redirects, shows that the base URL is wrong.
            let is_elsewhere = absent || (300..400).contains(&error.status().unwrap_or(0));
            is_elsewhere && (call.is_optional() || !self.way.proven)
        } else {
            !error.is_retryable() || (call.is_optional() && absent)
        };
        if hopeless { self.fail(now, call, error) } else { self.retry(now, call, Duration::ZERO, error) }
    }

    /// The visitor token is not valid (any more). Another one is fetched, once.
    fn token_refused(&mut self, now: Millis, flight: &Flight, blame: Blame, error: Error) {
        match self.authentication.refused(flight.token) {
            // Another token has not helped: either this call is refused, or everything is.
            TokenRefusal::Final if blame == Blame::Perhaps || flight.call.is_optional() => {
                self.fail(now, &flight.call, error);
            }
            TokenRefusal::Final => self.close_all_refused(now, &flight.call, &error),
            TokenRefusal::Stale | TokenRefusal::Renewed => {
                if let Call::SendMessage(key, message) = &flight.call {
                    self.return_to_queue(*key, message);
                }
            }
        }
    }

    /// A message that is refused is not under way any more: it is certain that it was not taken.
    fn close_all_refused(&mut self, now: Millis, call: &Call, error: &Error) {
        if let Call::SendMessage(key, message) = call {
            self.return_to_queue(*key, message);
        }
        self.close_all(now, error);
    }

    fn rate_limited(&mut self, now: Millis, call: &Call, error: Error, retry_after: Option<Duration>) {
        let wait = retry_after.unwrap_or(RATE_LIMIT_WAIT).min(RATE_LIMIT_WAIT_MAX);
        if matches!(error.code(), None | Some("open.api.rate.limited")) {
            self.outputs.push_back(Output::QuotaUsedUp(now + wait));
        }
        self.told_to_wait(now, call, error, wait);
    }

    pub(super) fn quota_delayed(&mut self, now: Millis, id: CallId, until: Millis) {
        if self.calls.get(id).is_none_or(|flight| flight.sent_at.is_some()) {
            return;
        }
        let wait = until.since(now);
        let error = Quota::used_up(wait);
        for at in 0..self.conversations.len() {
            self.emit(at, EventKind::WaitingForQuota { wait }, None);
        }
        self.fail_waiters_before(now, until, &error);
        // Nothing goes out without a visitor token.
        let waiting: Vec<_> = self.conversations.iter().flat_map(Conversation::waiting_messages).collect();
        for (key, message) in waiting {
            self.fail_message_before(until, key, &message, &error);
        }
    }

    /// Tries the call again later.
    pub(super) fn retry(&mut self, now: Millis, call: &Call, at_least: Duration, error: Error) {
        // Once the service has answered, a foreign answer is temporary, unless it forbids the way.
        let passes =
            self.way.proven && !call.is_optional() && !matches!(error.status(), Some(401 | 403) | None);
        if error.kind() == ErrorKind::InvalidAnswer && !passes && self.calls.is_malformed_for_good(call) {
            return self.fail(now, call, error);
        }
        if let Call::SendMessage(key, message) = call
            && !self.return_to_queue(*key, message)
        {
            return; // Its echo was here before its answer.
        }
        let last = error.clone();
        self.calls.pause(call, now, at_least, error, &mut self.rng);
        // Without a token no address is asked for, so this failure keeps the socket away.
        let leads = matches!(
            call,
            Call::CreateSocket | Call::Authenticate | Call::FetchToken | Call::InitVisitorChat
        );
        if leads && !self.connection.is_up() {
            self.say_disconnected(now, call, &last);
        }
        // A conversation that has been open reports what keeps it from coming back.
        if last.kind() == ErrorKind::Refused {
            self.report(call, &last);
        }
    }

    /// The call will not succeed.
    pub(super) fn fail(&mut self, now: Millis, call: &Call, error: Error) {
        match call {
            Call::Authenticate
            | Call::InitChat
            | Call::CreateSocket
            | Call::Connect
            | Call::ResolveAvatar
            | Call::FetchToken
            | Call::InitVisitorChat => {
                // An allowance that is used up keeps all of the visitor's conversations away, and no attempt helps.
                if is_final(error.kind()) || error.kind() == ErrorKind::PaymentRequired {
                    return self.close_all(now, &error);
                }
                let (open, opening): (Vec<_>, Vec<_>) = self
                    .conversations
                    .iter()
                    .map(|c| (c.key(), c.is_opened()))
                    .partition(|(_, opened)| *opened);
                for (key, _) in opening {
                    self.close_conversation(now, key, CloseReason::Failed(error.clone()));
                }
                if !open.is_empty() {
                    self.report(call, &error);
                    self.calls.pause(call, now, Duration::ZERO, error, &mut self.rng);
                }
            }
            // The service may have dropped its side of the context before its time.
            Call::CreateSession(_)
                if error.kind() == ErrorKind::Refused && !self.calls.failed_by(call, ErrorKind::Refused) =>
            {
                self.facts.context_doubted = true;
                self.retry(now, call, Duration::ZERO, error);
            }
            Call::CreateSession(key) => self.close_conversation(now, *key, CloseReason::Failed(error)),
            Call::BindSession(key) => {
                // A session that cannot be bound would fail every later opening.
                self.close_and_forget(now, *key, CloseReason::Failed(error));
            }
            Call::SendMessage(key, message) => self.message_refused(now, *key, message, error),
            Call::FillGap(key) if is_lost_session(&error) => self.session_lost(now, *key, error),
            Call::FillGap(key) => {
                // A page that comes in the place of an answer does not say that there is never such a call.
                let is_page = error.kind() == ErrorKind::InvalidAnswer;
                let denied = !self.way.troubled && is_absence(error.status()) && !self.is_proven(call);
                if let Some(kind) = self.query_kind(call).filter(|_| denied || !is_page) {
                    let by = if is_page { DeniedBy::Page } else { DeniedBy::Service };
                    self.capabilities.denied(kind, by);
                }
                self.gap_unknown(now, *key);
            }
            Call::History(key, ticket) => self.history_failed(*key, *ticket, error),
            Call::EndSession(key) => self.session_ended(now, *key),
        }
    }

    pub(super) fn handshake_failed(&mut self, now: Millis, status: Option<u16>, error: Error) {
        let error = error.at(Step::Connect);
        // The call for the address has shown the token a moment ago. A handshake that is forbidden may be so for its
        // origin, and to say to the host that its credentials were refused would be wrong then.
        if status == Some(401) || (status == Some(403) && self.key.is_some()) {
            self.authentication.handshake_refused();
        }
        if status.is_some() {
            self.connection.drop_address(); // It is the address that was refused.
        }
        self.link_lost(now, error.clone());
        if error.forbids_retry() {
            return self.hopeless(now, &Call::Connect, error);
        }
        self.retry(now, &Call::Connect, Duration::ZERO, error);
    }

    /// The service no longer knows the socket that seemed to be up.
    pub(super) fn link_is_dead(&mut self, now: Millis, cause: Error) {
        if self.connection.is_up() {
            let generation = self.connection.generation();
            self.link_lost(now, cause);
            self.outputs.push_back(Output::SocketClose(generation));
        }
    }

    pub(super) fn session_ended(&mut self, now: Millis, key: ConversationKey) {
        if let Some(conversation) = self.conversation_mut(key)
            && conversation.lifecycle_mut().session_ended()
        {
            self.close_and_forget(now, key, CloseReason::Requested);
        }
    }

    /// The service has ended the session, or this visitor is no member of it.
    pub(super) fn session_lost(&mut self, now: Millis, key: ConversationKey, error: Error) {
        let ended = error.kind() == ErrorKind::Closed;
        let reason = if ended { CloseReason::SessionEnded } else { CloseReason::Failed(error) };
        self.close_and_forget(now, key, reason);
    }

    /// Closes the conversation and forgets its session, so that the next opening makes a new one. The last events
    /// still name it.
    pub(super) fn close_and_forget(&mut self, now: Millis, key: ConversationKey, reason: CloseReason) {
        self.close_conversation(now, key, reason);
        if key == ConversationKey::FIRST {
            self.resumable = None;
        }
    }

    fn say_disconnected(&mut self, now: Millis, call: &Call, cause: &Error) {
        let Some(until) = self.calls.waits_until(call) else {
            return;
        };
        for at in 0..self.conversations.len() {
            if self.conversations[at].is_opened() && self.goal == Goal::Live {
                let retry_in = until.since(now);
                self.emit(at, EventKind::disconnected(retry_in, cause), None);
            }
        }
    }

    /// Reports what keeps open conversations from going on.
    fn report(&mut self, call: &Call, error: &Error) {
        for at in 0..self.conversations.len() {
            let concerned = call.conversation().is_none_or(|key| key == self.conversations[at].key());
            if concerned && self.conversations[at].is_opened() {
                let failure = ServiceError {
                    code: error.code().unwrap_or_default().to_owned(),
                    reason: Some(error.to_string().into()),
                    actions: Vec::new(),
                    message_id: None,
                    retryable: error.is_retryable(),
                };
                self.emit(at, EventKind::ServiceError(Box::new(failure)), None);
            }
        }
    }
}

pub(super) fn is_lost_session(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotMember | ErrorKind::Closed)
}

fn is_absence(status: Option<u16>) -> bool {
    matches!(status, Some(404 | 405 | 501))
}

/// Whether only a change from outside helps.
pub(super) fn is_final(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Authentication | ErrorKind::AvatarNotFound | ErrorKind::InvalidVisitorId)
}
