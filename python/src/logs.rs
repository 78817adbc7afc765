//! The core's log on its way to Python's `logging`.

use std::task::Context;

use pyo3::prelude::*;
use secondme_avatar_bridge::logs;
use secondme_avatar_bridge::streams::Source;

use crate::port::{Doorbell, Port};
use crate::text::Text;

/// A record: how bad it is, who says it, what.
type Line = (&'static str, String, String);

/// The log of this process's core.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Logs {
    logs: logs::Logs,
    bell: Doorbell,
}

#[pymethods]
impl Logs {
    /// Begins to collect what `SECONDME_LOG` lets through, or without it this filter. `None` where something else in
    /// the process collects it.
    #[staticmethod]
    fn install(filter: Text) -> Option<Self> {
        logs::Logs::install(&filter.0).map(|logs| Self { logs, bell: Doorbell::new() })
    }

    /// Under which a port is told that there is something to take.
    #[getter]
    fn ticket(&self) -> u64 {
        self.bell.ticket
    }

    /// Takes at most `max` records, and how many were lost before them because none were taken. The port will be
    /// told when there are more.
    fn drain(&self, py: Python<'_>, port: &Port, max: usize) -> PyResult<(Vec<Line>, u64)> {
        let waker = self.bell.at(py, port)?;
        let records = self.logs.drain(max);
        if self.logs.poll_ready(&mut Context::from_waker(waker)).is_ready() {
            self.bell.ring();
        }
        let line =
            |record: logs::Record| (record.level.as_str(), record.target.replace("::", "."), record.message);
        Ok((records.into_iter().map(line).collect(), self.logs.take_lost()))
    }
}
