//! Visitors.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;
use secondme_avatar::Visitor as Core;

use crate::text::Text;
use crate::{classes, errors};

/// Id, name, channel and tag.
type Parts = (String, Option<String>, Option<String>, Option<String>);

/// A person who talks with the avatar: a lasting id, and a name that the owner sees.
///
/// Make one with `for_user`, `parse` or `random`.
#[pyclass(frozen, eq, module = "secondme_avatar")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Visitor(pub(crate) Core);

#[pymethods]
impl Visitor {
    /// The visitor for a person of a platform, by the id that the platform has for them: always the same one,
    /// in every language and version, with no table to keep. The user id comes from a login that the program has
    /// verified. Where it can be guessed, as a phone number can, `for_user_with_secret` is right.
    #[staticmethod]
    #[pyo3(signature = (platform, user_id, *, name=None, channel=None, tag=None))]
    fn for_user(
        py: Python<'_>,
        platform: Text,
        user_id: Text,
        name: Option<Text>,
        channel: Option<Text>,
        tag: Option<Text>,
    ) -> PyResult<Self> {
        let visitor =
            Core::for_user(&platform.0, &user_id.0).map_err(|error| errors::raise(py, &error.into()))?;
        Self::named(py, visitor, name, channel, tag)
    }

    /// The visitor for a person of a platform, by an id that only a program with the secret can make: HMAC-SHA256
    /// over platform and user id. The same three give the same visitor in every language; another secret gives others.
    /// A secret of fewer than 16 bytes in UTF-8 is an `InvalidVisitorIdError`.
    ///
    /// It is for user ids that can be guessed, such as phone numbers. The user id comes from a login that the program
    /// has verified.
    #[staticmethod]
    #[pyo3(signature = (platform, user_id, secret, *, name=None, channel=None, tag=None))]
    fn for_user_with_secret(
        py: Python<'_>,
        platform: Text,
        user_id: Text,
        secret: Text,
        name: Option<Text>,
        channel: Option<Text>,
        tag: Option<Text>,
    ) -> PyResult<Self> {
        let visitor = Core::for_user_with_secret(&platform.0, &user_id.0, &secret.0)
            .map_err(|error| errors::raise(py, &error.into()))?;
        Self::named(py, visitor, name, channel, tag)
    }

    /// The visitor with this `{platform}_{uuid}`.
    #[staticmethod]
    #[pyo3(signature = (id, *, name=None, channel=None, tag=None))]
    fn parse(
        py: Python<'_>,
        id: Text,
        name: Option<Text>,
        channel: Option<Text>,
        tag: Option<Text>,
    ) -> PyResult<Self> {
        let visitor = Core::parse(&id.0).map_err(|error| errors::raise(py, &error.into()))?;
        Self::named(py, visitor, name, channel, tag)
    }

    /// A new visitor with a random id. Keep the id: it is the only way back to this visitor.
    #[staticmethod]
    #[pyo3(signature = (platform, *, name=None, channel=None, tag=None))]
    fn random(
        py: Python<'_>,
        platform: Text,
        name: Option<Text>,
        channel: Option<Text>,
        tag: Option<Text>,
    ) -> PyResult<Self> {
        let visitor = Core::random(&platform.0).map_err(|error| errors::raise(py, &error.into()))?;
        Self::named(py, visitor, name, channel, tag)
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

    /// Your own tag for the visitor, if there is one, such as the platform's channel to answer in: at most 1024 bytes.
    /// It is kept with the visitor, in a store too, stands on every event, and is never sent.
    #[getter]
    fn tag(&self) -> Option<&str> {
        self.0.own_tag()
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
        let again = classes::get(py, "visitor_again")?;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok((again, (self.id().to_owned(), owned(self.name()), owned(self.channel()), owned(self.tag()))))
    }
}

impl Visitor {
    fn named(
        py: Python<'_>,
        visitor: Core,
        name: Option<Text>,
        channel: Option<Text>,
        tag: Option<Text>,
    ) -> PyResult<Self> {
        let visitor = match name {
            Some(name) => visitor.name(name.0),
            None => visitor,
        };
        let visitor = match channel {
            Some(channel) => visitor.channel(channel.0),
            None => visitor,
        };
        let visitor = match tag {
            Some(tag) => visitor.tag(tag.0),
            None => visitor,
        };
        visitor.check().map_err(|error| errors::raise(py, &error.into()))?;
        Ok(Self(visitor))
    }
}
