//! The HTTP calls under way, and those that wait before they are tried again.

use std::time::Duration;

use crate::authentication::TokenNumber;
use crate::error::{Error, ErrorKind, Step};
use crate::event::ConversationKey;
use crate::ids::MessageId;
use crate::ids::Ticket;
use crate::limits::{CALL_TIMEOUT, MALFORMED_ANSWER_ATTEMPTS};
use crate::link::{Generation, backoff, hurried};
use crate::rare::Rare;
use crate::rng::Rng;
use crate::time::Millis;

/// Names one HTTP call of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// What a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Authenticate,
    InitChat,
    CreateSocket,
    /// The handshake; never under way here, only its failures are kept.
    Connect,
    ResolveAvatar,
    CreateSession(ConversationKey),
    BindSession(ConversationKey),
    SendMessage(ConversationKey, MessageId),
    FillGap(ConversationKey),
    History(ConversationKey, Ticket),
    EndSession(ConversationKey),
    /// Visitor Chat: the token, which the host brings.
    FetchToken,
    /// Visitor Chat: a session and a socket's address at once.
    InitVisitorChat,
}

impl Call {
    pub(crate) fn step(&self) -> Step {
        match self {
            Self::Authenticate => Step::Authenticate,
            Self::InitChat => Step::InitChat,
            Self::CreateSocket => Step::CreateSocket,
            Self::Connect => Step::Connect,
            Self::ResolveAvatar => Step::ResolveAvatar,
            Self::CreateSession(_) => Step::CreateSession,
            Self::BindSession(_) => Step::BindSession,
            Self::SendMessage(..) => Step::SendMessage,
            Self::FillGap(_) | Self::History(..) => Step::QueryMessages,
            Self::EndSession(_) => Step::EndSession,
            Self::FetchToken => Step::FetchToken,
            Self::InitVisitorChat => Step::InitVisitorChat,
        }
    }

    /// A call beyond the page: where the service does not take it, only its own feature is gone.
    pub(crate) fn is_optional(&self) -> bool {
        matches!(self, Self::FillGap(_) | Self::History(..) | Self::EndSession(_))
    }

    pub(crate) fn is_history(&self, of: Ticket) -> bool {
        matches!(self, Self::History(_, ticket) if *ticket == of)
    }

    /// The conversation it is for; the others are for the visitor.
    pub(crate) fn conversation(&self) -> Option<ConversationKey> {
        match self {
            Self::Authenticate
            | Self::InitChat
            | Self::CreateSocket
            | Self::Connect
            | Self::ResolveAvatar
            | Self::FetchToken
            | Self::InitVisitorChat => None,
            Self::CreateSession(key)
            | Self::BindSession(key)
            | Self::SendMessage(key, _)
            | Self::FillGap(key)
            | Self::History(key, _)
            | Self::EndSession(key) => Some(*key),
        }
    }
}

/// A call under way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) id: CallId,
    pub(crate) call: Call,
    /// Which token it shows: a refusal of an older one says nothing about the present one.
    pub(crate) token: TokenNumber,
    /// The socket at that time: what is said about an older one says nothing about the present one.
    pub(crate) generation: Generation,
    /// When it went out; before that it waits for its place in the quota.
    pub(crate) sent_at: Option<Millis>,
}

/// A call that failed and waits.
#[derive(Clone, Debug)]
struct Pause {
    call: Call,
    attempts: u32,
    malformed: u32,
    since: Millis,
    until: Millis,
    last: Error,
}

impl Pause {
    /// Whether the service has said how long to wait.
    fn is_imposed(&self) -> bool {
        self.last.kind() == ErrorKind::RateLimited || self.last.retry_after().is_some()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    next: u64,
    flights: Rare<Vec<Flight>>,
    pauses: Rare<Vec<Pause>>,
}

impl Calls {
    /// Whether the call can go out: it is neither under way nor waiting.
    pub(crate) fn is_ready(&self, call: &Call, now: Millis) -> bool {
        !self.is_under_way(call) && self.pauses.iter().all(|pause| pause.call != *call || pause.until <= now)
    }

    pub(crate) fn is_under_way(&self, call: &Call) -> bool {
        self.flights.iter().any(|flight| flight.call == *call)
    }

    /// Whether any call is under way.
    pub(crate) fn are_under_way(&self) -> bool {
        !self.flights.is_empty()
    }

    pub(crate) fn start(
        &mut self,
        call: Call,
        token: TokenNumber,
        generation: Generation,
        sent_at: Option<Millis>,
    ) -> CallId {
        self.next += 1;
        let id = CallId(self.next);
        self.flights.push(Flight { id, call, token, generation, sent_at });
        id
    }

    /// The quota has a slot for the call. Returns `false` if the call is not wanted any more.
    pub(crate) fn granted(&mut self, id: CallId, now: Millis) -> bool {
        let flight = self.flights.iter_mut().find(|flight| flight.id == id && flight.sent_at.is_none());
        flight.map(|flight| flight.sent_at = Some(now)).is_some()
    }

    /// Takes the call that came back. Returns `None` if it is not wanted any more.
    pub(crate) fn finish(&mut self, id: CallId) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.id == id)?;
        let finished = self.flights.swap_remove(at);
        self.flights.give_back();
        Some(finished)
    }

    pub(crate) fn get(&self, id: CallId) -> Option<&Flight> {
        self.flights.iter().find(|flight| flight.id == id)
    }

    /// The next call that has been under way too long.
    pub(crate) fn next_overdue(&self, now: Millis) -> Option<CallId> {
        let late = |flight: &&Flight| flight.sent_at.is_some_and(|sent_at| sent_at + CALL_TIMEOUT <= now);
        self.flights.iter().find(late).map(|flight| flight.id)
    }

    /// The call failed: it may be tried again after a wait with jitter, and not before `at_least`.
    pub(crate) fn pause(
        &mut self,
        call: &Call,
        now: Millis,
        at_least: Duration,
        last: Error,
        rng: &mut Rng,
    ) -> Millis {
        let malformed = u32::from(last.kind() == ErrorKind::InvalidAnswer);
        let earlier = self.pauses.iter_mut().find(|pause| pause.call == *call);
        let attempts = earlier.as_ref().map_or(0, |pause| pause.attempts);
        let until = now + at_least + backoff(attempts, rng);
        match earlier {
            Some(pause) => {
                pause.attempts += 1;
                pause.malformed += malformed;
                pause.since = now;
                pause.until = until;
                pause.last = last;
            }
            None => {
                self.pauses.push(Pause {
                    call: call.clone(),
                    attempts: 1,
                    malformed,
                    since: now,
                    until,
                    last,
                });
            }
        }
        until
    }

    /// The call waits until then at least.
    pub(crate) fn hold(&mut self, call: &Call, until: Millis) {
        for pause in self.pauses.filled().into_iter().flatten().filter(|pause| pause.call == *call) {
            pause.until = pause.until.max(until);
        }
    }

    /// Whether another answer of a foreign form makes it hopeless.
    pub(crate) fn is_malformed_for_good(&self, call: &Call) -> bool {
        let pause = self.pauses.iter().find(|pause| pause.call == *call);
        pause.is_some_and(|pause| pause.malformed + 1 >= MALFORMED_ANSWER_ATTEMPTS)
    }

    /// The call succeeded, or is not wanted any more: its failures are forgotten.
    pub(crate) fn forget_failures(&mut self, call: &Call) {
        if let Some(pauses) = self.pauses.filled() {
            pauses.retain(|pause| pause.call != *call);
            self.pauses.give_back();
        }
    }

    /// Nothing waits for the network any longer: it is another one. What the service made wait, waits.
    pub(crate) fn wake_all(&mut self, now: Millis) {
        for pause in self.pauses.filled().into_iter().flatten() {
            if !pause.is_imposed() {
                pause.until = pause.until.min(now);
            }
        }
    }

    /// A caller cannot wait: what leads to a link is tried again now, or once its wait has lasted for a moment. A
    /// wait that the service imposed goes on.
    pub(crate) fn hurry(&mut self, now: Millis) {
        for pause in self.pauses.filled().into_iter().flatten() {
            let leads = pause.call.conversation().is_none();
            if leads && !pause.is_imposed() {
                pause.until = hurried(pause.until, pause.since, now);
            }
        }
    }

    /// What last stood in the way of a conversation, for the error when its deadline passes.
    pub(crate) fn last_failure(&self, key: ConversationKey) -> Option<&Error> {
        let concerns = |pause: &&Pause| pause.call.conversation().is_none_or(|of| of == key);
        self.pauses.iter().filter(concerns).max_by_key(|pause| pause.until).map(|pause| &pause.last)
    }

    /// When the call is tried again.
    pub(crate) fn waits_until(&self, call: &Call) -> Option<Millis> {
        self.pauses.iter().find(|pause| pause.call == *call).map(|pause| pause.until)
    }

    pub(crate) fn failure_of(&self, call: &Call) -> Option<&Error> {
        self.pauses.iter().find(|pause| pause.call == *call).map(|pause| &pause.last)
    }

    /// Whether the call's last failure was of this kind.
    pub(crate) fn failed_by(&self, call: &Call, kind: ErrorKind) -> bool {
        self.failure_of(call).is_some_and(|last| last.kind() == kind)
    }

    /// Gives up the calls that `unwanted` picks, and forgets their failures; names those under way.
    pub(crate) fn drop_calls(&mut self, unwanted: impl Fn(&Call) -> bool) -> Vec<CallId> {
        if let Some(pauses) = self.pauses.filled() {
            pauses.retain(|pause| !unwanted(&pause.call));
            self.pauses.give_back();
        }
        let Some(flights) = self.flights.filled() else {
            return Vec::new();
        };
        let dropped =
            flights.extract_if(.., |flight| unwanted(&flight.call)).map(|flight| flight.id).collect();
        self.flights.give_back();
        dropped
    }

    pub(crate) fn next_deadline(&self, now: Millis) -> Option<Millis> {
        let overdue =
            self.flights.iter().filter_map(|flight| flight.sent_at).map(|sent_at| sent_at + CALL_TIMEOUT);
        // A wait that is over has been acted upon already; a call that is not wanted now stays quiet.
        let waits = self.pauses.iter().map(|pause| pause.until).filter(|until| *until > now);
        overdue.chain(waits).min()
    }
}
