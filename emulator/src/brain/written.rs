//! How a brain is written in settings.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::{Brain, OpenAi, Script};

impl Serialize for Brain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Echo => json!("echo"),
            Self::Script(script) => json!({"script": script}),
            Self::OpenAi(endpoint) => json!({"openai": endpoint}),
            Self::Outside => json!("outside"),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Brain {
    /// A script may be an object, or a text in YAML.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unknown = || {
            D::Error::custom(
                r#"a brain is "echo", "demo", {"script": {"rules": […]}} or {"openai": {"url": …, "model": …}}"#,
            )
        };
        let fields = match Value::deserialize(deserializer)? {
            Value::String(name) => {
                return match name.as_str() {
                    "echo" => Ok(Self::Echo),
                    "demo" => Ok(Self::demo()),
                    "outside" => Ok(Self::Outside),
                    _ => Err(unknown()),
                };
            }
            Value::Object(fields) => fields,
            _ => return Err(unknown()),
        };
        let mut entries = fields.into_iter();
        let (Some((name, value)), None) = (entries.next(), entries.next()) else {
            return Err(unknown());
        };
        match (name.as_str(), value) {
            ("script", Value::String(yaml)) => {
                Script::parse(&yaml).map(Self::Script).map_err(D::Error::custom)
            }
            ("script", value) => Script::deserialize(value)
                .map(Self::Script)
                .map_err(|error| D::Error::custom(format!("`script`: {error}"))),
            ("openai", value) => OpenAi::deserialize(value)
                .map(Self::OpenAi)
                .map_err(|error| D::Error::custom(format!("`openai`: {error}"))),
            _ => Err(unknown()),
        }
    }
}
