//! Texts on their way in.

use napi::bindgen_prelude::{FromNapiValue, TypeName, Utf16String, ValidateNapiValue};
use napi::{ValueType, sys};
use secondme_avatar::Error;

use crate::misuse;

/// What JavaScript gave for a text. It is looked at where its name is known, so that the error can say which
/// argument was wrong.
///
/// A JavaScript string is a row of 16-bit units and may hold half of a surrogate pair. Node-API puts U+FFFD in
/// its place without a word, so every text comes in as this type and not as a `String`.
pub struct Words(Option<Vec<u16>>);

impl Words {
    /// The text; an error where it is no string, or no text in Unicode.
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
        // SAFETY: both are those that were handed to this function.
        let units = unsafe { Utf16String::from_napi_value(env, value) };
        Ok(Self(units.ok().map(|units| units.to_vec())))
    }
}
