//! What the frames of a conversation are: echoes, pieces of replies, words of the owner.

use std::collections::{HashSet, VecDeque};

use serde_json::Value;

use crate::trace::happening::{Happening, Side, What, id, said};

/// How many sent texts without an echo are remembered.
const UNECHOED: usize = 100;

/// What a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sort {
    /// A ping, a pong or an acknowledgement.
    Heartbeat,
    /// The service's copy of the visitor's own message.
    Echo,
    /// A message that the owner wrote.
    Owner,
    /// A piece of a reply, or all of it.
    Piece { reply: Option<String>, is_last: bool },
    /// A failure, and the message it is about.
    Failure { code: String, message: Option<String> },
    /// A frame that came before already.
    Again,
    /// Another frame, by its `type`.
    Other(String),
}

/// Tells frames apart, by what was sent before.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    sent: HashSet<String>,
    unechoed: VecDeque<String>,
    seen: HashSet<String>,
}

impl Sorter {
    /// What a happening is, if it is a frame.
    pub(super) fn sort(&mut self, happening: &Happening) -> Option<Sort> {
        match &happening.what {
            What::Call { name, body, .. } if is_send(name) => {
                self.sent.extend(id(&body["messageId"]));
                if self.unechoed.len() == UNECHOED {
                    self.unechoed.pop_front();
                }
                self.unechoed.push_back(said(body));
                None
            }
            What::Frame { side: Side::Client, body } => Some(match body["type"].as_str() {
                Some("ping" | "pong" | "ack") => Sort::Heartbeat,
                kind => Sort::Other(kind.unwrap_or("frame").to_owned()),
            }),
            What::Frame { side: Side::Service, body } => Some(self.sort_frame(body)),
            _ => None,
        }
    }

    /// What a frame is that an answer to a call has brought; `None` if it came before.
    pub(super) fn sort_missed(&mut self, frame: &Value) -> Option<Sort> {
        if !frame["sender"].is_string() || id(&frame["seqId"]).is_some_and(|seq| self.seen.contains(&seq)) {
            return None;
        }
        Some(self.sort_frame(frame)).filter(|sort| *sort != Sort::Again)
    }

    fn sort_frame(&mut self, body: &Value) -> Sort {
        let kind = body["type"].as_str().unwrap_or("msg");
        if matches!(kind, "ping" | "pong" | "ack") {
            return Sort::Heartbeat;
        }
        if id(&body["seqId"]).is_some_and(|seq| !self.seen.insert(seq)) {
            return Sort::Again;
        }
        let message = id(&body["messageId"]);
        if let Some(code) = id(&body["subCode"]) {
            return Sort::Failure { code, message };
        }
        match (body["sender"].as_str(), kind) {
            (Some("client"), _) if self.is_echo(message.as_ref(), body) => Sort::Echo,
            (Some("client"), _) => Sort::Owner,
            (Some("umm"), _) => {
                let index = body["index"].as_i64();
                Sort::Piece { reply: message, is_last: index.is_none_or(|index| index < 0) }
            }
            (_, "msg") if body["sender"].is_null() => Sort::Other("frame".to_owned()),
            _ => Sort::Other(kind.to_owned()),
        }
    }

    fn is_echo(&mut self, message: Option<&String>, body: &Value) -> bool {
        let text = said(body);
        let at = self.unechoed.iter().position(|unechoed| *unechoed == text);
        if let Some(at) = at {
            self.unechoed.remove(at);
        }
        at.is_some() || message.is_some_and(|message| self.sent.contains(message))
    }
}

/// Whether a call sends a message.
pub(super) fn is_send(call: &str) -> bool {
    matches!(call, "message/send" | "visitor-chat/send")
}
