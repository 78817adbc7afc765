//! What the host brings: the token of Visitor Chat, and where there is no key, the visitor's credentials.

use std::time::Duration;

use super::{Machine, failures::is_final};
use crate::authentication::{Bearer, Freshness};
use crate::call::{Call, CallId, Flight};
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::key::ApiKey;
use crate::time::Millis;

impl Machine {
    pub(super) fn token_granted(&mut self, id: CallId, bearer: Bearer, freshness: Freshness) {
        if self.wants(id, &Call::FetchToken) {
            self.calls.finish(id);
            self.calls.forget_failures(&Call::FetchToken);
            self.authentication.bearer_granted(bearer, freshness);
        }
    }

    pub(super) fn credentials_granted(&mut self, now: Millis, id: CallId, credentials: Credentials) {
        if !self.wants(id, &Call::Authenticate) {
            return; // It was given up.
        }
        match credentials.of(self.visitor.id()) {
            Ok(identity) => {
                self.calls.finish(id);
                self.calls.forget_failures(&Call::Authenticate);
                self.authentication.granted(identity);
                self.remember();
            }
            Err(error) => self.token_failed(now, id, error),
        }
    }

    /// The token, or the credentials, could not be had.
    pub(super) fn token_failed(&mut self, now: Millis, id: CallId, error: Error) {
        if !(self.wants(id, &Call::FetchToken) || self.wants(id, &Call::Authenticate)) {
            return; // It was given up.
        }
        let Some(flight) = self.calls.finish(id) else { return };
        let error = error.at(flight.call.step());
        if error.forbids_retry() {
            return self.hopeless(now, &flight.call, error);
        }
        if is_final(error.kind()) {
            return self.close_all(now, &error);
        }
        match error.retry_after() {
            Some(wait) => self.told_to_wait(now, &flight.call, error, wait),
            None if error.is_retryable() || error.kind() == ErrorKind::InvalidAnswer => {
                self.retry(now, &flight.call, Duration::ZERO, error);
            }
            None => self.fail(now, &flight.call, error),
        }
    }

    /// Another key of the same avatar takes the place of the one that there was: the next calls that show a key show
    /// it. The visitor's token lives on. A call that showed the earlier key and is refused is made again.
    ///
    /// Does nothing where there was no key.
    pub fn set_key(&mut self, now: Millis, key: ApiKey) {
        if self.key.as_ref().is_none_or(|present| *present == key) {
            return;
        }
        self.now = now;
        self.key = Some(key);
        self.key_since = Some(now);
        // What the earlier key had to wait for, this one has not.
        for call in [Call::Authenticate, Call::InitVisitorChat] {
            self.calls.forget_failures(&call);
        }
        self.advance(now);
    }

    /// Whether the call showed a key that another one has replaced since.
    pub(super) fn showed_an_earlier_key(&self, flight: &Flight) -> bool {
        let shows_key = match flight.call {
            Call::Authenticate | Call::InitVisitorChat => true,
            Call::SendMessage(..) => self.config.door.shows_key_with_messages(),
            Call::InitChat
            | Call::CreateSocket
            | Call::Connect
            | Call::ResolveAvatar
            | Call::CreateSession(_)
            | Call::BindSession(_)
            | Call::FillGap(_)
            | Call::History(..)
            | Call::EndSession(_)
            | Call::FetchToken => false,
        };
        // One that went out in the same moment is tried once more than it needs, in doubt.
        let is_earlier = |since: Millis| flight.sent_at.is_some_and(|sent_at| sent_at <= since);
        shows_key && self.key_since.is_some_and(is_earlier)
    }

    fn wants(&self, id: CallId, call: &Call) -> bool {
        self.calls.get(id).is_some_and(|flight| flight.call == *call && flight.sent_at.is_none())
    }
}
