//! Writes to the store, on a thread of its own, many changes at a time.

mod worker;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use secondme_avatar_protocol::{Error, ErrorKind, KeptMessage, MessageId, Record, Text, Visitor, VisitorId};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::worker::Worker;
use crate::errors::{client_closed, store_panicked};
use crate::peers::{Held, ProcessId};
use crate::routing::Router;
use crate::store::{
    AvatarRef, Idle, KeyRef, KnownVisitor, Leftover, Note, NoteChange, Store, StoreCounts, StoreError,
    StoredRow,
};
use crate::visitor_handle::VisitorHandle;

/// How long to wait for the store to say which process has a visitor. A store that hangs must not keep a socket
/// from being connected.
const CLAIM_PATIENCE: Duration = Duration::from_secs(1);

/// A store, and the thread that uses it. When the last handle is dropped, the thread writes what is queued, and
/// ends.
#[derive(Debug)]
pub(crate) struct StoreWriter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    counts: Mutex<StoreCounts>,
    /// Under which name the store keeps what belongs to the client's avatar, once that is known.
    avatar: OnceLock<AvatarRef>,
    /// The thread has ended and released the store.
    released: CancellationToken,
}

/// What the thread has to do. Only the newest record of a visitor is kept, so a slow disk does not let the queue
/// grow.
#[derive(Debug, Default)]
struct Queue {
    records: HashMap<VisitorId, Record>,
    jobs: VecDeque<Job>,
    /// The thread is to end.
    closed: bool,
    /// The thread has ended. If it was not told to, the store has panicked.
    ended: bool,
}

#[derive(Debug)]
enum Job {
    SaveMessage(Arc<VisitorHandle>, Visitor, KeptMessage),
    ForgetMessage(VisitorId, MessageId),
    Claim(VisitorId),
    Release(VisitorId),
    ReplaceKey(KeyRef),
    Ask(Request),
}

/// A job with an answer.
#[derive(Debug)]
enum Request {
    Recognise(Sender<bool>),
    Identify(AvatarRef, Sender<()>),
    Anyone(Sender<Option<Visitor>>),
    Load(VisitorId, Sender<Option<Record>>),
    Adopt(Sender<Vec<Leftover>>),
    Known(Sender<Vec<KnownVisitor>>),
    Backup(PathBuf, Sender<()>),
    Forget(VisitorId, Sender<()>),
    Scrub(Sender<()>),
    Export(VisitorId, Sender<Vec<StoredRow>>),
    ForgetIdle(Idle, Sender<Vec<VisitorId>>),
    ChangeNote(NoteChange, SystemTime, ToldSender<bool>),
    Note(VisitorId, String, SystemTime, Sender<Option<Text>>),
    Notes(String, SystemTime, Sender<Vec<Note>>),
    IsElsewhere(VisitorId, Sender<bool>),
    Hold(VisitorId, ProcessId, Sender<Held>),
    Flush(oneshot::Sender<()>),
}

/// What is known of the client's avatar before the service has said anything.
#[derive(Debug)]
pub(crate) struct Naming {
    /// The client's key.
    pub(crate) key: KeyRef,
    /// The name that the caller has given, if any.
    pub(crate) namespace: Option<AvatarRef>,
    /// The name for an unknown key, where the service does not tell whose it is.
    pub(crate) otherwise: Option<AvatarRef>,
}

type Sender<T> = oneshot::Sender<Result<T, StoreError>>;

/// For jobs that are carried out together: what went wrong is told to all.
type ToldSender<T> = oneshot::Sender<Result<T, Error>>;

impl StoreWriter {
    pub(crate) fn start(store: Arc<dyn Store>, naming: Naming) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            counts: Mutex::default(),
            avatar: OnceLock::new(),
            released: CancellationToken::new(),
        });
        let writer = Self { shared: Arc::clone(&shared) };
        thread::Builder::new()
            .name("secondme-store".to_owned())
            .spawn(move || Worker { shared, store, naming }.run())
            .map_err(|error| {
                Error::new(ErrorKind::Store, "no thread could be started for the store").caused_by(error)
            })?;
        Ok(writer)
    }

    /// Whether it is known whose key the client has: by its own name, or because the store has seen the key before.
    pub(crate) async fn recognises(&self) -> Result<bool, Error> {
        if self.shared.avatar.get().is_some() { Ok(true) } else { self.ask(Request::Recognise).await }
    }

    /// The service has said whose key the client has.
    pub(crate) async fn identify(&self, avatar: AvatarRef) -> Result<(), Error> {
        self.ask(|sender| Request::Identify(avatar, sender)).await
    }

    /// The client shows another key of the same avatar from now on.
    pub(crate) fn replace_key(&self, key: KeyRef) {
        self.push(Job::ReplaceKey(key));
    }

    /// Returns a visitor of whom the store keeps something, of any avatar.
    pub(crate) async fn anyone(&self) -> Result<Option<Visitor>, Error> {
        self.ask(Request::Anyone).await
    }

    /// Saves the newest record of a visitor.
    pub(crate) fn save_record(&self, record: Record) {
        self.shared.lock().records.insert(record.visitor_id.clone(), record);
        self.shared.wake.notify_one();
    }

    /// Saves a message. The visitor's machine then gets [`Input::Kept`] or [`Input::NotKept`].
    ///
    /// # Errors
    /// Fails if the thread has ended. The machine gets nothing then.
    pub(crate) fn save_message(
        &self,
        handle: Arc<VisitorHandle>,
        visitor: Visitor,
        message: KeptMessage,
    ) -> Result<(), Error> {
        let is_queued = self.push(Job::SaveMessage(handle, visitor, message));
        if is_queued { Ok(()) } else { Err(self.why_ended()) }
    }

    /// Removes a message from the store.
    pub(crate) fn forget_message(&self, visitor: VisitorId, message: MessageId) {
        self.push(Job::ForgetMessage(visitor, message));
    }

    /// Claims the visitor for this client.
    pub(crate) fn claim(&self, visitor: VisitorId) {
        self.push(Job::Claim(visitor));
    }

    /// Gives up the claim to a visitor whose conversations are closed.
    pub(crate) fn release(&self, visitor: VisitorId) {
        self.push(Job::Release(visitor));
    }

    /// Whether another process has claimed the visitor since. `false` if the store cannot tell.
    pub(crate) async fn is_elsewhere(&self, visitor: VisitorId, router: Option<&Arc<Router>>) -> bool {
        if let Some(router) = router {
            let asked = self.hold(visitor, router.me().clone());
            return matches!(tokio::time::timeout(CLAIM_PATIENCE, asked).await, Ok(Ok(Held::There(_))));
        }
        let asked = self.ask(|sender| Request::IsElsewhere(visitor, sender));
        matches!(tokio::time::timeout(CLAIM_PATIENCE, asked).await, Ok(Ok(true)))
    }

    /// Takes the visitor for this process, unless a live one has them.
    pub(crate) async fn hold(&self, visitor: VisitorId, me: ProcessId) -> Result<Held, Error> {
        self.ask(|sender| Request::Hold(visitor, me, sender)).await
    }

    /// Under which name the store keeps what belongs to the client's avatar, once that is known.
    pub(crate) fn avatar(&self) -> Option<AvatarRef> {
        self.shared.avatar.get().copied()
    }

    /// Loads the record of a visitor.
    pub(crate) async fn load(&self, visitor: &VisitorId) -> Result<Option<Record>, Error> {
        self.ask(|sender| Request::Load(visitor.clone(), sender)).await
    }

    /// Takes over the messages of stores that are gone.
    pub(crate) async fn adopt(&self) -> Result<Vec<Leftover>, Error> {
        self.ask(Request::Adopt).await
    }

    /// Lists the visitors of whom the store has something.
    pub(crate) async fn known(&self) -> Result<Vec<KnownVisitor>, Error> {
        self.ask(Request::Known).await
    }

    /// Copies the store, with everything that was queued so far.
    pub(crate) async fn backup(&self, to: PathBuf) -> Result<(), Error> {
        self.ask(|sender| Request::Backup(to, sender)).await
    }

    /// Deletes everything of a visitor of whom no conversation is open.
    pub(crate) async fn forget(&self, visitor: VisitorId) -> Result<(), Error> {
        self.ask(|sender| Request::Forget(visitor, sender)).await
    }

    /// Removes what was deleted from the store's files.
    pub(crate) async fn scrub(&self) -> Result<(), Error> {
        self.ask(Request::Scrub).await
    }

    /// Returns everything that the store holds of a visitor.
    pub(crate) async fn export(&self, visitor: VisitorId) -> Result<Vec<StoredRow>, Error> {
        self.ask(|sender| Request::Export(visitor, sender)).await
    }

    /// Forgets some of the visitors who are idle. None are left if it returns none.
    pub(crate) async fn forget_idle(&self, idle: Idle) -> Result<Vec<VisitorId>, Error> {
        self.ask(|sender| Request::ForgetIdle(idle, sender)).await
    }

    /// Changes a note. Returns whether something was changed; then the disk has it.
    pub(crate) async fn change_note(&self, change: NoteChange, now: SystemTime) -> Result<bool, Error> {
        let (sender, answer) = oneshot::channel();
        self.push(Job::Ask(Request::ChangeNote(change, now, sender)));
        answer.await.map_err(|_| self.why_ended())?
    }

    /// Returns the text of a note.
    pub(crate) async fn note(
        &self,
        visitor: VisitorId,
        key: String,
        now: SystemTime,
    ) -> Result<Option<Text>, Error> {
        self.ask(|sender| Request::Note(visitor, key, now, sender)).await
    }

    /// Lists the notes whose keys begin so.
    pub(crate) async fn notes(&self, prefix: String, now: SystemTime) -> Result<Vec<Note>, Error> {
        self.ask(|sender| Request::Notes(prefix, now, sender)).await
    }

    /// Returns the last count.
    pub(crate) fn counts(&self) -> StoreCounts {
        *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Result<T, Error> {
        let (sender, answer) = oneshot::channel();
        self.push(Job::Ask(request(sender)));
        answer.await.map_err(|_| self.why_ended())?.map_err(Error::from)
    }

    /// Waits until everything that was queued so far is written, or has failed.
    pub(crate) async fn flush(&self) {
        let (sender, answer) = oneshot::channel();
        self.push(Job::Ask(Request::Flush(sender)));
        // A thread that has ended has nothing left to write.
        let _ = answer.await;
    }

    /// Writes everything that was queued so far, and releases the store for another client.
    pub(crate) async fn finish(&self) {
        self.close();
        self.shared.released.cancelled().await;
    }

    /// Queues a job; `false` if the thread has ended. A job that is not queued is dropped, and with it the sender
    /// of its answer.
    fn push(&self, job: Job) -> bool {
        let mut queue = self.shared.lock();
        let is_open = !queue.closed && !queue.ended;
        if is_open {
            queue.jobs.push_back(job);
            self.shared.wake.notify_one();
        }
        is_open
    }

    fn why_ended(&self) -> Error {
        if self.shared.lock().closed { client_closed() } else { store_panicked() }
    }

    fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for StoreWriter {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
