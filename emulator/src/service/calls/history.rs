//! Beyond the page: the frames of a session, asked for over HTTP.

use serde_json::Value;

use super::Caller;
use crate::service::Service;
use crate::service::failure::Failure;
use crate::service::http::Request;

impl Service {
    /// `forward`: the frames after `seqId`, or from the first one on. `backward`: those before it,
    /// or the last ones. At most a page of them, the oldest first.
    pub(super) fn message_query(&mut self, caller: Caller, request: &Request) -> Result<Value, Failure> {
        let page = self.settings.history_page;
        let direction = request.parameter("direction").ok_or_else(|| Failure::field_missing("direction"))?;
        let seq_id = request.parameter("seqId").filter(|seq_id| !seq_id.is_empty());
        let session = self.own_session(caller, &session_id(request)?)?;
        Ok(match direction.as_str() {
            "forward" => session.frames.after(seq_id.as_deref(), page).collect(),
            "backward" => session.frames.before(seq_id.as_deref(), page).collect(),
            _ => return Err(Failure::field_invalid("direction", "forward or backward")),
        })
    }

    /// The last frames of a session, at most a page of them, the oldest first.
    pub(super) fn message_latest(&mut self, caller: Caller, request: &Request) -> Result<Value, Failure> {
        let page = self.settings.history_page;
        let session = self.own_session(caller, &session_id(request)?)?;
        Ok(session.frames.before(None, page).collect())
    }
}

fn session_id(request: &Request) -> Result<String, Failure> {
    let given = request.parameter("sessionId").filter(|id| !id.is_empty());
    given.ok_or_else(|| Failure::field_missing("sessionId"))
}
