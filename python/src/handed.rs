//! What the package that is written in Python hands over when it is imported: its classes, and what makes them.
//!
//! They are never looked up from here. A package that is imported anew, as tools that reload code do, has new classes,
//! and hands those over: its `except` clauses then name the classes of what is raised.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// A class or a function of the package.
pub(crate) struct Handed(Mutex<Option<Py<PyAny>>>);

impl Handed {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let handed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || PyRuntimeError::new_err("import `secondme_avatar`, not its native module alone");
        handed.as_ref().map(|thing| thing.bind(py).clone()).ok_or_else(missing)
    }
}

macro_rules! handed {
    ($($name:ident = $key:literal,)*) => {
        $(pub(crate) static $name: Handed = Handed::new();)*

        fn by_name(name: &str) -> Option<&'static Handed> {
            match name {
                $($key => Some(&$name),)*
                _ => None,
            }
        }
    };
}

handed! {
    CALL_REPORT = "call_report",
    CARD = "card",
    ERROR = "error",
    EVENT_AGAIN = "event_again",
    HISTORY_MESSAGE = "history_message",
    PIECE = "piece",
    PLAIN = "plain",
    SENT = "sent",
    STATS = "stats",
    VISITOR_AGAIN = "visitor_again",
}

/// Takes the package's classes. Those of the package that was imported last count.
#[pyfunction]
#[pyo3(signature = (**things))]
pub(crate) fn hand_over(things: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    for (name, thing) in things.into_iter().flatten() {
        let name = name.cast::<PyString>()?.to_str()?;
        let place =
            by_name(name).ok_or_else(|| PyRuntimeError::new_err(format!("nothing is called `{name}`")))?;
        let before = place.0.lock().unwrap_or_else(PoisonError::into_inner).replace(thing.unbind());
        drop(before);
    }
    Ok(())
}
