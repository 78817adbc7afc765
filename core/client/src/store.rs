//! Where a client keeps what outlives its process.

mod error;
mod leftover;
mod memory;
#[cfg(feature = "sqlite")]
mod seal;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use secondme_avatar_protocol::{ApiKey, Door, KeptMessage, MessageId, Record, Visitor, VisitorId};
use uuid::Uuid;

use crate::base_url::BaseUrl;

pub use self::error::StoreError;
pub use self::memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use self::seal::{Seal, SealError};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;

/// Keeps records of visitors, and unsent messages, beyond the process.
///
/// `SqliteStore` (feature `sqlite`, on by default) keeps them in a file, [`MemoryStore`] in memory for tests. A store
/// of your own can keep them in any database. The client calls its store on a thread of its own, one call at a
/// time, so a call may block. A record holds the visitor's token: keep it as a secret.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns the last saved record of this visitor.
    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError>;

    /// Saves all of these changes, or none of them. When this returns, the changes outlive the process.
    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError>;

    /// Takes over and returns all messages of this avatar that no open store owns: those of processes that are
    /// gone, and those of an earlier client on this same store. From then on they belong to this store, and no
    /// other store gets them.
    ///
    /// A client calls this once, before it saves anything. A second call returns the messages again that are
    /// still stored, those of the first call among them; so an answer that got lost loses no message. For the
    /// same reason only one client of an avatar at a time can use a store. A second client opens a store of its
    /// own on the same file.
    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError>;

    /// Lists the visitors of this avatar of whom there is a record or a message, the last saved record first.
    fn known(&self, _avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        Err(StoreError::unsupported("this store does not list its visitors: keep a list of your own"))
    }

    /// Counts what is stored for this avatar. The client calls this after a save, at most once a second.
    fn count(&self, _avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        Ok(StoreCounts::default())
    }

    /// Copies everything, of all avatars, into a file, while the store is in use.
    fn backup(&self, _to: &Path) -> Result<(), StoreError> {
        Err(StoreError::unsupported("this store makes no copies of itself: use what its database offers"))
    }

    /// Claims these visitors: this store's client has opened their conversations. Earlier claims of other stores
    /// no longer count.
    ///
    /// A store that only one process uses need not do anything here.
    fn claim(&self, _avatar: &AvatarRef, _visitors: &[VisitorId]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Gives up this store's claims to these visitors: their conversations are closed.
    fn release(&self, _avatar: &AvatarRef, _visitors: &[VisitorId]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether another open store has claimed the visitor after this one. The client asks before it connects
    /// again. If so, it closes the visitor's conversations here.
    fn is_claimed_elsewhere(&self, _avatar: &AvatarRef, _visitor: &VisitorId) -> Result<bool, StoreError> {
        Ok(false)
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        (**self).load(avatar, visitor)
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        (**self).save(avatar, changes)
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        (**self).adopt(avatar)
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        (**self).known(avatar)
    }

    fn count(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        (**self).count(avatar)
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        (**self).backup(to)
    }

    fn claim(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        (**self).claim(avatar, visitors)
    }

    fn release(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        (**self).release(avatar, visitors)
    }

    fn is_claimed_elsewhere(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<bool, StoreError> {
        (**self).is_claimed_elsewhere(avatar, visitor)
    }
}

/// One change to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Saves the record of a visitor. Replaces an earlier one.
    SaveRecord(Record),
    /// Saves a message. Replaces an earlier state of the same message.
    SaveMessage(Visitor, KeptMessage),
    /// Removes a message. A message that is not stored is no error.
    ForgetMessage(VisitorId, MessageId),
}

/// The messages of a visitor that an earlier process did not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The visitor, as the last of the messages names them.
    pub visitor: Visitor,
    /// The messages, in the order of sending.
    pub messages: Vec<KeptMessage>,
}

/// A visitor of whom a store has a record or a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownVisitor {
    /// The visitor, with the last name, channel and tag.
    pub visitor: Visitor,
    /// Whether there is a session to resume. Opening the visitor then also brings what was said in it meanwhile.
    pub resumable: bool,
}

/// How much a store holds of an avatar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Visitors with a record.
    pub visitors: u64,
    /// Unsent messages, including those of other processes.
    pub messages: u64,
}

/// Names an avatar in a store, so that several avatars can share a store. It is a fingerprint of the API key and
/// the base URL, from which neither can be recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AvatarRef(Uuid);

impl AvatarRef {
    /// Returns the name for the avatar of this API key at this base URL.
    pub fn new(key: &ApiKey, base: &BaseUrl) -> Self {
        Self::named(&format!("{}\n{}", base, key.expose_secret()))
    }

    /// Returns the name for the avatar of this API key behind this door: what the one says of a visitor means nothing
    /// to the other.
    pub fn of_door(door: Door, key: &ApiKey, base: &BaseUrl) -> Self {
        match door {
            Door::AvatarOpenApi => Self::new(key, base),
            Door::VisitorChat => Self::named(&format!("{door}\n{base}\n{}", key.expose_secret())),
        }
    }

    /// Returns the name for an avatar whose key is not known, at this base URL.
    pub(crate) fn without_key(base: &BaseUrl) -> Self {
        Self::named(&format!("credentials\n{base}"))
    }

    fn named(name: &str) -> Self {
        Self(Uuid::new_v5(&secondme_avatar_protocol::VISITOR_NAMESPACE, name.as_bytes()))
    }
}

impl fmt::Display for AvatarRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
