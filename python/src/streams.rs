//! What comes one after the other: events, and the pieces of a reply.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use pyo3::prelude::*;
use secondme_avatar::{EventKind, Events, ReplyStream as CoreStream};

use crate::events::About;
use crate::port::{Doorbell, Port};
use crate::process::ForkGuarded;
use crate::{errors, events, values};

/// A subscription to events.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Subscription {
    events: ForkGuarded<Mutex<Option<Events>>>,
    bell: Doorbell,
}

impl Subscription {
    pub(crate) fn new(events: Events) -> Self {
        Self { events: ForkGuarded::new(Mutex::new(Some(events))), bell: Doorbell::new() }
    }
}

#[pymethods]
impl Subscription {
    /// Under which a port is told that there is something to take.
    #[getter]
    fn ticket(&self) -> u64 {
        self.bell.ticket
    }

    /// Takes at most `max` events. `None`: there are none yet, and the port will be told when there are. An
    /// empty list: there will be no more.
    fn take(&self, py: Python<'_>, port: &Port, max: usize) -> PyResult<Option<Vec<Py<PyAny>>>> {
        let subscription = self.events.get(py)?.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(subscription) = subscription.as_ref() else {
            return Ok(Some(Vec::new()));
        };
        let waker = self.bell.at(py, port)?;
        match subscription.poll_ready(&mut Context::from_waker(waker)) {
            Poll::Pending => Ok(None),
            Poll::Ready(false) => Ok(Some(Vec::new())),
            Poll::Ready(true) => subscription
                .drain(max)
                .into_iter()
                .map(|event| events::event(py, event))
                .collect::<PyResult<_>>()
                .map(Some),
        }
    }

    /// Tells this port as well, the next time that there is something to take.
    fn watch(&self, py: Python<'_>, port: &Port) -> PyResult<()> {
        self.events.get(py)?;
        self.bell.at(py, port).map(drop)
    }

    /// Ends the subscription, and keeps what has come: it can still be taken.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let subscription = self.events.get(py)?.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subscription) = subscription.as_ref() {
            subscription.finish();
        }
        drop(subscription);
        self.bell.ring();
        Ok(())
    }

    /// Ends the subscription.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let ended = self.events.get(py)?.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(ended);
        self.bell.ring();
        Ok(())
    }
}

/// The pieces of a reply.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct ReplyStream {
    stream: ForkGuarded<Mutex<Option<CoreStream>>>,
    about: About,
    bell: Doorbell,
}

impl ReplyStream {
    pub(crate) fn new(stream: CoreStream, about: About) -> Self {
        Self { stream: ForkGuarded::new(Mutex::new(Some(stream))), about, bell: Doorbell::new() }
    }
}

#[pymethods]
impl ReplyStream {
    /// Under which a port is told that there is something to take.
    #[getter]
    fn ticket(&self) -> u64 {
        self.bell.ticket
    }

    /// Takes the next piece. `None`: there is none yet, and the port will be told when there is. An empty list:
    /// the reply is complete.
    fn take(&self, py: Python<'_>, port: &Port) -> PyResult<Option<Vec<Py<PyAny>>>> {
        let mut stream = self.stream.get(py)?.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = stream.as_mut() else {
            return Ok(Some(Vec::new()));
        };
        let waker = self.bell.at(py, port)?;
        match Stream::poll_next(Pin::new(stream), &mut Context::from_waker(waker)) {
            Poll::Pending => Ok(None),
            Poll::Ready(None) => Ok(Some(Vec::new())),
            Poll::Ready(Some(Ok(piece))) => Ok(Some(vec![values::piece(py, &piece)?])),
            Poll::Ready(Some(Err(error))) => Err(errors::raise(py, &error)),
        }
    }

    /// The whole reply, once all its pieces have come.
    fn reply(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let stream = self.stream.get(py)?.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reply) = stream.as_ref().and_then(CoreStream::reply) else {
            return Ok(None);
        };
        events::event(py, events::told(&self.about, EventKind::Reply(Box::new(reply)))).map(Some)
    }

    /// The rest of the reply is not wanted. What has come can still be taken.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let mut stream = self.stream.get(py)?.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = stream.as_mut() {
            stream.stop();
        }
        drop(stream);
        self.bell.ring();
        Ok(())
    }

    /// Stops, and drops what has come.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let ended = self.stream.get(py)?.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(ended);
        self.bell.ring();
        Ok(())
    }
}
