//! Calls that a host makes, and its queue of what comes of them.
//!
//! Two promises are kept here for every language:
//!
//! - A call **begins on the thread of its caller**, before the host goes on: two messages that are sent without
//!   waiting leave in that order.
//! - A call that is **given up is dropped on the thread that gives it up**, before that goes on. A task that is only
//!   aborted lives on until its runtime comes round to it; a question that was given up might go out meanwhile.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Wake, Waker};

use secondme_avatar::{Error, ErrorKind, shared_runtime};

use crate::call::{Call, GiveUp};
use crate::queue::HostQueue;

/// Names a call, or something that is drained, for as long as the process lives. Every language can hold it.
pub type Ticket = i64;

/// A ticket that nothing else has.
pub fn next_ticket() -> Ticket {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What a host finds in its queue.
#[derive(Debug)]
pub enum Message<R> {
    /// A call is over.
    Done(Ticket, Result<R, Error>),
    /// Something has come that is drained by this ticket: see [`Signal`].
    Ready(Ticket),
}

/// The calls of one thread or event loop of the host, and the queue that it drains.
///
/// The queue is bounded by what the host itself has begun: it holds at most one result for each call, and one signal
/// for each thing that is drained. Results are never dropped.
pub struct Calls<R> {
    queue: HostQueue<Message<R>>,
    /// Wakes the host. It must neither block nor run code of the program's.
    waker: Waker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    under_way: HashMap<Ticket, Arc<dyn GiveUp>>,
    /// Whose signal is in the queue.
    signalled: HashSet<Ticket>,
    /// The host has ended: nothing is drained any more.
    is_closed: bool,
}

impl<R: Send + 'static> Calls<R> {
    /// No calls yet. The waker is woken when there is something to [`drain`](Self::drain).
    pub fn new(waker: Waker) -> Arc<Self> {
        let calls = Self { queue: HostQueue::new(0), waker, state: Mutex::default() };
        let _ = calls.queue.poll_ready(&Context::from_waker(&calls.waker));
        Arc::new(calls)
    }

    /// Begins a call now, on this thread. What comes of it is found in the queue under the ticket.
    ///
    /// `held` is dropped when the result is in the queue, or the call was given up.
    pub fn begin(
        self: &Arc<Self>,
        work: impl Future<Output = Result<R, Error>> + Send + 'static,
        held: impl Send + 'static,
    ) -> Ticket {
        let ticket = next_ticket();
        let runtime = match shared_runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                self.queue.put(Message::Done(ticket, Err(error)));
                return ticket;
            }
        };
        let call = Call::new(work);
        let begun = {
            let _inside = runtime.enter();
            call.begin()
        };
        if let Some(result) = begun {
            self.queue.put(Message::Done(ticket, result));
            return ticket;
        }
        // The lock is held until the call is noted down, so that it cannot be over before.
        let mut state = self.lock();
        if state.is_closed {
            return ticket;
        }
        state.under_way.insert(ticket, call.handle());
        let mut end = End { calls: Arc::clone(self), ticket, result: None };
        runtime.spawn(async move {
            let held = held;
            end.result = call.await;
            drop(end);
            drop(held);
        });
        ticket
    }

    /// Gives a call up: its work is dropped when this returns, and nothing comes of it. One that is over is left alone.
    pub fn give_up(&self, ticket: Ticket) {
        let call = self.lock().under_way.remove(&ticket);
        if let Some(call) = call {
            call.give_up();
        }
    }

    /// Takes at most `max` messages, oldest first. Never waits. Where there are more, the host is woken again.
    pub fn drain(&self, max: usize) -> Vec<Message<R>> {
        let mut state = self.lock();
        let messages = self.queue.drain(max);
        for message in &messages {
            if let Message::Ready(ticket) = message {
                state.signalled.remove(ticket);
            }
        }
        drop(state);
        if self.queue.poll_ready(&Context::from_waker(&self.waker)).is_ready() {
            self.waker.wake_by_ref();
        }
        messages
    }

    /// The host has ended: all calls are given up, and nothing is put into the queue any more.
    pub fn close(&self) {
        let under_way = {
            let mut state = self.lock();
            state.is_closed = true;
            std::mem::take(&mut state.under_way)
        };
        under_way.into_values().for_each(|call| call.give_up());
        self.queue.close();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn signal(&self, ticket: Ticket) {
        let mut state = self.lock();
        if !state.is_closed && state.signalled.insert(ticket) {
            self.queue.put(Message::Ready(ticket));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> fmt::Debug for Calls<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// Puts the result into the queue. Whatever becomes of the work, a panic of ours too, the wait for it ends.
struct End<R: Send + 'static> {
    calls: Arc<Calls<R>>,
    ticket: Ticket,
    result: Option<Result<R, Error>>,
}

impl<R: Send + 'static> Drop for End<R> {
    fn drop(&mut self) {
        // One that was given up is not there any more.
        if self.calls.lock().under_way.remove(&self.ticket).is_some() {
            let broke =
                || Err(Error::new(ErrorKind::Closed, "the call broke off: this is a fault of the library"));
            let result = self.result.take().unwrap_or_else(broke);
            self.calls.queue.put(Message::Done(self.ticket, result));
        }
    }
}

/// Says to hosts that something has come. Its waker goes to where that comes from.
///
/// Each queue that waits is told once; a host that then finds nothing to drain waits again.
pub struct Signal<R> {
    told: Arc<Told<R>>,
    /// Always the same one, since the core knows by it that it has it already: a wait that is cancelled and begun again
    /// leaves nothing behind.
    waker: Waker,
}

/// The queues that are told, once each.
struct Told<R> {
    ticket: Ticket,
    waiting: Mutex<Vec<Weak<Calls<R>>>>,
}

impl<R: Send + 'static> Signal<R> {
    /// A signal under a ticket of its own.
    pub fn new() -> Self {
        let told = Arc::new(Told { ticket: next_ticket(), waiting: Mutex::default() });
        Self { waker: Waker::from(Arc::clone(&told)), told }
    }

    /// Under which it is found in a queue.
    pub fn ticket(&self) -> Ticket {
        self.told.ticket
    }

    /// The waker, once this queue is among those that are told.
    pub fn for_queue(&self, calls: &Arc<Calls<R>>) -> &Waker {
        let mut waiting = self.told.lock();
        if !waiting.iter().any(|known| known.as_ptr() == Arc::as_ptr(calls)) {
            waiting.retain(|known| known.strong_count() > 0);
            waiting.push(Arc::downgrade(calls));
        }
        drop(waiting);
        &self.waker
    }

    /// Tells all who wait, from any thread.
    pub fn wake(&self) {
        self.waker.wake_by_ref();
    }

    /// What does so, to be kept elsewhere.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }
}

impl<R: Send + 'static> Default for Signal<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> fmt::Debug for Signal<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signal").field(&self.told.ticket).finish()
    }
}

impl<R> Told<R> {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Calls<R>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Send + 'static> Wake for Told<R> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *self.lock());
        for calls in waiting.iter().filter_map(Weak::upgrade) {
            calls.signal(self.ticket);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    pub(crate) struct Wakes(Arc<Count>);

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wakes {
        pub(crate) fn waker(&self) -> Waker {
            Waker::from(Arc::clone(&self.0))
        }

        pub(crate) fn count(&self) -> usize {
            self.0.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes a thread that waits for the other end.
    struct Sender(mpsc::Sender<()>);

    impl Wake for Sender {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    fn waiting() -> (Arc<Calls<u32>>, mpsc::Receiver<()>) {
        let (sender, receiver) = mpsc::channel();
        (Calls::new(Waker::from(Arc::new(Sender(sender)))), receiver)
    }

    /// All that has come, once something has.
    fn wait(calls: &Calls<u32>, woken: &mpsc::Receiver<()>) -> Vec<(Ticket, Result<u32, ErrorKind>)> {
        woken.recv().unwrap();
        let done = |message| match message {
            Message::Done(ticket, result) => (ticket, result.map_err(|error: Error| error.kind())),
            Message::Ready(_) => panic!("nothing has been signalled"),
        };
        calls.drain(usize::MAX).into_iter().map(done).collect()
    }

    /// Says on which thread it is dropped.
    struct Dropped(mpsc::Sender<ThreadId>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    #[test]
    fn a_call_begins_on_the_thread_of_its_caller_and_its_result_comes_later() {
        let (calls, woken) = waiting();
        let (begun, on) = mpsc::channel();
        let (finish, finished) = tokio::sync::oneshot::channel();
        let work = async move {
            begun.send(thread::current().id()).unwrap();
            Ok(finished.await.unwrap())
        };
        let ticket = calls.begin(work, ());
        assert_eq!(on.try_recv().unwrap(), thread::current().id());
        assert!(calls.drain(9).is_empty());
        finish.send(7).unwrap();
        assert_eq!(wait(&calls, &woken), [(ticket, Ok(7))]);
    }

    #[test]
    fn a_call_that_is_given_up_is_dropped_at_once_on_the_thread_that_gives_it_up() {
        let (calls, woken) = waiting();
        let (dropped, on) = mpsc::channel();
        let work = Dropped(dropped);
        let ticket = calls.begin(
            async move {
                let _work = work;
                std::future::pending().await
            },
            (),
        );
        assert!(on.try_recv().is_err());
        calls.give_up(ticket);
        assert_eq!(on.try_recv().unwrap(), thread::current().id());
        calls.give_up(ticket);
        // Nothing comes of it.
        let next = calls.begin(async { Ok(1) }, ());
        assert_eq!(wait(&calls, &woken), [(next, Ok(1))]);
    }

    #[test]
    fn no_result_is_lost_and_where_more_is_left_the_host_is_woken_again() {
        let (calls, woken) = waiting();
        let tickets: Vec<_> = (0..5000).map(|number| calls.begin(async move { Ok(number) }, ())).collect();
        let mut done = Vec::new();
        while done.len() < tickets.len() {
            woken.recv().unwrap();
            let batch = calls.drain(256);
            assert!(batch.len() <= 256);
            done.extend(batch.into_iter().map(|message| match message {
                Message::Done(ticket, Ok(_)) => ticket,
                other => panic!("{other:?}"),
            }));
        }
        assert_eq!(done, tickets);
    }

    #[test]
    fn the_wait_for_a_call_that_panics_ends() {
        let (calls, woken) = waiting();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let work = async move {
            let _ = gone.await;
            panic!("on purpose");
        };
        let ticket = calls.begin(work, ());
        drop(go);
        assert_eq!(wait(&calls, &woken), [(ticket, Err(ErrorKind::Closed))]);
    }

    #[test]
    fn a_host_that_ends_gives_all_its_calls_up() {
        let (calls, _woken) = waiting();
        let (dropped, on) = mpsc::channel();
        for _ in 0..3 {
            let work = Dropped(dropped.clone());
            calls.begin(
                async move {
                    let _work = work;
                    std::future::pending().await
                },
                (),
            );
        }
        calls.close();
        assert_eq!(on.try_iter().collect::<Vec<_>>(), [thread::current().id(); 3]);
        let signal = Signal::<u32>::new();
        signal.for_queue(&calls);
        signal.wake();
        calls.begin(async { Ok(1) }, ());
        assert!(calls.is_closed() && calls.drain(9).is_empty());
    }
}
