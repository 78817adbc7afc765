//! Where a client keeps what outlives its process.

mod avatar_ref;
mod error;
mod leftover;
mod memory;
mod note;
#[cfg(any(feature = "sqlite", feature = "redis"))]
mod openings;
mod people;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "sqlite", feature = "redis"))]
mod rows;
#[cfg(any(feature = "sqlite", feature = "redis"))]
mod seal;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secondme_avatar_protocol::{KeptMessage, MessageId, Record, Text, Visitor, VisitorId};

pub use self::avatar_ref::{AvatarRef, KeyRef};
pub use self::error::StoreError;
pub use self::memory::MemoryStore;
pub(crate) use self::note::NoteTable;
pub use self::note::{Note, NoteChange};
#[cfg(feature = "sqlite")]
pub use self::people::StoredVisitor;
pub(crate) use self::people::moment;
pub use self::people::{Idle, RowContent, StoredRow, date};
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
#[cfg(any(feature = "sqlite", feature = "redis"))]
pub use self::seal::{Seal, SealError, SealUnavailable};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
use crate::peers::SharedStore;

/// Keeps records of visitors, and unsent messages, beyond the process.
///
/// `SqliteStore` (feature `sqlite`, on by default) keeps them in a file, `RedisStore` (feature `redis`) in Redis,
/// [`MemoryStore`] in memory for tests. A store of your own can keep them in any database. The client calls its store
/// on a thread of its own, one call at a time, so a call may block. A record holds the visitor's token: keep it as a
/// secret.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns the avatar of which this key was last seen to be a key.
    ///
    /// Where a store does not know a key, the client asks the service whose key it is, before anything else: that is
    /// one authentication more.
    fn avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError>;

    /// Remembers that this is a key of the avatar: the service has said so. A client calls this before it
    /// [adopts](Self::adopt) anything.
    fn identify(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError>;

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

    /// Lists the visitors of this avatar of whom there is a record, a message or a note, the last saved record first.
    fn known(&self, _avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        Err(StoreError::unsupported("this store does not list its visitors: keep a list of your own"))
    }

    /// Lists the avatars of whom there is a record, a message, a note or a claim.
    ///
    /// A client that is told to [recover](crate::AvatarClient::recover) with an unknown key authenticates the first
    /// visitor of this list, to learn whose key it is.
    fn avatars(&self) -> Result<Vec<AvatarRef>, StoreError> {
        Err(StoreError::unsupported(
            "this store does not list its avatars, and does not know this key yet: open a visitor first",
        ))
    }

    /// Files what one avatar has under another name, because the caller has given it one
    /// ([`store_namespace`](crate::ClientBuilder::store_namespace)). What an open store uses stays where it is, and so
    /// does everything in a store that does not do this.
    fn rename(&self, _from: &AvatarRef, _to: &AvatarRef) -> Result<(), StoreError> {
        Ok(())
    }

    /// Counts what is stored for this avatar. The client calls this after a save, at most once a second.
    fn count(&self, _avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        Ok(StoreCounts::default())
    }

    /// Copies everything, of all avatars, into a file, while the store is in use.
    fn backup(&self, _to: &Path) -> Result<(), StoreError> {
        Err(StoreError::unsupported("this store makes no copies of itself: use what its database offers"))
    }

    /// Deletes everything of this visitor: the record, messages, notes, claims, under these names and every other name that the
    /// store has for the avatar; all of it, or nothing. A visitor of whom there is nothing is no error.
    ///
    /// The client has closed the visitor's conversations before. It [scrubs](Self::scrub) afterwards.
    ///
    /// # Errors
    ///
    /// Fails if another open store has claimed the visitor, or has messages of the visitor to send. Then nothing is
    /// deleted.
    fn forget(&self, _avatars: &[AvatarRef], _visitor: &VisitorId) -> Result<(), StoreError> {
        Err(StoreError::unsupported("this store does not delete visitors: delete them in its database"))
    }

    /// Returns everything that the store holds of this visitor, under every name that it has for the avatar. What cannot
    /// be read is [named](RowContent::Unreadable) and not passed over.
    fn export(&self, _avatar: &AvatarRef, _visitor: &VisitorId) -> Result<Vec<StoredRow>, StoreError> {
        Err(StoreError::unsupported(
            "this store does not show what it holds of a visitor: look into its database",
        ))
    }

    /// Forgets visitors who are idle, as many as make no long wait, and returns them. The client calls this until none
    /// is returned; then nothing of them is in the store's files. A call that deletes does not fail afterwards.
    ///
    /// A visitor is not idle of whom a row's time is not known, whom an open store has claimed, or who has a message
    /// that is still to be sent.
    fn forget_idle(&self, _avatars: &[AvatarRef], _idle: &Idle) -> Result<Vec<VisitorId>, StoreError> {
        Err(StoreError::unsupported("this store does not delete visitors: delete them in its database"))
    }

    /// Removes from the store's files what was deleted, however long that takes. When this returns, nothing of it is in
    /// them. A store that keeps nothing of what it deletes need not do anything here.
    fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Deletes notes that have expired, and removes from the store's files what was deleted or replaced, as far as that
    /// takes no long wait. Returns after what time it is to be called again, if at all.
    ///
    /// The client calls this a minute after it has saved something, and when it closes.
    fn tidy(&self) -> Result<Option<Duration>, StoreError> {
        Ok(None)
    }

    /// Carries out these changes of notes in order, all of them, or none. Returns for each whether it changed something:
    /// whether a note was added, and whether one that had not expired was deleted. When this returns, the changes outlive
    /// the process.
    ///
    /// [`NoteChange::Add`] is atomic among all open stores of the same data. A note that has expired by `now` does not count.
    fn change_notes(
        &self,
        _avatar: &AvatarRef,
        _changes: &[NoteChange],
        _now: SystemTime,
    ) -> Result<Vec<bool>, StoreError> {
        Err(no_notes())
    }

    /// Returns the text of a visitor's note, if there is one that has not expired by `now`.
    fn note(
        &self,
        _avatar: &AvatarRef,
        _visitor: &VisitorId,
        _key: &str,
        _now: SystemTime,
    ) -> Result<Option<Text>, StoreError> {
        Err(no_notes())
    }

    /// Lists the notes of all visitors of this avatar whose keys begin so and that have not expired by `now`, those that
    /// were first written longest ago first. One that was replaced keeps its place.
    fn notes(&self, _avatar: &AvatarRef, _prefix: &str, _now: SystemTime) -> Result<Vec<Note>, StoreError> {
        Err(no_notes())
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

    /// The way to the other processes that use the same data, where the store has one.
    // For the stores of this crate.
    #[doc(hidden)]
    fn peers(&self) -> Option<SharedStore> {
        None
    }
}

fn no_notes() -> StoreError {
    StoreError::unsupported("this store keeps no notes: keep them in its database")
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        (**self).avatar_of(key)
    }

    fn identify(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        (**self).identify(key, avatar)
    }

    fn avatars(&self) -> Result<Vec<AvatarRef>, StoreError> {
        (**self).avatars()
    }

    fn rename(&self, from: &AvatarRef, to: &AvatarRef) -> Result<(), StoreError> {
        (**self).rename(from, to)
    }

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

    fn forget(&self, avatars: &[AvatarRef], visitor: &VisitorId) -> Result<(), StoreError> {
        (**self).forget(avatars, visitor)
    }

    fn export(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Vec<StoredRow>, StoreError> {
        (**self).export(avatar, visitor)
    }

    fn forget_idle(&self, avatars: &[AvatarRef], idle: &Idle) -> Result<Vec<VisitorId>, StoreError> {
        (**self).forget_idle(avatars, idle)
    }

    fn scrub(&self) -> Result<(), StoreError> {
        (**self).scrub()
    }

    fn tidy(&self) -> Result<Option<Duration>, StoreError> {
        (**self).tidy()
    }

    fn change_notes(
        &self,
        avatar: &AvatarRef,
        changes: &[NoteChange],
        now: SystemTime,
    ) -> Result<Vec<bool>, StoreError> {
        (**self).change_notes(avatar, changes, now)
    }

    fn note(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
        key: &str,
        now: SystemTime,
    ) -> Result<Option<Text>, StoreError> {
        (**self).note(avatar, visitor, key, now)
    }

    fn notes(&self, avatar: &AvatarRef, prefix: &str, now: SystemTime) -> Result<Vec<Note>, StoreError> {
        (**self).notes(avatar, prefix, now)
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

    fn peers(&self) -> Option<SharedStore> {
        (**self).peers()
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
