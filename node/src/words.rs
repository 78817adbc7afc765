//! Strings from JavaScript.

use napi::bindgen_prelude::{FromNapiValue, TypeName, Utf16String, ValidateNapiValue};
use napi::{ValueType, sys};
use secondme_avatar::Error;

use crate::misuse;

/// What JavaScript gave for a string. It is checked where its name is known, so that the error names the argument.
///
/// A JavaScript string is a row of 16-bit units and may hold half of a surrogate pair. Node-API replaces
/// that half by U+FFFD silently, so every string comes in as this type and not as a `String`.
pub struct Words(Option<Vec<u16>>);

impl Words {
    /// The string; an error where it is of another type, or not valid Unicode.
    pub(crate) fn named(self, name: &str) -> Result<String, Error> {
        let Some(units) = self.0 else {
            return misuse(format!("`{name}` has to be a string"));
        };
        String::from_utf16(&units).or_else(|_| {
            misuse(format!(
                "`{name}` has half of a surrogate pair: it was cut in the middle of a character, so cut it elsewhere"
            ))
        })
    }

    /// The same where it may be left out.
    pub(crate) fn named_if(words: Option<Self>, name: &str) -> Result<Option<String>, Error> {
        words.map(|words| words.named(name)).transpose()
    }
}

/// Strings of JavaScript's in an array. `None`: it is something else.
pub struct WordList(Option<Vec<Words>>);

impl WordList {
    /// The strings, where they are not left out; an error where one is not, or where it is no array.
    pub(crate) fn named_if(list: Option<Self>, name: &str) -> Result<Option<Vec<String>>, Error> {
        let Some(Self(words)) = list else { return Ok(None) };
        let Some(words) = words else {
            return misuse(format!("`{name}` has to be an array of strings"));
        };
        words.into_iter().map(|words| words.named(name)).collect::<Result<_, _>>().map(Some)
    }
}

impl TypeName for WordList {
    fn type_name() -> &'static str {
        "Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ValidateNapiValue for WordList {}

impl FromNapiValue for WordList {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: both are the arguments of this function.
        Ok(Self(unsafe { Vec::from_napi_value(env, value) }.ok()))
    }
}

impl TypeName for Words {
    fn type_name() -> &'static str {
        "String"
    }

    fn value_type() -> ValueType {
        ValueType::String
    }
}

impl ValidateNapiValue for Words {}

impl FromNapiValue for Words {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: both are the arguments of this function.
        let units = unsafe { Utf16String::from_napi_value(env, value) };
        Ok(Self(units.ok().map(|units| units.to_vec())))
    }
}
