//! The body of a request, field by field. What is not taken was ignored, and can be named.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The fields of a JSON object.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Refusal::invalid("invalid_json", "the body is JSON, but no object")),
            Err(error) => Err(Refusal::invalid("invalid_json", format!("the body is no JSON: {error}"))),
        }
    }

    /// Takes a field. `null` counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "a string")),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(wrong(name, "true or false")),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(fields)),
            Some(_) => Err(wrong(name, "an object")),
        }
    }

    /// The names of what was not taken, in order.
    pub(super) fn left(self) -> impl Iterator<Item = String> {
        self.0.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name)
    }
}

pub(super) fn wrong(name: &str, wanted: &str) -> Refusal {
    Refusal::invalid("invalid_type", format!("`{name}` has to be {wanted}")).at(name)
}
