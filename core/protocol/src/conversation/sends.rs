//! The messages of one conversation on their way out, in order.

use std::collections::VecDeque;

use super::pending::{Overdue, Pending, QueryResult, Route, StoreAnswer};
use crate::call::CallId;
use crate::delivery::Delivery;
use crate::facts::KeptMessage;
use crate::ids::{MessageId, SessionId, Ticket};
use crate::rare::Rare;
use crate::time::Millis;

/// The messages that the service has not taken yet, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct Sends(Rare<VecDeque<Pending>>);

/// A message that its command does not wait for any more.
#[derive(Debug)]
pub(crate) struct Withdrawn {
    pub(crate) message: MessageId,
    pub(crate) rest: WithdrawnRest,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WithdrawnRest {
    /// It has gone out, and goes on.
    GoesOn,
    /// It does not go out.
    Dropped,
    /// It does not go out, and the store forgets it.
    Forgotten,
}

impl Sends {
    pub(crate) fn push(&mut self, pending: Pending) {
        self.0.push_back(pending);
    }

    /// Gives back the room of messages that are settled.
    pub(crate) fn give_back(&mut self) {
        self.0.give_back();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.0.iter()
    }

    pub(crate) fn get(&self, message: &MessageId) -> Option<&Pending> {
        self.0.iter().find(|pending| pending.message() == message)
    }

    pub(crate) fn contains(&self, message: &MessageId) -> bool {
        self.get(message).is_some()
    }

    /// The message that this command waits for.
    pub(crate) fn of_ticket(&self, ticket: Ticket) -> Option<&Pending> {
        self.0.iter().find(|pending| pending.ticket() == Some(ticket))
    }

    /// The messages of the store, as it is to have them.
    pub(crate) fn stored_messages(&self, session: Option<&SessionId>) -> impl Iterator<Item = KeptMessage> {
        self.0.iter().filter(|pending| pending.is_durable()).map(move |pending| pending.to_store(session))
    }

    /// The message that goes out next, if one may. In order: a message under way, or an unconfirmed one, holds
    /// those behind it. Only a question that waits for its turn lets others pass.
    pub(crate) fn next(&self, has_turn: impl Fn(&Pending) -> bool) -> Option<&Pending> {
        let may_go = |pending: &&Pending| !pending.is_waiting_question() || has_turn(pending);
        self.0.iter().find(may_go).filter(|pending| pending.is_ready())
    }

    /// The first question that waits to go out.
    pub(crate) fn waiting_question(&self) -> Option<&Pending> {
        self.0.iter().find(|pending| pending.is_waiting_question())
    }

    /// The messages whose deadline is over.
    pub(crate) fn late(&self, now: Millis) -> Vec<MessageId> {
        let late = self.0.iter().filter(|pending| pending.deadline() <= now);
        late.map(|pending| pending.message().clone()).collect()
    }

    /// The unconfirmed messages whose echo is overdue.
    pub(crate) fn overdue(&self, now: Millis) -> Vec<MessageId> {
        let is_overdue =
            |pending: &&Pending| pending.confirmation_deadline().is_some_and(|until| until <= now);
        self.0.iter().filter(is_overdue).map(|pending| pending.message().clone()).collect()
    }

    /// The next deadline. Those of confirmations count where `confirms`: not while the service is being asked.
    pub(crate) fn next_deadline(&self, confirms: bool) -> Option<Millis> {
        let deadlines = self.0.iter().flat_map(|pending| {
            [Some(pending.deadline()), pending.confirmation_deadline().filter(|_| confirms)]
        });
        deadlines.flatten().min()
    }

    pub(super) fn remove(&mut self, message: &str) -> Option<Pending> {
        let at = self.0.iter().position(|pending| pending.message().as_str() == message)?;
        self.0.remove(at)
    }

    /// Takes all: the conversation closes.
    pub(crate) fn drain(&mut self) -> Vec<Pending> {
        self.0.take_out().into()
    }

    pub(super) fn start(&mut self, message: &MessageId, call: CallId, route: Route) -> Option<&Pending> {
        let pending = self.get_mut(message)?;
        pending.start(call, route);
        Some(pending)
    }

    pub(super) fn get_mut(&mut self, message: &MessageId) -> Option<&mut Pending> {
        self.0.iter_mut().find(|pending| pending.message() == message)
    }

    /// The message's answer was lost. Returns whether it is still pending.
    pub(crate) fn mark_unconfirmed(&mut self, message: &MessageId, until: Option<Millis>) -> bool {
        self.get_mut(message).map(|pending| pending.mark_unconfirmed(until)).is_some()
    }

    /// The message's deadline is over while its call may be under way.
    pub(crate) fn give_up_call(&mut self, message: &MessageId) {
        self.get_mut(message).into_iter().for_each(Pending::give_up_call);
    }

    /// No echo of the message has come in time. `query_until` is when a query for it would be overdue, where one
    /// can be made.
    pub(crate) fn confirmation_overdue(
        &mut self,
        message: &MessageId,
        query_until: Option<Millis>,
        delivery: Delivery,
    ) -> Overdue {
        self.get_mut(message)
            .map_or(Overdue::Nothing, |pending| pending.confirmation_overdue(query_until, delivery))
    }

    /// A query for the message is over, and has not found it. Returns whether it was awaited.
    pub(crate) fn queried(&mut self, message: &MessageId, result: QueryResult) -> bool {
        self.get_mut(message).is_some_and(|pending| pending.queried(result))
    }

    /// Marks the message as one that may have gone out. Returns what the store has to be told first.
    pub(crate) fn mark_sending(
        &mut self,
        message: &MessageId,
        session: Option<&SessionId>,
    ) -> Option<KeptMessage> {
        let pending = self.get_mut(message)?;
        pending.mark_sending().then(|| pending.to_store(session))
    }

    /// The store has the message as it was told.
    pub(crate) fn stored(&mut self, message: &MessageId) -> StoreAnswer {
        self.get_mut(message).map_or(StoreAnswer::Stale, Pending::stored)
    }

    /// The store has not taken the message.
    pub(crate) fn not_stored(&mut self, message: &MessageId) -> StoreAnswer {
        self.get_mut(message).map_or(StoreAnswer::Stale, Pending::not_stored)
    }

    /// The link is down (`None`), or up again: until when echoes are awaited.
    pub(crate) fn set_confirmation_deadlines(&mut self, until: Option<Millis>) {
        self.0.filled().into_iter().flatten().for_each(|pending| pending.set_confirmation_deadline(until));
    }

    /// The log is told that the question waits.
    pub(super) fn report_hold(&mut self, message: &MessageId) {
        self.get_mut(message).into_iter().for_each(Pending::report_hold);
    }

    /// The calls under way are given up, and the link with them.
    pub(crate) fn interrupt(&mut self) {
        for pending in self.0.filled().into_iter().flatten() {
            if pending.call().is_some() {
                pending.mark_unconfirmed(None);
            }
            pending.set_confirmation_deadline(None);
        }
    }

    /// The command does not wait any more. Its message goes on if it has gone out.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> Option<Withdrawn> {
        let at = self.0.iter().position(|pending| pending.ticket() == Some(ticket))?;
        let pending = &mut self.0[at];
        let message = pending.message().clone();
        let rest = match (pending.withdraw(), pending.is_durable()) {
            (true, _) => return Some(Withdrawn { message, rest: WithdrawnRest::GoesOn }),
            (false, true) => WithdrawnRest::Forgotten,
            (false, false) => WithdrawnRest::Dropped,
        };
        self.0.remove(at);
        Some(Withdrawn { message, rest })
    }
}
