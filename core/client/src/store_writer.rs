//! Writes to the store, on a thread of its own, many changes at a time.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use secondme_avatar_protocol::{
    Error, ErrorKind, Input, KeptMessage, KnownSecrets, MessageId, Record, Visitor, VisitorId,
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::errors::{client_closed, store_panicked};
use crate::store::{AvatarRef, Change, KnownVisitor, Leftover, Store, StoreCounts, StoreError};
use crate::visitor_handle::VisitorHandle;

/// The time after which a failed save is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The shortest time between two counts of the store.
const COUNT: Duration = Duration::from_secs(1);

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
    Ask(Request),
}

/// A job with an answer.
#[derive(Debug)]
enum Request {
    Load(VisitorId, Sender<Option<Record>>),
    Adopt(Sender<Vec<Leftover>>),
    Known(Sender<Vec<KnownVisitor>>),
    Backup(PathBuf, Sender<()>),
    IsElsewhere(VisitorId, Sender<bool>),
    Flush(oneshot::Sender<()>),
}

type Sender<T> = oneshot::Sender<Result<T, StoreError>>;

impl StoreWriter {
    pub(crate) fn start(store: Arc<dyn Store>, avatar: AvatarRef) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            counts: Mutex::default(),
            released: CancellationToken::new(),
        });
        let writer = Self { shared: Arc::clone(&shared) };
        thread::Builder::new()
            .name("secondme-store".to_owned())
            .spawn(move || Worker { shared, store, avatar }.run())
            .map_err(|error| {
                Error::new(ErrorKind::Store, "no thread could be started for the store").caused_by(error)
            })?;
        Ok(writer)
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
    pub(crate) async fn is_elsewhere(&self, visitor: VisitorId) -> bool {
        let asked = self.ask(|sender| Request::IsElsewhere(visitor, sender));
        matches!(tokio::time::timeout(CLAIM_PATIENCE, asked).await, Ok(Ok(true)))
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

/// Marks the end of the thread, also by a panic. Jobs that are still queued then fail.
struct EndOfThread(Arc<Shared>);

impl Drop for EndOfThread {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.ended = true;
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        let mut saves = Saves::default();
        for job in jobs {
            if let Job::SaveMessage(handle, _, message) = job {
                saves.0.push((handle, message.message_id));
            }
        }
        drop(saves);
        self.0.released.cancel();
    }
}

/// Messages that are being saved, and the machines that wait to hear of it. Dropped, they were not saved: the
/// store has panicked.
#[derive(Default)]
struct Saves(Vec<(Arc<VisitorHandle>, MessageId)>);

impl Saves {
    fn succeed(&mut self) {
        self.0.drain(..).for_each(|(handle, message)| handle.input(Input::Kept(message)));
    }

    fn fail(&mut self, error: &Error) {
        for (handle, message) in self.0.drain(..) {
            handle.input(Input::NotKept { message, error: error.clone() });
        }
    }
}

impl Drop for Saves {
    fn drop(&mut self) {
        self.fail(&store_panicked());
    }
}

/// The jobs of one round, sorted by kind.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    saves: Saves,
    claims: Vec<VisitorId>,
    releases: Vec<VisitorId>,
    requests: Vec<Request>,
}

impl Batch {
    /// `failed`: changes of earlier rounds that are tried again. They come first, so newer ones replace them.
    fn new(failed: Vec<Change>, records: HashMap<VisitorId, Record>, jobs: VecDeque<Job>) -> Self {
        let mut batch = Self { changes: failed, ..Self::default() };
        batch.changes.extend(records.into_values().map(Change::SaveRecord));
        for job in jobs {
            match job {
                Job::SaveMessage(handle, visitor, message) => {
                    batch.saves.0.push((handle, message.message_id.clone()));
                    batch.changes.push(Change::SaveMessage(visitor, message));
                }
                Job::ForgetMessage(visitor, message) => {
                    batch.changes.push(Change::ForgetMessage(visitor, message));
                }
                Job::Claim(visitor) => {
                    batch.releases.retain(|released| *released != visitor);
                    batch.claims.push(visitor);
                }
                Job::Release(visitor) => batch.releases.push(visitor),
                Job::Ask(request) => batch.requests.push(request),
            }
        }
        batch
    }
}

/// The thread's side.
struct Worker {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    avatar: AvatarRef,
}

impl Worker {
    fn run(self) {
        // Dropped last.
        let _end = EndOfThread(Arc::clone(&self.shared));
        self.work();
    }

    fn work(self) {
        let mut failed: Vec<Change> = Vec::new();
        // When to count. `None` if nothing was saved since the last count.
        let mut count_at = Some(Instant::now());
        let mut counted = Instant::now();
        loop {
            let retry_at = (!failed.is_empty()).then(|| Instant::now() + RETRY);
            let Some((records, jobs)) = self.next(retry_at.into_iter().chain(count_at).min()) else {
                // The last attempt for what could not be written yet.
                if !failed.is_empty() {
                    drop(self.store.save(&self.avatar, &failed));
                }
                return;
            };
            let batch = Batch::new(std::mem::take(&mut failed), records, jobs);
            if !batch.changes.is_empty() && count_at.is_none() {
                count_at = Some(counted + COUNT);
            }
            failed = self.carry_out(batch);
            if count_at.is_some_and(|at| at <= Instant::now()) {
                (counted, count_at) = (Instant::now(), None);
                self.count();
            }
        }
    }

    /// Carries out a batch. Returns the changes that failed and are to be tried again.
    fn carry_out(&self, mut batch: Batch) -> Vec<Change> {
        // Claims come first: the store skips records of visitors that another store has claimed.
        if !batch.claims.is_empty() {
            log_failure(self.store.claim(&self.avatar, &batch.claims));
        }
        let mut failed = Vec::new();
        let is_empty = batch.changes.is_empty();
        match if is_empty { Ok(()) } else { self.store.save(&self.avatar, &batch.changes) } {
            Ok(()) => batch.saves.succeed(),
            Err(error) => {
                // A store of the caller's own may quote what it could not write.
                let error = Error::from(error).hiding(&tokens_in(&batch.changes));
                warn!(target: "secondme_avatar::store", %error, "nothing could be written");
                failed = batch.changes;
                // The caller of a durable send gets the error, and may send again.
                failed.retain(|change| !matches!(change, Change::SaveMessage(..)));
                batch.saves.fail(&error);
            }
        }
        if !batch.releases.is_empty() {
            log_failure(self.store.release(&self.avatar, &batch.releases));
        }
        batch.requests.into_iter().for_each(|request| self.answer(request));
        failed
    }

    fn count(&self) {
        match self.store.count(&self.avatar) {
            Ok(counts) => *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts,
            Err(error) => log_failure(Err(error)),
        }
    }

    /// Waits for something to do, at most until `until`. `None` if there will be nothing more.
    fn next(&self, until: Option<Instant>) -> Option<(HashMap<VisitorId, Record>, VecDeque<Job>)> {
        let mut queue = self.shared.lock();
        while queue.records.is_empty() && queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            let Some(until) = until else {
                queue = self.shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = self.shared.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some((std::mem::take(&mut queue.records), std::mem::take(&mut queue.jobs)))
    }

    fn answer(&self, request: Request) {
        // The caller may have given up in the meantime.
        match request {
            Request::Load(visitor, sender) => drop(sender.send(self.store.load(&self.avatar, &visitor))),
            Request::Adopt(sender) => drop(sender.send(self.store.adopt(&self.avatar))),
            Request::Known(sender) => drop(sender.send(self.store.known(&self.avatar))),
            Request::Backup(to, sender) => drop(sender.send(self.store.backup(&to))),
            Request::IsElsewhere(visitor, sender) => {
                drop(sender.send(self.store.is_claimed_elsewhere(&self.avatar, &visitor)));
            }
            Request::Flush(sender) => drop(sender.send(())),
        }
    }
}

fn tokens_in(changes: &[Change]) -> KnownSecrets {
    let records = changes.iter().filter_map(|change| match change {
        Change::SaveRecord(record) => record.credentials.as_ref(),
        Change::SaveMessage(..) | Change::ForgetMessage(..) => None,
    });
    KnownSecrets::new(records.map(|credentials| &credentials.token))
}

/// For calls without a caller that waits. The next one may succeed.
fn log_failure(result: Result<(), StoreError>) {
    if let Err(error) = result {
        warn!(target: "secondme_avatar::store", %error, "the store could not be used");
    }
}
