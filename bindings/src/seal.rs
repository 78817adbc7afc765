//! A seal of the program's around what a store keeps.

use std::sync::Arc;

use secondme_avatar::{Seal, SealError};
use secondme_avatar_bridge::timed_seal::TimedSeal;

/// What a program seals with. Called on a thread of its own, for which the store's thread waits, 20 s at
/// most ([`TimedSeal`]).
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

pub(crate) struct HostSeal(Arc<dyn CoreSeal>);

pub(crate) fn host_seal(seal: Arc<dyn CoreSeal>) -> TimedSeal<HostSeal> {
    TimedSeal::new(HostSeal(seal))
}

impl Seal for HostSeal {
    fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(self.0.seal(bytes.to_vec())?)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(self.0.unseal(sealed.to_vec())?)
    }
}
