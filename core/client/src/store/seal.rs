//! A seal around what a store keeps.

use std::error::Error;

/// Why something could not be sealed or unsealed. Its text stands in the store's error, so it holds no secret.
pub type SealError = Box<dyn Error + Send + Sync>;

/// What a [`Seal`] returns where it can seal and unseal nothing at present, whichever row it is: a service that does not
/// answer, a keychain that is locked.
///
/// Each other error of [`unseal`](Seal::unseal) counts for its one row. After this one the store asks no more: the whole
/// call fails, also one that passes over rows that cannot be read.
///
/// ```
/// use secondme_avatar::{SealError, SealUnavailable};
///
/// let error: SealError = SealUnavailable::new("the keychain is locked").into();
/// assert_eq!(error.to_string(), "the keychain is locked");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SealUnavailable(String);

impl SealUnavailable {
    /// Makes an error. Its text stands in the store's error, so it holds no secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Encrypts what a store keeps, so that the file is of no use without a key that lies elsewhere: in a keychain, in
/// Android's Keystore, in a key management service.
///
/// Both functions are called on the thread that writes to the store (and [`SqliteStore`](super::SqliteStore)'s own
/// callers), one call for each row, with some hundred bytes to some kilobytes. They may block, and everything that
/// waits for the store waits meanwhile; so fetch a data key once, and do not ask a service over the network for each
/// row.
///
/// A seal adds what it needs (a nonce, the key's number) to its bytes, and refuses bytes that were changed.
///
/// ```
/// use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
/// use ring::rand::{SecureRandom, SystemRandom};
/// use secondme_avatar::{Seal, SealError, SqliteStore};
///
/// struct Aes(LessSafeKey);
///
/// impl Seal for Aes {
///     fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
///         let mut nonce = [0; NONCE_LEN];
///         SystemRandom::new().fill(&mut nonce).map_err(|_| "there is no randomness")?;
///         let mut text = bytes.to_vec();
///         let sealing = self.0.seal_in_place_append_tag(
///             Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text,
///         );
///         sealing.map_err(|_| "the row is too long")?;
///         Ok([&nonce[..], &text].concat())
///     }
///
///     fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
///         let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or("the row is cut off")?;
///         let mut text = text.to_vec();
///         let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| "the row has no nonce")?;
///         let opened = self.0.open_in_place(nonce, Aad::empty(), &mut text);
///         Ok(opened.map_err(|_| "another key, or a changed row")?.to_vec())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("secondme-avatar-seal-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let key = [7; 32]; // from a keychain
/// let seal = Aes(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).map_err(|_| "no key")?));
/// let store = SqliteStore::open(folder.join("avatar.db"))?.seal(seal);
/// # drop(store);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub trait Seal: Send + Sync + 'static {
    /// Returns the bytes as they are to be written.
    ///
    /// # Errors
    ///
    /// Where it fails, nothing is written: the call that wanted to save fails with kind
    /// [`Store`](crate::ErrorKind::Store), and what was stored before stays.
    fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError>;

    /// Returns what [`seal`](Self::seal) was given.
    ///
    /// # Errors
    ///
    /// Where it fails, the row counts as unreadable and stays where it is, for a later run. With [`SealUnavailable`] the
    /// whole call fails, with kind [`Store`](crate::ErrorKind::Store).
    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError>;
}
