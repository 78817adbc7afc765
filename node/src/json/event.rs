//! An event as JSON.

use secondme_avatar::{CloseReason, EventKind, Gap, MessageId, Text};
use serde::Serialize;

use super::{ErrorJson, ReplyJson, UnsentJson, Values, write};

pub(crate) fn write_event(to: &mut Vec<u8>, kind: &EventKind) {
    write(to, &EventJson::from(kind));
}

/// An event, but for its conversation and its frame.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum EventJson<'a> {
    Opened {
        opening: &'a Text,
        resumed: bool,
    },
    StateChanged {
        from: &'static str,
        to: &'static str,
    },
    ReplyDelta {
        #[serde(skip_serializing_if = "Option::is_none")]
        reply_id: Option<&'a str>,
        text: &'a Text,
        #[serde(skip_serializing_if = "Option::is_none")]
        in_reply_to: Option<&'a str>,
        asked: bool,
    },
    Reply(ReplyJson<'a>),
    OwnerReply(ReplyJson<'a>),
    TakenOver,
    HandedBack,
    Delivered {
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<&'a str>,
        text: &'a Text,
    },
    Unsent {
        message: UnsentJson<'a>,
        error: ErrorJson<'a>,
    },
    Notice {
        kind: &'a str,
        text: &'a Text,
    },
    ServiceError {
        code: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a Text>,
        actions: Values<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<&'a str>,
        retryable: bool,
    },
    Unattributed {
        author: &'static str,
        text: &'a Text,
    },
    Disconnected {
        retry_in_ms: f64,
        cause: ErrorJson<'a>,
    },
    Reconnected {
        gap: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        frames: Option<u32>,
    },
    WaitingForQuota {
        wait_ms: f64,
    },
    Closed {
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ErrorJson<'a>>,
    },
    Unknown,
}

impl<'a> From<&'a EventKind> for EventJson<'a> {
    fn from(kind: &'a EventKind) -> Self {
        let id = |id: &'a Option<MessageId>| id.as_ref().map(MessageId::as_str);
        match kind {
            EventKind::Opened { opening, resumed } => Self::Opened { opening, resumed: *resumed },
            EventKind::StateChanged { from, to } => Self::StateChanged { from: from.name(), to: to.name() },
            EventKind::ReplyDelta { reply_id, text, in_reply_to, asked } => {
                Self::ReplyDelta { reply_id: id(reply_id), text, in_reply_to: id(in_reply_to), asked: *asked }
            }
            EventKind::Reply(reply) => Self::Reply(ReplyJson::from(&**reply)),
            EventKind::OwnerReply(reply) => Self::OwnerReply(ReplyJson::from(&**reply)),
            EventKind::TakenOver => Self::TakenOver,
            EventKind::HandedBack => Self::HandedBack,
            EventKind::Delivered { message_id, text } => Self::Delivered { message_id: id(message_id), text },
            EventKind::Unsent { message, error } => {
                Self::Unsent { message: UnsentJson::from(&**message), error: ErrorJson::from(error) }
            }
            EventKind::Notice { kind, text } => Self::Notice { kind: kind.name(), text },
            EventKind::ServiceError(failure) => Self::ServiceError {
                code: &failure.code,
                reason: failure.reason.as_ref(),
                actions: Values(&failure.actions),
                message_id: id(&failure.message_id),
                retryable: failure.retryable,
            },
            EventKind::Unattributed { author, text } => Self::Unattributed { author: author.name(), text },
            EventKind::Disconnected { retry_in, cause } => Self::Disconnected {
                retry_in_ms: retry_in.as_secs_f64() * 1000.0,
                cause: ErrorJson::from(cause),
            },
            EventKind::Reconnected { gap } => match gap {
                Gap::Filled { frames } => Self::Reconnected { gap: "filled", frames: Some(*frames) },
                Gap::None => Self::Reconnected { gap: "none", frames: None },
                Gap::Unknown => Self::Reconnected { gap: "unknown", frames: None },
            },
            EventKind::WaitingForQuota { wait } => {
                Self::WaitingForQuota { wait_ms: wait.as_secs_f64() * 1000.0 }
            }
            EventKind::Closed { reason } => match reason {
                CloseReason::SessionEnded => Self::Closed { reason: "session_ended", error: None },
                CloseReason::Failed(error) => {
                    Self::Closed { reason: "failed", error: Some(ErrorJson::from(error)) }
                }
                _ => Self::Closed { reason: "requested", error: None },
            },
            // `Unknown`, and what a later core may say.
            _ => Self::Unknown,
        }
    }
}
