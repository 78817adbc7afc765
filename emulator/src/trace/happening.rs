//! What a journal tells, in words that all journals share.

use serde_json::Value;

use crate::time::Millis;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happening {
    /// The number of its entry.
    pub(super) n: u64,
    pub(super) at: Millis,
    pub(super) whose: Whose,
    pub(super) what: What,
}

/// The visitor, session and socket it belongs to, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) visitor: Option<String>,
    pub(super) session: Option<String>,
    pub(super) socket: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A call, or a handshake, which has the name `connect`.
    Call {
        id: u64,
        name: String,
        body: Value,
    },
    /// The answer to a call.
    Answer {
        call: u64,
        /// `None` if no answer came.
        status: Option<u16>,
        /// Why none came, or how a fault had it delivered.
        how: Option<String>,
        body: Value,
    },
    Frame {
        side: Side,
        body: Value,
    },
    Close {
        by: String,
        code: Option<u16>,
        reason: Option<String>,
    },
    Fault {
        at: String,
        effect: String,
    },
    Owner {
        action: String,
        text: Option<String>,
        failure: Option<String>,
    },
}

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Service,
}

/// The name of the call that opens a socket.
pub(super) const CONNECT: &str = "connect";

/// An id, as a text or as a number.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The `data` of an answer that is a success.
pub(super) fn data(status: Option<u16>, body: &Value) -> Option<&Value> {
    failure(status, body).is_none().then(|| &body["data"])
}

/// What an answer was refused with: its code, or its status. `None` if it is a success.
pub(super) fn failure(status: Option<u16>, body: &Value) -> Option<String> {
    let Some(status) = status else { return Some("no answer".to_owned()) };
    let named = ["subCode", "error_code", "code", "detail", "message"];
    let name = named.iter().find_map(|name| body[name].as_str()).filter(|name| *name != "success");
    let number = body["code"].as_i64();
    let is_success = status < 400 && number.is_none_or(|code| code == 0) && !body["code"].is_string();
    match (is_success, name) {
        (true, _) => None,
        (false, Some(name)) => Some(name.to_owned()),
        (false, None) => {
            Some(number.filter(|_| status < 400).map_or_else(|| status.to_string(), |it| it.to_string()))
        }
    }
}

/// The text of a frame, or of a message that is sent.
pub(super) fn said(body: &Value) -> String {
    let parts = body["multipleData"].as_array().map(Vec::as_slice).unwrap_or_default();
    let answer: String = parts.iter().filter_map(|part| part["modal"]["answer"].as_str()).collect();
    if !answer.is_empty() {
        return answer;
    }
    let texts = [&body["data"]["content"], &body["message"], &body["subCodeReason"], &body["content"]];
    texts.iter().find_map(|text| text.as_str()).unwrap_or_default().to_owned()
}
