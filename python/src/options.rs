//! A client's options out of Python's keywords. Which there are is generated: see `contract/options.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use secondme_avatar::{BaseUrl, ClientBuilder, Store};
use secondme_avatar_bridge::seals::HostSeal;
use secondme_avatar_bridge::stores;

use crate::contract;
use crate::errors::{duration, misuse, raise, whole};
use crate::text::{self, Text};

/// Sets these options. A store is opened with the seal, which is taken.
pub(crate) fn set(
    mut builder: ClientBuilder,
    options: &Bound<'_, PyDict>,
    seal: &mut Option<HostSeal>,
) -> PyResult<ClientBuilder> {
    for (name, value) in options {
        // `None` stands for the default.
        if !value.is_none() {
            builder = match name.cast::<PyString>()?.to_str()? {
                "language" => builder.language(argument::<String>("language", &value)?),
                "store" => builder.store(store(&value, seal.take())?),
                name => contract::options::set(builder, name, &value)?,
            };
        }
    }
    Ok(builder)
}

/// Opens the file, or the Redis whose URL this is.
pub(crate) fn store(value: &Bound<'_, PyAny>, seal: Option<HostSeal>) -> PyResult<Arc<dyn Store>> {
    let place = text::path("store", value)?;
    let opened = value.py().detach(|| stores::open(&place, seal));
    opened.map_err(|error| raise(value.py(), &error.into()))
}

/// What an option takes.
pub(crate) trait Argument: Sized {
    fn of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self>;
}

/// The value of the option of this name.
pub(crate) fn argument<T: Argument>(name: &str, value: &Bound<'_, PyAny>) -> PyResult<T> {
    T::of(name, value)
}

impl Argument for bool {
    fn of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        // A text such as "false" is true for Python.
        value.extract().map_err(|_| misuse(value.py(), format!("`{name}` takes `True` or `False`")))
    }
}

impl Argument for usize {
    fn of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        whole(name, value)
    }
}

/// Seconds.
impl Argument for Duration {
    fn of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let seconds = value.extract();
        let seconds =
            seconds.map_err(|_| misuse(value.py(), format!("`{name}` takes a number of seconds")))?;
        duration(value.py(), name, seconds)
    }
}

impl Argument for String {
    fn of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Text::of_option(name, value)
    }
}

impl Argument for Vec<String> {
    fn of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        // A text is no list of its letters.
        let items = value.extract::<Vec<Bound<'_, PyAny>>>();
        let items = items.map_err(|_| misuse(value.py(), format!("`{name}` takes a list of `str`")))?;
        items.iter().map(|item| argument(name, item)).collect()
    }
}

impl Argument for BaseUrl {
    fn of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        argument::<String>(name, value)?.parse().map_err(|error| raise(value.py(), &error))
    }
}

impl Argument for PathBuf {
    fn of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        text::path(name, value)
    }
}
