//! The way back to Python: a queue, and a byte on a socket pair that says there is something in it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use pyo3::prelude::*;
use secondme_avatar::Error;
use secondme_avatar_bridge::calls::{Calls, Message, Ticket};
use secondme_avatar_bridge::streams::SignalledStream;

use crate::errors;
use crate::process::ForkGuarded;

/// What a call came to, to be made into a Python object on Python's own thread.
pub(crate) type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What Python drains: whose it is; the result, or what went wrong. For a signal there is neither.
type Drained = (Ticket, Option<Py<PyAny>>, Option<PyErr>);

/// A source that Python drains.
pub(crate) type Stream<S> = SignalledStream<S, Outcome>;

/// What one event loop, or one thread that waits, has begun, and the queue of what comes of it.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct HostQueue {
    calls: ForkGuarded<Arc<Calls<Outcome>>>,
    reader: Mutex<Option<pair::Socket>>,
}

#[pymethods]
impl HostQueue {
    #[new]
    fn new() -> PyResult<Self> {
        let (writer, reader) = pair::make()?;
        let calls = Calls::new(Waker::from(Arc::new(HostWaker(writer))));
        Ok(Self { calls: ForkGuarded::new(calls), reader: Mutex::new(Some(reader)) })
    }

    /// The socket to wait on, as a file descriptor (a handle on Windows) that is the caller's from now on.
    fn take_reader(&self) -> Option<pair::Raw> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take().map(pair::into_raw)
    }

    /// Takes at most `max` of what has come. Read from the socket first: what comes later, and what is left, makes it
    /// readable again.
    fn drain(&self, py: Python<'_>, max: usize) -> PyResult<Vec<Drained>> {
        let drained = |message| match message {
            Message::Ready(ticket) => (ticket, None, None),
            Message::Done(ticket, result) => {
                let made = result
                    .map_err(|error| errors::raise(py, &error))
                    .and_then(|outcome: Outcome| outcome(py));
                match made {
                    Ok(value) => (ticket, Some(value), None),
                    Err(error) => (ticket, None, Some(error)),
                }
            }
        };
        Ok(self.calls(py)?.drain(max).into_iter().map(drained).collect())
    }
}

impl HostQueue {
    pub(crate) fn calls(&self, py: Python<'_>) -> PyResult<&Arc<Calls<Outcome>>> {
        self.calls.get(py)
    }

    /// Begins a call on this thread. What it comes to arrives under the call's ticket.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Call> {
        let calls = self.calls(py)?;
        let work = async move {
            let value = work.await?;
            Ok(Box::new(move |py: Python<'_>| convert(py, value)) as Outcome)
        };
        let ticket = calls.begin(work, ());
        Ok(Call { ticket, calls: ForkGuarded::new(Arc::clone(calls)) })
    }
}

/// A call that has begun.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Call {
    /// Under which its result arrives.
    #[pyo3(get)]
    ticket: Ticket,
    calls: ForkGuarded<Arc<Calls<Outcome>>>,
}

#[pymethods]
impl Call {
    /// Gives the call up: its work is dropped when this returns. In a forked child there is none.
    fn cancel(&self) {
        if let Some(calls) = self.calls.own() {
            calls.give_up(self.ticket);
        }
    }
}

/// Wakes Python: one byte, however much has come.
struct HostWaker(pair::Socket);

impl Wake for HostWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Once the loop is closed the socket is not read any more; nothing waits then either.
        let _ = (&self.0).write(&[1]);
    }
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
        // Another program on this machine may have connected first.
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
