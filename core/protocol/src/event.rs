//! What happens in a conversation, as the caller sees it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::{Error, UnsentMessage};
use crate::ids::{MessageId, SeqId, SessionId};
use crate::redact::{Json, Raw, Text};
use crate::visitor::VisitorId;

/// Something that happened in one conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Which conversation of this visitor, where the event is about one. The one that `open` gives is 0.
    pub conversation: Option<ConversationKey>,
    /// The visitor.
    pub visitor_id: VisitorId,
    /// The visitor's tag, where the program gave it one: see [`Visitor::tag`](crate::Visitor::tag).
    pub tag: Option<Arc<str>>,
    /// The session, once the service has named it.
    pub session_id: Option<SessionId>,
    /// What happened.
    pub kind: EventKind,
    /// The frame it came from, as the service wrote it, usually JSON; the last one, where it came from several.
    pub raw: Option<Raw>,
}

/// Names one conversation of a visitor within the process. The first one is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConversationKey(pub u32);

impl ConversationKey {
    /// The conversation that `open` gives; others are made beside it.
    pub const FIRST: ConversationKey = ConversationKey(0);
}

/// The kinds of events.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EventKind {
    /// The conversation is open: messages can be sent.
    Opened {
        /// The avatar's opening line; may be empty.
        opening: Text,
        /// The conversation goes on with a session that was there before.
        resumed: bool,
    },
    /// The conversation's state is another one.
    StateChanged {
        /// The state now.
        to: State,
        /// The state before.
        from: State,
    },
    /// The next piece of the avatar's reply. A whole reply is one piece.
    ReplyDelta {
        /// The next piece of its text; empty where a piece is a card.
        text: Text,
        /// The reply it belongs to.
        reply_id: Option<MessageId>,
        /// The message that it answers, where that is certain.
        in_reply_to: Option<MessageId>,
        /// An `ask` or a `stream` waits for this reply, and receives it as well.
        asked: bool,
        /// How it is known that the piece belongs to this conversation, and answers this question.
        attribution: Attribution,
    },
    /// The avatar's reply is complete. One that an `ask` or a `stream` waits for comes as an event too, before
    /// that call returns: see [`Reply::asked`].
    Reply(Box<Reply>),
    /// The avatar's owner says something in person.
    OwnerReply(Box<Reply>),
    /// The avatar's owner has the conversation: the avatar may be silent from now on. Comes before the first
    /// [`OwnerReply`](Self::OwnerReply), since only what the owner says shows it.
    TakenOver,
    /// The avatar speaks again: the owner has given the conversation back. Comes before what it says.
    HandedBack,
    /// The service has sent a visitor's message back: it stands in the conversation.
    Delivered {
        /// Its text.
        text: Text,
        /// The message.
        message_id: Option<MessageId>,
    },
    /// A message was given up that no call waits for any more: a durable one, or one whose caller has gone. The event
    /// hands it back.
    Unsent {
        /// The message.
        message: Box<UnsentMessage>,
        /// Why.
        error: Error,
    },
    /// A message of the service that is no reply: a hint, a recommendation, a notification.
    Notice {
        /// Its text; empty where it has none.
        text: Text,
        /// What it is.
        kind: NoticeKind,
    },
    /// The service says that something failed.
    ServiceError(Box<ServiceError>),
    /// A text that came without saying for which of the visitor's open conversations, while no question was out in
    /// any of them.
    Unattributed {
        /// Its text.
        text: Text,
        /// Who says it.
        author: Author,
    },
    /// The service has given the visitor another session in the place of the one that was there (Visitor Chat): what
    /// the avatar remembers of the conversation may be gone.
    SessionReplaced {
        /// The session before.
        from: SessionId,
        /// The session from now on.
        to: SessionId,
    },
    /// The socket is lost; the client connects again on its own.
    Disconnected {
        /// How long until the next attempt, or more.
        retry_in: Duration,
        /// Why it was lost, or why the last attempt to connect again failed.
        cause: Error,
        /// The code of the Close frame with which the service ended it, where it sent one.
        close_code: Option<u16>,
        /// The reason in that frame, where there is one: one line, bounded, and without what looks like a secret.
        close_reason: Option<String>,
    },
    /// The socket is back.
    Reconnected {
        /// What became of the frames in between.
        gap: Gap,
    },
    /// The quota of the API key is used up, and opening waits for it.
    WaitingForQuota {
        /// How long the wait is, as estimated now.
        wait: Duration,
    },
    /// The conversation is closed. No event follows this one.
    Closed {
        /// Why.
        reason: CloseReason,
    },
    /// A frame of a kind that this version does not know: see [`Event::raw`].
    Unknown,
}

impl EventKind {
    pub(crate) fn disconnected(retry_in: Duration, cause: &Error) -> Self {
        let (close_code, close_reason) = (cause.close_code(), cause.close_reason().map(str::to_owned));
        Self::Disconnected { retry_in, cause: cause.clone(), close_code, close_reason }
    }
}

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum State {
    /// Being opened for the first time.
    Opening,
    /// Open: messages are sent and replies arrive.
    Live,
    /// Was open, and is on its way back.
    Reconnecting,
    /// Has given up its socket on purpose and keeps its session; the next message resumes it.
    Paused,
    /// Sends what is still to be sent, then closes.
    Closing,
    /// Closed for good.
    Closed,
}

impl State {
    /// The state's name, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Paused => "paused",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Author {
    /// The avatar: the AI.
    Avatar,
    /// The avatar's owner, in person.
    Owner,
    /// The visitor.
    Visitor,
}

impl Author {
    /// The author's name, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avatar => "avatar",
            Self::Owner => "owner",
            Self::Visitor => "visitor",
        }
    }
}

/// A whole reply, by the avatar or by its owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// All its text.
    pub text: Text,
    /// Who says it.
    pub author: Author,
    /// Its id; the pieces of a streamed reply share it.
    pub id: Option<MessageId>,
    /// The message that it answers, where that is certain: the service does not name it. It is absent where another
    /// message, to which no answer has come, may be meant as well.
    pub in_reply_to: Option<MessageId>,
    /// Its text and its cards, in order.
    pub parts: Vec<Part>,
    /// What it draws on, as the service says it.
    pub sources: Vec<Json>,
    /// Audio clips of it, as the service names them.
    pub speech: Vec<Json>,
    /// How its end was known.
    pub ended: Ended,
    /// Whether it is certain who says it. Visitor Chat does not tell the visitor's own messages from the owner's before
    /// the first of the visitor's messages has come back in this session, nor where the owner has said the same as the
    /// visitor: until an echo has shown who is who, `false` marks what is taken for the owner's.
    pub confirmed: bool,
    /// Whether an `ask` or a `stream` receives this reply as well. A program that reads events and also asks hears
    /// such a reply twice, and skips the event.
    pub asked: bool,
    /// How it is known that the reply belongs to this conversation, and answers this question.
    pub attribution: Attribution,
}

/// How it is known to which of the visitor's open conversations a reply belongs, and to which question in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Attribution {
    /// The service names the session, or only this conversation can be meant: it is the only one, or the only one with
    /// a question out. If the reply answers a question, no other message can be meant.
    Certain,
    /// The service does not name the session, and several conversations may be meant: the reply is taken to belong to
    /// the one whose question has waited longest. Or it is taken to answer a question, and another message may be meant:
    /// one that is still owed its answer, or the question before, where the avatar may say more to that.
    Guessed,
}

impl Attribution {
    /// The name, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Guessed => "guessed",
        }
    }
}

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text(Text),
    /// A card.
    Card(Card),
}

/// A card: something that an app shows otherwise than as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The kind of card, such as `StandardCard`, `image` or `citation`; empty where the service's
    /// template could not be read.
    pub template: String,
    /// Its parameters; the template's own text where it could not be read.
    pub params: Json,
}

/// How the end of a reply was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Ended {
    /// It came whole.
    Whole,
    /// By the service's end mark.
    Mark,
    /// By silence: the end mark never came.
    Silence,
    /// It was longer than is put together; what follows is another reply under the same id.
    Limit,
}

impl Ended {
    /// The name, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Mark => "mark",
            Self::Silence => "silence",
            Self::Limit => "limit",
        }
    }
}

/// What a notice is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A grey line in the conversation.
    Hint,
    /// Something the visitor might ask next.
    Recommend,
    /// A task of the avatar.
    Task,
    /// A notification of the service.
    Notice,
}

impl NoticeKind {
    /// The kind's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Recommend => "recommend",
            Self::Task => "task",
            Self::Notice => "notice",
        }
    }
}

/// A failure that the service reports in a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceError {
    /// The service's code, such as `session.openai.error`; empty where it gives none.
    pub code: String,
    /// The service's own words.
    pub reason: Option<Text>,
    /// Whether the same message may succeed later.
    pub retryable: bool,
    /// The message it is about, where it is about one.
    pub message_id: Option<MessageId>,
    /// What the service offers to do about it.
    pub actions: Vec<Json>,
}

/// What became of the frames that came while the socket was down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Gap {
    /// There were some, and they have been delivered.
    Filled {
        /// How many frames.
        frames: u32,
    },
    /// There were none.
    None,
    /// The service could not be asked. Something may be missing: `history` may have it.
    Unknown,
}

/// Why a conversation closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CloseReason {
    /// The caller closed it.
    Requested,
    /// The service ended the session. The next `open` makes a new one.
    SessionEnded,
    /// It could not be opened, or could not go on.
    Failed(Error),
}

/// A message of the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryMessage {
    /// All its text.
    pub text: Text,
    /// Who said it.
    pub author: Author,
    /// Its id.
    pub id: Option<MessageId>,
    /// The first of its frames. Pass it to the next `history` call, as `before`, to get what came before.
    pub seq_id: Option<SeqId>,
    /// Its text and its cards, in order.
    pub parts: Vec<Part>,
    /// When it began, where the service says so.
    pub timestamp: Option<SystemTime>,
}

/// The answer to a `send`: the service has taken the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The message's id; a reply names it in `in_reply_to`.
    pub message_id: MessageId,
    /// How it is known.
    pub confirmed_by: Confirmation,
}

/// How it is known that the service took a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Confirmation {
    /// It answered so.
    Answer,
    /// Its echo came over the socket.
    Echo,
    /// It was found among the session's messages.
    Query,
    /// The avatar answered it.
    Reply,
}

impl Confirmation {
    /// The name, the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Echo => "echo",
            Self::Query => "query",
            Self::Reply => "reply",
        }
    }
}
