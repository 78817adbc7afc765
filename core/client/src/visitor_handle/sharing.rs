//! What a visitor has more where several processes share its store.

use std::collections::BTreeMap;

use secondme_avatar_protocol::Ticket;

use super::{Kept, VisitorState};
use crate::peers::ProcessId;
use crate::routing::Settled;

#[derive(Debug, Default)]
pub(crate) struct Sharing {
    /// The processes that have the visitor open, and are told of events.
    pub(crate) attached: Vec<ProcessId>,
    /// What they were told last.
    pub(crate) told: Option<Settled>,
    /// What became of the tickets of calls that were given to another process first, or are now.
    pub(super) tickets: BTreeMap<Ticket, Ticket>,
    /// Other processes may take the visitor: what is under way is kept, to be given to the one that does.
    pub(super) given: BTreeMap<Ticket, Kept>,
    /// What a caller's ticket has more than the machine's: each machine of the visitor counts from the beginning.
    pub(super) beyond: u64,
}

impl Sharing {
    /// The ticket that a call has now.
    pub(super) fn latest(&mut self, mut ticket: Ticket) -> Ticket {
        while let Some(later) = self.tickets.remove(&ticket) {
            ticket = later;
        }
        ticket
    }

    /// No call waits for anything.
    pub(super) fn forget_calls(&mut self) {
        (self.tickets, self.given) = Default::default();
    }
}

impl VisitorState {
    /// The ticket as callers have it.
    pub(super) fn callers(&self, ticket: Ticket) -> Ticket {
        Ticket(ticket.0 + self.beyond())
    }

    pub(super) fn beyond(&self) -> u64 {
        self.sharing.as_ref().map_or(0, |sharing| sharing.beyond)
    }

    /// The processes that have the visitor open.
    pub(crate) fn attached(&self) -> &[ProcessId] {
        self.sharing.as_ref().map_or(&[], |sharing| &sharing.attached)
    }

    /// A process opens the visitor.
    pub(crate) fn attach(&mut self, process: &ProcessId) {
        if let Some(sharing) = self.sharing.as_mut()
            && !sharing.attached.contains(process)
        {
            sharing.attached.push(process.clone());
        }
    }

    /// A process has closed the visitor, or is gone.
    pub(crate) fn detach(&mut self, process: &ProcessId) {
        if let Some(sharing) = self.sharing.as_mut() {
            sharing.attached.retain(|attached| attached != process);
        }
    }
}
