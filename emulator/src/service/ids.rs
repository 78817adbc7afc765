//! The service's own handles. What travels on the wire stays text.

use serde::{Deserialize, Serialize};

/// A live socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// A question put to a brain outside the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u64);

/// One visitor message and everything that is played in answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TurnId(pub(super) u64);

/// A visitor's index in the list of visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct VisitorIndex(pub(super) usize);

/// The visitor, session and socket that a call, a frame or a journal entry belongs to, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Whose {
    /// The `visitorId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor_id: Option<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ws_id: Option<String>,
}
