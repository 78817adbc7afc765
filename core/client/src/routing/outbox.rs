//! The letters to other processes: one thread delivers them, in order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use secondme_avatar_protocol::{Error, ErrorKind, Event};
use tracing::warn;

use super::Router;
use super::parcel::{Envelope, FORM, Parcel};
use crate::peers::{Fate, Letter, Outgoing, ProcessId, Routes};

/// How many letters, and how many bytes of them, are delivered in one step.
const AT_ONCE: (usize, usize) = (256, 1024 * 1024);

/// How many letters wait here at most. What else is told of a conversation is left out then, and the log says so.
const WAITING: usize = 50_000;

/// How long events wait for more, before a process that listens to all is told of them. It is told at once where another
/// letter goes out.
const GATHERED: Duration = Duration::from_millis(100);

/// How much memory the events of one letter may have.
const TOGETHER: usize = 256 * 1024;

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
    /// How many of them do not wait for more.
    urgent: usize,
    closed: bool,
    /// The log has been told that there is too much.
    told: bool,
}

#[derive(Debug)]
struct Item {
    to: ProcessId,
    lease: Option<String>,
    parcel: Parcel,
    settled: Vec<Settled>,
    since: Instant,
    /// It may wait for more.
    is_patient: bool,
}

impl Item {
    /// Takes in the events of a later letter to the same process. Returns whether it did.
    fn join(&mut self, later: &mut Self) -> bool {
        let (Parcel::Events { events }, Parcel::Events { events: more }) =
            (&mut self.parcel, &mut later.parcel)
        else {
            return false;
        };
        let size = |events: &[Event]| events.iter().map(Event::memory_size).sum::<usize>();
        if size(events) + size(more) > TOGETHER {
            return false;
        }
        events.append(more);
        self.settled.append(&mut later.settled);
        true
    }
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
        let settled = settled.into_iter().collect();
        self.queue(Item { to, lease, parcel, settled, since: Instant::now(), is_patient: false });
    }

    /// Puts a letter that may wait for more.
    pub(super) fn put_patient(&self, to: ProcessId, parcel: Parcel) {
        let since = Instant::now();
        self.queue(Item { to, lease: None, parcel, settled: Vec::new(), since, is_patient: true });
    }

    fn queue(&self, item: Item) {
        let mut queue = self.lock();
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
        queue.urgent += usize::from(!item.is_patient);
        // Otherwise the thread knows until when it waits.
        let wakes = !item.is_patient || queue.items.is_empty();
        queue.items.push_back(item);
        drop(queue);
        if wakes {
            self.wake.notify_one();
        }
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
            for item in joined(items) {
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
        loop {
            let wait = match queue.items.front() {
                None if queue.closed => return None,
                None => Duration::from_secs(1),
                Some(first) if queue.urgent == 0 && !queue.closed => {
                    GATHERED.saturating_sub(first.since.elapsed())
                }
                Some(_) => Duration::ZERO,
            };
            if wait.is_zero() {
                break;
            }
            let wait = if self.kept.is_empty() { wait } else { wait.min(AGAIN) };
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
        let items: Vec<Item> = queue.items.drain(..many).collect();
        queue.urgent -= items.iter().filter(|item| !item.is_patient).count();
        Some(items)
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

/// Makes one letter of the events that a process is told one after the other.
fn joined(items: Vec<Item>) -> Vec<Item> {
    let mut all: Vec<Item> = Vec::with_capacity(items.len());
    let mut last: HashMap<ProcessId, usize> = HashMap::new();
    for mut item in items {
        let joins = last.get(&item.to).is_some_and(|at| all[*at].join(&mut item));
        if !joins {
            last.insert(item.to.clone(), all.len());
            all.push(item);
        }
    }
    all
}

const FULL: &str = "the process that has the visitor does not keep up with what it is sent: try again later";

#[cfg(test)]
mod tests {
    use secondme_avatar_protocol::{EventKind, NoticeKind, Visitor, VisitorId};

    use super::*;

    fn ada() -> VisitorId {
        Visitor::for_user("test", "ada").unwrap().id().clone()
    }

    fn item(to: &str, parcel: Parcel) -> (Item, Settled) {
        let settled = Settled::default();
        let (since, to) = (Instant::now(), to.to_owned());
        (Item { to, lease: None, parcel, settled: vec![settled.clone()], since, is_patient: true }, settled)
    }

    fn told(to: &str, text: &str) -> (Item, Settled) {
        let kind = EventKind::Notice { text: text.into(), kind: NoticeKind::Hint };
        let event =
            Event { conversation: None, visitor_id: ada(), tag: None, session_id: None, kind, raw: None };
        item(to, Parcel::Events { events: vec![event] })
    }

    /// To whom each letter goes, and what it tells.
    fn letters(items: &[Item]) -> Vec<(&str, Vec<usize>)> {
        let texts = |item: &Item| match &item.parcel {
            Parcel::Events { events } => events.iter().map(Event::memory_size).collect(),
            _ => Vec::new(),
        };
        items.iter().map(|item| (item.to.as_str(), texts(item))).collect()
    }

    #[test]
    fn what_one_process_is_told_in_a_row_is_one_letter_and_stays_in_order() {
        let size = |text: &str| letters(&[told("", text).0])[0].1[0];
        let [short, long] = ["a", "some more"].map(size);
        let sent = [
            told("one", "a"),
            told("two", "a"),
            told("one", "some more"),
            item("one", Parcel::NotHere { visitor: ada() }),
            told("one", "a"),
            told("two", "some more"),
        ];
        let (items, settled): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
        let joined = joined(items);
        let expected =
            [("one", vec![short, long]), ("two", vec![short, long]), ("one", vec![]), ("one", vec![short])];
        assert_eq!(letters(&joined), expected);
        assert!(!settled.iter().any(Settled::is_settled), "none was delivered yet");
        drop(joined);
        assert!(settled.iter().all(Settled::is_settled));
    }

    #[test]
    fn a_letter_does_not_grow_without_end() {
        let text = "x".repeat(TOGETHER / 2);
        let items = (0..3).map(|_| told("one", &text).0).collect();
        assert_eq!(joined(items).len(), 3);
    }
}
