//! A time line: lanes, with what stands in them, and the longest stretches of time.

use crate::time::Millis;

/// What happened in one conversation, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// The session, if it is of one.
    pub session: Option<String>,
    /// The visitor, if it is known.
    pub visitor: Option<String>,
    /// The moment of the first entry.
    pub start: Millis,
    /// The moment of the last.
    pub end: Millis,
    /// Whether moments count from the Unix epoch; those of a recording count from its beginning.
    pub is_clock: bool,
    /// The lanes that have something in them, from the top.
    pub lanes: Vec<Lane>,
    /// How the time was spent, the longest first.
    pub stretches: Vec<Stretch>,
    /// While the owner had the conversation.
    pub takeovers: Vec<(Millis, Millis)>,
    /// The moments at which something happened, in order, without heartbeats.
    pub(super) moments: Vec<Millis>,
}

/// One lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// What it shows.
    pub kind: LaneKind,
    /// What stands in it, by the moments at which it begins.
    pub spans: Vec<Span>,
}

/// What a lane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneKind {
    /// The messages, and what answers them.
    Messages,
    /// The owner's actions.
    Owner,
    /// The HTTP calls.
    Calls,
    /// The sockets.
    Sockets,
    /// The frames of the client.
    FramesIn,
    /// The frames of the service.
    FramesOut,
    /// The faults that were met.
    Faults,
    /// What is good for a time only.
    Lifetimes,
}

/// Something in a lane: a bar from one moment to another, or a mark where both are one.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// When it begins.
    pub from: Millis,
    /// When it ends; no earlier.
    pub to: Millis,
    /// What it is.
    pub kind: SpanKind,
    /// What is written at it; may be empty.
    pub label: String,
    /// All that there is to say about it.
    pub about: String,
    /// Whether its end is not in the journal.
    pub is_open: bool,
    /// Spans of one group belong together, and stand in one row.
    pub(super) group: usize,
}

/// What a span is, which decides how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanKind {
    /// A heartbeat, or the answer to it.
    Heartbeat,
    /// A frame.
    Frame,
    /// A frame that says that something failed.
    FailureFrame,
    /// A reply that comes in pieces.
    Stream,
    /// A call that succeeded.
    Call,
    /// A call that failed, or had no answer.
    FailedCall,
    /// A socket.
    Socket,
    /// A handshake that was refused.
    Refused,
    /// The time without a socket.
    NoSocket,
    /// The end of a socket.
    Close,
    /// A message of the visitor.
    Question,
    /// From a message to the first piece of its answer.
    Waiting,
    /// From the first piece of an answer to the last.
    Reply,
    /// A message that failed, or that had no answer.
    Unanswered,
    /// The owner has the conversation.
    Takeover,
    /// Something the owner did, or wrote.
    Owner,
    /// A fault.
    Fault,
    /// Something that is good for a time only.
    Lifetime,
}

/// A stretch of time, and how it was spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// When it begins.
    pub from: Millis,
    /// When it ends.
    pub to: Millis,
    /// How it was spent.
    pub kind: StretchKind,
    /// What was waited for, in words, without the length.
    pub words: String,
}

/// How a stretch of time was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StretchKind {
    /// The conversation was being opened.
    Opening,
    /// For the first piece of an answer.
    FirstPiece,
    /// For the next piece of an answer, unusually long.
    NextPiece,
    /// For the answer to a call.
    Call,
    /// Until a call that had failed was made again.
    Retry,
    /// There was no socket.
    NoSocket,
    /// An answer came in.
    Reply,
    /// The owner had the conversation.
    Takeover,
    /// Nothing happened, and nothing was waited for.
    Idle,
}

impl StretchKind {
    /// Whether something was waited for.
    pub fn is_wait(self) -> bool {
        !matches!(self, Self::Reply | Self::Takeover | Self::Idle)
    }
}

impl Stretch {
    /// How long it is.
    pub fn length(&self) -> Millis {
        self.to - self.from
    }
}

impl Timeline {
    /// How long it is.
    pub fn length(&self) -> Millis {
        self.end - self.start
    }

    /// The longest stretch in which something was waited for.
    pub fn longest_wait(&self) -> Option<&Stretch> {
        self.stretches.iter().find(|stretch| stretch.kind.is_wait())
    }
}
