//! Events as Python sees them: each a class with `__match_args__`. An event becomes one object, and its fields
//! become Python's when they are asked for. One that comes out of a pickle has them as Python's already.

use std::sync::Arc;
use std::time::Duration;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use secondme_avatar::{
    Author, CloseReason, ConversationKey, Error, Event as Core, EventKind, Gap, InvalidVisitor, MessageId,
    NoticeKind, Raw, Reply as CoreReply, ServiceError as CoreServiceError, SessionId, State, Text,
    UnsentMessage as CoreUnsent, VisitorId,
};

use crate::values::{Parts, Values, message, text};
use crate::{classes, errors};

/// Something that happened in one conversation. Which class it is says what.
#[pyclass(frozen, subclass, module = "secondme_avatar")]
pub(crate) struct Event {
    conversation: Option<ConversationKey>,
    visitor_id: VisitorId,
    tag: Option<Arc<str>>,
    session_id: Option<SessionId>,
    raw: Option<Raw>,
}

/// What `event_again` makes an event of: its name and its values.
type Again<'py> = (Bound<'py, PyAny>, Bound<'py, PyDict>);

/// The fields that every event has.
const COMMON: &[&str] = &["visitor_id", "tag", "session_id", "conversation", "raw"];

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

    /// The tag that the visitor was opened with: your own, see `Visitor`.
    #[getter]
    fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
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

    /// All of it as a dictionary that `json.dumps` takes. It holds what was said.
    fn to_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let plain = classes::get(slf.py(), "plain")?;
        let made = PyDict::new(slf.py());
        made.set_item("type", slf.getattr("type")?)?;
        for (name, value) in fields(slf)? {
            // The underscore of `from_` is Python's syntax, no part of the name.
            made.set_item(name.to_str()?.trim_end_matches('_'), plain.call1((value,))?)?;
        }
        Ok(made)
    }

    /// Every field, as a dataclass would show it.
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type();
        let mut shown = format!(
            "{}(visitor_id={}",
            class.name()?,
            PyString::new(slf.py(), slf.get().visitor_id()).repr()?
        );
        for field in &match_args(slf)? {
            let field = field.cast_into::<PyString>()?;
            shown += &format!(", {field}={}", slf.getattr(&field)?.repr()?);
        }
        Ok(shown + ")")
    }

    /// Equal is what has the same class and the same content.
    fn __eq__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if slf.is(other) {
            return Ok(true);
        }
        match other.cast::<Self>() {
            Ok(other) if slf.get_type().is(other.get_type()) => Self::to_dict(slf)?.eq(Self::to_dict(other)?),
            _ => Ok(false),
        }
    }

    fn __hash__(slf: &Bound<'_, Self>) -> PyResult<isize> {
        let this = slf.get();
        (slf.getattr("type")?, this.visitor_id(), this.session_id(), this.conversation())
            .into_bound_py_any(slf.py())?
            .hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Again<'py>)> {
        let values = PyDict::new(slf.py());
        for (name, value) in fields(slf)? {
            values.set_item(name, value)?;
        }
        Ok((classes::get(slf.py(), "event_again")?, (slf.getattr("type")?, values)))
    }
}

fn match_args<'py>(event: &Bound<'py, Event>) -> PyResult<Bound<'py, PyTuple>> {
    Ok(event.get_type().getattr("__match_args__")?.cast_into::<PyTuple>()?)
}

/// Every field's name and value: first those of all events.
type Fields<'py> = Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>;

fn fields<'py>(event: &Bound<'py, Event>) -> PyResult<Fields<'py>> {
    let common = COMMON.iter().map(|name| Ok(PyString::new(event.py(), name)));
    let own = match_args(event)?;
    let own = own.iter().map(|name| Ok(name.cast_into::<PyString>()?));
    common
        .chain(own)
        .map(|name: PyResult<_>| {
            let name = name?;
            let value = event.getattr(&name)?;
            Ok((name, value))
        })
        .collect()
}

/// What an event holds: what the core says, or what was in a pickle.
enum Held<T> {
    Core(T),
    Again(Py<PyDict>),
}

/// One class for each kind of event: what it holds, and the fields that it shows.
macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident = $name:literal holds $held:ty { $(
        $(#[$field_doc:meta])* $field:ident = |$this:ident $(, $py:ident)?| $get:expr;
    )* })*) => {
        $(
            $(#[$doc])*
            #[pyclass(frozen, extends = Event, module = "secondme_avatar")]
            pub(crate) struct $class(
                #[allow(dead_code, reason = "nothing asks those without fields")] Held<$held>,
            );

            #[pymethods]
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
                    fn $field<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                        match &self.0 {
                            Held::Core($this) => {
                                $(let $py = py;)?
                                ($get).into_bound_py_any(py)
                            }
                            Held::Again(values) => field(values.bind(py), stringify!($field)),
                        }
                    }
                )*
            }
        )*

        /// The event of this name with these values, out of a pickle.
        fn again(
            py: Python<'_>,
            name: &str,
            base: PyClassInitializer<Event>,
            values: Py<PyDict>,
        ) -> PyResult<Py<PyAny>> {
            match name {
                $($name => Ok(Py::new(py, base.add_subclass($class(Held::Again(values))))?.into_any()),)*
                _ => Err(PyValueError::new_err(format!("this version knows no event `{name}`"))),
            }
        }

        pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            module.add_class::<Event>()?;
            $(module.add_class::<$class>()?;)*
            Ok(())
        }
    };
}

/// A field out of a pickle. One that an earlier version did not have is `None`.
fn field<'py>(values: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    Ok(values.get_item(name)?.unwrap_or_else(|| values.py().None().into_bound(values.py())))
}

/// Makes the event of this name out of what `__reduce__` gave.
#[pyfunction]
pub(crate) fn event_again(py: Python<'_>, name: &str, values: &Bound<'_, PyDict>) -> PyResult<Py<PyAny>> {
    let visitor_id: String = field(values, "visitor_id")?.extract()?;
    let base = Event {
        conversation: field(values, "conversation")?.extract::<Option<u32>>()?.map(ConversationKey),
        visitor_id: visitor_id.parse().map_err(|error: InvalidVisitor| errors::raise(py, &error.into()))?,
        tag: field(values, "tag")?.extract::<Option<String>>()?.map(Arc::from),
        session_id: field(values, "session_id")?.extract::<Option<String>>()?.map(SessionId::from),
        raw: field(values, "raw")?.extract::<Option<String>>()?.map(Raw::from),
    };
    again(py, name, PyClassInitializer::from(base), values.clone().unbind())
}

classes! {
    /// The conversation is open: messages can be sent.
    Opened = "opened" holds (Text, bool) {
        /// The avatar's opening line; may be empty.
        opening = |this| &this.0;
        /// The conversation goes on with a session that was there before.
        resumed = |this| this.1;
    }
    /// The conversation's state is another one.
    StateChanged = "state_changed" holds (State, State) {
        /// The state now.
        to = |this| this.1.name();
        /// The state before.
        from_ = |this| this.0.name();
    }
    /// The next piece of the avatar's reply. A whole reply is one piece.
    ReplyDelta = "reply_delta" holds (Text, Option<MessageId>, Option<MessageId>, bool) {
        /// The next piece of its text; empty where a piece is a card.
        text = |this| &this.0;
        /// The reply it belongs to.
        reply_id = |this| message(this.1.as_ref());
        /// The message that it answers, where that is certain.
        in_reply_to = |this| message(this.2.as_ref());
        /// An `ask` or a `stream` waits for this reply, and receives it as well.
        asked = |this| this.3;
    }
    /// The avatar's reply is complete. `ask` gives the same; there the author may be the owner.
    Reply = "reply" holds Box<CoreReply> {
        /// All its text.
        text = |this| &this.text;
        /// Who says it: `avatar`, or `owner`.
        author = |this| this.author.name();
        /// Its id; the pieces of a streamed reply share it.
        id = |this| message(this.id.as_ref());
        /// The message that it answers, where that is certain.
        in_reply_to = |this| message(this.in_reply_to.as_ref());
        /// Its text and its cards, in order.
        parts = |this| Parts(&this.parts);
        /// What it draws on, as the service says it.
        sources = |this| Values(&this.sources);
        /// Audio clips of it, as the service names them.
        speech = |this| Values(&this.speech);
        /// How its end was known: `whole`, `mark`, `silence` or `limit`.
        ended = |this| this.ended.name();
        /// An `ask` or a `stream` receives this reply as well.
        asked = |this| this.asked;
    }
    /// The avatar's owner has taken over and says something in person.
    OwnerReply = "owner_reply" holds Box<CoreReply> {
        /// All its text.
        text = |this| &this.text;
        /// Who says it: `owner`.
        author = |this| this.author.name();
        /// Its id.
        id = |this| message(this.id.as_ref());
        /// The message that it answers, where that is certain.
        in_reply_to = |this| message(this.in_reply_to.as_ref());
        /// Its text and its cards, in order.
        parts = |this| Parts(&this.parts);
        /// What it draws on, as the service says it.
        sources = |this| Values(&this.sources);
        /// Audio clips of it, as the service names them.
        speech = |this| Values(&this.speech);
        /// How its end was known: `whole`, `mark`, `silence` or `limit`.
        ended = |this| this.ended.name();
        /// An `ask` or a `stream` receives this reply as well.
        asked = |this| this.asked;
    }
    /// The avatar's owner has the conversation: the avatar may be silent from now on. It comes before the first
    /// `OwnerReply`, since only what the owner says shows it.
    TakenOver = "taken_over" holds () {}
    /// The avatar speaks again: the owner has given the conversation back. It comes before what the avatar says.
    HandedBack = "handed_back" holds () {}
    /// The service has sent a visitor's message back: it stands in the conversation.
    Delivered = "delivered" holds (Text, Option<MessageId>) {
        /// Its text.
        text = |this| &this.0;
        /// The message.
        message_id = |this| message(this.1.as_ref());
    }
    /// A message is given up for which nobody waits any more. Here it is back.
    Unsent = "unsent" holds (Box<CoreUnsent>, Error) {
        /// What was to be said.
        text = |this| &this.0.text;
        /// Whether the service certainly never took it; otherwise nobody can tell.
        certain = |this| this.0.certain;
        /// The id it was, or would have been, sent under.
        message_id = |this| this.0.message_id.as_str();
        /// Why.
        error = |this, py| errors::exception(py, &this.1)?;
    }
    /// A message of the service that is no reply.
    Notice = "notice" holds (NoticeKind, Text) {
        /// Its text, where it has one.
        text = |this| &this.1;
        /// What it is: `hint`, `recommend`, `task` or `notice`.
        kind = |this| this.0.name();
    }
    /// The service says that something failed.
    ServiceError = "service_error" holds Box<CoreServiceError> {
        /// The service's code, such as `session.openai.error`; empty where it gives none.
        code = |this| &this.code;
        /// The service's own words.
        reason = |this| text(this.reason.as_ref());
        /// Whether the same message may succeed later.
        retryable = |this| this.retryable;
        /// The message it is about, where it is about one.
        message_id = |this| message(this.message_id.as_ref());
        /// What the service offers to do about it.
        actions = |this| Values(&this.actions);
    }
    /// A text that came without saying for which of the visitor's open conversations.
    Unattributed = "unattributed" holds (Author, Text) {
        /// What.
        text = |this| &this.1;
        /// Who says it: `avatar`, `owner` or `visitor`.
        author = |this| this.0.name();
    }
    /// The socket is lost; it is connected again on its own.
    Disconnected = "disconnected" holds (Duration, Error) {
        /// Seconds until the next attempt, or more.
        retry_in = |this| this.0.as_secs_f64();
        /// Why it was lost, or why the last attempt to connect again failed.
        cause = |this, py| errors::exception(py, &this.1)?;
    }
    /// The socket is back.
    Reconnected = "reconnected" holds Gap {
        /// What became of the frames in between: `filled`, `none` (there were none), or `unknown`.
        gap = |this| match this {
            Gap::Filled { .. } => "filled",
            Gap::None => "none",
            Gap::Unknown => "unknown",
        };
        /// How many there were and have been handed on.
        frames = |this| match this {
            Gap::Filled { frames } => *frames,
            Gap::None | Gap::Unknown => 0,
        };
    }
    /// The quota of the API key is used up, and opening waits for it.
    WaitingForQuota = "waiting_for_quota" holds Duration {
        /// How many seconds, as it looks now.
        wait = |this| this.as_secs_f64();
    }
    /// The conversation is closed. No event follows this one.
    Closed = "closed" holds CloseReason {
        /// Why: `requested`, `session_ended` or `failed`.
        reason = |this| match this {
            CloseReason::Requested => "requested",
            CloseReason::SessionEnded => "session_ended",
            _ => "failed",
        };
        /// What failed, where something did.
        error = |this, py| match this {
            CloseReason::Failed(error) => Some(errors::exception(py, error)?),
            _ => None,
        };
    }
    /// A frame that stands for nothing else. See `raw`.
    Unknown = "unknown" holds () {}
}

/// Where an event belongs.
pub(crate) type About = (ConversationKey, VisitorId, Option<Arc<str>>, Option<SessionId>);

/// What happened in a conversation and did not come as an event.
pub(crate) fn told(about: &About, kind: EventKind) -> Core {
    let (conversation, visitor_id, tag, session_id) = about.clone();
    Core { conversation: Some(conversation), visitor_id, tag, session_id, kind, raw: None }
}

/// The event as an object of its class.
pub(crate) fn event(py: Python<'_>, event: Core) -> PyResult<Py<PyAny>> {
    let Core { conversation, visitor_id, tag, session_id, kind, raw } = event;
    let base = PyClassInitializer::from(Event { conversation, visitor_id, tag, session_id, raw });
    macro_rules! made {
        ($class:expr) => {
            Py::new(py, base.add_subclass($class))?.into_any()
        };
    }
    Ok(match kind {
        EventKind::ReplyDelta { reply_id, text, in_reply_to, asked } => {
            made!(ReplyDelta(Held::Core((text, reply_id, in_reply_to, asked))))
        }
        EventKind::Reply(reply) => made!(Reply(Held::Core(reply))),
        EventKind::OwnerReply(reply) => made!(OwnerReply(Held::Core(reply))),
        EventKind::TakenOver => made!(TakenOver(Held::Core(()))),
        EventKind::HandedBack => made!(HandedBack(Held::Core(()))),
        EventKind::Delivered { message_id, text } => made!(Delivered(Held::Core((text, message_id)))),
        EventKind::Opened { opening, resumed } => made!(Opened(Held::Core((opening, resumed)))),
        EventKind::StateChanged { from, to } => made!(StateChanged(Held::Core((from, to)))),
        EventKind::Unsent { message, error } => made!(Unsent(Held::Core((message, error)))),
        EventKind::Notice { kind, text } => made!(Notice(Held::Core((kind, text)))),
        EventKind::ServiceError(failure) => made!(ServiceError(Held::Core(failure))),
        EventKind::Unattributed { author, text } => made!(Unattributed(Held::Core((author, text)))),
        EventKind::Disconnected { retry_in, cause } => made!(Disconnected(Held::Core((retry_in, cause)))),
        EventKind::Reconnected { gap } => made!(Reconnected(Held::Core(gap))),
        EventKind::WaitingForQuota { wait } => made!(WaitingForQuota(Held::Core(wait))),
        EventKind::Closed { reason } => made!(Closed(Held::Core(reason))),
        _ => made!(Unknown(Held::Core(()))),
    })
}
