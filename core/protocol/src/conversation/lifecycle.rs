//! A conversation's life: when it opens and closes, and which commands wait for that.

use crate::event::State;
use crate::ids::Ticket;
use crate::rare::Rare;
use crate::time::Millis;

/// Where a conversation stands, and the commands that wait for it to open or to close.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    state: State,
    /// It has been open once.
    opened: bool,
    openers: Rare<Vec<Waiter>>,
    /// Boxed, since there is seldom one.
    closing: Option<Box<Closing>>,
}

/// A command that waits until a deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: Ticket,
    pub(crate) deadline: Millis,
}

#[derive(Debug)]
struct Closing {
    waiters: Vec<Ticket>,
    deadline: Millis,
    end: EndSession,
}

/// Whether the session ends on the service as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndSession {
    No,
    Wanted,
    Done,
}

/// The conversation is open.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The commands that waited for it.
    pub(crate) tickets: Vec<Ticket>,
    /// It is open for the first time.
    pub(crate) first: bool,
}

/// Commands that have waited too long for the opening.
#[derive(Debug)]
pub(crate) struct LateOpeners {
    pub(crate) tickets: Vec<Ticket>,
    /// No other command waits for a conversation that was never open.
    pub(crate) abandoned: bool,
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Self { state: State::Opening, opened: false, openers: Rare::default(), closing: None }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// The conversation stands there now. Returns where it stood, if that was elsewhere.
    pub(crate) fn enter(&mut self, state: State) -> Option<State> {
        let from = std::mem::replace(&mut self.state, state);
        (from != state).then_some(from)
    }

    /// Gives back the room of commands that wait no more.
    pub(crate) fn give_back(&mut self) {
        self.openers.give_back();
    }

    /// Whether it has been open once.
    pub(crate) fn is_opened(&self) -> bool {
        self.opened
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// A command waits for it to be open.
    pub(crate) fn open_for(&mut self, waiter: Waiter) {
        self.openers.push(waiter);
    }

    /// It is open. Returns `None` where that is no news.
    pub(crate) fn open(&mut self) -> Option<Opened> {
        if self.opened && self.openers.is_empty() {
            return None;
        }
        let tickets = self.openers.take_out().iter().map(|opener| opener.ticket).collect();
        Some(Opened { tickets, first: !std::mem::replace(&mut self.opened, true) })
    }

    /// Takes the commands that wait for the opening no longer than `until`. Returns `None` where there are none.
    pub(crate) fn late_openers(&mut self, until: Millis) -> Option<LateOpeners> {
        if self.openers.iter().all(|opener| opener.deadline > until) {
            return None;
        }
        let late = self.openers.extract_if(.., |opener| opener.deadline <= until);
        let tickets: Vec<Ticket> = late.map(|opener| opener.ticket).collect();
        let abandoned = !self.opened && self.openers.is_empty();
        Some(LateOpeners { tickets, abandoned })
    }

    /// It closes, at `deadline` at the latest. A second command can bring that forward.
    pub(crate) fn close_by(&mut self, ticket: Ticket, deadline: Millis, end: EndSession) {
        let closing = self
            .closing
            .get_or_insert_with(|| Box::new(Closing { waiters: Vec::new(), deadline, end: EndSession::No }));
        closing.waiters.push(ticket);
        closing.deadline = closing.deadline.min(deadline);
        if closing.end == EndSession::No {
            closing.end = end;
        }
    }

    /// Whether it closes as soon as its messages are sent.
    pub(crate) fn closes_when_flushed(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.end != EndSession::Wanted)
    }

    /// Whether its session is to end on the service.
    pub(crate) fn ends_session(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.end == EndSession::Wanted)
    }

    /// Whether its session has ended.
    pub(crate) fn has_ended_session(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.end == EndSession::Done)
    }

    /// The session has ended on the service. Returns whether that was wanted.
    pub(crate) fn session_ended(&mut self) -> bool {
        self.closing.as_mut().map(|closing| closing.end = EndSession::Done).is_some()
    }

    /// A command does not wait any more. Returns whether none waits for a conversation that was never open.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> bool {
        self.openers.retain(|opener| opener.ticket != ticket);
        if let Some(closing) = &mut self.closing {
            closing.waiters.retain(|waiter| *waiter != ticket);
        }
        !self.opened && self.openers.is_empty() && self.closing.is_none()
    }

    /// It is closed. Returns the commands that waited for it to open, and those that waited for it to close.
    pub(super) fn close(&mut self) -> (Vec<Ticket>, Vec<Ticket>) {
        let openers = self.openers.take_out().iter().map(|opener| opener.ticket).collect();
        (openers, self.closing.take().map(|closing| closing.waiters).unwrap_or_default())
    }

    pub(crate) fn opening_deadline(&self) -> Option<Millis> {
        self.openers.iter().map(|opener| opener.deadline).min()
    }

    pub(crate) fn closing_deadline(&self) -> Option<Millis> {
        self.closing.as_ref().map(|closing| closing.deadline)
    }
}
