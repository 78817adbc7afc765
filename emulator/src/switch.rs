//! How a switch is declared: an enum, the list of its answers, and its written form.

/// A text that is not one of a switch's answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not one of the answers: {answers}")]
pub struct UnknownAnswer {
    given: String,
    answers: String,
}

impl UnknownAnswer {
    pub(crate) fn new(given: &str, answers: &str) -> Self {
        Self { given: given.to_owned(), answers: answers.to_owned() }
    }
}

/// Writes a switch as its text, for serde.
macro_rules! as_text {
    ($name:ident) => {
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text: String = ::serde::Deserialize::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use as_text;

/// A switch whose answers carry nothing: the enum, the list of all answers, and its written form.
macro_rules! switch {
    ($(#[$about:meta])* $name:ident { $($(#[doc = $note:literal])* $(#[default $($default:tt)*])? $answer:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name {
            $(
                $(#[doc = $note])*
                #[doc = concat!(" Written `", $text, "`.")]
                $(#[default $($default)*])?
                $answer,
            )+
        }

        impl $name {
            /// Every answer there is, for tests that run under each.
            pub const ALL: &'static [Self] = &[$(Self::$answer,)+];

            /// Every answer as it is written, with what it says.
            #[allow(dead_code, reason = "the console does not offer every list")]
            pub(crate) const ANSWERS: &'static [(&'static str, &'static str)] =
                &[$(($text, concat!($($note),*)),)+];

            /// As it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$answer => $text,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::switch::UnknownAnswer;

            fn from_str(text: &str) -> Result<Self, $crate::switch::UnknownAnswer> {
                match text {
                    $($text => Ok(Self::$answer),)+
                    _ => Err($crate::switch::UnknownAnswer::new(text, [$($text,)+].join(", ").as_str())),
                }
            }
        }

        $crate::switch::as_text!($name);

        impl $crate::written::Written for $name {
            fn schema() -> ::serde_json::Value {
                ::serde_json::json!({"enum": [$($text),+]})
            }

            fn answers() -> Option<Vec<String>> {
                Some(vec![$($text.to_owned()),+])
            }
        }
    };
}
pub(crate) use switch;
