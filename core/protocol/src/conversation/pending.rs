//! One message on its way out: whether the service took it, and where it stands in the store.

mod again;

use std::time::Duration;

use super::cursor::Cursor;
use crate::call::CallId;
use crate::delivery::Delivery;
use crate::error::UnsentMessage;
use crate::facts::KeptMessage;
use crate::ids::{MessageId, SessionId, Ticket};
use crate::limits::CONFIRMATION_WAIT;
use crate::link::Generation;
use crate::redact::Text;
use crate::time::Millis;

/// A message that the service has not taken yet, as far as is known.
#[derive(Debug)]
pub(crate) struct Pending {
    message: MessageId,
    timestamp: Millis,
    text: Text,
    /// The command that waits for it.
    ticket: Option<Ticket>,
    /// Set where the command waits for the reply as well.
    ask: Option<AskTerms>,
    deadline: Millis,
    status: Status,
    /// An answer was lost at some time: the service may have taken the message.
    maybe_taken: bool,
    /// The last frame before it went out, and the socket that it named.
    route: Route,
    /// Where it stands in the store, if it is to outlive the process.
    persisted: Option<Persisted>,
    /// The log has been told that it waits for its turn.
    hold_reported: bool,
    /// If it was sent, then by another process.
    is_old: bool,
}

/// Where a message stands in the store. The store is never behind: a message goes out only once it is marked there
/// as one that may have gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persisted {
    /// It is being written for the first time, and its ticket waits for that.
    Storing,
    /// It stands there as one that has not gone out.
    Stored,
    /// It is being marked as one that may have gone out.
    MarkingSent,
    /// It is marked so.
    MarkedSent,
}

/// Whether a message outlives the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Process,
    Store,
}

/// Where a message stands in the stream of frames: what answers it comes after `since`, and over the socket of
/// `generation`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub(crate) since: Cursor,
    pub(crate) generation: Generation,
}

/// How long a question waits for its answer, and whether the pieces are wanted as they come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskTerms {
    pub(crate) first_piece: Duration,
    /// The same while the owner has the conversation.
    pub(crate) owner: Duration,
    pub(crate) pieces: bool,
    /// The silence that ends the avatar's turn, where all its messages are wanted.
    pub(crate) collect: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// To be sent.
    Waiting,
    /// Its call is under way.
    InFlight(CallId),
    /// Its answer was lost. An echo or a query confirms it; what is done at `until` depends on the query's result.
    /// `until` is set while the link is up: over a dead link no echo can come.
    Unconfirmed { until: Option<Millis>, queried: Queried },
}

/// Whether an unconfirmed message was searched for among the session's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queried {
    NotYet,
    /// The service could not be asked.
    InVain,
    /// It is not there.
    Absent,
    /// What the service lists does not tell.
    Futile,
}

/// What the service has said of a message, since its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was not asked.
    Open,
    /// It could not be asked, or its answer does not tell.
    Unknown,
    /// It does not have the message.
    Absent,
}

/// What a query for an unconfirmed message has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryResult {
    /// The message is not there.
    Absent,
    /// The service could not be asked.
    Unknown,
    /// What the service lists does not tell, and will not another time.
    Futile,
}

/// What is done about an unconfirmed message whose echo has not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// Nothing: it is not unconfirmed any more, or goes out again.
    Nothing,
    /// The service is asked for it.
    Query,
    /// It is handed back.
    GiveUp,
}

/// What the store's answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreAnswer {
    /// It answers the command, which has this ticket.
    Command(Option<Ticket>),
    /// It answers the mark that the message may have gone out.
    SentMark,
    /// Nothing waited for it.
    Stale,
}

impl Pending {
    /// A message that a command wants sent. A durable one is being stored.
    pub(crate) fn new(
        message: MessageId,
        now: Millis,
        text: Text,
        ticket: Ticket,
        deadline: Millis,
        ask: Option<AskTerms>,
        durability: Durability,
    ) -> Self {
        Self {
            message,
            timestamp: now,
            text,
            ticket: Some(ticket),
            ask,
            deadline,
            status: Status::Waiting,
            maybe_taken: false,
            route: Route::default(),
            persisted: (durability == Durability::Store).then_some(Persisted::Storing),
            hold_reported: false,
            is_old: false,
        }
    }

    /// A message that an earlier run has stored. `since` is the point at which that run stood.
    pub(crate) fn restored(stored: KeptMessage, since: Cursor) -> Self {
        let KeptMessage { message_id, text, since: timestamp, deadline, left, session: _ } = stored;
        let unconfirmed = Status::Unconfirmed { until: None, queried: Queried::NotYet };
        Self {
            message: message_id,
            timestamp,
            text,
            ticket: None,
            ask: None,
            deadline,
            status: if left { unconfirmed } else { Status::Waiting },
            maybe_taken: left,
            route: Route { since, generation: Generation::default() },
            persisted: Some(if left { Persisted::MarkedSent } else { Persisted::Stored }),
            hold_reported: false,
            is_old: false,
        }
    }

    pub(crate) fn message(&self) -> &MessageId {
        &self.message
    }

    pub(crate) fn text(&self) -> &Text {
        &self.text
    }

    pub(crate) fn timestamp(&self) -> Millis {
        self.timestamp
    }

    pub(crate) fn deadline(&self) -> Millis {
        self.deadline
    }

    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    /// Set where the command waits for the reply as well.
    pub(crate) fn ask(&self) -> Option<AskTerms> {
        self.ask
    }

    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// Whether it is to be sent.
    pub(crate) fn is_waiting(&self) -> bool {
        self.status == Status::Waiting
    }

    /// The call that carries it.
    pub(crate) fn call(&self) -> Option<CallId> {
        match self.status {
            Status::InFlight(call) => Some(call),
            Status::Waiting | Status::Unconfirmed { .. } => None,
        }
    }

    /// Whether it is a question that has not gone out.
    pub(crate) fn is_waiting_question(&self) -> bool {
        self.ask.is_some() && self.is_waiting()
    }

    /// Whether the store lets it go out now.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_waiting() && !matches!(self.persisted, Some(Persisted::Storing | Persisted::MarkingSent))
    }

    /// Whether it stands in a store, and outlives this process.
    pub(crate) fn is_durable(&self) -> bool {
        self.persisted.is_some()
    }

    /// Whether the service certainly did not take it.
    pub(crate) fn is_certain(&self) -> bool {
        !self.maybe_taken && self.call().is_none()
    }

    /// Whether an answer of it was lost at some time.
    pub(crate) fn is_maybe_taken(&self) -> bool {
        self.maybe_taken
    }

    /// As the store is to have it.
    pub(crate) fn to_store(&self, session: Option<&SessionId>) -> KeptMessage {
        KeptMessage {
            message_id: self.message.clone(),
            text: self.text.clone(),
            session: session.cloned(),
            since: self.timestamp,
            deadline: self.deadline,
            left: matches!(self.persisted, Some(Persisted::MarkingSent | Persisted::MarkedSent)),
        }
    }

    /// As its caller gets it.
    pub(crate) fn into_unsent(self) -> UnsentMessage {
        let certain = self.is_certain();
        UnsentMessage { text: self.text, message_id: self.message, certain }
    }

    /// It goes out. A message that may have been taken keeps its first route: its answer may have come since.
    pub(super) fn start(&mut self, call: CallId, route: Route) {
        self.status = Status::InFlight(call);
        self.is_old = false;
        if !self.maybe_taken {
            self.route = route;
        }
    }

    /// It was not taken this time. Returns whether the store has to be told so.
    pub(super) fn return_to_queue(&mut self) -> bool {
        self.status = Status::Waiting;
        let unmarks = !self.maybe_taken && self.persisted == Some(Persisted::MarkedSent);
        if unmarks {
            self.persisted = Some(Persisted::Stored);
        }
        unmarks
    }

    /// Its answer was lost. `until` is when its echo is overdue, while the link is up.
    pub(super) fn mark_unconfirmed(&mut self, until: Option<Millis>) {
        self.status = Status::Unconfirmed { until, queried: Queried::NotYet };
        self.maybe_taken = true;
    }

    /// Its deadline has passed while its call was under way: the answer will not be heard.
    pub(super) fn give_up_call(&mut self) {
        self.maybe_taken |= self.call().is_some();
    }

    /// The link is down (`None`), or up again: until when an echo is awaited.
    pub(super) fn set_confirmation_deadline(&mut self, until: Option<Millis>) {
        if let Status::Unconfirmed { until: present, .. } = &mut self.status {
            *present = until.map(|until| if self.is_old { until - CONFIRMATION_WAIT } else { until });
        }
    }

    /// When its echo is overdue.
    pub(super) fn confirmation_deadline(&self) -> Option<Millis> {
        match self.status {
            Status::Unconfirmed { until, .. } => until,
            Status::Waiting | Status::InFlight(_) => None,
        }
    }

    /// No echo has come in time. `query_until` is when a query for it would be overdue, where one can be made.
    pub(super) fn confirmation_overdue(
        &mut self,
        query_until: Option<Millis>,
        delivery: Delivery,
    ) -> Overdue {
        let Status::Unconfirmed { queried, .. } = self.status else {
            return Overdue::Nothing;
        };
        let sends_again = match (queried, delivery) {
            (Queried::Absent | Queried::Futile, Delivery::AtMostOnce)
            | (Queried::Futile, Delivery::Checked) => return Overdue::GiveUp,
            (Queried::Absent, Delivery::Checked | Delivery::AtLeastOnce)
            | (Queried::InVain | Queried::Futile, Delivery::AtLeastOnce) => true,
            (Queried::NotYet, Delivery::AtLeastOnce) => query_until.is_none(),
            (Queried::NotYet | Queried::InVain, Delivery::Checked | Delivery::AtMostOnce) => false,
        };
        if sends_again {
            self.status = Status::Waiting;
            return Overdue::Nothing;
        }
        if query_until.is_some() {
            self.status = Status::Unconfirmed { until: query_until, queried };
            return Overdue::Query;
        }
        Overdue::GiveUp
    }

    /// What the service has said of it, since its answer was lost.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.status {
            Status::Unconfirmed { queried: Queried::Absent, .. } => Verdict::Absent,
            Status::Unconfirmed { queried: Queried::InVain | Queried::Futile, .. } => Verdict::Unknown,
            Status::Unconfirmed { queried: Queried::NotYet, .. } | Status::Waiting | Status::InFlight(_) => {
                Verdict::Open
            }
        }
    }

    /// A query for it is over, and has not found it. Returns whether it was awaited.
    pub(super) fn queried(&mut self, result: QueryResult) -> bool {
        let Status::Unconfirmed { queried, .. } = &mut self.status else {
            return false;
        };
        *queried = match result {
            QueryResult::Absent => Queried::Absent,
            QueryResult::Unknown => Queried::InVain,
            QueryResult::Futile => Queried::Futile,
        };
        true
    }

    /// Marks it as one that may have gone out. Returns whether the store has to be told so first.
    pub(super) fn mark_sending(&mut self) -> bool {
        let marks = self.persisted == Some(Persisted::Stored);
        if marks {
            self.persisted = Some(Persisted::MarkingSent);
        }
        marks
    }

    /// Whether it goes out only once it is marked so in the store.
    pub(crate) fn needs_mark(&self) -> bool {
        self.persisted == Some(Persisted::Stored)
    }

    /// The store has it as it was told.
    pub(super) fn stored(&mut self) -> StoreAnswer {
        match self.persisted {
            Some(Persisted::Storing) => {
                self.persisted = Some(Persisted::Stored);
                StoreAnswer::Command(self.ticket.take())
            }
            Some(Persisted::MarkingSent) => {
                self.persisted = Some(Persisted::MarkedSent);
                StoreAnswer::SentMark
            }
            Some(Persisted::Stored | Persisted::MarkedSent) | None => StoreAnswer::Stale,
        }
    }

    /// The store has not taken it. It stands there as before.
    pub(super) fn not_stored(&mut self) -> StoreAnswer {
        match self.persisted {
            Some(Persisted::Storing) => StoreAnswer::Command(self.ticket),
            Some(Persisted::MarkingSent) => {
                self.persisted = Some(Persisted::Stored);
                StoreAnswer::SentMark
            }
            Some(Persisted::Stored | Persisted::MarkedSent) | None => StoreAnswer::Stale,
        }
    }

    /// The conversation closes. Returns whether the store has it, so that the next run can send it.
    pub(crate) fn close(&mut self) -> bool {
        if self.persisted == Some(Persisted::MarkingSent) {
            self.persisted = Some(Persisted::Stored); // It has not gone out.
        }
        matches!(self.persisted, Some(Persisted::Stored | Persisted::MarkedSent))
    }

    /// The command does not wait any more. Returns whether the message stays, because it has gone out.
    pub(super) fn withdraw(&mut self) -> bool {
        self.ticket = None;
        self.ask = None;
        self.status != Status::Waiting || self.maybe_taken
    }

    /// The log is told that it waits.
    pub(super) fn report_hold(&mut self) {
        self.hold_reported = true;
    }

    pub(super) fn is_hold_reported(&self) -> bool {
        self.hold_reported
    }
}
