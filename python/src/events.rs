//! Events as Python sees them: each a class with `__match_args__`. An event becomes one object, and its fields
//! become Python's when they are asked for.

use std::time::Duration;

use crate::errors;
use crate::values::{Parts, Values, message, text};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use secondme_avatar::{
    Author, CloseReason, ConversationKey, Error, Event as Core, EventKind, Gap, MessageId, NoticeKind, Raw,
    Reply as CoreReply, ServiceError as CoreServiceError, SessionId, State, Text, Unsent as CoreUnsent,
    VisitorId,
};

/// Something that happened in one conversation. Which class it is says what.
#[pyclass(frozen, subclass, module = "secondme_avatar")]
pub(crate) struct Event {
    conversation: Option<ConversationKey>,
    visitor_id: VisitorId,
    session_id: Option<SessionId>,
    raw: Option<Raw>,
}

#[pymethods]
impl Event {
    /// The event's name, the same in every language.
    #[classattr]
    #[pyo3(name = "type")]
    const NAME: &'static str = "event";

    /// The visitor.
    #[getter]
    fn visitor_id(&self) -> &str {
        self.visitor_id.as_str()
    }

    /// The session, once the service has named it.
    #[getter]
    fn session_id(&self) -> Option<&str> {
        self.session_id.as_ref().map(SessionId::as_str)
    }

    /// Which conversation of this visitor, where it is one: 0 is the one that `open` gives.
    #[getter]
    fn conversation(&self) -> Option<u32> {
        self.conversation.map(|key| key.0)
    }

    /// The frame it came from, where it came from one, as the service wrote it: usually JSON.
    #[getter]
    fn raw(&self) -> Option<&str> {
        self.raw.as_ref().map(Raw::as_str)
    }

    /// Every field, as a dataclass would show it.
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type();
        let fields = class.getattr("__match_args__")?.cast_into::<PyTuple>()?;
        let mut shown = format!(
            "{}(visitor_id={}",
            class.name()?,
            PyString::new(slf.py(), slf.get().visitor_id()).repr()?
        );
        for field in &fields {
            let field = field.cast_into::<PyString>()?;
            shown += &format!(", {field}={}", slf.getattr(&field)?.repr()?);
        }
        Ok(shown + ")")
    }
}

/// One class for each kind of event: what it holds, and the fields that it shows.
macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident = $name:literal holds $held:ty { $(
        $(#[$field_doc:meta])* $field:ident -> $shown:ty = |$this:ident $(, $py:ident)?| $get:expr;
    )* })*) => {
        $(
            $(#[$doc])*
            #[pyclass(frozen, extends = Event, module = "secondme_avatar")]
            pub(crate) struct $class($held);

            #[pymethods]
            #[allow(clippy::needless_lifetimes, reason = "some fields name it in their type")]
            impl $class {
                /// The event's name, the same in every language.
                #[classattr]
                #[pyo3(name = "type")]
                const NAME: &'static str = $name;

                #[classattr]
                fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                    const FIELDS: &[&str] = &[$(stringify!($field)),*];
                    PyTuple::new(py, FIELDS)
                }

                $(
                    $(#[$field_doc])*
                    #[getter]
                    fn $field<'py>(&'py self $(, $py: Python<'py>)?) -> $shown {
                        let $this = &self.0;
                        $get
                    }
                )*
            }
        )*

        pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            module.add_class::<Event>()?;
            $(module.add_class::<$class>()?;)*
            Ok(())
        }
    };
}

classes! {
    /// The conversation is open: messages can be sent.
    Opened = "opened" holds (Text, bool) {
        /// The avatar's opening line; may be empty.
        opening -> &'py str = |this| &this.0;
        /// The conversation goes on with a session that was there before.
        resumed -> bool = |this| this.1;
    }
    /// The conversation's state is another one.
    StateChanged = "state_changed" holds (State, State) {
        /// The state now.
        to -> &'static str = |this| this.1.name();
        /// The state before.
        from_ -> &'static str = |this| this.0.name();
    }
    /// The next piece of the avatar's reply. A whole reply is one piece.
    ReplyDelta = "reply_delta" holds (Text, Option<MessageId>, Option<MessageId>) {
        /// The next piece of its text; empty where a piece is a card.
        text -> &'py str = |this| &this.0;
        /// The reply it belongs to.
        reply_id -> Option<&'py str> = |this| message(this.1.as_ref());
        /// The message that it answers, where that is known.
        in_reply_to -> Option<&'py str> = |this| message(this.2.as_ref());
    }
    /// The avatar's reply is complete. `ask` gives the same; there the author may be the owner.
    Reply = "reply" holds Box<CoreReply> {
        /// All its text.
        text -> &'py str = |this| &this.text;
        /// Who says it: `avatar`, or `owner`.
        author -> &'static str = |this| this.author.name();
        /// Its id; the pieces of a streamed reply share it.
        id -> Option<&'py str> = |this| message(this.id.as_ref());
        /// The message that it answers, where that is known.
        in_reply_to -> Option<&'py str> = |this| message(this.in_reply_to.as_ref());
        /// Its text and its cards, in order.
        parts -> Parts<'py> = |this| Parts(&this.parts);
        /// What it draws on, as the service says it.
        sources -> Values<'py> = |this| Values(&this.sources);
        /// Audio clips of it, as the service names them.
        speech -> Values<'py> = |this| Values(&this.speech);
        /// How its end was known: `whole`, `mark`, `silence` or `limit`.
        ended -> &'static str = |this| this.ended.name();
    }
    /// The avatar's owner has taken over and says something in person.
    OwnerReply = "owner_reply" holds Box<CoreReply> {
        /// All its text.
        text -> &'py str = |this| &this.text;
        /// Who says it: `owner`.
        author -> &'static str = |this| this.author.name();
        /// Its id.
        id -> Option<&'py str> = |this| message(this.id.as_ref());
        /// The message that it answers, where that is known.
        in_reply_to -> Option<&'py str> = |this| message(this.in_reply_to.as_ref());
        /// Its text and its cards, in order.
        parts -> Parts<'py> = |this| Parts(&this.parts);
        /// What it draws on, as the service says it.
        sources -> Values<'py> = |this| Values(&this.sources);
        /// Audio clips of it, as the service names them.
        speech -> Values<'py> = |this| Values(&this.speech);
        /// How its end was known: `whole`, `mark`, `silence` or `limit`.
        ended -> &'static str = |this| this.ended.name();
    }
    /// The service has sent a visitor's message back: it stands in the conversation.
    Delivered = "delivered" holds (Text, Option<MessageId>) {
        /// Its text.
        text -> &'py str = |this| &this.0;
        /// The message.
        message_id -> Option<&'py str> = |this| message(this.1.as_ref());
    }
    /// A message is given up for which nobody waits any more. Here it is back.
    Unsent = "unsent" holds (Box<CoreUnsent>, Error) {
        /// What was to be said.
        text -> &'py str = |this| &this.0.text;
        /// Whether the service certainly never took it; otherwise nobody can tell.
        certain -> bool = |this| this.0.certain;
        /// The id it was, or would have been, sent under.
        message_id -> &'py str = |this| this.0.message_id.as_str();
        /// Why.
        error -> PyResult<Bound<'py, PyAny>> = |this, py| errors::exception(py, &this.1);
    }
    /// A message of the service that is no reply.
    Notice = "notice" holds (NoticeKind, Text) {
        /// Its text, where it has one.
        text -> &'py str = |this| &this.1;
        /// What it is: `hint`, `recommend`, `task` or `notice`.
        kind -> &'py str = |this| this.0.name();
    }
    /// The service says that something failed.
    ServiceError = "service_error" holds Box<CoreServiceError> {
        /// The service's code, such as `session.openai.error`; empty where it gives none.
        code -> &'py str = |this| &this.code;
        /// The service's own words.
        reason -> Option<&'py str> = |this| text(this.reason.as_ref());
        /// Whether the same message may succeed later.
        retryable -> bool = |this| this.retryable;
        /// The message it is about, where it is about one.
        message_id -> Option<&'py str> = |this| message(this.message_id.as_ref());
        /// What the service offers to do about it.
        actions -> Values<'py> = |this| Values(&this.actions);
    }
    /// A text that came without saying for which of the visitor's open conversations.
    Unattributed = "unattributed" holds (Author, Text) {
        /// What.
        text -> &'py str = |this| &this.1;
        /// Who says it: `avatar`, `owner` or `visitor`.
        author -> &'static str = |this| this.0.name();
    }
    /// The socket is lost; it is connected again on its own.
    Disconnected = "disconnected" holds (Duration, Error) {
        /// Seconds until the next attempt, or more.
        retry_in -> f64 = |this| this.0.as_secs_f64();
        /// Why it was lost, or why the last attempt to connect again failed.
        cause -> PyResult<Bound<'py, PyAny>> = |this, py| errors::exception(py, &this.1);
    }
    /// The socket is back.
    Reconnected = "reconnected" holds Gap {
        /// What became of the frames in between: `filled`, `none` (there were none), or `unknown`.
        gap -> &'static str = |this| match this {
            Gap::Filled { .. } => "filled",
            Gap::None => "none",
            Gap::Unknown => "unknown",
        };
        /// How many there were and have been handed on.
        frames -> u32 = |this| match this {
            Gap::Filled { frames } => *frames,
            Gap::None | Gap::Unknown => 0,
        };
    }
    /// The quota of the API key is used up, and opening waits for it.
    WaitingForQuota = "waiting_for_quota" holds Duration {
        /// How many seconds, as it looks now.
        wait -> f64 = |this| this.as_secs_f64();
    }
    /// The conversation is closed. No event follows this one.
    Closed = "closed" holds CloseReason {
        /// Why: `requested`, `session_ended` or `failed`.
        reason -> &'static str = |this| match this {
            CloseReason::Requested => "requested",
            CloseReason::SessionEnded => "session_ended",
            _ => "failed",
        };
        /// What failed, where something did.
        error -> PyResult<Option<Bound<'py, PyAny>>> = |this, py| match this {
            CloseReason::Failed(error) => errors::exception(py, error).map(Some),
            _ => Ok(None),
        };
    }
    /// A frame that stands for nothing else. See `raw`.
    Unknown = "unknown" holds () {}
}

/// Where an event belongs.
pub(crate) type About = (ConversationKey, VisitorId, Option<SessionId>);

/// What happened in a conversation and did not come as an event.
pub(crate) fn told(about: &About, kind: EventKind) -> Core {
    let (conversation, visitor_id, session_id) = about.clone();
    Core { conversation: Some(conversation), visitor_id, tag: None, session_id, kind, raw: None }
}

/// The event as an object of its class.
pub(crate) fn event(py: Python<'_>, event: Core) -> PyResult<Py<PyAny>> {
    let Core { conversation, visitor_id, tag: _, session_id, kind, raw } = event;
    let base = PyClassInitializer::from(Event { conversation, visitor_id, session_id, raw });
    macro_rules! made {
        ($class:expr) => {
            Py::new(py, base.add_subclass($class))?.into_any()
        };
    }
    Ok(match kind {
        EventKind::ReplyDelta { reply_id, text, in_reply_to, .. } => {
            made!(ReplyDelta((text, reply_id, in_reply_to)))
        }
        EventKind::Reply(reply) => made!(Reply(reply)),
        EventKind::OwnerReply(reply) => made!(OwnerReply(reply)),
        EventKind::Delivered { message_id, text } => made!(Delivered((text, message_id))),
        EventKind::Opened { opening, resumed } => made!(Opened((opening, resumed))),
        EventKind::StateChanged { from, to } => made!(StateChanged((from, to))),
        EventKind::Unsent { message, error } => made!(Unsent((message, error))),
        EventKind::Notice { kind, text } => made!(Notice((kind, text))),
        EventKind::ServiceError(failure) => made!(ServiceError(failure)),
        EventKind::Unattributed { author, text } => made!(Unattributed((author, text))),
        EventKind::Disconnected { retry_in, cause } => made!(Disconnected((retry_in, cause))),
        EventKind::Reconnected { gap } => made!(Reconnected(gap)),
        EventKind::WaitingForQuota { wait } => made!(WaitingForQuota(wait)),
        EventKind::Closed { reason } => made!(Closed(reason)),
        _ => made!(Unknown(())),
    })
}
