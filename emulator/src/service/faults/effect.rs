//! What a fault does, and how that is written.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{InjectionPoint, InvalidFault};
use crate::service::close::check_close_code;
use crate::time::Millis;

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A call or handshake: the connection is reset, the request has no effect.
    Refuse,
    /// A call or handshake: the connection ends without an answer, the request has no effect.
    CutBefore,
    /// A call or handshake: the service acts, and the connection ends without an answer.
    CutAfter,
    /// A call or handshake: no answer ever comes, the request has no effect.
    HangBefore,
    /// A call or handshake: the service acts, and no answer ever comes.
    HangAfter,
    /// The answer, the frame or the reply comes so much later. Later frames overtake a frame.
    Delay(Millis),
    /// A call or handshake is answered with this status, and has no effect.
    Status {
        /// The HTTP status.
        status: u16,
        /// The header `Retry-After`, in seconds.
        retry_after: Option<u64>,
        /// The body; empty without it.
        body: Option<String>,
    },
    /// A call or handshake fails with a code, in the shape of the settings; a reply gives way to a
    /// failure over the socket.
    Fail {
        /// The code; any is allowed.
        code: String,
        /// The text for people.
        reason: String,
        /// What the user could do; goes over the socket only.
        actions: Vec<Value>,
    },
    /// A call is answered with 200 and JSON that breaks off; a frame breaks off in the middle.
    Malformed,
    /// A call is answered with 200 and nothing.
    Empty,
    /// The caller's visitor token dies, then the call is judged.
    ExpiredToken,
    /// The caller's chat context dies, then the call is judged.
    ExpiredContext,
    /// The address of the socket dies, then the handshake is judged.
    ExpiredAddress,
    /// A call is answered as over the quota.
    Quota,
    /// A frame, or a reply, never comes.
    Drop,
    /// A frame comes twice.
    Duplicate,
    /// A frame is held back until the next one of its socket has passed, or for a second.
    Reorder,
    /// Another frame comes in its place.
    Replace(Map<String, Value>),
    /// Fields of a frame are overwritten; `null` takes one away.
    Merge(Map<String, Value>),
    /// From this frame on nothing passes either way on its socket, and neither side is told.
    HalfOpen,
    /// The socket is cut, and the frame is lost.
    Cut,
    /// The socket is closed with a close frame, and the frame is lost.
    Close {
        /// The code of the close frame.
        code: u16,
        /// Its reason.
        reason: String,
    },
}

/// What is written as its name alone.
const PLAIN: [(&str, Effect); 15] = [
    ("refuse", Effect::Refuse),
    ("cut-before", Effect::CutBefore),
    ("cut-after", Effect::CutAfter),
    ("hang-before", Effect::HangBefore),
    ("hang-after", Effect::HangAfter),
    ("malformed", Effect::Malformed),
    ("empty", Effect::Empty),
    ("expired-token", Effect::ExpiredToken),
    ("expired-context", Effect::ExpiredContext),
    ("expired-address", Effect::ExpiredAddress),
    ("quota", Effect::Quota),
    ("drop", Effect::Drop),
    ("duplicate", Effect::Duplicate),
    ("reorder", Effect::Reorder),
    ("half-open", Effect::HalfOpen),
];

/// What can be done to a frame, by name.
const FRAME: [&str; 10] =
    ["drop", "duplicate", "delay", "reorder", "malformed", "replace", "merge", "half-open", "cut", "close"];

/// What can be done to an avatar's reply.
const REPLY: [&str; 3] = ["fail", "delay", "drop"];

/// What can be done to any call, and to a handshake.
const REQUEST: [&str; 8] =
    ["refuse", "cut-before", "cut-after", "hang-before", "hang-after", "delay", "status", "fail"];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Status {
    status: u16,
    retry_after: Option<u64>,
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Fail {
    Code(String),
    Full(FullFail),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullFail {
    code: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    actions: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Close {
    Code(u16),
    Full(FullClose),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullClose {
    code: Option<u16>,
    #[serde(default)]
    reason: String,
}

impl Effect {
    /// Its name, as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
            Self::HangBefore => "hang-before",
            Self::HangAfter => "hang-after",
            Self::Delay(_) => "delay",
            Self::Status { .. } => "status",
            Self::Fail { .. } => "fail",
            Self::Malformed => "malformed",
            Self::Empty => "empty",
            Self::ExpiredToken => "expired-token",
            Self::ExpiredContext => "expired-context",
            Self::ExpiredAddress => "expired-address",
            Self::Quota => "quota",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Replace(_) => "replace",
            Self::Merge(_) => "merge",
            Self::HalfOpen => "half-open",
            Self::Cut => "cut",
            Self::Close { .. } => "close",
        }
    }

    /// Whether it can be done at an injection point.
    pub(super) fn fits(&self, at: InjectionPoint) -> bool {
        Self::at(at).contains(&self.name())
    }

    pub(super) fn names_at(at: InjectionPoint) -> String {
        let written = |name: &&str| {
            match *name {
                "delay" => r#"{"delay": "2s"}"#,
                "status" => r#"{"status": 503, "retry-after": 2, "body": "…"}"#,
                "fail" => r#"{"fail": "some.code"}"#,
                "replace" => r#"{"replace": {…}}"#,
                "merge" => r#"{"merge": {…}}"#,
                "close" => r#"{"close": 1012}"#,
                name => name,
            }
            .to_owned()
        };
        Self::at(at).iter().map(written).collect::<Vec<_>>().join(", ")
    }

    /// Reads what is to be done at an injection point.
    pub(super) fn read(at: InjectionPoint, written: Value) -> Result<Self, InvalidFault> {
        let unknown = |name: &str| {
            InvalidFault(format!("there is no `{name}` at `{at}`; there are {}", Self::names_at(at)))
        };
        let fields = match written {
            Value::String(name) => {
                return match name.as_str() {
                    "cut" => Ok(Self::Cut),
                    "close" => Ok(Self::Close { code: 1_000, reason: String::new() }),
                    name => {
                        let known = PLAIN.iter().find(|(known, _)| *known == name);
                        known.map(|(_, effect)| effect.clone()).ok_or_else(|| unknown(name))
                    }
                };
            }
            Value::Object(fields) => fields,
            other => return Err(unknown(&other.to_string())),
        };
        if fields.contains_key("status") {
            let Status { status, retry_after, body } = part("status", Value::Object(fields))?;
            return match status {
                200..=599 => Ok(Self::Status { status, retry_after, body }),
                _ => Err(InvalidFault(format!("`status` must be from 200 to 599, not {status}"))),
            };
        }
        let mut entries = fields.into_iter();
        let (Some((name, value)), None) = (entries.next(), entries.next()) else {
            return Err(InvalidFault(format!("`do` is one of {}", Self::names_at(at))));
        };
        match name.as_str() {
            "delay" => Ok(Self::Delay(part("delay", value)?)),
            "fail" => Ok(match part("fail", value)? {
                Fail::Code(code) => Self::Fail { code, reason: String::new(), actions: Vec::new() },
                Fail::Full(FullFail { code, reason, actions }) => Self::Fail { code, reason, actions },
            }),
            "replace" => Ok(Self::Replace(part("replace", value)?)),
            "merge" => Ok(Self::Merge(part("merge", value)?)),
            "close" => {
                let (code, reason) = match part("close", value)? {
                    Close::Code(code) => (code, String::new()),
                    Close::Full(FullClose { code, reason }) => (code.unwrap_or(1_000), reason),
                };
                check_close_code(code).map_err(InvalidFault)?;
                Ok(Self::Close { code, reason })
            }
            // As it may be said as well.
            "expire" => match value.as_str() {
                Some("token") => Ok(Self::ExpiredToken),
                Some("context") => Ok(Self::ExpiredContext),
                Some("address") => Ok(Self::ExpiredAddress),
                _ => Err(InvalidFault("`expire` takes token, context or address".to_owned())),
            },
            name => Err(unknown(name)),
        }
    }

    /// The names of what can be done at an injection point.
    pub(super) fn at(place: InjectionPoint) -> Vec<&'static str> {
        let more: &[_] = match place {
            InjectionPoint::FrameOut | InjectionPoint::FrameIn => return FRAME.to_vec(),
            InjectionPoint::Reply => return REPLY.to_vec(),
            InjectionPoint::Connect => &["expired-address"],
            // An authentication has no token yet, and no chat.
            InjectionPoint::Auth | InjectionPoint::OauthToken => &["malformed", "empty", "quota"],
            InjectionPoint::VisitorChatInit => &["malformed", "empty", "quota", "expired-token"],
            _ => &["malformed", "empty", "quota", "expired-token", "expired-context"],
        };
        [&REQUEST, more].concat()
    }
}

/// Reads the value of one effect; an error names the effect.
fn part<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, InvalidFault> {
    serde_json::from_value(value).map_err(|error| InvalidFault(format!("`{name}`: {error}")))
}

/// As it is written.
impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::Delay(time) => json!({"delay": time}),
            Self::Status { status, retry_after, body } => {
                let mut written = Map::from_iter([("status".to_owned(), json!(status))]);
                if let Some(seconds) = retry_after {
                    written.insert("retry-after".to_owned(), json!(seconds));
                }
                if let Some(body) = body {
                    written.insert("body".to_owned(), json!(body));
                }
                Value::Object(written)
            }
            Self::Fail { code, reason, actions } if reason.is_empty() && actions.is_empty() => {
                json!({"fail": code})
            }
            Self::Fail { code, reason, actions } => {
                json!({"fail": {"code": code, "reason": reason, "actions": actions}})
            }
            Self::Replace(fields) => json!({"replace": fields}),
            Self::Merge(fields) => json!({"merge": fields}),
            Self::Close { code, reason } => json!({"close": {"code": code, "reason": reason}}),
            plain => json!(plain.name()),
        };
        written.serialize(serializer)
    }
}
