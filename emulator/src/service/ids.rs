//! The service's own handles. What travels on the wire stays text.

/// A live socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// A question put to a brain outside the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// One visitor message and everything that is played in answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TurnId(pub(super) u64);

/// A visitor's place in the list of visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VisitorIndex(pub(super) usize);
