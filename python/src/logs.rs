//! The core's log on its way to Python's `logging`.

use pyo3::prelude::*;
use secondme_avatar_bridge::logs;

use crate::port::{Doorbell, Port};

/// A record: how bad it is, who says it, what.
type Line = (&'static str, String, String);

/// The log of this process's core.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Logs(&'static logs::Logs);

#[pymethods]
impl Logs {
    /// Begins to collect what `SECONDME_LOG` lets through, or without it this filter. Under the ticket that it
    /// gives the port is told when there is something. `None` where something else in the process collects it.
    #[staticmethod]
    fn install(filter: &str, port: &Port) -> Option<(Self, u64)> {
        let bell = Doorbell::new();
        let waker = bell.at(port);
        logs::Logs::install(filter, move || waker.wake_by_ref()).map(|logs| (Self(logs), bell.ticket))
    }

    /// Takes at most `max` records, and how many were lost before them because nobody took any.
    fn drain(&self, max: usize) -> (Vec<Line>, u64) {
        let batch = self.0.drain(max);
        let line =
            |record: logs::Record| (record.level.as_str(), record.target.replace("::", "."), record.message);
        (batch.records.into_iter().map(line).collect(), batch.lost)
    }
}
