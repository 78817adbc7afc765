//! A store in Redis or Valkey, which several machines can use.

mod address;
mod calls;
mod errors;
mod link;
mod messages;
mod notes;
mod peers;
mod people;
mod quota;
mod scripts;
mod session;
mod visitors;

use std::collections::HashSet;
use std::fmt;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secondme_avatar_protocol::{Record, Text, VisitorId};

use self::address::Address;
use self::peers::RedisPeers;
use self::session::Session;
use super::error::StoreError;
use super::openings::Openings;
use super::rows::Rows;
use super::seal::Seal;
use super::{
    AvatarRef, Change, Idle, KeyRef, KnownVisitor, Leftover, Note, NoteChange, Store, StoreCounts, StoredRow,
};
use crate::peers::SharedStore;

/// Keeps everything in Redis or Valkey, so that clients on several machines share it.
///
/// ```no_run
/// use secondme_avatar::{AvatarClient, RedisStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::open("redis://:password@redis.example:6379/0?prefix=my-bot")?;
/// let client = AvatarClient::builder("sk-0123456789abcdef")?.store(store).build()?;
/// # Ok(())
/// # }
/// ```
///
/// **Durability.** [`save`](Store::save) returns when Redis has made the change. It outlives the client's process and its
/// machine. Whether it outlives Redis's is up to Redis: with `appendfsync always` it does, with `everysec` the last second or two can
/// be lost, without `appendonly` everything since the last snapshot. With `?wait=1` in the URL, a save returns when one
/// replica has it too.
///
/// **Several stores** with the same prefix share what they keep. Each holds a lease of 9 s, which it renews while its
/// process runs: [`adopt`](Store::adopt) takes over the messages of stores whose lease has run out. A visitor belongs to the
/// store that [claimed](Store::claim) it last; records of it from other stores are skipped. A process that was stopped for
/// longer than its lease, and goes on, writes nothing of visitors and messages that others have taken over meanwhile.
///
/// **Secrets.** Redis holds visitor tokens, notes and the text of unsent messages, unencrypted unless there is a
/// [seal](Self::seal). Give Redis a password and TLS where it is not on the same machine.
///
/// **Keys.** All begin with the prefix in braces, `{secondme-avatar}:` by default: in a cluster they lie in one slot, and
/// each call is one step, which no other call comes between. The page `docs/redis.md` lists them.
///
/// The feature `redis` is off by default.
pub struct RedisStore {
    session: Arc<Session>,
    process: u32,
    rows: Arc<Rows>,
    openings: Openings,
    /// Unreadable messages and notes that were logged already.
    reported: Mutex<HashSet<String>>,
    /// The lease is renewed until it is dropped.
    lease: Option<Sender<()>>,
}

impl RedisStore {
    /// Connects to the Redis of this URL, and checks whether it can keep a store.
    ///
    /// `redis://USER:PASSWORD@HOST:PORT/DATABASE`, `rediss://…` (TLS), `redis+unix:///PATH/redis.sock`,
    /// `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE` and `redis+cluster://HOST:PORT,HOST:PORT`; after a question mark
    /// `prefix`, `wait` (for how many replicas a save waits), `ca` (a PEM file of certificates to trust), `db`,
    /// `sentinel_user` and `sentinel_password`.
    ///
    /// # Errors
    ///
    /// Fails if the URL is wrong, if no Redis answers within 2 s at each of its addresses, if it does not accept the
    /// password, is older than 6.0, a replica, a sentinel, or one that deletes keys when its memory is full. The text says
    /// what to do, and does not hold the password.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let (session, lease) = Session::open(Address::parse(url)?)?;
        Ok(Self {
            session,
            process: std::process::id(),
            rows: Arc::default(),
            openings: Openings::default(),
            reported: Mutex::default(),
            lease: Some(lease),
        })
    }

    /// Whether this text is the URL of a store in Redis, and not the path of a file.
    pub fn is_url(text: &str) -> bool {
        address::is_url(text)
    }

    /// Seals what is written from now on: records, messages and notes, and with them tokens, names, tags and what people
    /// say. Not sealed are visitor ids, message ids, the keys of notes, times and the names of avatars, by which rows are
    /// found. Rows that were written before, without a seal, are read as they are.
    #[must_use]
    pub fn seal(mut self, seal: impl Seal) -> Self {
        self.rows = Arc::new(Rows { seal: Some(Box::new(seal)) });
        self
    }

    /// The way to the other processes by the time in this key, in milliseconds.
    #[cfg(test)]
    pub(crate) fn peers_by_time_in(&self, key: &str) -> SharedStore {
        SharedStore(Arc::new(RedisPeers::by_time_in(Arc::clone(&self.session), key)))
    }

    /// Fails in a forked child: there, the connection is the parent's.
    fn session(&self) -> Result<&Session, StoreError> {
        if self.process == std::process::id() {
            Ok(&self.session)
        } else {
            Err(errors::forked(self.session.address()))
        }
    }

    /// Whether what is called so was not reported before.
    fn is_first_report(&self, name: String) -> bool {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(name)
    }
}

impl Store for RedisStore {
    fn avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        self.read_avatar_of(key)
    }

    fn identify(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        self.write_key(key, avatar)
    }

    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        self.read_record(avatar, visitor)
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        self.write_changes(avatar, changes)
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        self.adopt_messages(avatar)
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        self.read_known(avatar)
    }

    fn avatars(&self) -> Result<Vec<AvatarRef>, StoreError> {
        self.read_avatars()
    }

    fn rename(&self, from: &AvatarRef, to: &AvatarRef) -> Result<(), StoreError> {
        self.move_rows(from, to)
    }

    fn count(&self, avatar: &AvatarRef) -> Result<StoreCounts, StoreError> {
        self.read_counts(avatar)
    }

    fn forget(&self, avatars: &[AvatarRef], visitor: &VisitorId) -> Result<(), StoreError> {
        self.forget_visitor(avatars, visitor)
    }

    fn export(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Vec<StoredRow>, StoreError> {
        self.read_rows(avatar, visitor)
    }

    fn forget_idle(&self, avatars: &[AvatarRef], idle: &Idle) -> Result<Vec<VisitorId>, StoreError> {
        self.forget_idle_visitors(avatars, idle)
    }

    fn tidy(&self) -> Result<Option<Duration>, StoreError> {
        self.forget_expired_notes()
    }

    fn change_notes(
        &self,
        avatar: &AvatarRef,
        changes: &[NoteChange],
        now: SystemTime,
    ) -> Result<Vec<bool>, StoreError> {
        self.write_notes(avatar, changes, now)
    }

    fn note(
        &self,
        avatar: &AvatarRef,
        visitor: &VisitorId,
        key: &str,
        now: SystemTime,
    ) -> Result<Option<Text>, StoreError> {
        self.read_note(avatar, visitor, key, now)
    }

    fn notes(&self, avatar: &AvatarRef, prefix: &str, now: SystemTime) -> Result<Vec<Note>, StoreError> {
        self.read_notes(avatar, prefix, now)
    }

    fn claim(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        self.write_claims(avatar, visitors)
    }

    fn release(&self, avatar: &AvatarRef, visitors: &[VisitorId]) -> Result<(), StoreError> {
        self.give_up_claims(avatar, visitors)
    }

    fn is_claimed_elsewhere(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<bool, StoreError> {
        self.is_elsewhere(avatar, visitor)
    }

    fn peers(&self) -> Option<SharedStore> {
        Some(SharedStore(Arc::new(RedisPeers::new(Arc::clone(&self.session), Arc::clone(&self.rows)))))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("address", self.session.address()).finish()
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        drop(self.lease.take());
        if self.process == std::process::id() {
            self.session.leave();
        } else {
            self.session.abandon();
        }
    }
}

/// The present moment as it is written: milliseconds since 1970.
fn now() -> u64 {
    millis(SystemTime::now())
}

fn millis(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns `None` for zero, which stands for no moment.
fn moment(millis: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).filter(|moment| *moment > UNIX_EPOCH)
}
