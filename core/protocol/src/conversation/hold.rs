//! What a question waits for before it goes out.

/// What a question waits for before it goes out. The service does not say which message a reply answers, so
/// one question is out at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// The answer to an earlier message: a `send`, or an `ask` that was given up. Not for longer than
    /// [`HOLDS_QUESTION`](crate::limits::HOLDS_QUESTION); another question's as long as that one waits.
    Answer,
    /// The end of a reply that is coming in.
    Reply,
}

impl Hold {
    /// What is waited for, in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Answer => "the answer to an earlier message of this conversation",
            Self::Reply => "the end of a reply that is still coming in",
        }
    }
}
