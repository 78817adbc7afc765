//! The service's calls as HTTP requests: each door's in a file of its own.

mod avatar_open_api;
mod visitor_chat;

use std::fmt;

use crate::call::CallId;
use crate::error::Step;
use crate::quote::encode;
use crate::redact::Secret;

pub(crate) use self::avatar_open_api::{Direction, Outgoing, Pass};
pub(crate) use self::visitor_chat::Bearing;

/// An HTTP request for the driver to make: `path` below the base URL, these headers and this body.
#[derive(Clone)]
pub struct HttpRequest {
    /// Names the call; its answer is handed back under it.
    pub call: CallId,
    /// Which step it is.
    pub step: Step,
    /// The method.
    pub method: Method,
    /// Path and query below the base URL, beginning with `/`.
    pub path: String,
    /// Header names and values. The values are secrets.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body, if there is one.
    pub body: Option<String>,
    /// How the body is written.
    pub encoding: Encoding,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
}

impl Encoding {
    /// The value of the header `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// The method's name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of this name, in capitals or not.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "GET" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }
}

/// Shows neither headers nor body: they hold the token and what people say.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpRequest({} {})", self.call.0, self.step)
    }
}
