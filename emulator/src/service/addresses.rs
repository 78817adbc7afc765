//! The addresses of sockets that `ws/create` has given out, and `init` of Visitor Chat, by their tickets.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::failure::{Code, Failure};
use super::ids::VisitorIndex;
use crate::time::{Millis, moment};

/// How long a dead address is remembered as such, beyond its life.
const REMEMBERED: Millis = Millis::minutes(10);

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Addresses {
    given: HashMap<String, Address>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) visitor: VisitorIndex,
    /// The session whose socket it is, where a socket belongs to one.
    pub(super) session: Option<String>,
    pub(super) ws_id: String,
    #[serde(with = "moment")]
    pub(super) expires: Millis,
    /// Whether it is good for more than one connection.
    many: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Good,
    Used,
    Expired,
}

impl Addresses {
    pub(super) fn give(&mut self, ticket: String, address: Address) {
        self.given.insert(ticket, address);
    }

    /// A session is forgotten, and its addresses with it.
    pub(super) fn forget_session(&mut self, session_id: &str) {
        self.given.retain(|_, address| address.session.as_deref() != Some(session_id));
    }

    pub(super) fn get(&self, ticket: &str) -> Option<&Address> {
        self.given.get(ticket)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Address> {
        self.given.values()
    }

    /// Those for which a timer has to be set, with their tickets: when they end or, if they have, are forgotten.
    pub(super) fn expiring(&self) -> impl Iterator<Item = (&str, Millis)> {
        let ending = self.given.iter().filter(|(_, address)| address.expires < Millis(u64::MAX));
        ending.map(|(ticket, address)| {
            let is_good = address.state == State::Good;
            (ticket.as_str(), if is_good { address.expires } else { address.expires + REMEMBERED })
        })
    }

    /// Those that can still be connected to.
    pub(super) fn good(&self) -> impl Iterator<Item = &Address> {
        self.given.values().filter(|address| address.state == State::Good)
    }

    /// Uses an address up, unless it is good for many connections. The caller has [checked](Address::check) it.
    pub(super) fn use_up(&mut self, ticket: &str) {
        if !self.given.get(ticket).is_some_and(|address| address.many) {
            self.set(ticket, State::Used);
        }
    }

    /// Lets an address die before its time.
    pub(super) fn expire_now(&mut self, ticket: &str) {
        self.set(ticket, State::Expired);
    }

    /// Lets an address die, or forgets it. Returns when to look again.
    pub(super) fn expire(&mut self, ticket: &str, now: Millis) -> Option<Millis> {
        let address = self.given.get_mut(ticket)?;
        let forgotten = address.expires + REMEMBERED;
        if now >= forgotten {
            self.given.remove(ticket);
            return None;
        }
        if address.state == State::Good {
            address.state = State::Expired;
        }
        Some(forgotten)
    }

    fn set(&mut self, ticket: &str, state: State) {
        if let Some(address) = self.given.get_mut(ticket) {
            address.state = state;
        }
    }
}

impl Address {
    /// An address that is good for one connection, up to a moment.
    pub(super) fn new(visitor: VisitorIndex, ws_id: String, expires: Millis) -> Self {
        Self { visitor, session: None, ws_id, expires, many: false, state: State::Good }
    }

    #[must_use]
    pub(super) fn of_session(mut self, session_id: &str) -> Self {
        self.session = Some(session_id.to_owned());
        self
    }

    #[must_use]
    pub(super) fn for_many(mut self) -> Self {
        self.many = true;
        self
    }

    /// Refuses an address that cannot be connected to any more.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.state {
            State::Good => Ok(()),
            State::Used => Err(Failure::new(Code::AddressUsed, "an address is good for one connection")),
            State::Expired => Err(Failure::new(Code::AddressExpired, "an address is good for 60 seconds")),
        }
    }
}
