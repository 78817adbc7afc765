//! What comes one after the other: events, the pieces of a reply, and reports of calls.
//!
//! Each is drained by `drain(queue, max)`. `None`: nothing has come yet, and the queue will say when something has. An
//! empty list: there will be no more.

use pyo3::prelude::*;
use secondme_avatar::{ClientBuilder, Events, ReplyStream as CoreStream};
use secondme_avatar_bridge::calls::Ticket;
use secondme_avatar_bridge::streams::Reports as CoreReports;

use crate::host_queue::{HostQueue, Stream};
use crate::process::ForkGuarded;
use crate::{errors, events, values};

/// A subscription to events.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Subscription(ForkGuarded<Stream<Events>>, Ticket);

impl Subscription {
    /// With `raw`, the events have their frames.
    pub(crate) fn new(events: Events, raw: bool) -> Self {
        let stream = Stream::new(if raw { events } else { events.without_raw() });
        let ticket = stream.ticket();
        Self(ForkGuarded::new(stream), ticket)
    }
}

#[pymethods]
impl Subscription {
    /// Under which a queue says that there is something to drain.
    #[getter]
    fn ticket(&self) -> Ticket {
        self.1
    }

    /// Takes at most `max` events.
    fn drain(&self, py: Python<'_>, queue: &HostQueue, max: usize) -> PyResult<Option<Vec<Py<PyAny>>>> {
        let events =
            self.0.get(py)?.drain(queue.calls(py)?, max).map_err(|error| errors::raise(py, &error))?;
        let list = |events: Vec<_>| events.into_iter().map(|event| events::event(py, event)).collect();
        events.map(list).transpose()
    }

    /// Lets this queue be told as well, the next time that something comes.
    fn watch(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<()> {
        self.0.get(py)?.watch(queue.calls(py)?);
        Ok(())
    }

    /// Ends the subscription, and keeps what has come: it can still be drained.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get(py)?.finish();
        Ok(())
    }

    /// Ends the subscription.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get(py)?.close();
        Ok(())
    }
}

/// The pieces of a reply.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct ReplyStream {
    stream: ForkGuarded<Stream<CoreStream>>,
    /// Under which a queue says that there is something to drain.
    #[pyo3(get)]
    ticket: Ticket,
}

impl ReplyStream {
    pub(crate) fn new(stream: CoreStream) -> Self {
        let stream = Stream::new(stream);
        Self { ticket: stream.ticket(), stream: ForkGuarded::new(stream) }
    }
}

#[pymethods]
impl ReplyStream {
    /// Takes at most `max` pieces. It raises what the reply failed with, once and after the last piece.
    fn drain(&self, py: Python<'_>, queue: &HostQueue, max: usize) -> PyResult<Option<Vec<Py<PyAny>>>> {
        let pieces =
            self.stream.get(py)?.drain(queue.calls(py)?, max).map_err(|error| errors::raise(py, &error))?;
        let list = |pieces: Vec<_>| pieces.iter().map(|piece| values::value(py, piece)).collect();
        pieces.map(list).transpose()
    }

    /// The whole reply, once all its pieces have come.
    fn reply(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let reply = self.stream.get(py)?.with(CoreStream::reply).flatten();
        reply.map(|reply| values::value(py, &reply)).transpose()
    }

    /// The rest of the reply is not wanted. What has come can still be drained.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.stream.get(py)?.finish();
        Ok(())
    }

    /// Stops, and drops what has come.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.stream.get(py)?.close();
        Ok(())
    }
}

/// The reports of a client's calls.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Reports(ForkGuarded<Stream<CoreReports>>, Ticket);

impl Reports {
    /// The reports of the client that is being built.
    pub(crate) fn of(builder: ClientBuilder) -> (Self, ClientBuilder) {
        let (reports, builder) = CoreReports::of(builder);
        let stream = Stream::new(reports);
        let ticket = stream.ticket();
        (Self(ForkGuarded::new(stream), ticket), builder)
    }
}

#[pymethods]
impl Reports {
    /// Under which a queue says that there is something to drain.
    #[getter]
    fn ticket(&self) -> Ticket {
        self.1
    }

    /// Takes at most `max` reports.
    fn drain(&self, py: Python<'_>, queue: &HostQueue, max: usize) -> PyResult<Option<Vec<Py<PyAny>>>> {
        let reports =
            self.0.get(py)?.drain(queue.calls(py)?, max).map_err(|error| errors::raise(py, &error))?;
        let list = |reports: Vec<_>| reports.iter().map(|report| values::value(py, report)).collect();
        reports.map(list).transpose()
    }

    /// How many were dropped since the last look because they were not drained in time.
    fn lost(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.0.get(py)?.with(CoreReports::take_lost).unwrap_or_default())
    }

    /// Lets this queue be told as well, the next time that something comes.
    fn watch(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<()> {
        self.0.get(py)?.watch(queue.calls(py)?);
        Ok(())
    }

    /// Ends the reports: what has come can still be drained.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get(py)?.finish();
        Ok(())
    }
}
