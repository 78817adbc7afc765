//! What answers a visitor: an echo, a script, or somebody outside the service.

mod pieces;
mod plan;
mod script;

pub use pieces::split;
pub use plan::{OwnerStep, Part, Piece, Reply, Step};
pub use script::{Persona, Rule, Script, ScriptError, When};

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
}

/// What answers the visitors' messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Brain {
    /// `You said: …`.
    #[default]
    Echo,
    /// The first rule of a script that matches; no rule, no reply.
    Script(Script),
    /// Somebody outside the service, who is asked with a push and answers with a call.
    Outside,
}

impl Brain {
    /// The conversation of the demonstration: Ada's avatar, then Ada herself, then the avatar again.
    pub fn demo() -> Self {
        Self::Script(Script::demo())
    }

    /// What is to be played in answer to a question; nothing, if that is decided outside.
    pub(crate) fn answer(&self, question: &Question) -> Option<Vec<Step>> {
        match self {
            Self::Echo => Some(vec![Step::Reply(Reply::text(format!("You said: {}", question.text)))]),
            Self::Script(script) => Some(script.answer(&question.text)),
            Self::Outside => None,
        }
    }
}

impl From<Script> for Brain {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}
