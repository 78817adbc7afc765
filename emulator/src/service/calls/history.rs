//! Beyond the page: the frames of a session, asked for over HTTP.

use serde_json::Value;

use super::Caller;
use crate::service::Service;
use crate::service::failure::Failure;
use crate::service::frames::Frame;
use crate::service::http::Request;

impl Service {
    /// `forward`: the frames after `seqId`, or from the first one on. `backward`: those before it,
    /// or the last ones. At most a page of them, the oldest first.
    pub(super) fn message_query(&mut self, caller: Caller, request: &Request) -> Result<Value, Failure> {
        let page = self.settings.history_page;
        let direction = request.parameter("direction").ok_or_else(|| Failure::field_missing("direction"))?;
        let seq_id = request.parameter("seqId").filter(|seq_id| !seq_id.is_empty());
        let session = self.own_session(caller, &session_id(request)?)?;
        // The last one, because a message sent twice may have two echoes with one seqId.
        let position = seq_id.and_then(|seq_id| {
            session.frames.iter().rposition(|frame| frame.seq_id() == Some(seq_id.as_str()))
        });
        let (from, to) = match (direction.as_str(), position) {
            ("forward", at) => {
                let from = at.map_or(0, |at| at + 1);
                (from, (from + page).min(session.frames.len()))
            }
            ("backward", at) => {
                let to = at.unwrap_or(session.frames.len());
                (to.saturating_sub(page), to)
            }
            _ => return Err(Failure::field_invalid("direction", "forward or backward")),
        };
        Ok(session.frames.range(from..to).map(Frame::to_json).collect())
    }

    /// The last frames of a session, at most a page of them, the oldest first.
    pub(super) fn message_latest(&mut self, caller: Caller, request: &Request) -> Result<Value, Failure> {
        let page = self.settings.history_page;
        let session = self.own_session(caller, &session_id(request)?)?;
        let from = session.frames.len().saturating_sub(page);
        Ok(session.frames.range(from..).map(Frame::to_json).collect())
    }
}

fn session_id(request: &Request) -> Result<String, Failure> {
    let given = request.parameter("sessionId").filter(|id| !id.is_empty());
    given.ok_or_else(|| Failure::field_missing("sessionId"))
}
