//! Events, results and errors as scenarios write them.

use secondme_avatar::{CloseReason, Error, Event, EventKind, Gap, HistoryMessage, Json, Part, Reply, Sent};
use serde_json::{Value, json};

pub(crate) fn event(event: &Event) -> Value {
    match &event.kind {
        EventKind::Opened { opening, resumed } => {
            json!({"type": "opened", "opening": opening.as_str(), "resumed": resumed})
        }
        EventKind::StateChanged { from, to } => {
            json!({"type": "state_changed", "from": from.name(), "to": to.name()})
        }
        EventKind::ReplyDelta { text, asked, attribution, .. } => {
            json!({"type": "reply_delta", "text": text.as_str(), "asked": asked, "attribution": attribution.name()})
        }
        EventKind::Reply(said) => typed("reply", reply(said)),
        EventKind::OwnerReply(said) => typed("owner_reply", reply(said)),
        EventKind::Delivered { text, .. } => json!({"type": "delivered", "text": text.as_str()}),
        EventKind::Notice { kind, text } => {
            json!({"type": "notice", "kind": kind.name(), "text": text.as_str()})
        }
        EventKind::ServiceError(failure) => json!({
            "type": "service_error",
            "code": failure.code,
            "reason": failure.reason.as_ref().map(|reason| reason.as_str()),
            "actions": values(&failure.actions),
            "retryable": failure.retryable,
            "message_id": failure.message_id.as_ref().map(|id| id.as_str()),
        }),
        EventKind::Unattributed { author, text } => {
            json!({"type": "unattributed", "author": author.name(), "text": text.as_str()})
        }
        EventKind::SessionReplaced { .. } => json!({"type": "session_replaced"}),
        EventKind::Disconnected { cause, close_code, close_reason, .. } => json!({
            "type": "disconnected", "cause": error(cause), "close_code": close_code, "close_reason": close_reason,
        }),
        EventKind::Reconnected { gap } => match gap {
            Gap::Filled { frames } => json!({"type": "reconnected", "gap": "filled", "frames": frames}),
            Gap::None => json!({"type": "reconnected", "gap": "none"}),
            Gap::Unknown => json!({"type": "reconnected", "gap": "unknown"}),
        },
        EventKind::WaitingForQuota { .. } => json!({"type": "waiting_for_quota"}),
        EventKind::Closed { reason } => match reason {
            CloseReason::Requested => json!({"type": "closed", "reason": "requested"}),
            CloseReason::SessionEnded => json!({"type": "closed", "reason": "session_ended"}),
            CloseReason::Failed(why) => json!({"type": "closed", "reason": "failed", "error": error(why)}),
            _ => json!({"type": "closed"}),
        },
        EventKind::TakenOver => json!({"type": "taken_over"}),
        EventKind::HandedBack => json!({"type": "handed_back"}),
        EventKind::Unknown => {
            json!({"type": "unknown", "raw": event.raw.as_ref().map(|frame| frame.as_str())})
        }
        _ => json!({"type": "an event this runner does not know"}),
    }
}

pub(crate) fn reply(reply: &Reply) -> Value {
    json!({
        "author": reply.author.name(),
        "text": reply.text.as_str(),
        "confirmed": reply.confirmed,
        "ended": reply.ended.name(),
        "asked": reply.asked,
        "attribution": reply.attribution.name(),
        "parts": parts(&reply.parts),
        "sources": values(&reply.sources),
        "speech": values(&reply.speech),
    })
}

pub(crate) fn sent(sent: &Sent) -> Value {
    json!({"message_id": sent.message_id.as_str(), "confirmed_by": sent.confirmed_by.name()})
}

pub(crate) fn messages(messages: &[HistoryMessage]) -> Value {
    let message = |one: &HistoryMessage| json!({"id": one.id.as_ref().map(|id| id.as_str()), "author": one.author.name(), "text": one.text.as_str()});
    messages.iter().map(message).collect()
}

pub(crate) fn error(error: &Error) -> Value {
    json!({
        "kind": error.kind().name(),
        "code": error.code(),
        "step": error.step().map(|step| step.name()),
        "retryable": error.is_retryable(),
        "retry_after": error.retry_after().map(|wait| wait.as_secs()),
        "unsent": error.unsent().map(|unsent| json!({"text": unsent.text.as_str(), "certain": unsent.certain})),
    })
}

fn parts(parts: &[Part]) -> Value {
    let part = |part: &Part| match part {
        Part::Text(text) => json!({"text": text.as_str()}),
        Part::Card(card) => json!({"card": card.template, "params": card.params.0}),
        _ => json!("a part this runner does not know"),
    };
    parts.iter().map(part).collect()
}

fn typed(kind: &str, mut value: Value) -> Value {
    value["type"] = kind.into();
    value
}

fn values(values: &[Json]) -> Value {
    values.iter().map(|value| value.0.clone()).collect()
}
