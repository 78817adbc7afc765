//! Events as Python sees them: each a class with `__match_args__`. An event becomes one object, and its fields
//! become Python's when they are asked for. One that comes out of a pickle has them as Python's already.
//!
//! Which classes and fields there are is generated: see `contract/events.rs`.

use std::sync::Arc;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use secondme_avatar::{ConversationKey, Event as Core, EventKind, InvalidVisitor, Raw, SessionId, VisitorId};

use crate::{classes, contract, errors};

/// Something that happened in one conversation. Its class says what.
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

    /// The visitor's tag, where the program gave it one: see `Visitor`.
    #[getter]
    fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The session, once the service has named it.
    #[getter]
    fn session_id(&self) -> Option<&str> {
        self.session_id.as_ref().map(SessionId::as_str)
    }

    /// Which conversation of this visitor, where the event is about one. The one that `open` gives is 0.
    #[getter]
    fn conversation(&self) -> Option<u32> {
        self.conversation.map(|key| key.0)
    }

    /// The frame it came from, where it came from one, as the service wrote it: usually JSON.
    #[getter]
    fn raw(&self) -> Option<&str> {
        self.raw.as_ref().map(Raw::as_str)
    }

    /// Returns a dictionary that `json.dumps` takes. It holds what was said.
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

    /// Shows the visitor's id and every field, but nothing that people say: that is in the fields and in `to_dict`.
    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let names = PyList::new(slf.py(), ["visitor_id"])?;
        names.as_any().call_method1("extend", (match_args(slf)?,))?;
        classes::get(slf.py(), "shown")?.call1((slf, names, slf.get_type().getattr("_said")?))
    }

    /// Two events are equal when they have the same class and the same content.
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

/// What an event holds: the core's event, or the values of a pickle.
pub(crate) enum Held {
    Core(EventKind),
    Again(Py<PyDict>),
}

/// One class for each kind of event, and the fields that it shows.
macro_rules! event_classes {
    ($($(#[$doc:meta])* $class:ident = $name:literal, $kind:ident, [$($said:ident),*] { $(
        $(#[$field_doc:meta])* $field:ident = $pattern:pat => $get:expr;
    )* })*) => {
        $(
            $(#[$doc])*
            #[pyclass(frozen, extends = Event, module = "secondme_avatar")]
            pub(crate) struct $class(
                #[allow(dead_code, reason = "nothing asks those without fields")] Held,
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

                /// The fields that `repr` hides.
                #[classattr]
                fn _said(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                    const SAID: &[&str] = &[$(stringify!($said)),*];
                    PyTuple::new(py, SAID)
                }

                $(
                    $(#[$field_doc])*
                    #[getter]
                    fn $field<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                        match &self.0 {
                            Held::Core($pattern) => ($get).to_python(py),
                            Held::Core(_) => unreachable!("an event's class is that of its kind"),
                            Held::Again(values) => field(values.bind(py), stringify!($field)),
                        }
                    }
                )*
            }
        )*

        /// The event as an object of the class of its kind.
        pub(crate) fn made(
            py: Python<'_>,
            base: PyClassInitializer<Event>,
            kind: EventKind,
        ) -> PyResult<Py<PyAny>> {
            match &kind {
                $(EventKind::$kind { .. } => {
                    Ok(Py::new(py, base.add_subclass($class(Held::Core(kind))))?.into_any())
                })*
                // Core and module are of one version: this is for the compiler.
                _ => Ok(Py::new(py, base.add_subclass(UnknownEvent(Held::Core(kind))))?.into_any()),
            }
        }

        /// The event of this name with these values, out of a pickle.
        pub(crate) fn again(
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

pub(crate) use event_classes;

/// Reads a field of a pickle. A field that an earlier version did not have is `None`.
pub(crate) fn field<'py>(values: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
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
    contract::events::again(py, name, PyClassInitializer::from(base), values.clone().unbind())
}

/// The event as an object of its class.
pub(crate) fn event(py: Python<'_>, event: Core) -> PyResult<Py<PyAny>> {
    let Core { conversation, visitor_id, tag, session_id, kind, raw } = event;
    let base = Event { conversation, visitor_id, tag, session_id, raw };
    contract::events::made(py, PyClassInitializer::from(base), kind)
}
