//! The tokens of users, which a function of the program gives: it runs where the program's callbacks run.

use std::error::Error as StdError;
use std::fmt;

use pyo3::prelude::*;
use secondme_avatar_bridge::calls::Ticket;
use secondme_avatar_bridge::tokens::{TokenFailure, TokenMessage, TokenRequests as CoreTokens};

use crate::contract::values::error_kind;
use crate::errors;
use crate::host_queue::{HostQueue, Stream};
use crate::process::ForkGuarded;
use crate::text::Text;

/// A ticket, whose token is wanted, and whether the last one was refused. Without a visitor the request under the ticket
/// is taken back.
type Asked = (Ticket, Option<String>, bool);

/// The requests for tokens of one client.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct TokenRequests(ForkGuarded<Stream<CoreTokens>>, Ticket);

impl TokenRequests {
    pub(crate) fn new(requests: CoreTokens) -> Self {
        let stream = Stream::new(requests);
        let ticket = stream.ticket();
        Self(ForkGuarded::new(stream), ticket)
    }
}

#[pymethods]
impl TokenRequests {
    /// Under which a queue says that there is something to drain.
    #[getter]
    fn ticket(&self) -> Ticket {
        self.1
    }

    /// Takes at most `max` requests.
    fn drain(&self, py: Python<'_>, queue: &HostQueue, max: usize) -> PyResult<Option<Vec<Asked>>> {
        let messages =
            self.0.get(py)?.drain(queue.calls(py)?, max).map_err(|error| errors::raise(py, &error))?;
        let asked = |message| match message {
            TokenMessage::Wanted(ticket, request) => {
                (ticket, Some(request.visitor_id.as_str().to_owned()), request.refused)
            }
            TokenMessage::TakenBack(ticket) => (ticket, None, false),
        };
        Ok(messages.map(|messages| messages.into_iter().map(asked).collect()))
    }

    /// The token that is wanted under this ticket.
    fn answer(&self, py: Python<'_>, ticket: Ticket, token: Text) -> PyResult<()> {
        self.0.get(py)?.with(|requests| requests.answer(ticket, token.0));
        Ok(())
    }

    /// There is no token for this ticket, because of this exception. Of a failure of this package's, `kind` and `code`
    /// are kept.
    #[pyo3(signature = (ticket, error, words, may_pass, kind=None, code=None))]
    #[expect(clippy::too_many_arguments, reason = "they are what an exception says")]
    fn fail(
        &self,
        py: Python<'_>,
        ticket: Ticket,
        error: Py<PyAny>,
        words: Text,
        may_pass: bool,
        kind: Option<&str>,
        code: Option<String>,
    ) -> PyResult<()> {
        let words = words.0;
        let failure = match kind.and_then(error_kind) {
            Some(kind) => TokenFailure::Own { kind, words, code },
            None => TokenFailure::Foreign { words, may_pass },
        };
        let raised = Raised(error);
        self.0.get(py)?.with(|requests| requests.fail_because(ticket, failure, raised));
        Ok(())
    }

    /// Lets this queue be told as well, the next time that something comes.
    fn watch(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<()> {
        self.0.get(py)?.watch(queue.calls(py)?);
        Ok(())
    }

    /// Nothing more is asked for, and calls that wait for a token fail.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get(py)?.finish();
        Ok(())
    }
}

/// The exception that the function raised: the cause of the error that the calls raise. What it says is the program's
/// own, and stands in no log.
pub(crate) struct Raised(pub(crate) Py<PyAny>);

impl StdError for Raised {}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exception of the program's")
    }
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raised(…)")
    }
}
