//! Who takes part in a recording: visitors, and their sessions.

use std::collections::HashSet;

use serde_json::Value;

use super::replies::{Replies, said};
use super::steps::Place;

#[derive(Debug, Default)]
pub(super) struct Visitor {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) token: Option<String>,
    pub(super) user_id: Value,
    pub(super) address: String,
    /// The own id of its socket.
    pub(super) ws_id: Value,
    pub(super) sessions: usize,
    /// How its socket was lost, until there is another.
    pub(super) lost: Option<Lost>,
    /// Where its socket was lost last, and where it was back: there stand the frames that it has missed, and the events
    /// that come of them before the client says that it is back.
    pub(super) missed_at: Option<(Place, Place)>,
    /// The ids of the messages it has sent.
    pub(super) sent: HashSet<String>,
    /// The texts of those that have no id and no echo yet, as at Visitor Chat.
    pub(super) unechoed: Vec<String>,
    /// A text whose sending has failed, and may be tried again.
    pub(super) unsure: Option<String>,
    /// Another session has taken the place of its own, since its socket was lost.
    pub(super) is_replaced: bool,
    pub(super) is_open: bool,
}

/// How a visitor's socket was lost.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) place: Place,
    pub(super) is_client: bool,
    /// The body of `sockets/close` that does the same.
    pub(super) how: Value,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) visitor: usize,
    pub(super) name: String,
    pub(super) is_open: bool,
    pub(super) replies: Replies,
}

impl Visitor {
    /// Whether a frame repeats what the visitor has said. Where it names no message of theirs, their own user id or the
    /// text says so.
    pub(super) fn is_echo(&mut self, frame: &Value) -> bool {
        let sender = plain(&frame["sendUserId"]);
        let text = said(frame);
        if frame["sender"] == "client"
            && let Some(at) = self.unechoed.iter().position(|unechoed| *unechoed == text)
        {
            self.unechoed.remove(at);
            self.user_id = frame["sendUserId"].clone();
            return true;
        }
        (sender.is_some() && sender == plain(&self.user_id))
            || plain(&frame["messageId"]).is_some_and(|id| self.sent.contains(&id))
    }

    /// Whether a frame is for another socket than the visitor's own, which the client drops.
    pub(super) fn is_foreign(&self, frame: &Value) -> bool {
        let (ws_id, own) = (plain(&frame["wsId"]), plain(&self.ws_id));
        ws_id.is_some() && own.is_some() && ws_id != own
    }
}

/// An id, as a text or as a number.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
