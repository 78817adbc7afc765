//! Which OpenAI-compatible endpoint answers, and how it is asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// An OpenAI-compatible endpoint: `POST {url}/chat/completions`, streamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OpenAi {
    /// Where it is, up to and with the version: `https://api.openai.com/v1`.
    #[serde(default = "default_url")]
    pub url: String,
    /// The model.
    pub model: String,
    /// The key, if the endpoint requires one. It is never serialised.
    #[serde(default, skip_serializing)]
    pub key: Option<Secret>,
    /// What the model is told about itself, first of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// How many of the messages before the question it gets at most.
    #[serde(default = "default_context")]
    pub context: usize,
    /// How long, in real time, the first piece may take, and each after it.
    #[serde(default = "default_timeout")]
    pub timeout: Millis,
}

/// A text that does not print.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl OpenAi {
    /// A model at OpenAI's own address, without a key.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            url: default_url(),
            model: model.into(),
            key: None,
            system: None,
            context: default_context(),
            timeout: default_timeout(),
        }
    }

    /// Returns an error that says what is wrong with it, if something is.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return Err(format!("`{}` is no address of an endpoint; it begins with https://", self.url));
        }
        if self.model.is_empty() {
            return Err("the endpoint needs the name of a `model`".to_owned());
        }
        if cfg!(not(feature = "openai")) {
            return Err("this emulator was built without the feature `openai`".to_owned());
        }
        Ok(())
    }
}

impl Secret {
    /// One that cannot be guessed.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let (one, other) = (getrandom::u64()?, getrandom::u64()?);
        Ok(Self(format!("{one:016x}{other:016x}")))
    }

    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

fn default_url() -> String {
    "https://api.openai.com/v1".to_owned()
}

fn default_context() -> usize {
    20
}

fn default_timeout() -> Millis {
    Millis::seconds(30)
}
