//! A seal of the program's around what a store keeps.

use std::sync::Arc;

use secondme_avatar::{Error, ErrorKind, Seal, SealError};

use crate::CoreError;

/// What a program seals with. Called on the store's own thread, which waits for it; nothing else of the core does.
#[uniffi::export(with_foreign)]
pub trait CoreSeal: Send + Sync {
    /// The bytes as they are to be written.
    fn seal(&self, bytes: Vec<u8>) -> Result<Vec<u8>, CoreSealFailure>;

    /// What was sealed.
    fn unseal(&self, bytes: Vec<u8>) -> Result<Vec<u8>, CoreSealFailure>;
}

/// Why the program's seal failed.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum CoreSealFailure {
    /// It threw.
    #[error("{words}")]
    Failed {
        /// What it threw, and what that says.
        words: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CoreSealFailure {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { words: error.reason }
    }
}

pub(crate) struct HostSeal(pub(crate) Arc<dyn CoreSeal>);

impl Seal for HostSeal {
    fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(self.0.seal(bytes.to_vec())?)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(self.0.unseal(sealed.to_vec())?)
    }
}

/// What is said where there is nothing to seal.
pub(crate) fn without_store() -> CoreError {
    const WORDS: &str = "`seal` seals what a store keeps: name its file with the option `store`";
    Error::new(ErrorKind::Misuse, WORDS).into()
}
