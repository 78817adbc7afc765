//! Values as JavaScript has them, written as JSON: names in camel case, times in milliseconds, big numbers as strings.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use secondme_avatar::{ConversationKey, Error, Json, MessageId, SeqId, SessionId, Text, VisitorId};
use secondme_avatar_bridge::causes::cause as cause_of;
use secondme_avatar_bridge::clock::wall_clock;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::contract::names::name_of;
use crate::tokens::Thrown;

/// The greatest whole number that JavaScript keeps exact.
const SAFE: u64 = (1 << 53) - 1;

/// A value, to be written for JavaScript. What it looks like for a type of the contract is generated.
pub(crate) struct Js<'a, T: ?Sized>(pub(crate) &'a T);

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Serialize for Js<'_, $type> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }
    )*};
}

plain!(bool, u16, u32, u64, usize, str, String, Text);

macro_rules! ids {
    ($($type:ty),*) => {$(
        impl Serialize for Js<'_, $type> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }
    )*};
}

ids!(MessageId, SeqId, SessionId, VisitorId);

impl Serialize for Js<'_, ConversationKey> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0.0)
    }
}

impl Serialize for Js<'_, Duration> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_secs_f64() * 1000.0)
    }
}

/// As `new Date` takes it.
impl Serialize for Js<'_, SystemTime> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let since = self.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        serializer.serialize_u64(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Serialize for Js<'_, Instant> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Js(&wall_clock(*self.0)).serialize(serializer)
    }
}

impl<T: ?Sized> Serialize for Js<'_, Box<T>>
where
    for<'b> Js<'b, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Js(&**self.0).serialize(serializer)
    }
}

impl<T: ?Sized> Serialize for Js<'_, Arc<T>>
where
    for<'b> Js<'b, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Js(&**self.0).serialize(serializer)
    }
}

impl<T> Serialize for Js<'_, Option<T>>
where
    for<'b> Js<'b, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().map(Js).serialize(serializer)
    }
}

impl<T> Serialize for Js<'_, Vec<T>>
where
    for<'b> Js<'b, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Js))
    }
}

/// Whole numbers beyond what JavaScript keeps exact become strings: they are ids.
impl Serialize for Js<'_, Json> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Js(&self.0.0).serialize(serializer)
    }
}

impl Serialize for Js<'_, Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => {
                let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
                match whole {
                    Some(whole) if whole > SAFE => serializer.collect_str(number),
                    _ => number.serialize(serializer),
                }
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Js(item))?;
                }
                list.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, field) in fields {
                    map.serialize_entry(name, &Js(field))?;
                }
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

impl Serialize for Js<'_, Error> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.0;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("kind", &Js(&error.kind()))?;
        object.serialize_entry("message", &error.text_in(name_of))?;
        if let Some(code) = error.code() {
            object.serialize_entry("code", code)?;
        }
        if let Some(step) = error.step() {
            object.serialize_entry("step", &Js(&step))?;
        }
        if let Some(status) = error.status() {
            object.serialize_entry("status", &status)?;
        }
        object.serialize_entry("retryable", &error.is_retryable())?;
        if let Some(wait) = error.retry_after() {
            object.serialize_entry("retryAfterMs", &Js(&wait))?;
        }
        if let Some(unsent) = error.unsent() {
            object.serialize_entry("unsent", &Js(unsent))?;
        }
        object.serialize_entry("causes", &causes(error))?;
        object.end()
    }
}

/// What caused it, and what caused that.
fn causes(error: &Error) -> Vec<Cause<'_>> {
    let mut causes = Vec::new();
    let mut source = cause_of(error);
    while let Some(cause) = source {
        match cause.downcast_ref::<Error>() {
            Some(ours) => {
                // It knows its own causes.
                causes.push(Cause::Ours(Js(ours)));
                break;
            }
            None => causes.push(match cause.downcast_ref() {
                Some(Thrown(thrown)) => Cause::Thrown { thrown: *thrown },
                None => Cause::Other(cause.to_string()),
            }),
        }
        source = cause.source();
    }
    causes
}

/// An error of ours again, what the program has thrown, or the text of another one.
#[derive(Serialize)]
#[serde(untagged)]
enum Cause<'a> {
    Ours(Js<'a, Error>),
    Thrown { thrown: u32 },
    Other(String),
}
