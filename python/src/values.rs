//! Values of the core, as Python's objects. Which fields each class has is generated: see `contract/values.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use secondme_avatar::{Error, Json, MessageId, Part, Piece, SeqId, SessionId, Text, VisitorId};
use secondme_avatar_bridge::clock::wall_clock;
use serde_json::Value;

use crate::{classes, errors};

/// What can be given to Python.
pub(crate) trait ToPython {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// What PyO3 gives to Python.
macro_rules! plain {
    ($($type:ty: |$this:ident| $value:expr;)*) => {
        $(impl ToPython for $type {
            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                let $this = self;
                $value.into_bound_py_any(py)
            }
        })*
    };
}

plain! {
    bool: |this| *this;
    u16: |this| *this;
    u32: |this| *this;
    u64: |this| *this;
    usize: |this| *this;
    str: |this| this;
    String: |this| this.as_str();
    Text: |this| this.as_str();
    MessageId: |this| this.as_str();
    SessionId: |this| this.as_str();
    SeqId: |this| this.as_str();
    VisitorId: |this| this.as_str();
    // Seconds.
    Duration: |this| this.as_secs_f64();
    // A `datetime` with the time zone UTC.
    SystemTime: |this| *this;
    Instant: |this| wall_clock(*this);
}

impl<T: ToPython + ?Sized> ToPython for &T {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        (**self).to_python(py)
    }
}

impl<T: ToPython + ?Sized> ToPython for Box<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        (**self).to_python(py)
    }
}

impl<T: ToPython + ?Sized> ToPython for Arc<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        (**self).to_python(py)
    }
}

/// `None`, where it is absent.
impl<T: ToPython> ToPython for Option<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Some(value) => value.to_python(py),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

/// A tuple.
impl<T: ToPython> ToPython for Vec<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let items = self.iter().map(|item| item.to_python(py)).collect::<PyResult<Vec<_>>>()?;
        Ok(PyTuple::new(py, items)?.into_any())
    }
}

/// An exception of the class of its kind.
impl ToPython for Error {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        errors::exception(py, self)
    }
}

/// A `str` or a `Card`.
impl ToPython for Part {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Text(text) => text.to_python(py),
            Self::Card(card) => card.to_python(py),
            _ => Ok(py.None().into_bound(py)),
        }
    }
}

impl ToPython for Piece {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        classes::get(py, "Piece")?.call1((self.text.as_str(), self.author.to_python(py)?))
    }
}

/// What the service wrote as JSON, as Python's own objects.
impl ToPython for Json {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json(py, self)
    }
}

/// An object of a class that is written in Python.
pub(crate) fn object<'py, const FIELDS: usize>(
    py: Python<'py>,
    class: &str,
    fields: [(&str, Bound<'py, PyAny>); FIELDS],
) -> PyResult<Bound<'py, PyAny>> {
    let keywords = PyDict::new(py);
    for (name, value) in fields {
        keywords.set_item(name, value)?;
    }
    classes::get(py, class)?.call((), Some(&keywords))
}

/// A list, as calls give it.
pub(crate) fn list(py: Python<'_>, items: &[impl ToPython]) -> PyResult<Py<PyAny>> {
    let items = items.iter().map(|item| item.to_python(py)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyList::new(py, items)?.into_any().unbind())
}

/// The value, on its way out of a call.
pub(crate) fn value(py: Python<'_>, value: &impl ToPython) -> PyResult<Py<PyAny>> {
    value.to_python(py).map(Bound::unbind)
}

fn json<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => value.into_bound_py_any(py)?,
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into_bound_py_any(py)?,
            (None, Some(whole)) => whole.into_bound_py_any(py)?,
            (None, None) => number.as_f64().into_bound_py_any(py)?,
        },
        Value::String(text) => text.into_bound_py_any(py)?,
        Value::Array(items) => {
            let items = items.iter().map(|item| json(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Object(fields) => {
            let made = PyDict::new(py);
            for (name, field) in fields {
                made.set_item(name, json(py, field)?)?;
            }
            made.into_any()
        }
    })
}
