//! Scripts: which message is answered how. The format is documented in the crate's README.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::pieces::split;
use super::plan::{EndMark, OwnerStep, Part, Piece, Reply, Step};
use crate::time::Millis;

/// A script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Script {
    /// Who the avatar is in this script.
    #[serde(default)]
    pub avatar: Persona,
    /// The rules; the first that matches a message answers it.
    pub rules: Vec<Rule>,
}

/// Who the avatar is in a script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Persona {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it says first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opening: Option<String>,
}

/// One rule of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which messages it answers.
    pub when: When,
    /// What happens then.
    #[serde(deserialize_with = "steps", serialize_with = "written_steps")]
    pub then: Vec<Step>,
}

/// Which messages a rule answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Every message.
    Any,
    /// Messages that are this text, but for space around it.
    Equals(String),
    /// Messages that hold one of these texts, in upper or lower case.
    Contains(OneOrMany),
}

/// A text, or several of which one is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// What is wrong with a script.
#[derive(Debug, thiserror::Error)]
#[error("the script cannot be read: {0}")]
pub struct ScriptError(String);

impl Script {
    /// Reads a script from YAML.
    pub fn parse(yaml: &str) -> Result<Self, ScriptError> {
        serde_saphyr::from_str(yaml).map_err(|error| ScriptError(error.to_string()))
    }

    /// The script of the demonstration.
    pub fn demo() -> Self {
        // The text is part of the program, and a test reads it.
        Self::parse(include_str!("../../scripts/demo.yaml")).expect("the built-in script is valid")
    }

    /// What is played in answer to a message; nothing, if no rule matches.
    pub fn answer(&self, text: &str) -> Vec<Step> {
        let rule = self.rules.iter().find(|rule| rule.when.matches(text));
        rule.map(|rule| rule.then.clone()).unwrap_or_default()
    }
}

impl When {
    /// Whether a message is one of these.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Equals(wanted) => text.trim() == wanted.trim(),
            Self::Contains(OneOrMany::One(wanted)) => contains(text, wanted),
            Self::Contains(OneOrMany::Many(wanted)) => wanted.iter().any(|one| contains(text, one)),
        }
    }
}

fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(&wanted.to_lowercase())
}

/// A step as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Written {
    Say(Say),
    Wait(Millis),
    Owner(WrittenOwner),
    Hint(String),
    Notice(String),
    Fail {
        code: String,
        #[serde(default)]
        reason: String,
        #[serde(default)]
        actions: Vec<Value>,
    },
    Frame(Value),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenOwner {
    TakesOver,
    Says(String),
    HandsBack,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Say {
    Text(String),
    Full(Box<FullSay>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FullSay {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pieces: Vec<WrittenPiece>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cards: Vec<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    speech: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<Value>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    whole: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    think: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<EndMark>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenPiece {
    Text(String),
    Parts(Vec<WrittenPart>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenPart {
    Text(String),
    Card(Card),
    Speech(Value),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    template: String,
    #[serde(default)]
    params: Value,
}

fn steps<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
    let written = Vec::<Written>::deserialize(deserializer)?;
    Ok(written.into_iter().map(Step::from).collect())
}

fn written_steps<S: Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(steps.iter().cloned().map(Written::from))
}

impl From<Step> for Written {
    fn from(step: Step) -> Self {
        match step {
            Step::Wait(time) => Self::Wait(time),
            Step::Reply(reply) => Self::Say(Say::Full(Box::new(reply.into()))),
            Step::Owner(OwnerStep::TakeOver) => Self::Owner(WrittenOwner::TakesOver),
            Step::Owner(OwnerStep::Say(text)) => Self::Owner(WrittenOwner::Says(text)),
            Step::Owner(OwnerStep::HandBack) => Self::Owner(WrittenOwner::HandsBack),
            Step::Hint(text) => Self::Hint(text),
            Step::Notice(text) => Self::Notice(text),
            Step::Fail { code, reason, actions } => Self::Fail { code, reason, actions },
            Step::Frame(frame) => Self::Frame(frame),
        }
    }
}

impl From<Reply> for FullSay {
    fn from(reply: Reply) -> Self {
        let Reply { pieces, whole, think, delay, end } = reply;
        // They go with the last frame, as they are read.
        let sources = pieces.iter().flat_map(|piece| piece.sources.clone()).collect();
        let pieces = pieces
            .into_iter()
            .map(|piece| WrittenPiece::Parts(piece.parts.into_iter().map(WrittenPart::from).collect()));
        Self {
            text: None,
            pieces: pieces.collect(),
            cards: Vec::new(),
            speech: None,
            sources,
            whole,
            think,
            delay,
            end,
        }
    }
}

impl From<Part> for WrittenPart {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => Self::Text(text),
            Part::Card { template, params } => Self::Card(Card { template, params }),
            Part::Speech(clip) => Self::Speech(clip),
        }
    }
}

impl From<Written> for Step {
    fn from(written: Written) -> Self {
        match written {
            Written::Say(Say::Text(text)) => Self::Reply(Reply::text(text)),
            Written::Say(Say::Full(say)) => Self::Reply(Reply::from(*say)),
            Written::Wait(time) => Self::Wait(time),
            Written::Owner(WrittenOwner::TakesOver) => Self::Owner(OwnerStep::TakeOver),
            Written::Owner(WrittenOwner::Says(text)) => Self::Owner(OwnerStep::Say(text)),
            Written::Owner(WrittenOwner::HandsBack) => Self::Owner(OwnerStep::HandBack),
            Written::Hint(text) => Self::Hint(text),
            Written::Notice(text) => Self::Notice(text),
            Written::Fail { code, reason, actions } => Self::Fail { code, reason, actions },
            Written::Frame(frame) => Self::Frame(frame),
        }
    }
}

impl From<FullSay> for Reply {
    /// Text first, explicit pieces after it; cards, speech and sources go with the last frame.
    fn from(say: FullSay) -> Self {
        let text = say.text.as_deref().map(split).unwrap_or_default();
        let mut pieces = Self::pieces(text).pieces;
        pieces.extend(say.pieces.into_iter().map(|piece| Piece {
            parts: match piece {
                WrittenPiece::Text(text) => vec![Part::Text(text)],
                WrittenPiece::Parts(parts) => parts.into_iter().map(Part::from).collect(),
            },
            sources: Vec::new(),
        }));
        let cards = say.cards.into_iter().map(Part::from);
        let extra: Vec<_> = cards.chain(say.speech.map(Part::Speech)).collect();
        if pieces.is_empty() {
            pieces.push(Piece::default());
        }
        if let Some(last) = pieces.last_mut() {
            last.parts.extend(extra);
            last.sources = say.sources;
        }
        Self { pieces, whole: say.whole, think: say.think, delay: say.delay, end: say.end }
    }
}

impl From<WrittenPart> for Part {
    fn from(written: WrittenPart) -> Self {
        match written {
            WrittenPart::Text(text) => Self::Text(text),
            WrittenPart::Card(card) => Self::from(card),
            WrittenPart::Speech(clip) => Self::Speech(clip),
        }
    }
}

impl From<Card> for Part {
    fn from(card: Card) -> Self {
        Self::Card { template: card.template, params: card.params }
    }
}
