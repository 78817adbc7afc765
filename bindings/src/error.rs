//! What went wrong, as it crosses the border.

use std::fmt;

use secondme_avatar::{Error, InvalidVisitor, StoreError};
use secondme_avatar_bridge::causes;

use crate::convert::millis;
use crate::enums::{CoreErrorKind, CoreStep};
use crate::names::name;
use crate::values::CoreUnsentMessage;

/// Why a call failed.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum CoreError {
    /// It failed.
    #[error("{}", failure.message)]
    Failed {
        /// How.
        failure: Box<CoreFailure>,
    },
    /// Its caller gave it up.
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
    pub step: Option<CoreStep>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// How long to wait before the call can succeed, where that is known.
    pub retry_after_ms: Option<u64>,
    /// The message that was given up, where it is about one.
    pub unsent: Option<CoreUnsentMessage>,
    /// What lay beneath it, each the cause of the one before.
    pub causes: Vec<String>,
}

impl fmt::Debug for CoreFailure {
    /// Without what people say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreFailure")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl From<Error> for CoreFailure {
    fn from(error: Error) -> Self {
        let causes = std::iter::successors(causes::cause(&error), |&cause| cause.source());
        Self {
            kind: error.kind().into(),
            message: error.text_in(name),
            code: error.code().map(str::to_owned),
            step: error.step().map(CoreStep::from),
            status: error.status(),
            retryable: error.is_retryable(),
            retry_after_ms: error.retry_after().map(millis),
            unsent: error.unsent().cloned().map(CoreUnsentMessage::from),
            causes: causes.map(ToString::to_string).collect(),
        }
    }
}

impl From<Error> for CoreError {
    fn from(error: Error) -> Self {
        Self::Failed { failure: Box::new(CoreFailure::from(error)) }
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
