//! Errors on their way to Python, where their classes are written.

use std::error::Error as StdError;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use secondme_avatar::{Error, ErrorKind};
use secondme_avatar_bridge::causes;

use crate::classes;
use crate::tokens::Raised;
use crate::values::ToPython;

/// Makes the exception of an error, of the class of its kind.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).map_or_else(|why| why, PyErr::from_value)
}

pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let cause = causes::cause(error).map(|source| cause(py, source)).transpose()?;
    let parts = (
        error.kind().name(),
        error.to_string(),
        error.code(),
        error.step().to_python(py)?,
        error.status(),
        error.is_retryable(),
        error.retry_after().map(|wait| wait.as_secs_f64()),
        error.unsent().to_python(py)?,
        cause,
    );
    classes::get(py, "error")?.call1(parts)
}

/// Makes the exception of an error's cause.
fn cause<'py>(py: Python<'py>, source: &(dyn StdError + 'static)) -> PyResult<Bound<'py, PyAny>> {
    if let Some(error) = source.downcast_ref::<Error>() {
        return exception(py, error);
    }
    if let Some(Raised(raised)) = source.downcast_ref() {
        return Ok(raised.bind(py).clone());
    }
    let error = PyRuntimeError::new_err(source.to_string()).into_value(py).into_bound(py);
    if let Some(source) = source.source() {
        error.setattr("__cause__", cause(py, source)?)?;
    }
    Ok(error.into_any())
}

/// Makes a `MisuseError`.
pub(crate) fn misuse(py: Python<'_>, message: impl Into<String>) -> PyErr {
    raise(py, &Error::new(ErrorKind::Misuse, message))
}

/// Reads seconds, as Python has them.
pub(crate) fn duration(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        let wanted = if seconds > 0.0 { "fewer seconds" } else { "seconds that are not negative" };
        misuse(py, format!("`{name}` is {seconds:?}: pass {wanted}"))
    })
}

/// Reads a whole number.
pub(crate) fn whole(name: &str, value: &Bound<'_, PyAny>) -> PyResult<usize> {
    value
        .extract()
        .map_err(|_| misuse(value.py(), format!("`{name}` takes a whole number that is not negative")))
}
