//! Whole replies, put together from the frames of a recording.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

/// What a frame is, for the story.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    /// The socket's own: `ping`, `pong`, `ack`, `cmd`.
    Control,
    /// It came before.
    Repeated,
    /// Nothing that the client reports by itself: a piece, an empty end.
    Piece,
    /// What the client reports, as an event of a scenario.
    Event(Value),
    /// What a person said: the visitor's echo, or the owner.
    Person { text: String },
}

/// The replies of one session.
#[derive(Debug, Default)]
pub(super) struct Replies {
    begun: HashMap<String, String>,
    seen: HashSet<[String; 3]>,
    /// Whole replies in order, as `heard` has them.
    pub(super) whole: Vec<Value>,
    /// A reply was cut, or had no end: what the client makes of it is not foretold.
    pub(super) is_uncertain: bool,
}

impl Replies {
    pub(super) fn take(&mut self, frame: &Value) -> Meaning {
        let text = |field: &str| match &frame[field] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let kind = text("type");
        if matches!(kind.as_str(), "ping" | "pong" | "ack" | "cmd") {
            return Meaning::Control;
        }
        let seq_id = text("seqId");
        if !seq_id.is_empty() && !self.seen.insert([seq_id, kind.clone(), text("messageId")]) {
            return Meaning::Repeated;
        }
        if let Some(code) = frame["subCode"].as_str() {
            return Meaning::Event(json!({"type": "service_error", "code": code}));
        }
        match (kind.as_str(), frame["sender"].as_str()) {
            ("" | "msg", Some("umm")) => self.piece(frame, text("messageId")),
            ("" | "msg", Some("client")) => {
                // Replies that are not whole end here, whatever has been said of them.
                self.is_uncertain |= !self.begun.is_empty();
                Meaning::Person { text: said(frame) }
            }
            ("hint" | "notice", _) => {
                Meaning::Event(json!({"type": "notice", "kind": kind, "text": said(frame)}))
            }
            ("recommend" | "task" | "sys", _) => Meaning::Piece,
            _ => Meaning::Event(json!({"type": "unknown", "raw": "*"})),
        }
    }

    /// The owner has spoken.
    pub(super) fn owner(&mut self, text: &str) -> Value {
        self.whole.push(json!({"author": "owner", "text": text}));
        json!({"type": "owner_reply", "text": text})
    }

    pub(super) fn are_whole(&self) -> bool {
        self.begun.is_empty() && !self.is_uncertain
    }

    fn piece(&mut self, frame: &Value, message_id: String) -> Meaning {
        let text = said(frame);
        let is_end = match frame["index"].as_i64() {
            None => true,
            Some(index) => index < 0,
        };
        let begun = self.begun.remove(&message_id);
        if message_id.is_empty() && (begun.is_some() || frame["index"].is_i64()) {
            // Which pieces belong together is the client's guess.
            self.is_uncertain = true;
            return Meaning::Piece;
        }
        if is_end && begun.is_none() && text.is_empty() && cards(frame) == 0 {
            return Meaning::Piece;
        }
        let whole = begun.unwrap_or_default() + &text;
        if !is_end {
            self.begun.insert(message_id, whole);
            return Meaning::Piece;
        }
        self.whole.push(json!({"author": "avatar", "text": whole}));
        Meaning::Event(json!({"type": "reply", "author": "avatar", "text": whole}))
    }
}

/// What a frame says.
pub(super) fn said(frame: &Value) -> String {
    let parts = frame["multipleData"].as_array().into_iter().flatten();
    let text: String = parts.filter_map(|part| part["modal"]["answer"].as_str()).collect();
    match text.is_empty() {
        true => frame["data"]["content"].as_str().unwrap_or_default().to_owned(),
        false => text,
    }
}

fn cards(frame: &Value) -> usize {
    frame["multipleData"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|part| !part["modal"]["template"].is_null())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(index: Option<i64>, id: &str, text: &str) -> Value {
        let mut frame =
            json!({"sender": "umm", "messageId": id, "multipleData": [{"modal": {"answer": text}}]});
        if let Some(index) = index {
            frame["index"] = index.into();
        }
        frame
    }

    #[test]
    fn pieces_make_a_reply_when_its_end_comes() {
        let mut replies = Replies::default();
        assert_eq!(replies.take(&piece(Some(-1), "1", "")), Meaning::Piece);
        assert_eq!(replies.take(&piece(Some(0), "1", "He")), Meaning::Piece);
        assert!(!replies.are_whole());
        let whole = json!({"type": "reply", "author": "avatar", "text": "Hello"});
        assert_eq!(replies.take(&piece(Some(-1), "1", "llo")), Meaning::Event(whole));
        assert!(replies.are_whole());
        assert_eq!(replies.whole, [json!({"author": "avatar", "text": "Hello"})]);
    }

    #[test]
    fn a_frame_that_comes_twice_is_one() {
        let mut replies = Replies::default();
        let mut frame = piece(None, "1", "Hi");
        frame["seqId"] = "s".into();
        assert!(matches!(replies.take(&frame), Meaning::Event(_)));
        assert_eq!(replies.take(&frame), Meaning::Repeated);
    }
}
