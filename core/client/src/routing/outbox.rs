//! The letters to other processes: one thread delivers them, in order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use secondme_avatar_protocol::{Error, ErrorKind};
use tracing::warn;

use super::Router;
use super::parcel::{Envelope, FORM, Parcel};
use crate::peers::{Fate, Letter, Outgoing, ProcessId, Routes};

/// How many letters, and how many bytes of them, are delivered in one step.
const AT_ONCE: (usize, usize) = (256, 1024 * 1024);

/// How many letters wait here at most. What else is told of a conversation is left out then, and the log says so.
const WAITING: usize = 50_000;

/// When a letter is tried again that could not be delivered.
const AGAIN: Duration = Duration::from_millis(100);

/// For how long a process that does not read is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether a letter was delivered, or never will be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled(Arc<AtomicBool>);

impl Settled {
    pub(crate) fn is_settled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn settle(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[derive(Debug)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    closed: bool,
    /// The log has been told that there is too much.
    told: bool,
}

#[derive(Debug)]
struct Item {
    to: ProcessId,
    lease: Option<String>,
    parcel: Parcel,
    settled: Option<Settled>,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.settled.iter().for_each(Settled::settle);
    }
}

impl Outbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), wake: Condvar::new() })
    }

    /// Begins to deliver, until the router is dropped.
    pub(super) fn start(outbox: &Arc<Self>, router: &Arc<Router>) -> Result<(), Error> {
        let (outbox, routes, me) = (Arc::clone(outbox), Arc::clone(&router.routes), router.me.clone());
        let router = Arc::downgrade(router);
        let run = move || {
            let line = routes.outgoing();
            Postman { outbox, router, routes, line, me, numbers: HashMap::new(), kept: VecDeque::new() }
                .run();
        };
        thread::Builder::new().name("secondme-outbox".to_owned()).spawn(run).map(drop).map_err(|error| {
            Error::new(ErrorKind::Store, "no thread could be started to write to other processes")
                .caused_by(error)
        })
    }

    pub(super) fn put(&self, to: ProcessId, lease: Option<String>, parcel: Parcel, settled: Option<Settled>) {
        let mut queue = self.lock();
        let item = Item { to, lease, parcel, settled };
        let may_miss = matches!(item.parcel, Parcel::Events { .. } | Parcel::Piece { .. });
        if queue.closed || may_miss && queue.items.len() >= WAITING {
            if !queue.closed && !std::mem::replace(&mut queue.told, true) {
                warn!(
                    target: "secondme_avatar::store", waiting = WAITING,
                    "letters to other processes cannot be delivered fast enough: events and pieces are left out there"
                );
            }
            return;
        }
        queue.items.push_back(item);
        drop(queue);
        self.wake.notify_one();
    }

    /// What is there is still delivered, if that can be done at once.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side.
struct Postman {
    outbox: Arc<Outbox>,
    router: Weak<Router>,
    routes: Arc<dyn Routes>,
    line: Box<dyn Outgoing>,
    me: ProcessId,
    /// How many letters each process was sent.
    numbers: HashMap<ProcessId, u64>,
    /// Letters to processes that had no room for them, and since when.
    kept: VecDeque<(Instant, Item, Letter)>,
}

impl Postman {
    fn run(mut self) {
        while let Some(items) = self.next() {
            let mut batch: Vec<(Instant, Item, Letter)> = self.kept.drain(..).collect();
            for item in items {
                if let Some(letter) = self.write(&item) {
                    batch.push((Instant::now(), item, letter));
                }
            }
            self.deliver(batch);
        }
    }

    /// Waits for letters. `None` where there will be no more.
    fn next(&self) -> Option<Vec<Item>> {
        let mut queue = self.outbox.lock();
        while queue.items.is_empty() {
            if queue.closed {
                return None;
            }
            let wait = if self.kept.is_empty() { Duration::from_secs(1) } else { AGAIN };
            let (woken, timeout) =
                self.outbox.wake.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if timeout.timed_out() && !self.kept.is_empty() {
                break;
            }
            if self.router.strong_count() == 0 {
                queue.closed = true;
            }
        }
        let many = queue.items.len().min(AT_ONCE.0);
        Some(queue.items.drain(..many).collect())
    }

    /// `None` where it cannot be written; the log says why.
    fn write(&mut self, item: &Item) -> Option<Letter> {
        let number = self.numbers.entry(item.to.clone()).or_default();
        *number += 1;
        let (form, from, lease) = (FORM, self.me.clone(), item.lease.clone());
        let envelope = Envelope { form, from, number: *number, lease, parcel: item.parcel.clone() };
        let text = serde_json::to_string(&envelope).map_err(|error| error.to_string());
        let text = text.and_then(|text| self.routes.seal(text).map_err(|error| error.to_string()));
        match text {
            Ok(text) => Some(Letter { to: item.to.clone(), lease: item.lease.clone(), text }),
            Err(error) => {
                warn!(target: "secondme_avatar::store", error, "a letter to another process cannot be written");
                self.fail(item, "the call could not be written for the process that has the visitor");
                None
            }
        }
    }

    fn deliver(&mut self, batch: Vec<(Instant, Item, Letter)>) {
        let mut rest: VecDeque<_> = batch.into();
        let mut full: HashSet<ProcessId> = HashSet::new();
        let mut told = false;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |(_, _, letter): &&(Instant, Item, Letter)| {
                bytes += letter.text.len();
                bytes <= AT_ONCE.1
            };
            let many = rest.iter().take_while(fits).count().max(1);
            let letters: Vec<Letter> = rest.iter().take(many).map(|(.., letter)| letter.clone()).collect();
            match self.line.send(&letters) {
                Ok(fates) => {
                    for (fate, (since, item, letter)) in fates.into_iter().zip(rest.drain(..many)) {
                        match fate {
                            _ if full.contains(&item.to) => self.kept.push_back((since, item, letter)),
                            Fate::Delivered => {}
                            Fate::Gone => self.is_gone(&item),
                            Fate::Full if self.fail(&item, FULL) => {}
                            Fate::Full if since.elapsed() < PATIENCE => {
                                full.insert(item.to.clone());
                                self.kept.push_back((since, item, letter));
                            }
                            Fate::Full => self.is_gone(&item),
                        }
                    }
                }
                Err(error) => {
                    let is_closed = self.outbox.lock().closed || self.router.strong_count() == 0;
                    if !std::mem::replace(&mut told, true) {
                        warn!(target: "secondme_avatar::store", %error, "letters to other processes wait");
                    }
                    if is_closed {
                        return;
                    }
                    thread::sleep(AGAIN);
                }
            }
        }
    }

    fn is_gone(&self, item: &Item) {
        if let Some(router) = self.router.upgrade() {
            router.is_gone(&item.to, &item.parcel);
        }
    }

    /// Fails a call. Returns whether it is one.
    fn fail(&self, item: &Item, why: &str) -> bool {
        let Parcel::Call(call) = &item.parcel else { return false };
        if let Some(router) = self.router.upgrade() {
            router.fail(&call.visitor, call.number, Error::new(ErrorKind::Unavailable, why));
        }
        true
    }
}

const FULL: &str = "the process that has the visitor does not keep up with what it is sent: try again later";
