//! The credentials of a visitor.

use pyo3::prelude::*;
use secondme_avatar::Credentials as Core;

use crate::errors;
use crate::text::Text;
use crate::visitor::Visitor;

/// What the service answers to an authentication: all that is needed to speak as one visitor, without the API key.
///
/// A server with the key gets them (`await client.authenticate(visitor)`) and gives them to an app as JSON, which speaks
/// as that visitor and as no other. They are a secret: give each user their own alone, over TLS.
#[pyclass(frozen, eq, module = "secondme_avatar")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials(pub(crate) Core);

#[pymethods]
impl Credentials {
    /// Reads what `to_json` wrote. Anything else raises an `InvalidAnswerError`, which does not repeat it.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: Text) -> PyResult<Self> {
        Core::from_json(&text.0).map(Self).map_err(|error| errors::raise(py, &error))
    }

    /// Writes them as one line of JSON, with the service's own names: `visitorId`, `visitorToken`, `visitorUserId`,
    /// `visitorMindId` (digits in a string), `avatarShareCode`, `avatarName` and `ownerUserId`.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// The visitor that they are of, to be opened: a program that has none of its own learns here who it is.
    fn visitor(&self) -> Visitor {
        Visitor(self.0.visitor())
    }

    /// The id of the visitor that they are of.
    #[getter]
    fn visitor_id(&self) -> &str {
        self.0.visitor_id().as_str()
    }

    fn __repr__(&self) -> String {
        format!("<Credentials of {}>", self.0.visitor_id())
    }
}
