//! Text that must not reach a log by accident.
//!
//! What people say to each other, and the service's secrets, never appear in `Debug` output. Their types redact
//! them, so that formatting a larger value cannot leak them.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A text that a person or the avatar said. It reads like a `str` and prints as one; its `Debug` shows only the
/// length.
///
/// ```
/// use secondme_avatar_protocol::Text;
///
/// let text = Text::from("my secret");
/// assert_eq!(&*text, "my secret");
/// assert_eq!(format!("{text}"), "my secret");
/// assert_eq!(format!("{text:?}"), "Text(9 bytes)");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// The text as a `str`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as a `String`.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Appends a piece.
    pub fn push_str(&mut self, more: &str) {
        self.0.push_str(more);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// A secret: the API key, the visitor token or a socket address. Its `Debug` shows nothing of it, and it has no
/// `Display`. Its memory is overwritten with zeros when the last clone is dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Returns the secret itself. The name is unusual so that its uses are easy to find.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    /// Takes the text over without a copy, so the one place that holds it is the one that is overwritten.
    fn from(secret: String) -> Self {
        Self(Arc::new(Zeroizing::new(secret)))
    }
}

/// A frame as it came over the socket: its JSON text, shared by all events that come of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(Arc<str>);

impl Raw {
    /// The frame's text. Usually JSON; a malformed frame is delivered as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Raw {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Raw {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

/// A JSON value of a message: a card's parameters or a source. It reads as a [`serde_json::Value`]; its `Debug` shows
/// nothing of it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(pub serde_json::Value);

impl Deref for Json {
    type Target = serde_json::Value;

    fn deref(&self) -> &serde_json::Value {
        &self.0
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(…)")
    }
}
