//! Writes what is to outlive the process, on a thread of its own, many changes at a time.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use secondme_avatar_protocol::{Error, ErrorKind, Input, KeptMessage, MessageId, Record, Visitor, VisitorId};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::errors::client_closed;
use crate::store::{AvatarRef, Change, Known, Leftover, Store, StoreError, Stored};
use crate::visitor_handle::VisitorHandle;

/// How long after a failure what need not be answered is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How often at most the store is counted.
const COUNT: Duration = Duration::from_secs(1);

/// How long a store may think about whose a visitor is. One that hangs keeps no socket from being connected.
const CLAIM_PATIENCE: Duration = Duration::from_secs(1);

/// A store, and the thread that it is used on. When the last handle is dropped, what waits is written, and
/// the thread ends.
#[derive(Debug)]
pub(crate) struct Keeper {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    desk: Mutex<Desk>,
    wake: Condvar,
    stored: Mutex<Stored>,
    /// The thread has ended, and has given up the store.
    gone: CancellationToken,
}

/// What is to be done. Of each visitor only the newest record counts, so it does not grow while the disk is
/// slow.
#[derive(Debug, Default)]
struct Desk {
    records: HashMap<VisitorId, Record>,
    orders: VecDeque<Order>,
    /// The thread is to end.
    ended: bool,
    /// The thread has ended, perhaps without having been told to: the store may panic.
    left: bool,
}

#[derive(Debug)]
enum Order {
    Keep(Arc<VisitorHandle>, Visitor, KeptMessage),
    Settle(VisitorId, MessageId),
    Claim(VisitorId),
    Release(VisitorId),
    Ask(Question),
}

#[derive(Debug)]
enum Question {
    Load(VisitorId, Answer<Option<Record>>),
    Adopt(Answer<Vec<Leftover>>),
    Known(Answer<Vec<Known>>),
    Backup(PathBuf, Answer<()>),
    IsElsewhere(VisitorId, Answer<bool>),
    Flush(oneshot::Sender<()>),
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

impl Keeper {
    pub(crate) fn start(store: Arc<dyn Store>, avatar: AvatarRef) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            desk: Mutex::default(),
            wake: Condvar::new(),
            stored: Mutex::default(),
            gone: CancellationToken::new(),
        });
        let keeper = Self { shared: Arc::clone(&shared) };
        thread::Builder::new()
            .name("secondme-store".to_owned())
            .spawn(move || Writer { shared, store, avatar }.run())
            .map_err(|error| {
                Error::new(ErrorKind::Store, "no thread can be had for the store").caused_by(error)
            })?;
        Ok(keeper)
    }

    /// Keeps the newest record of a visitor.
    pub(crate) fn remember(&self, record: Record) {
        self.shared.lock().records.insert(record.visitor_id.clone(), record);
        self.shared.wake.notify_one();
    }

    /// Keeps a message, and tells its machine.
    pub(crate) fn keep(&self, handle: Arc<VisitorHandle>, visitor: Visitor, message: KeptMessage) {
        self.give(Order::Keep(handle, visitor, message));
    }

    /// A message need not be kept any longer.
    pub(crate) fn settle(&self, visitor: VisitorId, message: MessageId) {
        self.give(Order::Settle(visitor, message));
    }

    /// The visitor is this client's from now on.
    pub(crate) fn claim(&self, visitor: VisitorId) {
        self.give(Order::Claim(visitor));
    }

    /// The visitor's conversation is closed, and what was known of it is given to the store.
    pub(crate) fn release(&self, visitor: VisitorId) {
        self.give(Order::Release(visitor));
    }

    /// Whether another process has claimed the visitor since. A store that cannot tell says no.
    pub(crate) async fn is_elsewhere(&self, visitor: VisitorId) -> bool {
        let asked = self.ask(|answer| Question::IsElsewhere(visitor, answer));
        matches!(tokio::time::timeout(CLAIM_PATIENCE, asked).await, Ok(Ok(true)))
    }

    /// What was last kept of this visitor.
    pub(crate) async fn load(&self, visitor: &VisitorId) -> Result<Option<Record>, Error> {
        self.ask(|answer| Question::Load(visitor.clone(), answer)).await
    }

    /// The messages that nobody looks after.
    pub(crate) async fn adopt(&self) -> Result<Vec<Leftover>, Error> {
        self.ask(Question::Adopt).await
    }

    /// The visitors of whom something is kept.
    pub(crate) async fn known(&self) -> Result<Vec<Known>, Error> {
        self.ask(Question::Known).await
    }

    /// Copies the store, with all that was given so far.
    pub(crate) async fn backup(&self, to: PathBuf) -> Result<(), Error> {
        self.ask(|answer| Question::Backup(to, answer)).await
    }

    /// How much is kept, as it was counted last.
    pub(crate) fn stored(&self) -> Stored {
        *self.shared.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Question) -> Result<T, Error> {
        let (sender, answer) = oneshot::channel();
        self.give(Order::Ask(question(sender)));
        answer.await.map_err(|_| self.gone())?.map_err(Error::from)
    }

    /// Waits until all that was given so far is written, or could not be.
    pub(crate) async fn flush(&self) {
        let (sender, answer) = oneshot::channel();
        self.give(Order::Ask(Question::Flush(sender)));
        // A thread that has ended has nothing left to write.
        let _ = answer.await;
    }

    /// Writes what was given so far, and gives up the store: whoever opens it next is alone with it.
    pub(crate) async fn finish(&self) {
        self.end();
        self.shared.gone.cancelled().await;
    }

    fn give(&self, order: Order) {
        let mut desk = self.shared.lock();
        // Whoever asks one that has ended learns it by their sender being dropped.
        if !desk.ended && !desk.left {
            desk.orders.push_back(order);
            self.shared.wake.notify_one();
        }
    }

    /// Why a question has no answer.
    fn gone(&self) -> Error {
        if self.shared.lock().ended {
            return client_closed();
        }
        let message = "the store has panicked, and nothing more is kept: make another client";
        Error::new(ErrorKind::Store, message)
    }

    fn end(&self) {
        self.shared.lock().ended = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the thread. What is still asked then has no answer, and is not left waiting for one.
struct Leaving(Arc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut desk = self.0.lock();
        desk.left = true;
        let unanswered = std::mem::take(&mut desk.orders);
        drop(desk);
        drop(unanswered);
        self.0.gone.cancel();
    }
}

struct Writer {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    avatar: AvatarRef,
}

impl Writer {
    fn run(self) {
        // Last of all, also where the store panics.
        let _gone = Leaving(Arc::clone(&self.shared));
        self.work();
    }

    fn work(self) {
        // What could not be written, and is tried again.
        let mut late: Vec<Change> = Vec::new();
        // When it is to be counted, if anything was saved since it was.
        let mut count_at = Some(Instant::now());
        let mut counted = Instant::now();
        loop {
            let retry_at = (!late.is_empty()).then(|| Instant::now() + RETRY);
            let Some((records, orders)) = self.next(retry_at.into_iter().chain(count_at).min()) else {
                // Nothing will be saved any more; what could not be written yet is tried a last time.
                if !late.is_empty() {
                    drop(self.store.save(&self.avatar, &late));
                }
                return;
            };
            let mut questions = Vec::new();
            let mut keeps = Vec::new();
            let (mut claims, mut releases) = (Vec::new(), Vec::new());
            // What is newer comes after what is late, and takes its place.
            let mut changes = std::mem::take(&mut late);
            changes.extend(records.into_values().map(Change::Record));
            for order in orders {
                match order {
                    Order::Keep(handle, visitor, message) => {
                        keeps.push((handle, message.message_id.clone()));
                        changes.push(Change::Keep(visitor, message));
                    }
                    Order::Settle(visitor, message) => changes.push(Change::Settle(visitor, message)),
                    Order::Claim(visitor) => {
                        releases.retain(|released| *released != visitor);
                        claims.push(visitor);
                    }
                    Order::Release(visitor) => releases.push(visitor),
                    Order::Ask(question) => questions.push(question),
                }
            }
            // Before anything is saved: what one saves of a visitor who is another's is passed over.
            if !claims.is_empty() {
                note(self.store.claim(&self.avatar, &claims));
            }
            let saved = !changes.is_empty();
            let result = if changes.is_empty() { Ok(()) } else { self.store.save(&self.avatar, &changes) };
            match result {
                Ok(()) => keeps.into_iter().for_each(|(handle, message)| handle.input(Input::Kept(message))),
                Err(error) => {
                    warn!(target: "secondme_avatar::store", %error, "nothing could be written");
                    // Whoever has a message kept learns it, and says when to try again.
                    changes.retain(|change| !matches!(change, Change::Keep(..)));
                    late = changes;
                    let error = Error::from(error);
                    for (handle, message) in keeps {
                        handle.input(Input::NotKept { message, error: error.clone() });
                    }
                }
            }
            if !releases.is_empty() {
                note(self.store.release(&self.avatar, &releases));
            }
            questions.into_iter().for_each(|question| self.answer(question));
            if saved && count_at.is_none() {
                count_at = Some(counted + COUNT);
            }
            if count_at.is_some_and(|at| at <= Instant::now()) {
                (counted, count_at) = (Instant::now(), None);
                self.count();
            }
        }
    }

    fn count(&self) {
        match self.store.count(&self.avatar) {
            Ok(stored) => *self.shared.stored.lock().unwrap_or_else(PoisonError::into_inner) = stored,
            Err(error) => note(Err(error)),
        }
    }

    /// Waits for something to do, no longer than until then. `None`: there will be nothing more.
    fn next(&self, until: Option<Instant>) -> Option<(HashMap<VisitorId, Record>, VecDeque<Order>)> {
        let mut desk = self.shared.lock();
        while desk.records.is_empty() && desk.orders.is_empty() {
            if desk.ended {
                return None;
            }
            let Some(until) = until else {
                desk = self.shared.wake.wait(desk).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            desk = self.shared.wake.wait_timeout(desk, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some((std::mem::take(&mut desk.records), std::mem::take(&mut desk.orders)))
    }

    fn answer(&self, question: Question) {
        // Whoever asked may have gone in the meantime.
        match question {
            Question::Load(visitor, sender) => drop(sender.send(self.store.load(&self.avatar, &visitor))),
            Question::Adopt(sender) => drop(sender.send(self.store.adopt(&self.avatar))),
            Question::Known(sender) => drop(sender.send(self.store.known(&self.avatar))),
            Question::Backup(to, sender) => drop(sender.send(self.store.backup(&to))),
            Question::IsElsewhere(visitor, sender) => {
                drop(sender.send(self.store.is_claimed_elsewhere(&self.avatar, &visitor)));
            }
            Question::Flush(sender) => drop(sender.send(())),
        }
    }
}

/// What nobody waits for, and the next time may go well.
fn note(result: Result<(), StoreError>) {
    if let Err(error) = result {
        warn!(target: "secondme_avatar::store", %error, "the store could not be used");
    }
}
