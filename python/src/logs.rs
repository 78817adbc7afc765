//! The core's log on its way to Python's `logging`.

use pyo3::prelude::*;
use secondme_avatar_bridge::calls::Ticket;
use secondme_avatar_bridge::logs;

use crate::errors;
use crate::host_queue::{HostQueue, Stream};
use crate::text::Text;

/// A record: its level, its logger, its text.
type Line = (&'static str, String, String);

/// The log of this process's core.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Logs(Stream<logs::Logs>);

#[pymethods]
impl Logs {
    /// Begins to collect what `SECONDME_LOG` lets through, or without it this filter. `None` where something else in
    /// the process collects it.
    #[staticmethod]
    fn install(filter: Text) -> Option<Self> {
        logs::Logs::install(&filter.0).map(|logs| Self(Stream::new(logs)))
    }

    /// Under which a queue says that there is something to drain.
    #[getter]
    fn ticket(&self) -> Ticket {
        self.0.ticket()
    }

    /// Takes at most `max` records. `None`: none have come yet, and the queue will say when some have. An empty list:
    /// there will be no more.
    fn drain(&self, py: Python<'_>, queue: &HostQueue, max: usize) -> PyResult<Option<Vec<Line>>> {
        let records = self.0.drain(queue.calls(py)?, max).map_err(|error| errors::raise(py, &error))?;
        let line =
            |record: logs::Record| (record.level.as_str(), record.target.replace("::", "."), record.message);
        Ok(records.map(|records| records.into_iter().map(line).collect()))
    }

    /// How many were dropped since the last look because none were drained.
    fn lost(&self) -> u64 {
        self.0.with(logs::Logs::take_lost).unwrap_or_default()
    }

    /// Ends the collecting for this one: what has come can still be drained.
    fn finish(&self) {
        self.0.finish();
    }
}
