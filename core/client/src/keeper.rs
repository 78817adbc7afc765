//! Writes what is to outlive the process, on a thread of its own, many changes at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use secondme_avatar_protocol::{Input, KeptMessage, MessageId, Record, Visitor, VisitorId};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::line::Line;
use crate::store::{AvatarRef, Change, Leftover, Store, StoreError};
use crate::{Error, ErrorKind};

/// How long after a failure what need not be answered is tried again.
const RETRY: Duration = Duration::from_secs(1);

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
    /// The thread has ended, and has given up the store.
    gone: CancellationToken,
}

/// What is to be done. Of each visitor only the newest record counts, so it does not grow while the disk is
/// slow.
#[derive(Debug, Default)]
struct Desk {
    records: HashMap<VisitorId, Record>,
    orders: VecDeque<Order>,
    ended: bool,
}

#[derive(Debug)]
enum Order {
    Keep(Arc<Line>, Visitor, KeptMessage),
    Settle(VisitorId, MessageId),
    Ask(Question),
}

#[derive(Debug)]
enum Question {
    Load(VisitorId, oneshot::Sender<Result<Option<Record>, StoreError>>),
    Adopt(oneshot::Sender<Result<Vec<Leftover>, StoreError>>),
    Flush(oneshot::Sender<()>),
}

impl Keeper {
    pub(crate) fn start(store: Arc<dyn Store>, avatar: AvatarRef) -> Result<Self, Error> {
        let shared =
            Arc::new(Shared { desk: Mutex::default(), wake: Condvar::new(), gone: CancellationToken::new() });
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
    pub(crate) fn keep(&self, line: Arc<Line>, visitor: Visitor, message: KeptMessage) {
        self.give(Order::Keep(line, visitor, message));
    }

    /// A message need not be kept any longer.
    pub(crate) fn settle(&self, visitor: VisitorId, message: MessageId) {
        self.give(Order::Settle(visitor, message));
    }

    /// What was last kept of this visitor.
    pub(crate) async fn load(&self, visitor: &VisitorId) -> Result<Option<Record>, Error> {
        let (sender, answer) = oneshot::channel();
        self.give(Order::Ask(Question::Load(visitor.clone(), sender)));
        answer.await.map_err(|_| gone())?.map_err(Error::from)
    }

    /// The messages that nobody looks after.
    pub(crate) async fn adopt(&self) -> Result<Vec<Leftover>, Error> {
        let (sender, answer) = oneshot::channel();
        self.give(Order::Ask(Question::Adopt(sender)));
        answer.await.map_err(|_| gone())?.map_err(Error::from)
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
        if !desk.ended {
            desk.orders.push_back(order);
            self.shared.wake.notify_one();
        }
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

struct Writer {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    avatar: AvatarRef,
}

impl Writer {
    fn run(self) {
        // Last of all, also where the store panics.
        let _gone = Arc::clone(&self.shared).gone.clone().drop_guard();
        self.work();
    }

    fn work(self) {
        // What could not be written, and is tried again.
        let mut late: Vec<Change> = Vec::new();
        while let Some((records, orders)) = self.next(!late.is_empty()) {
            let mut questions = Vec::new();
            let mut keeps = Vec::new();
            // What is newer comes after what is late, and takes its place.
            let mut changes = std::mem::take(&mut late);
            changes.extend(records.into_values().map(Change::Record));
            for order in orders {
                match order {
                    Order::Keep(line, visitor, message) => {
                        keeps.push((line, message.message_id.clone()));
                        changes.push(Change::Keep(visitor, message));
                    }
                    Order::Settle(visitor, message) => changes.push(Change::Settle(visitor, message)),
                    Order::Ask(question) => questions.push(question),
                }
            }
            let result = if changes.is_empty() { Ok(()) } else { self.store.save(&self.avatar, &changes) };
            match result {
                Ok(()) => keeps.into_iter().for_each(|(line, message)| line.input(Input::Kept(message))),
                Err(error) => {
                    warn!(target: "secondme_avatar::store", %error, "nothing could be written");
                    // Whoever has a message kept learns it, and says when to try again.
                    changes.retain(|change| !matches!(change, Change::Keep(..)));
                    late = changes;
                    let error = Error::from(error);
                    for (line, message) in keeps {
                        line.input(Input::NotKept { message, error: error.clone() });
                    }
                }
            }
            questions.into_iter().for_each(|question| self.answer(question));
        }
    }

    /// Waits for something to do. `None`: there will be nothing more.
    fn next(&self, is_late: bool) -> Option<(HashMap<VisitorId, Record>, VecDeque<Order>)> {
        let mut desk = self.shared.lock();
        while desk.records.is_empty() && desk.orders.is_empty() {
            if desk.ended {
                return None;
            }
            if is_late {
                let waited =
                    self.shared.wake.wait_timeout(desk, RETRY).unwrap_or_else(PoisonError::into_inner);
                desk = waited.0;
                break;
            }
            desk = self.shared.wake.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
        Some((std::mem::take(&mut desk.records), std::mem::take(&mut desk.orders)))
    }

    fn answer(&self, question: Question) {
        // Whoever asked may have gone in the meantime.
        match question {
            Question::Load(visitor, sender) => drop(sender.send(self.store.load(&self.avatar, &visitor))),
            Question::Adopt(sender) => drop(sender.send(self.store.adopt(&self.avatar))),
            Question::Flush(sender) => drop(sender.send(())),
        }
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Store, "the store's thread has ended")
}
