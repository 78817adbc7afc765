//! The client.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use secondme_avatar::{AvatarClient, VisitorId};
use secondme_avatar_bridge::clock;

use crate::conversation::Conversation;
use crate::errors::{duration, raise};
use crate::host_queue::{Call, HostQueue};
use crate::process::ForkGuarded;
use crate::streams::{Reports, Subscription};
use crate::text::{self, Text};
use crate::visitor::Visitor;
use crate::{options, values};

/// A client for one API key.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Client(ForkGuarded<AvatarClient>, Option<Py<Reports>>);

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (api_key, reports, **options))]
    fn new(
        py: Python<'_>,
        api_key: Text,
        reports: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let none = PyDict::new(py);
        let mut builder = options::builder(py, &api_key.0, options.unwrap_or(&none))?;
        let mut told = None;
        if reports {
            let (reports, reporting) = Reports::of(builder);
            builder = reporting;
            told = Some(Py::new(py, reports)?);
        }
        let client = py.detach(|| builder.build()).map_err(|error| raise(py, &error))?;
        Ok(Self(ForkGuarded::new(client), told))
    }

    /// The reports of its calls, where they were asked for.
    #[getter]
    fn reports(&self, py: Python<'_>) -> Option<Py<Reports>> {
        self.1.as_ref().map(|reports| reports.clone_ref(py))
    }

    #[pyo3(signature = (queue, visitor, deadline=None))]
    fn open(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        visitor: &Visitor,
        deadline: Option<f64>,
    ) -> PyResult<Call> {
        let open = self.0.get(py)?.open(visitor.0.clone());
        let open = match deadline {
            Some(seconds) => open.deadline(duration(py, "deadline", seconds)?),
            None => open,
        };
        queue.call(py, open.into_future(), Conversation::made)
    }

    #[pyo3(signature = (queue, all=false))]
    fn recover(&self, py: Python<'_>, queue: &HostQueue, all: bool) -> PyResult<Call> {
        let recover = self.0.get(py)?.recover();
        let recover = if all { recover.all() } else { recover };
        queue.call(py, recover.into_future(), |py, visitors| {
            Ok(PyList::new(py, visitors.iter().map(VisitorId::as_str))?.into_any().unbind())
        })
    }

    fn known(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<Call> {
        let client = self.0.get(py)?.clone();
        queue.call(py, async move { client.known().await }, |py, visitors| {
            let visitors = visitors.into_iter().map(|visitor| Py::new(py, Visitor(visitor)));
            Ok(PyList::new(py, visitors.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
        })
    }

    fn backup(&self, py: Python<'_>, queue: &HostQueue, to: &Bound<'_, PyAny>) -> PyResult<Call> {
        let (client, to) = (self.0.get(py)?.clone(), text::path("to", to)?);
        queue.call(py, async move { client.backup(to).await }, |py, ()| Ok(py.None()))
    }

    #[pyo3(signature = (queue, deadline=None))]
    fn close(&self, py: Python<'_>, queue: &HostQueue, deadline: Option<f64>) -> PyResult<Call> {
        let client = self.0.get(py)?.clone();
        let deadline = deadline.map(|seconds| duration(py, "deadline", seconds)).transpose()?;
        let close = async move {
            match deadline {
                Some(deadline) => client.close().deadline(deadline).await,
                None => client.close().await,
            }
            Ok(())
        };
        queue.call(py, close, |py, ()| Ok(py.None()))
    }

    fn events(&self, py: Python<'_>) -> PyResult<Subscription> {
        Ok(Subscription::new(self.0.get(py)?.events()))
    }

    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        values::value(py, &self.0.get(py)?.stats())
    }

    #[getter]
    fn proxy(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.0.get(py)?.proxy().map(str::to_owned))
    }

    fn advance_clock(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let by: Duration = duration(py, "seconds", seconds)?;
        let client = self.0.get(py)?.clone();
        py.detach(|| clock::advance(&client, by));
        Ok(())
    }
}
