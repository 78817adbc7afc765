//! Settings that are read only to learn where something is wrong: a reader stops at the first error, so the others are
//! passed over while one is looked for.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, de};

use crate::service::Settings;

thread_local! {
    /// Readers take a type and no value, so what is passed over cannot be handed to them.
    static WITHOUT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Does something while these settings are passed over.
pub(super) fn without<T>(names: Vec<String>, look: impl FnOnce() -> T) -> T {
    WITHOUT.set(names);
    let found = look();
    WITHOUT.set(Vec::new());
    found
}

/// Settings without those that are passed over.
pub(super) struct Looked;

impl<'de> Deserialize<'de> for Looked {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Looking)
    }
}

struct Looking;

impl<'de> Visitor<'de> for Looking {
    type Value = Looked;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("settings by their names")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Looked, A::Error> {
        Settings::deserialize(MapAccessDeserializer::new(Rest(map))).map(|_| Looked)
    }
}

/// The entries of a map but for those that are passed over.
struct Rest<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut seed = Some(seed);
        while let Some(key) = self.0.next_key_seed(Name(&mut seed))? {
            match key {
                Some(key) => return Ok(Some(key)),
                None => self.0.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

/// A key for a seed, unless it is passed over: an error comes from where the key stands.
struct Name<'a, K>(&'a mut Option<K>);

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Name<'_, K> {
    type Value = Option<K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for Name<'_, K> {
    type Value = Option<K::Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the name of a setting")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        if WITHOUT.with_borrow(|names| names.iter().any(|other| other == name)) {
            return Ok(None);
        }
        let seed = self.0.take().ok_or_else(|| de::Error::custom("a key was read twice"))?;
        seed.deserialize(name.into_deserializer()).map(Some)
    }
}
