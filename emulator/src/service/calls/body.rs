//! Reading the fields of a body, strictly.

use serde_json::{Map, Value};

use crate::service::failure::Failure;

/// The fields of a JSON object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn new(body: &'a Map<String, Value>) -> Self {
        Self(body)
    }

    /// A field that is there and not null.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn required(self, name: &str) -> Result<&'a Value, Failure> {
        self.get(name).ok_or_else(|| Failure::field_missing(name))
    }

    /// A text that is not empty.
    pub(super) fn text(self, name: &str) -> Result<&'a str, Failure> {
        let text = self.required(name)?.as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| Failure::field_invalid(name, "a text that is not empty"))
    }

    pub(super) fn optional_text(self, name: &str) -> Result<Option<&'a str>, Failure> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| Failure::field_invalid(name, "a text"));
        self.get(name).map(text).transpose()
    }

    /// A field that has one value only.
    pub(super) fn fixed(self, name: &str, wanted: &str) -> Result<(), Failure> {
        match self.required(name)?.as_str() {
            Some(text) if text == wanted => Ok(()),
            _ => Err(Failure::field_invalid(name, &format!("\"{wanted}\""))),
        }
    }

    /// An identifier, which may be written as a number.
    pub(super) fn id(self, name: &str) -> Result<String, Failure> {
        match self.required(name)? {
            Value::String(text) if !text.is_empty() => Ok(text.clone()),
            Value::Number(number) if number.is_u64() => Ok(number.to_string()),
            _ => Err(Failure::field_invalid(name, "an identifier")),
        }
    }

    /// A whole number, which may be written as a string of digits.
    pub(super) fn number(self, name: &str) -> Result<u64, Failure> {
        let number = match self.required(name)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| Failure::field_invalid(name, "a whole number"))
    }

    /// The caller's own user id: `userId`, or `refUserId` as other clients write it.
    pub(super) fn own_user(self, user_id: &str) -> Result<(), Failure> {
        let name = if self.get("userId").is_some() { "userId" } else { "refUserId" };
        match self.get(name) {
            None => Err(Failure::field_missing("userId")),
            Some(Value::String(text)) if text == user_id => Ok(()),
            Some(_) => Err(Failure::field_invalid(name, "the visitorUserId of this visitor")),
        }
    }
}
