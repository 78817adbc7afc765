//! What went wrong, as it crosses the border.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use secondme_avatar::{Error, ErrorKind, InvalidVisitor, StoreError, UnsentMessage};

/// Why a call failed.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum CoreError {
    /// It failed.
    #[error("{}", failure.message)]
    Failed {
        /// How.
        failure: Box<CoreFailure>,
    },
    /// Whoever made it has given it up.
    #[error("the call was given up")]
    Cancelled,
}

/// A failure, whole.
#[derive(Clone, uniffi::Record)]
pub struct CoreFailure {
    /// What kind of failure.
    pub kind: CoreErrorKind,
    /// A sentence for people, which says what to do.
    pub message: String,
    /// The service's own code.
    pub code: Option<String>,
    /// The step of the protocol at which it happened.
    pub step: Option<String>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// How long to wait before the call can succeed, where that is known.
    pub retry_after_ms: Option<u64>,
    /// The message that was given up, where it is about one.
    pub unsent: Option<CoreUnsent>,
    /// What lay beneath it, each the cause of the one before.
    pub causes: Vec<String>,
}

/// What a caller would branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
#[expect(missing_docs, reason = "the core's own names; see `secondme_avatar::ErrorKind`")]
pub enum CoreErrorKind {
    Authentication,
    RateLimited,
    AvatarNotFound,
    InvalidVisitorId,
    NotMember,
    Closed,
    ConnectionFailed,
    Certificate,
    Unavailable,
    Deadline,
    TakenOver,
    Refused,
    InvalidAnswer,
    Unsupported,
    Store,
    Misuse,
}

/// A message that was given up, handed back.
#[derive(Clone, uniffi::Record)]
pub struct CoreUnsent {
    /// What was to be said.
    pub text: String,
    /// The id it was, or would have been, sent under.
    pub message_id: String,
    /// Whether the service certainly never took it.
    pub certain: bool,
}

impl fmt::Debug for CoreFailure {
    /// Without what anybody said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreFailure")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl From<&Error> for CoreFailure {
    fn from(error: &Error) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        Self {
            kind: error.kind().into(),
            message: error.to_string(),
            code: error.code().map(str::to_owned),
            step: error.step().map(|step| step.name().to_owned()),
            status: error.status(),
            retryable: error.is_retryable(),
            retry_after_ms: error.retry_after().map(millis),
            unsent: error.unsent().map(CoreUnsent::from),
            causes: causes.map(ToString::to_string).collect(),
        }
    }
}

impl From<&UnsentMessage> for CoreUnsent {
    fn from(unsent: &UnsentMessage) -> Self {
        Self {
            text: unsent.text.to_string(),
            message_id: unsent.message_id.to_string(),
            certain: unsent.certain,
        }
    }
}

impl From<Error> for CoreError {
    fn from(error: Error) -> Self {
        Self::Failed { failure: Box::new(CoreFailure::from(&error)) }
    }
}

impl From<InvalidVisitor> for CoreError {
    fn from(error: InvalidVisitor) -> Self {
        Error::from(error).into()
    }
}

impl From<StoreError> for CoreError {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<ErrorKind> for CoreErrorKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Authentication => Self::Authentication,
            ErrorKind::RateLimited => Self::RateLimited,
            ErrorKind::AvatarNotFound => Self::AvatarNotFound,
            ErrorKind::InvalidVisitorId => Self::InvalidVisitorId,
            ErrorKind::NotMember => Self::NotMember,
            ErrorKind::Closed => Self::Closed,
            ErrorKind::ConnectionFailed => Self::ConnectionFailed,
            ErrorKind::Certificate => Self::Certificate,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Deadline => Self::Deadline,
            ErrorKind::TakenOver => Self::TakenOver,
            ErrorKind::InvalidAnswer => Self::InvalidAnswer,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Store => Self::Store,
            ErrorKind::Misuse => Self::Misuse,
            // Core and bindings are of one version: the rest is for the compiler.
            ErrorKind::Refused | _ => Self::Refused,
        }
    }
}

/// A duration as it crosses the border.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
