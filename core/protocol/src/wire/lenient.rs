//! Fields that the service writes in more than one way.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// An id that comes as a JSON string or as a JSON number. A number keeps all its digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id<'a>(pub(crate) Cow<'a, str>);

impl Id<'_> {
    pub(crate) fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Id<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id as a string or a whole number")
    }

    fn visit_borrowed_str<E: de::Error>(self, id: &'de str) -> Result<Self::Value, E> {
        Ok(Id(Cow::Borrowed(id)))
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<Self::Value, E> {
        Ok(Id(Cow::Owned(id.to_owned())))
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<Self::Value, E> {
        Ok(Id(Cow::Owned(id.to_string())))
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<Self::Value, E> {
        Ok(Id(Cow::Owned(id.to_string())))
    }
}

/// A text. A value of another type counts as absent, so that one odd field does not cost the rest of the frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lax<'a>(pub(crate) Option<Cow<'a, str>>);

impl Lax<'_> {
    pub(crate) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// A whole number, perhaps written as a string. A value of another type counts as absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) Option<i64>);

impl Number {
    /// Half a character.
    pub(crate) fn half(self) -> Option<u16> {
        self.0.and_then(|half| u16::try_from(half).ok()).filter(|half| (0xD800..0xE000).contains(half))
    }
}

/// What a scalar of either kind makes of a JSON value. `Default` is the absent one.
trait Scalar<'de>: Default {
    fn text(text: Cow<'de, str>) -> Self;
    fn signed(number: i64) -> Self;
    fn unsigned(number: u64) -> Self;
}

impl<'de: 'a, 'a> Scalar<'de> for Lax<'a> {
    fn text(text: Cow<'de, str>) -> Self {
        Self(Some(text))
    }

    fn signed(number: i64) -> Self {
        Self(Some(Cow::Owned(number.to_string())))
    }

    fn unsigned(number: u64) -> Self {
        Self(Some(Cow::Owned(number.to_string())))
    }
}

impl<'de> Scalar<'de> for Number {
    fn text(text: Cow<'de, str>) -> Self {
        Self(text.parse().ok())
    }

    fn signed(number: i64) -> Self {
        Self(Some(number))
    }

    fn unsigned(number: u64) -> Self {
        Self(i64::try_from(number).ok())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Lax<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor(PhantomData))
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<'de, T: Scalar<'de>> Visitor<'de> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<T, E> {
        Ok(T::text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Ok(T::text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        Ok(T::unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        Ok(T::signed(number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        while seq.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
}

/// An object. A value of another type counts as absent.
#[derive(PartialEq)]
pub(crate) struct Object<T>(pub(crate) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StructureVisitor::<T>(PhantomData)).map(|structure| match structure {
            Structure::Object(object) => Self(Some(object)),
            Structure::List(_) | Structure::Other => Self(None),
        })
    }
}

/// A list of objects. Values of another type count as absent.
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StructureVisitor::<T>(PhantomData)).map(|structure| match structure {
            Structure::List(list) => Self(list),
            Structure::Object(_) | Structure::Other => Self(Vec::new()),
        })
    }
}

enum Structure<T> {
    Object(T),
    List(Vec<T>),
    Other,
}

struct StructureVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for StructureVisitor<T> {
    type Value = Structure<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Structure::Object)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Object(object)) = seq.next_element()? {
            list.extend(object);
        }
        Ok(Structure::List(list))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Structure::Other)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Structure::Other)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Structure::Other)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Structure::Other)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Structure::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Structure::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_as_a_string_or_as_a_number_and_keeps_its_digits() {
        for json in ["487569763543990272", "\"487569763543990272\""] {
            let id: Id<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(id.0, "487569763543990272");
            assert_eq!(id.as_u64(), Some(487_569_763_543_990_272));
        }
        assert!(serde_json::from_str::<Id<'_>>("4.5").is_err());
        assert!(serde_json::from_str::<Id<'_>>("null").is_err());
    }

    #[test]
    fn an_odd_field_is_an_absent_one() {
        for json in ["null", "true", "1.5", "[1,{\"a\":2}]", "{\"a\":[1]}"] {
            assert_eq!(serde_json::from_str::<Lax<'_>>(json).unwrap(), Lax(None), "{json}");
        }
        assert_eq!(serde_json::from_str::<Lax<'_>>("7").unwrap().as_deref(), Some("7"));
        assert_eq!(serde_json::from_str::<Lax<'_>>("\"a\\nb\"").unwrap().as_deref(), Some("a\nb"));
    }
}
