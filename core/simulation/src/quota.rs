//! The key's quota, shared by all clients of a world.

use std::collections::BTreeMap;

use secondme_avatar_protocol::{CallId, Millis, Quota, QuotaTicket};

use crate::client::ClientId;

type Whose = (ClientId, CallId);

#[derive(Debug, Default)]
pub(crate) struct Desk {
    quota: Quota,
    waiting: BTreeMap<QuotaTicket, Whose>,
    told: BTreeMap<Whose, Millis>,
    granted: BTreeMap<Whose, QuotaTicket>,
}

impl Desk {
    /// Of a key that has so many calls in a minute.
    pub(crate) fn of_calls(calls: usize) -> Self {
        Self { quota: Quota::new(calls), ..Self::default() }
    }

    /// Whether this client waits here for a ticket.
    pub(crate) fn awaits(&self, client: ClientId) -> bool {
        self.waiting.values().any(|(waiting, _)| *waiting == client)
    }

    pub(crate) fn join(&mut self, client: ClientId, call: CallId) {
        let ticket = self.quota.join();
        self.waiting.insert(ticket, (client, call));
    }

    /// The next whose turn it is.
    pub(crate) fn grant(&mut self, now: Millis) -> Option<Whose> {
        let ticket = self.quota.grant(now)?;
        let whose = self.waiting.remove(&ticket)?;
        self.granted.insert(whose, ticket);
        Some(whose)
    }

    /// The calls that wait, with the moment at which their turn is expected.
    pub(crate) fn expectations(&self) -> Vec<(Whose, Millis)> {
        let expected =
            |(ticket, whose): (&QuotaTicket, &Whose)| Some((*whose, self.quota.expected_at(*ticket)?));
        self.waiting.iter().filter_map(expected).collect()
    }

    /// Whether that is news to the call that waits.
    pub(crate) fn tell(&mut self, whose: Whose, until: Millis) -> bool {
        self.told.insert(whose, until) != Some(until)
    }

    /// The call came back.
    pub(crate) fn done(&mut self, client: ClientId, call: CallId, now: Millis) {
        if let Some(ticket) = self.granted.remove(&(client, call)) {
            self.quota.finish(ticket, now);
        }
    }

    /// The call will not come back: its client does not wait for it any more, whether it has left or not.
    pub(crate) fn abandon(&mut self, client: ClientId, call: CallId, now: Millis) {
        if let Some(ticket) = self.granted.remove(&(client, call)) {
            self.quota.abandon(ticket, now);
        }
        let left =
            self.waiting.iter().find(|(_, whose)| **whose == (client, call)).map(|(ticket, _)| *ticket);
        self.told.remove(&(client, call));
        if let Some(ticket) = left {
            self.waiting.remove(&ticket);
            self.quota.leave(ticket);
        }
    }

    /// The client was killed: what it asked for may still be on its way, what it waited for is free.
    pub(crate) fn forget(&mut self, client: ClientId, now: Millis) {
        let all = self.granted.keys().chain(self.waiting.values());
        let calls: Vec<_> = all.filter(|(whose, _)| *whose == client).map(|(_, call)| *call).collect();
        for call in calls {
            self.abandon(client, call, now);
        }
    }

    pub(crate) fn hold_until(&mut self, until: Millis) {
        self.quota.hold_until(until);
    }

    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.quota.next_deadline()
    }
}
