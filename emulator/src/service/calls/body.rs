//! Reading the fields of a body, strictly.

use serde_json::{Map, Number, Value};

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
        let id = match self.required(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => whole(number).map(|number| number.to_string()),
            _ => None,
        };
        id.ok_or_else(|| Failure::field_invalid(name, "an identifier"))
    }

    /// A whole number, which may be written as a string of digits.
    pub(super) fn number(self, name: &str) -> Result<u64, Failure> {
        let number = match self.required(name)? {
            Value::Number(number) => whole(number),
            // `parse` alone would take a sign.
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| Failure::field_invalid(name, "a whole number"))
    }

    /// The caller's own user id: `userId`, or `refUserId` as other clients write it. Where both are
    /// there, both must be right.
    pub(super) fn own_user(self, user_id: &str) -> Result<(), Failure> {
        let given: Vec<_> =
            ["userId", "refUserId"].into_iter().filter_map(|name| Some((name, self.0.get(name)?))).collect();
        if given.is_empty() {
            return Err(Failure::field_missing("userId"));
        }
        match given.into_iter().find(|(_, value)| *value != user_id) {
            Some((name, _)) => Err(Failure::field_invalid(name, "the visitorUserId of this visitor")),
            None => Ok(()),
        }
    }
}

/// A number without a fraction, in whatever way it is written: `7` and `7.0` are one in JSON. Beyond
/// what a double holds exactly it must be written without a point.
pub(super) fn whole(number: &Number) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let double = || number.as_f64().filter(|double| double.fract() == 0.0 && (0.0..=EXACT).contains(double));
    number.as_u64().or_else(|| double().map(|double| double as u64))
}
