//! One service behind all requests, sockets and timers of an emulator.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};

use super::clock::Clock;
use super::connection::Fate;
use super::control::Guard;
use super::state_file::StateFile;
#[cfg(feature = "openai")]
use crate::brain::Brain;
use crate::brain::{Question, Step};
use crate::service::{AskId, CloseHow, Millis, Push, Service, SocketId};

/// How long, in real time, a ping may be on its way while the clock is moved on.
const PING_UNDER_WAY: Duration = Duration::from_millis(250);

/// How many frames may wait for a slow socket before it is cut.
const SOCKET_QUEUE: usize = 1_024;

/// What answers questions in place of the service's own brain.
pub(super) type Answerer =
    Arc<dyn Fn(Question) -> Pin<Box<dyn Future<Output = Vec<Step>> + Send>> + Send + Sync>;

/// What a socket's task has to send.
#[derive(Debug)]
pub(super) enum Outgoing {
    Frame(String),
    Close { code: u16, reason: String },
}

/// The service, its clock, and the queues of its sockets.
pub(super) struct Hub {
    inner: Mutex<Inner>,
    clock: Clock,
    /// The next timer is due at another moment than before.
    rescheduled: Notify,
    /// Something happened.
    changed: Notify,
    /// How often something happened.
    changes: AtomicU64,
    /// Held while the clock advances: two advances at once would each count the other's time as their own.
    advancing: tokio::sync::Mutex<()>,
    stopped: watch::Sender<bool>,
    answerer: Option<Answerer>,
    guard: Guard,
    state_file: Option<Arc<StateFile>>,
    runtime: Handle,
}

struct Inner {
    service: Service,
    sockets: HashMap<SocketId, Line>,
}

/// The way to a socket's task, and to its connection.
struct Line {
    queue: mpsc::Sender<Outgoing>,
    fate: Fate,
}

impl Hub {
    /// Must be called within a runtime, whose clock and tasks it uses.
    pub(super) fn new(
        at_least: Millis,
        service: impl FnOnce(Millis) -> Service,
        answerer: Option<Answerer>,
        guard: Guard,
        state_file: Option<Arc<StateFile>>,
        stopped: watch::Sender<bool>,
    ) -> Arc<Self> {
        let clock = Clock::new(at_least);
        let service = service(clock.now());
        Arc::new(Self {
            inner: Mutex::new(Inner { service, sockets: HashMap::new() }),
            clock,
            rescheduled: Notify::new(),
            changed: Notify::new(),
            changes: AtomicU64::new(0),
            advancing: tokio::sync::Mutex::new(()),
            stopped,
            answerer,
            guard,
            state_file,
            runtime: Handle::current(),
        })
    }

    /// The file in which the state outlives this emulator.
    pub(super) fn state_file(&self) -> Option<&Arc<StateFile>> {
        self.state_file.as_ref()
    }

    /// Who is answered by the control API.
    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Does something with the service now, and everything that follows from it.
    pub(super) fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut Service, Millis) -> R) -> R {
        self.with_inner(|inner, now| act(&mut inner.service, now))
    }

    /// Does something with the service that may bring a socket to life.
    pub(super) fn connect<E>(
        self: &Arc<Self>,
        fate: Fate,
        connect: impl FnOnce(&mut Service, Millis) -> Result<SocketId, E>,
    ) -> Result<(SocketId, mpsc::Receiver<Outgoing>), E> {
        // The queue must be there before the pushes that the connection itself causes.
        self.with_inner(|inner, now| {
            let socket = connect(&mut inner.service, now)?;
            let (sender, receiver) = mpsc::channel(SOCKET_QUEUE);
            inner.sockets.insert(socket, Line { queue: sender, fate });
            Ok((socket, receiver))
        })
    }

    /// A socket's task has ended.
    pub(super) fn disconnected(self: &Arc<Self>, socket: SocketId) {
        self.with_inner(|inner, now| {
            inner.sockets.remove(&socket);
            inner.service.disconnected(now, socket);
        });
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Moves the clock on. Every timer on the way happens at its own moment.
    ///
    /// Before one drops a socket for its silence, a ping that is still on its way, in real time, gets a
    /// chance to arrive.
    pub(super) async fn advance(self: &Arc<Self>, by: Millis) {
        let _one_at_a_time = self.advancing.lock().await;
        let target = self.now() + by;
        let mut waited_until = None;
        while self.now() < target {
            let due = self.lock().service.next_deadline().map_or(target, |due| due.min(target));
            let silent = |service: &mut Service, _| (!service.drops_a_socket(due)).then_some(());
            if waited_until != Some(due) && self.look(|service, now| silent(service, now)).is_none() {
                waited_until = Some(due);
                // Whether it has come or not, what follows is the service's to judge.
                let _ = tokio::time::timeout(PING_UNDER_WAY, self.wait_until(silent)).await;
                continue;
            }
            {
                let mut inner = self.lock();
                self.clock.move_to(due);
                let now = self.clock.now().min(target);
                inner.service.tick(now);
                self.drain(&mut inner);
            }
            self.rescheduled.notify_one();
            self.has_changed();
            // Lets what the timers caused reach the sockets before the next ones happen.
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the service is as wanted.
    pub(super) async fn wait_until<R>(
        self: &Arc<Self>,
        mut wanted: impl FnMut(&mut Service, Millis) -> Option<R>,
    ) -> R {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = self.look(&mut wanted) {
                return found;
            }
            changed.await;
        }
    }

    /// How often something has happened to the service.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Something happens to the service from now on. The future must be polled, or enabled, before one looks.
    pub(super) fn change(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Lets timers happen when they are due, until the emulator is stopped.
    pub(super) async fn run_timers(self: Arc<Self>) {
        let mut stopped = self.stopped();
        loop {
            let deadline = self.lock().service.next_deadline();
            let wait = deadline.map(|deadline| (deadline - self.now()).into());
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = self.rescheduled.notified() => {}
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    self.with(|service, now| service.tick(now));
                }
            }
        }
    }

    /// Waits as long as every answer is to take, in real time: the network is no part of the
    /// emulated world.
    pub(super) async fn delay(&self) {
        let latency = self.lock().service.settings().latency;
        if latency > Millis::ZERO {
            let mut stopped = self.stopped();
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                () = tokio::time::sleep(latency.into()) => {}
            }
        }
    }

    /// Waits so long on the emulator's clock, which may be moved on meanwhile.
    pub(super) async fn pass(&self, time: Millis) {
        let due = self.now() + time;
        let mut stopped = self.stopped();
        loop {
            let changed = self.changed.notified();
            let left = due - self.now();
            if left == Millis::ZERO {
                return;
            }
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(left.into()) => {}
                () = changed => {}
            }
        }
    }

    /// Never answers: waits until the emulator is stopped.
    pub(super) async fn hang(&self) {
        // An error means that the emulator is gone.
        let _ = self.stopped().wait_for(|stopped| *stopped).await;
    }

    /// Becomes true when the emulator is stopped. `stop` waits until every holder has dropped it.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    /// Asks the service without counting that as a change; else two callers that wait for changes
    /// would wake each other for ever.
    pub(super) fn look<R>(self: &Arc<Self>, ask: impl FnOnce(&mut Service, Millis) -> R) -> R {
        let mut inner = self.lock();
        let found = ask(&mut inner.service, self.now());
        self.drain(&mut inner);
        found
    }

    fn has_changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_inner<R>(self: &Arc<Self>, act: impl FnOnce(&mut Inner, Millis) -> R) -> R {
        let mut inner = self.lock();
        let deadline = inner.service.next_deadline();
        let now = self.clock.now();
        let outcome = act(&mut inner, now);
        self.drain(&mut inner);
        if inner.service.next_deadline() != deadline {
            self.rescheduled.notify_one();
        }
        drop(inner);
        self.has_changed();
        outcome
    }

    /// Passes what the service wants done to the tasks that do it.
    fn drain(self: &Arc<Self>, inner: &mut Inner) {
        while let Some(push) = inner.service.poll() {
            match push {
                Push::Frame { socket, text } => {
                    let queued =
                        inner.sockets.get(&socket).map(|line| line.queue.try_send(Outgoing::Frame(text)));
                    if let Some(Err(_)) = queued {
                        // It reads slower than it is written to, or has just ended. Its frames are
                        // stored, and it can ask for them when it is back.
                        inner.sockets.remove(&socket);
                        inner.service.disconnected(self.clock.now(), socket);
                    }
                }
                Push::Close { socket, how } => {
                    // A queue without a sender ends the socket's task when it is empty.
                    let line = inner.sockets.remove(&socket);
                    if let (Some(line), CloseHow::Clean { code, reason }) = (line, how) {
                        // If the queue is full the socket is cut, which is all that can be done.
                        let _ = line.queue.try_send(Outgoing::Close { code, reason });
                    }
                }
                // Its task goes on as if nothing were, until the client ends the connection.
                Push::HalfOpen { socket } => {
                    if let Some(line) = inner.sockets.get(&socket) {
                        line.fate.silence();
                    }
                }
                Push::Ask { ask, question } => match &inner.service.settings().brain {
                    #[cfg(feature = "openai")]
                    Brain::OpenAi(endpoint) => {
                        let answer = super::openai::answer(Arc::clone(self), endpoint.clone(), ask, question);
                        self.spawn(answer);
                    }
                    _ => self.ask(ask, question),
                },
            }
        }
    }

    fn ask(self: &Arc<Self>, ask: AskId, question: Question) {
        let Some(answerer) = self.answerer.clone() else {
            return;
        };
        let hub = Arc::clone(self);
        self.spawn(async move {
            let steps = answerer(question).await;
            hub.with(|service, now| service.answer(now, ask, steps));
        });
    }

    /// Runs until it is done, or the emulator is stopped.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut stopped = self.stopped();
        self.runtime.spawn(async move {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                () = task => {}
            }
        });
    }
}
