//! What is said.

use std::time::UNIX_EPOCH;

use secondme_avatar::{Author, Ended, HistoryMessage, Json, MessageId, Part, Reply};

/// Who says something.
#[derive(uniffi::Enum)]
pub enum CoreAuthor {
    /// The avatar: the AI.
    Avatar,
    /// The avatar's owner, in person.
    Owner,
    /// The visitor.
    Visitor,
}

/// A whole reply.
#[derive(uniffi::Record)]
pub struct CoreReply {
    /// Its id.
    pub id: Option<String>,
    /// Who says it.
    pub author: CoreAuthor,
    /// All its text.
    pub text: String,
    /// Its text and its cards, in order.
    pub parts: Vec<CorePart>,
    /// What it draws on, each as JSON.
    pub sources: Vec<String>,
    /// Audio clips of it, each as JSON.
    pub speech: Vec<String>,
    /// The message that it answers, where that is known.
    pub in_reply_to: Option<String>,
    /// How its end was known.
    pub ended: CoreEnded,
    /// Whether a call receives it as well.
    pub asked: bool,
}

/// A part of a reply.
#[derive(uniffi::Enum)]
pub enum CorePart {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// A card.
    Card {
        /// The kind of card.
        template: String,
        /// Its parameters, as JSON.
        params: String,
    },
}

/// How the end of a reply was known.
#[derive(uniffi::Enum)]
pub enum CoreEnded {
    /// It came whole.
    Whole,
    /// By the service's end mark.
    Mark,
    /// By silence.
    Silence,
    /// It was longer than is put together.
    Limit,
}

/// A message of the past.
#[derive(uniffi::Record)]
pub struct CoreMessage {
    /// Its id.
    pub id: Option<String>,
    /// Hand it to the next `history` call to get what came before.
    pub seq_id: Option<String>,
    /// Who said it.
    pub author: CoreAuthor,
    /// What.
    pub text: String,
    /// Text and cards, in order.
    pub parts: Vec<CorePart>,
    /// When, in milliseconds since the Unix epoch, where the service says so.
    pub timestamp_ms: Option<u64>,
}

impl From<Reply> for CoreReply {
    fn from(reply: Reply) -> Self {
        Self {
            id: id(reply.id.as_ref()),
            author: reply.author.into(),
            text: reply.text.into(),
            parts: reply.parts.into_iter().map(CorePart::from).collect(),
            sources: reply.sources.iter().map(json).collect(),
            speech: reply.speech.iter().map(json).collect(),
            in_reply_to: id(reply.in_reply_to.as_ref()),
            ended: reply.ended.into(),
            asked: reply.asked,
        }
    }
}

impl From<HistoryMessage> for CoreMessage {
    fn from(message: HistoryMessage) -> Self {
        Self {
            id: id(message.id.as_ref()),
            seq_id: message.seq_id.map(|seq| seq.to_string()),
            author: message.author.into(),
            text: message.text.into(),
            parts: message.parts.into_iter().map(CorePart::from).collect(),
            timestamp_ms: message
                .timestamp
                .and_then(|time| u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()),
        }
    }
}

impl From<Part> for CorePart {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => Self::Text { text: text.into() },
            Part::Card(card) => Self::Card { params: json(&card.params), template: card.template },
            // Core and bindings are of one version: this is for the compiler.
            _ => Self::Text { text: String::new() },
        }
    }
}

impl From<Author> for CoreAuthor {
    fn from(author: Author) -> Self {
        match author {
            Author::Avatar => Self::Avatar,
            Author::Owner => Self::Owner,
            Author::Visitor => Self::Visitor,
        }
    }
}

impl From<Ended> for CoreEnded {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Whole => Self::Whole,
            Ended::Mark => Self::Mark,
            Ended::Limit => Self::Limit,
            Ended::Silence | _ => Self::Silence,
        }
    }
}

pub(crate) fn id(message: Option<&MessageId>) -> Option<String> {
    message.map(ToString::to_string)
}

pub(crate) fn json(value: &Json) -> String {
    value.0.to_string()
}
