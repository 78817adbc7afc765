//! What a brain wants to happen, step by step.

use serde_json::{Value, json};

use super::pieces::split;
use crate::switch::switch;
use crate::time::Millis;

/// One thing that happens in answer to a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing, for a while.
    Wait(Millis),
    /// The avatar replies. Left out while the owner has taken over and the avatar is silent.
    Reply(Reply),
    /// The owner does something, as if from the app.
    Owner(OwnerStep),
    /// A grey line of the system.
    Hint(String),
    /// A notification of the service.
    Notice(String),
    /// A failure over the socket.
    Fail {
        /// Its `subCode`.
        code: String,
        /// Its `subCodeReason`.
        reason: String,
        /// Its `subCodeActions`.
        actions: Vec<Value>,
    },
    /// Any frame, sent as it is.
    Frame(Value),
}

/// What the owner does in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerStep {
    /// Takes the conversation over from the avatar.
    TakeOver,
    /// Writes to the visitor, which takes over as well.
    Say(String),
    /// Gives the conversation back to the avatar.
    HandBack,
}

/// A reply of the avatar.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// Its pieces, each sent as a frame.
    pub pieces: Vec<Piece>,
    /// Sent in one frame without `index`.
    pub whole: bool,
    /// The time before the first piece, if not the service's.
    pub think: Option<Millis>,
    /// The time from piece to piece, if not the service's.
    pub delay: Option<Millis>,
    /// How it ends, if not as the service's replies do.
    pub end: Option<EndMark>,
}

switch! {
    /// How a streamed reply ends, where a script does not say otherwise.
    EndMark {
        /// The last piece carries `index: -1`.
        #[default]
        LastPiece = "last-piece",
        /// A frame of its own without text carries `index: -1`.
        Empty = "empty",
        /// No end ever comes.
        Missing = "missing",
        /// An end comes before any content, and another one after it.
        Twice = "twice",
    }
}

/// What one frame of a reply carries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    /// Text, cards and speech, in order; each an entry of `multipleData`.
    pub parts: Vec<Part>,
    /// What the reply was made from.
    pub sources: Vec<Value>,
}

/// An entry of a frame's `multipleData`.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text.
    Text(String),
    /// A card, by the name of its template and its parameters.
    Card {
        /// `StandardCard`, `Single`, `image`, `citation`, …
        template: String,
        /// Its parameters.
        params: Value,
    },
    /// An audio clip of the piece.
    Speech(Value),
}

impl Reply {
    /// A text, split into pieces.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::pieces(split(text.as_ref()))
    }

    /// Pieces of text as they are.
    pub fn pieces<T: Into<String>>(pieces: impl IntoIterator<Item = T>) -> Self {
        let piece = |text: T| Piece { parts: vec![Part::Text(text.into())], sources: Vec::new() };
        Self { pieces: pieces.into_iter().map(piece).collect(), ..Self::default() }
    }

    /// All pieces in one frame without `index`.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// The whole text, without cards.
    pub fn joined(&self) -> String {
        self.pieces.iter().map(Piece::text).collect()
    }
}

impl Piece {
    /// Text, and nothing else.
    pub(crate) fn of_text(text: &str) -> Self {
        Self { parts: vec![Part::Text(text.to_owned())], sources: Vec::new() }
    }

    /// The text of this piece.
    pub fn text(&self) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Card { .. } | Part::Speech(_) => None,
        };
        self.parts.iter().filter_map(text).collect()
    }

    /// How many bytes the text of this piece has.
    pub(crate) fn text_bytes(&self) -> usize {
        let bytes = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Card { .. } | Part::Speech(_) => 0,
        };
        self.parts.iter().map(bytes).sum()
    }

    /// The `multipleData` of a frame.
    pub(crate) fn to_json(&self) -> Value {
        let mut entries = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match (part, entries.last_mut()) {
                // A clip belongs to the text it reads out.
                (Part::Speech(clip), Some(Value::Object(last)))
                    if last.get("singleDataType").is_some_and(|kind| kind == "text") =>
                {
                    if let Some(Value::Object(modal)) = last.get_mut("modal") {
                        modal.insert("speech".to_owned(), clip.clone());
                    }
                }
                (Part::Speech(clip), _) => {
                    entries.push(json!({"singleDataType": "text", "modal": {"speech": clip}}));
                }
                (Part::Text(text), _) => {
                    entries.push(json!({"singleDataType": "text", "modal": {"answer": text}}));
                }
                // The service sends a template as a JSON string within the JSON.
                (Part::Card { template, params }, _) => {
                    let template = json!({"templateName": template, "params": params}).to_string();
                    entries.push(json!({"singleDataType": "template", "modal": {"template": template}}));
                }
            }
        }
        Value::Array(entries)
    }

    /// All pieces' parts in one, with neighbouring texts joined.
    pub(crate) fn merged(pieces: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::default();
        for piece in pieces {
            for part in piece.parts {
                match (whole.parts.last_mut(), part) {
                    (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                    (_, part) => whole.parts.push(part),
                }
            }
            whole.sources.extend(piece.sources);
        }
        whole
    }
}
