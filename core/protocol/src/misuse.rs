//! What a caller does wrong, as errors: nothing was sent, and nothing has changed.

use crate::error::{Error, ErrorKind};
use crate::key::InvalidApiKey;
use crate::visitor::InvalidVisitor;

/// A command that makes no sense. Nothing was sent and nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// There is nothing to say.
    #[error("the message is empty: pass some text")]
    EmptyMessage,
    /// The message is too long.
    #[error(
        "the message is {bytes} bytes long: send it in parts of at most {} bytes",
        crate::limits::MESSAGE_BYTES
    )]
    MessageTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Too much waits already.
    #[error(
        "{} messages wait to be sent already: await each `send` before the next, or slow down",
        crate::limits::OUTBOX
    )]
    OutboxFull,
    /// The id for a message is not of the service's form.
    #[error(
        "the message id is not of the form {{random}}_____{{milliseconds}}, with at most {} letters or digits, five \
         underscores and 13 digits: make one with this library's function for it",
        crate::limits::MESSAGE_ID_RANDOM
    )]
    MessageIdForm,
    /// A message has this id already.
    #[error(
        "a message of this visitor has gone out or waits under this id: a message has an id of its own, so make one for \
         each"
    )]
    MessageIdInUse,
    /// No history of that size can be had.
    #[error("history hands back 1 to {} messages at a time", crate::limits::HISTORY_MESSAGES)]
    HistoryLimit,
    /// The conversation is closed.
    #[error("the conversation is closed: open it again with `client.open(visitor)`")]
    Closed,
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        let kind = match misuse {
            Misuse::Closed => ErrorKind::Closed,
            Misuse::EmptyMessage
            | Misuse::MessageTooLong { .. }
            | Misuse::OutboxFull
            | Misuse::MessageIdForm
            | Misuse::MessageIdInUse
            | Misuse::HistoryLimit => ErrorKind::Misuse,
        };
        Error::new(kind, misuse.to_string()).caused_by(misuse)
    }
}

impl From<InvalidVisitor> for Error {
    fn from(invalid: InvalidVisitor) -> Self {
        Error::new(ErrorKind::InvalidVisitorId, invalid.to_string()).caused_by(invalid)
    }
}

impl From<InvalidApiKey> for Error {
    fn from(invalid: InvalidApiKey) -> Self {
        Error::new(ErrorKind::Misuse, invalid.to_string()).caused_by(invalid)
    }
}
