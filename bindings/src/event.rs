//! What happens in conversations, in batches.

use secondme_avatar::{CloseReason, Event, EventKind, Gap, NoticeKind, State};

use crate::error::{CoreFailure, CoreUnsent, millis};
use crate::reply::{id, json};
use crate::{CoreAuthor, CoreReply};

/// Events that were taken at once, oldest first.
#[derive(Default, uniffi::Record)]
pub struct CoreBatch {
    /// Where they happened. Neighbouring events of one conversation share an entry.
    pub places: Vec<CorePlace>,
    /// What happened.
    pub events: Vec<CoreEvent>,
}

/// Which conversation.
#[derive(uniffi::Record)]
pub struct CorePlace {
    /// Which one of the visitor's, where it is one. The first is 0.
    pub conversation: Option<u32>,
    /// The visitor.
    pub visitor_id: String,
    /// The session, once the service has named it.
    pub session_id: Option<String>,
    /// The visitor's tag.
    pub tag: Option<String>,
}

/// Something that happened.
#[derive(uniffi::Record)]
pub struct CoreEvent {
    /// Where: an index into [`CoreBatch::places`].
    pub place: u32,
    /// What.
    pub kind: CoreEventKind,
    /// The frame it came from, where it came from one and that was asked for.
    pub raw: Option<String>,
}

/// The kinds of events.
#[derive(uniffi::Enum)]
#[expect(missing_docs, reason = "the core's own names; see `secondme_avatar::EventKind`")]
pub enum CoreEventKind {
    Opened {
        opening: String,
        resumed: bool,
    },
    StateChanged {
        from: CoreState,
        to: CoreState,
    },
    ReplyDelta {
        reply_id: Option<String>,
        text: String,
        in_reply_to: Option<String>,
        asked: bool,
    },
    Reply {
        reply: CoreReply,
    },
    OwnerReply {
        reply: CoreReply,
    },
    TakenOver,
    HandedBack,
    Delivered {
        message_id: Option<String>,
        text: String,
    },
    Unsent {
        message: CoreUnsent,
        failure: CoreFailure,
    },
    Notice {
        kind: CoreNoticeKind,
        text: String,
    },
    ServiceError {
        code: String,
        reason: Option<String>,
        /// Each as JSON.
        actions: Vec<String>,
        message_id: Option<String>,
        retryable: bool,
    },
    Unattributed {
        author: CoreAuthor,
        text: String,
    },
    Disconnected {
        retry_in_ms: u64,
        cause: CoreFailure,
    },
    Reconnected {
        gap: CoreGap,
    },
    WaitingForQuota {
        wait_ms: u64,
    },
    Closed {
        reason: CoreCloseReason,
    },
    Unknown,
}

/// Where a conversation stands.
#[derive(uniffi::Enum)]
#[expect(missing_docs, reason = "the core's own names; see `secondme_avatar::State`")]
pub enum CoreState {
    Opening,
    Live,
    Reconnecting,
    Paused,
    Closing,
    Closed,
}

/// What a notice is.
#[derive(uniffi::Enum)]
#[expect(missing_docs, reason = "the core's own names; see `secondme_avatar::NoticeKind`")]
pub enum CoreNoticeKind {
    Hint,
    Recommend,
    Task,
    Notice,
}

/// What became of the frames that came while the socket was down.
#[derive(uniffi::Enum)]
pub enum CoreGap {
    /// There were some, and they have been handed on.
    Filled {
        /// How many frames.
        frames: u32,
    },
    /// There were none.
    Nothing,
    /// The service could not be asked.
    Unknown,
}

/// Why a conversation closed.
#[derive(uniffi::Enum)]
pub enum CoreCloseReason {
    /// The caller closed it.
    Requested,
    /// The service ended the session.
    SessionEnded,
    /// It could not be opened, or could not go on.
    Failed {
        /// Why not.
        failure: CoreFailure,
    },
}

impl CoreBatch {
    pub(crate) fn new(events: Vec<Event>) -> Self {
        let mut batch = Self { places: Vec::new(), events: Vec::with_capacity(events.len()) };
        let mut last = None;
        for event in events {
            let place = (event.conversation, event.visitor_id, event.session_id, event.tag);
            if last.as_ref() != Some(&place) {
                batch.places.push(CorePlace {
                    conversation: place.0.map(|key| key.0),
                    visitor_id: place.1.to_string(),
                    session_id: place.2.as_ref().map(ToString::to_string),
                    tag: place.3.as_deref().map(str::to_owned),
                });
                last = Some(place);
            }
            batch.events.push(CoreEvent {
                place: u32::try_from(batch.places.len() - 1).unwrap_or(u32::MAX),
                kind: event.kind.into(),
                raw: event.raw.map(|raw| raw.as_str().to_owned()),
            });
        }
        batch
    }
}

impl From<EventKind> for CoreEventKind {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Opened { opening, resumed } => Self::Opened { opening: opening.into(), resumed },
            EventKind::StateChanged { from, to } => Self::StateChanged { from: from.into(), to: to.into() },
            EventKind::ReplyDelta { reply_id, text, in_reply_to, asked } => Self::ReplyDelta {
                reply_id: id(reply_id.as_ref()),
                text: text.into(),
                in_reply_to: id(in_reply_to.as_ref()),
                asked,
            },
            EventKind::Reply(reply) => Self::Reply { reply: (*reply).into() },
            EventKind::OwnerReply(reply) => Self::OwnerReply { reply: (*reply).into() },
            EventKind::TakenOver => Self::TakenOver,
            EventKind::HandedBack => Self::HandedBack,
            EventKind::Delivered { message_id, text } => {
                Self::Delivered { message_id: id(message_id.as_ref()), text: text.into() }
            }
            EventKind::Unsent { message, error } => {
                Self::Unsent { message: CoreUnsent::from(&*message), failure: CoreFailure::from(&error) }
            }
            EventKind::Notice { kind, text } => Self::Notice { kind: kind.into(), text: text.into() },
            EventKind::ServiceError(error) => Self::ServiceError {
                code: error.code,
                reason: error.reason.map(String::from),
                actions: error.actions.iter().map(json).collect(),
                message_id: id(error.message_id.as_ref()),
                retryable: error.retryable,
            },
            EventKind::Unattributed { author, text } => {
                Self::Unattributed { author: author.into(), text: text.into() }
            }
            EventKind::Disconnected { retry_in, cause } => {
                Self::Disconnected { retry_in_ms: millis(retry_in), cause: CoreFailure::from(&cause) }
            }
            EventKind::Reconnected { gap } => Self::Reconnected { gap: gap.into() },
            EventKind::WaitingForQuota { wait } => Self::WaitingForQuota { wait_ms: millis(wait) },
            EventKind::Closed { reason } => Self::Closed { reason: reason.into() },
            // Core and bindings are of one version: the rest is for the compiler.
            EventKind::Unknown | _ => Self::Unknown,
        }
    }
}

impl From<State> for CoreState {
    fn from(state: State) -> Self {
        match state {
            State::Opening => Self::Opening,
            State::Live => Self::Live,
            State::Reconnecting => Self::Reconnecting,
            State::Paused => Self::Paused,
            State::Closing => Self::Closing,
            State::Closed | _ => Self::Closed,
        }
    }
}

impl From<NoticeKind> for CoreNoticeKind {
    fn from(kind: NoticeKind) -> Self {
        match kind {
            NoticeKind::Hint => Self::Hint,
            NoticeKind::Recommend => Self::Recommend,
            NoticeKind::Task => Self::Task,
            NoticeKind::Notice | _ => Self::Notice,
        }
    }
}

impl From<Gap> for CoreGap {
    fn from(gap: Gap) -> Self {
        match gap {
            Gap::Filled { frames } => Self::Filled { frames },
            Gap::None => Self::Nothing,
            Gap::Unknown => Self::Unknown,
        }
    }
}

impl From<CloseReason> for CoreCloseReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::SessionEnded => Self::SessionEnded,
            CloseReason::Failed(error) => Self::Failed { failure: CoreFailure::from(&error) },
            CloseReason::Requested | _ => Self::Requested,
        }
    }
}
