//! Where a client keeps what has to outlive it.

mod error;
mod leftover;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use secondme_avatar_protocol::{ApiKey, KeptMessage, MessageId, Record, Visitor, VisitorId};
use uuid::Uuid;

use crate::base_url::BaseUrl;

pub use self::error::StoreError;
pub use self::memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;

/// Keeps what is known of visitors, and the messages that are still to be sent, beyond the process.
///
/// `SqliteStore` (feature `sqlite`, on by default) is a file, [`MemoryStore`] is for tests; one of your
/// own may keep it in any database. The client calls it on one thread of its own, one call at a time, so it may
/// block. A record holds the visitor's token: keep it as a secret.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// What was last kept of this visitor.
    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError>;

    /// Keeps all of these changes, or none. When it returns they survive the process.
    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError>;

    /// All messages of this avatar that are kept and not settled, except those of other stores that are
    /// still open: what processes that are gone left behind, and what an earlier client on this very
    /// store did. From now on they are this store's, and no other gets them.
    ///
    /// A client asks once, before it keeps anything. Whoever asks again gets again what is still kept,
    /// among it what they look after already; so nothing is lost where the answer was. For the same
    /// reason only one client of an avatar at a time uses a store: a second one opens a store of its own
    /// on the same file.
    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError>;

    /// The visitors of this avatar of whom something is kept, the one whose record was saved last first.
    fn known(&self, _avatar: &AvatarRef) -> Result<Vec<Known>, StoreError> {
        Err(StoreError::unsupported("this store does not list its visitors: keep a list of your own"))
    }

    /// How much is kept of this avatar. The client asks after it has saved something, at most once a second.
    fn count(&self, _avatar: &AvatarRef) -> Result<Stored, StoreError> {
        Ok(Stored::default())
    }

    /// Copies all that is kept, of every avatar, into a file, while the store is in use.
    fn backup(&self, _to: &Path) -> Result<(), StoreError> {
        Err(StoreError::unsupported("this store makes no copies of itself: use what its database offers"))
    }

    /// This store has these visitors from now on: their conversations were opened by its client. What another
    /// store claimed before is of no account any more.
    ///
    /// A store that is not shared by several processes need not do anything.
    fn claim(&self, _avatar: &AvatarRef, _visitors: &[VisitorId]) -> Result<(), StoreError> {
        Ok(())
    }

    /// The visitors' conversations are closed: the claims that are still this store's are given up.
    fn release(&self, _avatar: &AvatarRef, _visitors: &[VisitorId]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether another store that is still open has claimed the visitor after this one. The client asks before
    /// it connects again, and lets go of the visitor then.
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

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<Known>, StoreError> {
        (**self).known(avatar)
    }

    fn count(&self, avatar: &AvatarRef) -> Result<Stored, StoreError> {
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

/// One thing to be kept, or kept no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// What is known of a visitor; in the place of what was known.
    Record(Record),
    /// A message, or a new state of one that is kept already.
    Keep(Visitor, KeptMessage),
    /// A message that is settled: it is kept no longer. One that is not kept is no error.
    Settle(VisitorId, MessageId),
}

/// Messages that an earlier process left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Whose they are, as the last of them says.
    pub visitor: Visitor,
    /// In the order in which they were handed over.
    pub messages: Vec<KeptMessage>,
}

/// A visitor of whom a store keeps something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who it is, as last named.
    pub visitor: Visitor,
    /// There is a session to go on with: what was said in it meanwhile is heard when it is opened.
    pub resumable: bool,
}

/// How much a store keeps of an avatar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Visitors with a record.
    pub visitors: u64,
    /// Messages that are not settled, those of other processes among them.
    pub messages: u64,
}

/// Names the avatar in a store, so that several can share one: a fingerprint of the API key and the
/// base URL, out of which neither can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AvatarRef(Uuid);

impl AvatarRef {
    /// The avatar of this API key at this base URL.
    pub fn new(key: &ApiKey, base: &BaseUrl) -> Self {
        let name = format!("{}\n{}", base, key.expose_secret());
        Self(Uuid::new_v5(&secondme_avatar_protocol::VISITOR_NAMESPACE, name.as_bytes()))
    }
}

impl fmt::Display for AvatarRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
