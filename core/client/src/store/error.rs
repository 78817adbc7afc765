//! The error of a store.

use secondme_avatar_protocol::{Error, ErrorKind};

/// A store could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    message: String,
    unsupported: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// Makes an error. The text says what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), unsupported: false, source: None }
    }

    /// Makes an error for something that the store does not offer. The text says what to do instead. The client
    /// returns it as an error of kind [`Unsupported`](ErrorKind::Unsupported).
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { message: message.into(), unsupported: true, source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = if error.unsupported { ErrorKind::Unsupported } else { ErrorKind::Store };
        let failure = Error::new(kind, error.message);
        // What lies beneath it, and not itself: its text is the failure's already.
        match error.source {
            Some(source) => failure.caused_by(source),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_failure_of_the_store_says_its_text_once_and_keeps_what_lies_beneath() {
        let failure = Error::from(StoreError::new("the store is full: make room"));
        assert_eq!(
            (failure.kind(), failure.to_string().as_str()),
            (ErrorKind::Store, "the store is full: make room")
        );
        assert!(failure.source().is_none());
        let beneath = std::io::Error::other("no space left on device");
        let failure = Error::from(StoreError::new("the store is full: make room").caused_by(beneath));
        assert!(failure.source().is_some_and(|source| source.is::<std::io::Error>()));
        let failure = Error::from(StoreError::unsupported("this store keeps no notes"));
        assert_eq!(failure.kind(), ErrorKind::Unsupported);
    }
}
