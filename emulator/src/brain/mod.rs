//! What answers a visitor: an echo, a script, an endpoint, or a program outside the service.

mod openai;
mod pieces;
mod plan;
mod script;
mod written;

pub use openai::{OpenAi, Secret};
pub use pieces::split;
pub use plan::{EndMark, OwnerStep, Part, Piece, Reply, Step};
pub use script::{Persona, Rule, Script, ScriptError, When};

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Author {
    /// The visitor.
    Visitor,
    /// The avatar.
    Avatar,
    /// The owner in person.
    Owner,
}

/// A message the avatar is asked to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The session it was sent in.
    pub session_id: String,
    /// Who sent it.
    pub visitor_id: String,
    /// The name of the avatar that is asked.
    pub avatar_name: String,
    /// The message.
    pub text: String,
    /// What was said before it, the oldest first; the last hundred messages at most.
    pub before: Vec<(Author, String)>,
}

/// What answers the visitors' messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Brain {
    /// `You said: …`.
    #[default]
    Echo,
    /// The first rule of a script that matches; no rule, no reply.
    Script(Script),
    /// An OpenAI-compatible endpoint.
    OpenAi(OpenAi),
    /// A program outside the service, which is asked with a push and answers with a call.
    Outside,
}

impl Brain {
    /// The conversation of the demonstration: Ada's avatar, then Ada herself, then the avatar again.
    pub fn demo() -> Self {
        Self::Script(Script::demo())
    }

    /// Whether the answer comes from outside the service.
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self, Self::OpenAi(_) | Self::Outside)
    }

    /// What is to be played in answer to a question; `None` where that is decided outside.
    pub(crate) fn answer(&self, question: &Question) -> Option<Vec<Step>> {
        match self {
            Self::Echo => Some(vec![Step::Reply(Reply::text(format!("You said: {}", question.text)))]),
            Self::Script(script) => Some(script.answer(&question.text)),
            Self::OpenAi(_) | Self::Outside => None,
        }
    }
}

impl From<Script> for Brain {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}
