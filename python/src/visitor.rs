//! Who talks with the avatar.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;
use secondme_avatar::Visitor as Core;

use crate::errors;

/// Id, name and channel.
type Parts = (String, Option<String>, Option<String>);

/// A person who talks with the avatar: an id that stays, and a name that the owner sees.
///
/// Make one with `for_user`, `parse` or `random`.
#[pyclass(frozen, eq, module = "secondme_avatar")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Visitor(pub(crate) Core);

#[pymethods]
impl Visitor {
    /// The visitor for a person of a platform, by the id that the platform has for them: always the same one,
    /// in every language and version, with no table to keep.
    #[staticmethod]
    #[pyo3(signature = (platform, user_id, *, name=None, channel=None))]
    fn for_user(
        py: Python<'_>,
        platform: &str,
        user_id: &str,
        name: Option<String>,
        channel: Option<String>,
    ) -> PyResult<Self> {
        let visitor = Core::for_user(platform, user_id).map_err(|error| errors::raise(py, &error.into()))?;
        Self::named(py, visitor, name, channel)
    }

    /// The visitor with this `{platform}_{uuid}`.
    #[staticmethod]
    #[pyo3(signature = (id, *, name=None, channel=None))]
    fn parse(py: Python<'_>, id: &str, name: Option<String>, channel: Option<String>) -> PyResult<Self> {
        let visitor = Core::parse(id).map_err(|error| errors::raise(py, &error.into()))?;
        Self::named(py, visitor, name, channel)
    }

    /// A new visitor by chance. Keep the id: it is the only way back to this visitor.
    #[staticmethod]
    #[pyo3(signature = (platform, *, name=None, channel=None))]
    fn random(
        py: Python<'_>,
        platform: &str,
        name: Option<String>,
        channel: Option<String>,
    ) -> PyResult<Self> {
        let visitor = Core::random(platform).map_err(|error| errors::raise(py, &error.into()))?;
        Self::named(py, visitor, name, channel)
    }

    /// `{platform}_{uuid}`, as it is sent.
    #[getter]
    fn id(&self) -> &str {
        self.0.id().as_str()
    }

    /// The part of the id before the UUID, such as `feishu`.
    #[getter]
    fn platform(&self) -> &str {
        self.0.id().platform()
    }

    /// The display name that the avatar's owner sees, if there is one.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.display_name()
    }

    /// The channel, which the service appends to the name, if there is one.
    #[getter]
    fn channel(&self) -> Option<&str> {
        self.0.channel_name()
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.id().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        format!("<Visitor {}>", self.0.id())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Parts)> {
        let again = py.import("secondme_avatar._values")?.getattr("visitor_again")?;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok((again, (self.id().to_owned(), owned(self.name()), owned(self.channel()))))
    }
}

impl Visitor {
    fn named(py: Python<'_>, visitor: Core, name: Option<String>, channel: Option<String>) -> PyResult<Self> {
        let visitor = match name {
            Some(name) => visitor.name(name),
            None => visitor,
        };
        let visitor = match channel {
            Some(channel) => visitor.channel(channel),
            None => visitor,
        };
        visitor.check().map_err(|error| errors::raise(py, &error.into()))?;
        Ok(Self(visitor))
    }
}
