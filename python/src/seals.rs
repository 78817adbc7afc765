//! A seal around what a store keeps: functions of the program, which a thread of Python's runs.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use secondme_avatar_bridge::calls::Ticket;
use secondme_avatar_bridge::seals::{SealAsked, SealRequests as CoreSeals, SealWork};

use crate::errors;
use crate::host_queue::{HostQueue, Stream};
use crate::process::ForkGuarded;
use crate::text::Text;

/// A ticket, whether the bytes are to be sealed (otherwise unsealed), and the bytes.
type Asked<'py> = (Ticket, bool, Bound<'py, PyBytes>);

/// What the store of one client has sealed and unsealed.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct SealRequests(ForkGuarded<Stream<CoreSeals>>, Ticket);

impl SealRequests {
    pub(crate) fn new(requests: CoreSeals) -> Self {
        let stream = Stream::new(requests);
        let ticket = stream.ticket();
        Self(ForkGuarded::new(stream), ticket)
    }
}

#[pymethods]
impl SealRequests {
    /// Under which a queue says that there is something to drain.
    #[getter]
    fn ticket(&self) -> Ticket {
        self.1
    }

    /// Takes at most `max` requests.
    fn drain<'py>(
        &self,
        py: Python<'py>,
        queue: &HostQueue,
        max: usize,
    ) -> PyResult<Option<Vec<Asked<'py>>>> {
        let asked =
            self.0.get(py)?.drain(queue.calls(py)?, max).map_err(|error| errors::raise(py, &error))?;
        let given =
            |SealAsked { ticket, work, bytes }| (ticket, work == SealWork::Seal, PyBytes::new(py, &bytes));
        Ok(asked.map(|asked| asked.into_iter().map(given).collect()))
    }

    /// What the function gave under this ticket.
    fn answer(&self, py: Python<'_>, ticket: Ticket, bytes: &[u8]) -> PyResult<()> {
        self.0.get(py)?.with(|requests| requests.answer(ticket, bytes.to_vec()));
        Ok(())
    }

    /// The function has failed with these words.
    fn fail(&self, py: Python<'_>, ticket: Ticket, words: Text) -> PyResult<()> {
        self.0.get(py)?.with(|requests| requests.fail(ticket, words.0));
        Ok(())
    }
}
