//! How many bytes of memory a value takes, roughly: for the bounds on what is stored in memory.

use serde_json::Value;

use crate::event::{Event, EventKind, Part, Reply};
use crate::redact::Json;

/// The bytes of a value itself, without what it holds.
const VALUE: usize = 32;

/// An object allocates memory for several entries at a time.
const ENTRIES: usize = 6;
const ENTRIES_BYTES: usize = 640;

impl Event {
    /// Returns roughly how many bytes of memory the event takes: its frame, its text, and what is not text, which
    /// takes many times its size on the wire.
    pub fn memory_size(&self) -> usize {
        let told = match &self.kind {
            EventKind::ReplyDelta { text, .. } => text.as_str().len(),
            EventKind::Reply(reply) | EventKind::OwnerReply(reply) => reply_size(reply),
            EventKind::ServiceError(failure) => failure.actions.iter().map(Json::memory_size).sum(),
            EventKind::Unsent { message, .. } => message.text.as_str().len(),
            EventKind::Notice { text, .. } | EventKind::Unattributed { text, .. } => text.as_str().len(),
            EventKind::Opened { .. }
            | EventKind::StateChanged { .. }
            | EventKind::Delivered { .. }
            | EventKind::SessionReplaced { .. }
            | EventKind::Disconnected { .. }
            | EventKind::Reconnected { .. }
            | EventKind::WaitingForQuota { .. }
            | EventKind::Closed { .. }
            | EventKind::TakenOver
            | EventKind::HandedBack
            | EventKind::Unknown => 0,
        };
        size_of::<Self>() + told + self.raw.as_ref().map_or(0, |raw| raw.as_str().len())
    }
}

impl Json {
    pub(crate) fn memory_size(&self) -> usize {
        memory_size(&self.0)
    }
}

fn reply_size(reply: &Reply) -> usize {
    let parts = reply.parts.iter().map(|part| match part {
        Part::Text(text) => text.as_str().len(),
        Part::Card(card) => card.template.len() + card.params.memory_size(),
    });
    let trees = reply.sources.iter().chain(&reply.speech).map(Json::memory_size);
    reply.text.as_str().len() + parts.sum::<usize>() + trees.sum::<usize>()
}

/// The recursion is bounded, because serde_json reads no deeper value.
fn memory_size(value: &Value) -> usize {
    VALUE
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(memory_size).sum(),
            Value::Object(entries) => {
                let inside = entries.iter().map(|(key, value)| key.len() + memory_size(value));
                entries.len().div_ceil(ENTRIES) * ENTRIES_BYTES + inside.sum::<usize>()
            }
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_on_the_wire_weighs_what_it_takes() {
        for (json, least, most) in [
            ("null", 32, 32),
            (r#""four""#, 36, 36),
            ("[[],[],[]]", 128, 128),
            ("{}", 32, 32),
            (r#"{"a":0}"#, 600, 800),
            (r#"{"a":{"a":{"a":0}}}"#, 1_900, 2_300),
        ] {
            let size = Json(serde_json::from_str(json).unwrap()).memory_size();
            assert!((least..=most).contains(&size), "{json}: {size}");
        }
    }
}
