//! Reports of a client's calls on their way to Python.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::UNIX_EPOCH;

use pyo3::prelude::*;
use secondme_avatar::{CallReport, ClientBuilder};

use crate::classes;
use crate::port::{Doorbell, Port};
use crate::process::ForkGuarded;

/// Reports that wait to be taken; of more than these the oldest are dropped, and counted.
const CAPACITY: usize = 1024;

/// The reports of a client's calls.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Reports {
    queue: ForkGuarded<Arc<Mutex<Queue>>>,
    bell: Doorbell,
}

#[derive(Default)]
struct Queue {
    reports: VecDeque<CallReport>,
    lost: u64,
    is_ended: bool,
}

/// The client's end. Dropped with the client, it ends the reports.
struct Feed {
    queue: Arc<Mutex<Queue>>,
    waker: Waker,
}

impl Feed {
    fn push(&self, report: &CallReport) {
        let mut queue = lock(&self.queue);
        if queue.reports.len() == CAPACITY {
            queue.reports.pop_front();
            queue.lost += 1;
        }
        queue.reports.push_back(report.clone());
        drop(queue);
        self.waker.wake_by_ref();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        lock(&self.queue).is_ended = true;
        self.waker.wake_by_ref();
    }
}

impl Reports {
    /// The reports of the client that is being built.
    pub(crate) fn of(builder: ClientBuilder) -> (Self, ClientBuilder) {
        let (queue, bell) = (Arc::<Mutex<Queue>>::default(), Doorbell::new());
        let feed = Feed { queue: Arc::clone(&queue), waker: bell.waker() };
        (Self { queue: ForkGuarded::new(queue), bell }, builder.on_call(move |report| feed.push(report)))
    }
}

#[pymethods]
impl Reports {
    /// Under which a port is told that there is something to take.
    #[getter]
    fn ticket(&self) -> u64 {
        self.bell.ticket
    }

    /// Takes at most `max` reports. `None`: there are none yet, and the port will be told when there are. An empty
    /// list: there will be no more.
    fn take(&self, py: Python<'_>, port: &Port, max: usize) -> PyResult<Option<Vec<Py<PyAny>>>> {
        let queue = self.queue.get(py)?;
        self.bell.at(py, port)?;
        let mut queue = lock(queue);
        if queue.reports.is_empty() && !queue.is_ended {
            return Ok(None);
        }
        let max = max.min(queue.reports.len());
        let taken: Vec<_> = queue.reports.drain(..max).collect();
        drop(queue);
        taken.iter().map(|report| made(py, report)).collect::<PyResult<_>>().map(Some)
    }

    /// How many were dropped since the last look because they were not taken in time.
    fn lost(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(std::mem::take(&mut lock(self.queue.get(py)?).lost))
    }

    /// Tells this port as well, the next time that there is something to take.
    fn watch(&self, py: Python<'_>, port: &Port) -> PyResult<()> {
        self.bell.at(py, port).map(drop)
    }

    /// Ends the reports: what has come can still be taken.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        lock(self.queue.get(py)?).is_ended = true;
        self.bell.ring();
        Ok(())
    }
}

fn made(py: Python<'_>, report: &CallReport) -> PyResult<Py<PyAny>> {
    let error = report.error.as_ref().map(|error| crate::errors::exception(py, error)).transpose()?;
    let since = |time: std::time::SystemTime| time.duration_since(UNIX_EPOCH).ok();
    let parts = (
        report.visitor_id.as_str(),
        report.step.name(),
        report.took.as_secs_f64(),
        error,
        report.server_time.and_then(since).map(|time| time.as_secs_f64()),
    );
    Ok(classes::get(py, "call_report")?.call1(parts)?.unbind())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
