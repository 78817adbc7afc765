//! Texts from Python, whose strings may hold what UTF-8 cannot.

use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::misuse;

/// A text that an argument takes. Half of a surrogate pair in it is a `MisuseError`: Python's strings may hold one,
/// the service's texts never.
pub(crate) struct Text(pub(crate) String);

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text = object.cast::<PyString>()?;
        text.to_str()
            .map(|text| Self(text.to_owned()))
            .map_err(|error| halved(object.py(), "the text", error))
    }
}

impl Text {
    /// The text of an option.
    pub(crate) fn of_option(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
        let Ok(text) = value.cast::<PyString>() else {
            return Err(misuse(value.py(), format!("`{name}` takes a `str`")));
        };
        text.to_str().map(str::to_owned).map_err(|error| halved(value.py(), &format!("`{name}`"), error))
    }
}

/// Reads a path. Surrogates that stand for bytes outside of UTF-8 are allowed there.
pub(crate) fn path(name: &str, value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    value.extract::<PathBuf>().map_err(|error| match error.is_instance_of::<PyTypeError>(value.py()) {
        true => misuse(value.py(), format!("`{name}` takes a path: a `str` or an `os.PathLike`")),
        false => halved(value.py(), &format!("`{name}`"), error),
    })
}

/// Says what is wrong with the text without showing it.
fn halved(py: Python<'_>, what: &str, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyUnicodeEncodeError>(py) {
        return error;
    }
    let place = error.value(py).getattr("start").and_then(|start| start.extract::<usize>());
    let place = place.map(|start| format!(", at index {start}")).unwrap_or_default();
    misuse(
        py,
        format!(
            "{what} has half of a surrogate pair{place}: it was cut in the middle of a character, or decoded from \
             bytes that are not UTF-8; nothing was sent"
        ),
    )
}
