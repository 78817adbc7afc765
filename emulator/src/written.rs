//! How settings are written: a JSON schema for editors, and the lists that the console offers.

use serde_json::{Value, json};

use crate::brain::Brain;
use crate::service::{App, Avatar, Key, MessageLength, Settings, TakeoverSilence, TokenLifetime, UserToken};
use crate::time::Millis;

/// A type of a setting, as it is written.
pub(crate) trait Written {
    /// Its JSON schema.
    fn schema() -> Value;

    /// Its answers, where it is a switch. `N` stands for any number.
    fn answers() -> Option<Vec<String>> {
        None
    }
}

/// A setting.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) about: &'static str,
    pub(crate) schema: Value,
    pub(crate) answers: Option<Vec<String>>,
}

impl Settings {
    /// The JSON schema of a settings file, for editors: every setting with its documentation, its default and its form.
    pub fn schema() -> Value {
        let defaults = json!(Self::default());
        let properties = Self::fields().into_iter().map(|field| {
            let mut schema = field.schema;
            schema["description"] = json!(field.about);
            if !defaults[&field.name].is_null() {
                schema["default"] = defaults[&field.name].clone();
            }
            (field.name, schema)
        });
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Settings of the SecondMe emulator",
            "type": "object",
            "additionalProperties": false,
            "properties": properties.collect::<serde_json::Map<_, _>>(),
        })
    }
}

impl Written for u32 {
    fn schema() -> Value {
        json!({"type": "integer", "minimum": 0, "maximum": Self::MAX})
    }
}

impl Written for usize {
    fn schema() -> Value {
        json!({"type": "integer", "minimum": 0})
    }
}

impl Written for String {
    fn schema() -> Value {
        json!({"type": "string"})
    }
}

impl Written for Option<String> {
    fn schema() -> Value {
        json!({"type": ["string", "null"]})
    }
}

impl Written for Millis {
    fn schema() -> Value {
        json!({"type": "string", "pattern": "^(0|[0-9]+(\\.[0-9]+)?(ms|s|m))$", "examples": ["250ms", "1.5s", "10m"]})
    }
}

impl<T: Written> Written for Vec<T> {
    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

/// An object with these fields, and no others.
fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
}

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

impl Written for Avatar {
    fn schema() -> Value {
        let properties = json!({
            "share-code": text("The share code, by which a chat with it is begun."),
            "id": {"type": "integer", "minimum": 0, "description": "The number by which a session is bound to it."},
            "name": text("Its name."),
            "opening": text("What it says first; may be empty."),
            "mind-id": {"type": "string", "pattern": "[^0-9]",
                "description": "Its encoded mind id, which every message names. Never all digits."},
            "owner-user-id": text("The encoded user id of its owner."),
        });
        object(properties, &["share-code", "id", "name", "opening", "mind-id", "owner-user-id"])
    }
}

impl Written for Key {
    fn schema() -> Value {
        let properties = json!({
            "key": {"type": "string", "pattern": "^sk-[!-~]*$", "description": "The key, beginning with `sk-`."},
            "share-code": text("The share code of the avatar it opens."),
            "disabled": {"type": "boolean", "default": false, "description": "Whether its owner has disabled it."},
        });
        object(properties, &["key", "share-code"])
    }
}

impl Written for App {
    fn schema() -> Value {
        let properties = json!({
            "client-id": {"type": "string", "minLength": 1, "description": "Its id, public."},
            "client-secret": {"type": "string", "minLength": 1, "description": "Its secret."},
            "name": text("Its name, which the owner sees as where a visitor comes from."),
            "standing": crate::service::AppStanding::schema(),
            "scopes": {"type": "array", "items": {"type": "string"},
                "description": "What it may do; a chat needs `chat.write`."},
        });
        object(properties, &["client-id", "client-secret"])
    }
}

impl Written for UserToken {
    fn schema() -> Value {
        let properties = json!({
            "token": {"type": "string", "pattern": "^lba_at_[!-~]*$",
                "description": "The token, beginning with `lba_at_`."},
            "user": text("The user."),
            "standing": crate::service::TokenStanding::schema(),
        });
        object(properties, &["token", "user"])
    }
}

impl Written for Brain {
    fn schema() -> Value {
        let openai = json!({
            "url": {"type": "string", "pattern": "^https?://",
                "description": "Where the endpoint is, up to and with the version."},
            "model": {"type": "string", "minLength": 1},
            "key": {"type": "string", "description": "The endpoint's key. It is never shown again."},
            "system": text("What the model is told about itself."),
            "context": {"type": "integer", "minimum": 0,
                "description": "How many of the messages before the question it gets at most."},
            "timeout": Millis::schema(),
        });
        json!({"oneOf": [
            {"enum": ["echo", "demo"]},
            object(json!({"script": {"type": ["object", "string"], "required": ["rules"],
                "description": "Rules, or the same as a text in YAML."}}), &["script"]),
            object(json!({"openai": object(openai, &["model"])}), &["openai"]),
        ]})
    }
}

/// A switch some of whose answers carry a number.
fn numbered(answers: &[&str]) -> Value {
    let pattern = answers.join("|").replace('N', "[0-9]+");
    json!({"type": "string", "pattern": format!("^({pattern})$"), "examples": answers_with(answers, "5")})
}

fn answers_with(answers: &[&str], number: &str) -> Vec<String> {
    answers.iter().map(|answer| answer.replace('N', number)).collect()
}

macro_rules! numbered {
    ($($switch:ident: $answers:expr,)+) => {
        $(impl Written for $switch {
            fn schema() -> Value {
                numbered(&$answers)
            }

            fn answers() -> Option<Vec<String>> {
                Some(answers_with(&$answers, "N"))
            }
        })+
    };
}

numbered! {
    TokenLifetime: ["never", "calls:N", "minutes:N"],
    TakeoverSilence: ["until-handed-back", "minutes:N", "never"],
    MessageLength: ["none", "chars:N"],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_every_setting_with_its_documentation() {
        let Value::Object(settings) = json!(Settings::default()) else { panic!() };
        let fields = Settings::fields();
        let named: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        let mut wanted: Vec<_> = settings.keys().map(String::as_str).collect();
        let mut sorted = named.clone();
        sorted.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(sorted, wanted);
        for field in fields {
            assert!(
                field.about.ends_with('.') && !field.about.contains("  "),
                "{}: {}",
                field.name,
                field.about
            );
        }
    }

    #[test]
    fn the_objects_of_the_schema_have_the_fields_that_are_written() {
        for (schema, written) in [
            (Avatar::schema(), json!(Avatar::default())),
            (Key::schema(), json!(Key::default())),
            (App::schema(), json!(App::default())),
            (
                UserToken::schema(),
                json!(UserToken { token: String::new(), user: String::new(), standing: Default::default() }),
            ),
        ] {
            let names = |of: &Value| {
                of.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(names(&schema["properties"]), names(&written));
        }
    }

    #[test]
    fn every_answer_of_a_switch_is_taken() {
        let switches = Settings::fields().into_iter().filter_map(|field| Some((field.name, field.answers?)));
        let mut tried = 0;
        for (name, answers) in switches {
            assert!(answers.len() > 1, "{name}");
            for answer in answers {
                let changes = [(name.clone(), json!(answer.replace('N', "5")))];
                Settings::default().changed(changes.into_iter().collect()).unwrap();
                tried += 1;
            }
        }
        assert!(tried > 80, "{tried}");
    }
}
