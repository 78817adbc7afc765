//! The addresses of sockets that `ws/create` has given out, by their tickets.

use std::collections::HashMap;

use super::failure::{Code, Failure};
use super::ids::VisitorIndex;
use crate::time::Millis;

/// How long a dead address is remembered as such, beyond its life.
const REMEMBERED: Millis = Millis::minutes(10);

#[derive(Debug, Default)]
pub(super) struct Addresses {
    given: HashMap<String, Address>,
}

#[derive(Debug)]
pub(super) struct Address {
    pub(super) visitor: VisitorIndex,
    pub(super) ws_id: String,
    expires: Millis,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Used,
    Expired,
}

impl Addresses {
    pub(super) fn give(&mut self, ticket: String, visitor: VisitorIndex, ws_id: String, expires: Millis) {
        self.given.insert(ticket, Address { visitor, ws_id, expires, state: State::Good });
    }

    pub(super) fn get(&self, ticket: &str) -> Option<&Address> {
        self.given.get(ticket)
    }

    /// Uses an address up; it is good for one connection. The caller has [checked](Address::check) it.
    pub(super) fn use_up(&mut self, ticket: &str) {
        self.set(ticket, State::Used);
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
    /// Refuses an address that cannot be connected to any more.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.state {
            State::Good => Ok(()),
            State::Used => Err(Failure::new(Code::AddressUsed, "an address is good for one connection")),
            State::Expired => Err(Failure::new(Code::AddressExpired, "an address is good for 60 seconds")),
        }
    }
}
