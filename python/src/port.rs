//! The way back to Python: a mailbox, and a byte on a socket pair that says there is something in it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};

use pyo3::prelude::*;
use secondme_avatar::{Error, ErrorKind};
use tokio::task::AbortHandle;

use crate::errors;
use crate::process::ForkGuarded;

/// What a call came to, to be made into a Python object on Python's own thread.
type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What Python takes: whose it is; the result, or what went wrong.
type Taken = (u64, Option<Py<PyAny>>, Option<PyErr>);

/// Where one event loop, or one thread that waits, is told that what it waits for is there.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Port {
    mailbox: ForkGuarded<Arc<Mailbox>>,
    reader: Mutex<Option<pair::Socket>>,
}

#[pymethods]
impl Port {
    #[new]
    fn new() -> PyResult<Self> {
        let (writer, reader) = pair::make()?;
        let mailbox = Mailbox { state: Mutex::default(), writer };
        Ok(Self { mailbox: ForkGuarded::new(Arc::new(mailbox)), reader: Mutex::new(Some(reader)) })
    }

    /// The socket to wait on, as a file descriptor (a handle on Windows) that is the caller's from now on.
    fn take_reader(&self) -> Option<pair::Raw> {
        lock(&self.reader).take().map(pair::into_raw)
    }

    /// Takes all that has come. Read from the socket first: what comes later makes it readable again.
    fn drain(&self, py: Python<'_>) -> PyResult<Vec<Taken>> {
        Ok(self.mailbox.get(py)?.drain().into_iter().map(|ready| ready.into_python(py)).collect())
    }

    /// Wakes whoever waits under this ticket.
    fn ring(&self, py: Python<'_>, ticket: u64) -> PyResult<()> {
        self.mailbox.get(py)?.push(ticket, None);
        Ok(())
    }
}

impl Port {
    /// Sets work going. What it comes to arrives under the call's ticket.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Call> {
        let mailbox = Arc::clone(self.mailbox.get(py)?);
        let runtime = secondme_avatar::shared_runtime().map_err(|error| errors::raise(py, &error))?;
        let ticket = next_ticket();
        let pending = Pending { mailbox, ticket, is_done: false };
        let task = runtime.spawn(async move {
            let result = work.await;
            pending.done(Box::new(move |py| match result {
                Ok(value) => convert(py, value),
                Err(error) => Err(errors::raise(py, &error)),
            }));
        });
        Ok(Call { ticket, task: ForkGuarded::new(task.abort_handle()) })
    }
}

/// Something that is waited for again and again, under one ticket.
pub(crate) struct Doorbell {
    pub(crate) ticket: u64,
    bell: Arc<Bell>,
    /// Always the same one, since the core knows by it that it has it already: a wait that is cancelled and begun
    /// again leaves nothing behind.
    waker: Waker,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        let bell = Arc::new(Bell { ticket: next_ticket(), waiting: Mutex::default() });
        Self { ticket: bell.ticket, waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// What tells this port, among all that wait, that there is something to take.
    pub(crate) fn at(&self, py: Python<'_>, port: &Port) -> PyResult<&Waker> {
        self.bell.add(port.mailbox.get(py)?);
        Ok(&self.waker)
    }

    /// Wakes all who wait.
    pub(crate) fn ring(&self) {
        self.waker.wake_by_ref();
    }

    /// What rings it from any thread.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

fn next_ticket() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Work that has been set going.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Call {
    /// Under which its result arrives.
    #[pyo3(get)]
    ticket: u64,
    task: ForkGuarded<AbortHandle>,
}

#[pymethods]
impl Call {
    /// Drops the work at once. In a forked child there is none.
    fn abort(&self) {
        if let Some(task) = self.task.own() {
            task.abort();
        }
    }
}

struct Mailbox {
    state: Mutex<State>,
    writer: pair::Socket,
}

#[derive(Default)]
struct State {
    ready: Vec<Ready>,
    /// A byte is on its way that has not been read, or what it stands for not been taken.
    is_rung: bool,
}

struct Ready {
    ticket: u64,
    outcome: Option<Outcome>,
}

impl Mailbox {
    fn push(&self, ticket: u64, outcome: Option<Outcome>) {
        let mut state = lock(&self.state);
        state.ready.push(Ready { ticket, outcome });
        let is_rung = std::mem::replace(&mut state.is_rung, true);
        drop(state);
        if !is_rung {
            // Nobody reads any more once the loop is closed; then nobody waits either.
            let _ = (&self.writer).write(&[1]);
        }
    }

    fn drain(&self) -> Vec<Ready> {
        let mut state = lock(&self.state);
        state.is_rung = false;
        std::mem::take(&mut state.ready)
    }
}

impl Ready {
    fn into_python(self, py: Python<'_>) -> Taken {
        match self.outcome.map(|outcome| outcome(py)) {
            None => (self.ticket, None, None),
            Some(Ok(value)) => (self.ticket, Some(value), None),
            Some(Err(error)) => (self.ticket, None, Some(error)),
        }
    }
}

/// A call whose outcome is awaited. Whatever becomes of it, the awaiting ends.
struct Pending {
    mailbox: Arc<Mailbox>,
    ticket: u64,
    is_done: bool,
}

impl Pending {
    fn done(mut self, outcome: Outcome) {
        self.is_done = true;
        self.mailbox.push(self.ticket, Some(outcome));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.is_done {
            let error = || Error::new(ErrorKind::Closed, "the call was given up");
            self.mailbox.push(self.ticket, Some(Box::new(move |py| Err(errors::raise(py, &error())))));
        }
    }
}

/// Tells each port that waits once; who finds nothing to take waits again.
struct Bell {
    ticket: u64,
    waiting: Mutex<Vec<Weak<Mailbox>>>,
}

impl Bell {
    fn add(&self, mailbox: &Arc<Mailbox>) {
        let mut waiting = lock(&self.waiting);
        if !waiting.iter().any(|known| known.as_ptr() == Arc::as_ptr(mailbox)) {
            waiting.retain(|known| known.strong_count() > 0);
            waiting.push(Arc::downgrade(mailbox));
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        for mailbox in waiting.iter().filter_map(Weak::upgrade) {
            mailbox.push(self.ticket, None);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
mod pair {
    use std::os::fd::IntoRawFd;

    pub(super) type Socket = std::os::unix::net::UnixStream;
    pub(super) type Raw = i32;

    pub(super) fn make() -> super::io::Result<(Socket, Socket)> {
        let (writer, reader) = Socket::pair()?;
        writer.set_nonblocking(true)?;
        Ok((writer, reader))
    }

    pub(super) fn into_raw(socket: Socket) -> Raw {
        socket.into_raw_fd()
    }
}

#[cfg(windows)]
mod pair {
    use std::net::{Ipv4Addr, TcpListener};
    use std::os::windows::io::IntoRawSocket;

    pub(super) type Socket = std::net::TcpStream;
    pub(super) type Raw = u64;

    pub(super) fn make() -> super::io::Result<(Socket, Socket)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let writer = Socket::connect(listener.local_addr()?)?;
        // Somebody else on this machine may have been quicker.
        let reader = loop {
            let (reader, peer) = listener.accept()?;
            if peer == writer.local_addr()? {
                break reader;
            }
        };
        writer.set_nonblocking(true)?;
        writer.set_nodelay(true)?;
        Ok((writer, reader))
    }

    pub(super) fn into_raw(socket: Socket) -> Raw {
        socket.into_raw_socket()
    }
}
