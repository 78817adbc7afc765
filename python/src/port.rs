//! The way back to Python: a mailbox, and a byte on a socket pair that says there is something in it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use pyo3::prelude::*;
use secondme_avatar::{Error, ErrorKind};
use tokio::task::AbortHandle;

use crate::{errors, process};

/// What a call came to, to be made into a Python object on Python's own thread.
type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What Python takes: whose it is; the result, or what went wrong.
type Taken = (u64, Option<Py<PyAny>>, Option<PyErr>);

/// Where one event loop, or one thread that waits, is told that what it waits for is there.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Port {
    mailbox: Arc<Mailbox>,
    reader: Mutex<Option<pair::Socket>>,
}

#[pymethods]
impl Port {
    #[new]
    fn new() -> PyResult<Self> {
        let (writer, reader) = pair::make()?;
        let mailbox = Mailbox { state: Mutex::default(), writer };
        Ok(Self { mailbox: Arc::new(mailbox), reader: Mutex::new(Some(reader)) })
    }

    /// The socket to wait on, as a file descriptor (a handle on Windows) that is the caller's from now on.
    fn take_reader(&self) -> Option<pair::Raw> {
        lock(&self.reader).take().map(pair::into_raw)
    }

    /// Takes all that has come. Read from the socket first: what comes later makes it readable again.
    fn drain(&self, py: Python<'_>) -> PyResult<Vec<Taken>> {
        process::check(py)?;
        Ok(self.mailbox.drain().into_iter().map(|ready| ready.into_python(py)).collect())
    }

    /// Wakes whoever waits under this ticket.
    fn ring(&self, ticket: u64) {
        self.mailbox.push(ticket, None);
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
        process::check(py)?;
        let runtime = secondme_avatar::shared_runtime().map_err(|error| errors::raise(py, &error))?;
        let ticket = next_ticket();
        let pending = Pending { mailbox: Arc::clone(&self.mailbox), ticket, is_done: false };
        let task = runtime.spawn(async move {
            let result = work.await;
            pending.done(Box::new(move |py| match result {
                Ok(value) => convert(py, value),
                Err(error) => Err(errors::raise(py, &error)),
            }));
        });
        Ok(Call { ticket, task: task.abort_handle() })
    }
}

/// Something that is waited for again and again, under one ticket.
pub(crate) struct Doorbell {
    pub(crate) ticket: u64,
    /// The waker of the port where it was last waited for. Kept, since the core knows by it that it has it
    /// already: a wait that is cancelled and begun again leaves nothing behind.
    last: Mutex<Option<(usize, Waker)>>,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self { ticket: next_ticket(), last: Mutex::default() }
    }

    /// Wakes whoever waits on this port.
    pub(crate) fn at(&self, port: &Port) -> Waker {
        let mut last = lock(&self.last);
        // The waker holds the mailbox, so no other one can come to lie at its address.
        let here = Arc::as_ptr(&port.mailbox).addr();
        match &*last {
            Some((mailbox, waker)) if *mailbox == here => waker.clone(),
            _ => {
                let bell = Bell { mailbox: Arc::clone(&port.mailbox), ticket: self.ticket };
                let waker = Waker::from(Arc::new(bell));
                *last = Some((here, waker.clone()));
                waker
            }
        }
    }

    /// Wakes whoever waits.
    pub(crate) fn ring(&self) {
        if let Some((_, waker)) = lock(&self.last).take() {
            waker.wake();
        }
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
    task: AbortHandle,
}

#[pymethods]
impl Call {
    /// Drops the work at once.
    fn abort(&self, py: Python<'_>) -> PyResult<()> {
        process::check(py)?;
        self.task.abort();
        Ok(())
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

struct Bell {
    mailbox: Arc<Mailbox>,
    ticket: u64,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.mailbox.push(self.ticket, None);
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
