//! A conversation.

use pyo3::prelude::*;
use secondme_avatar::{Ask, Conversation as Core, Error, SeqId, SessionId};

use crate::errors::{duration, whole};
use crate::host_queue::{Call, HostQueue};
use crate::process::ForkGuarded;
use crate::streams::{ReplyStream, Subscription};
use crate::text::Text;
use crate::values;

/// How a question is asked: its deadline, the one of its first piece, the silence that ends its answer, all in seconds;
/// and its message's id.
type AskOptions = (Option<f64>, Option<f64>, Option<f64>, Option<Text>);

/// A conversation with the avatar.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Conversation(ForkGuarded<Core>);

impl Conversation {
    pub(crate) fn made(py: Python<'_>, chat: Core) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Self(ForkGuarded::new(chat)))?.into_any())
    }

    fn question(&self, py: Python<'_>, text: Text, options: AskOptions) -> PyResult<Ask> {
        let (deadline, first_piece, collect, message_id) = options;
        let ask = self.0.get(py)?.ask(text.0);
        let ask = match message_id {
            Some(id) => ask.message_id(id.0),
            None => ask,
        };
        let ask = match deadline {
            Some(seconds) => ask.deadline(duration(py, "deadline", seconds)?),
            None => ask,
        };
        let ask = match first_piece {
            Some(seconds) => ask.first_piece_deadline(duration(py, "first_piece_deadline", seconds)?),
            None => ask,
        };
        Ok(match collect {
            Some(seconds) => ask.collect(duration(py, "collect", seconds)?),
            None => ask,
        })
    }

    fn message(
        &self,
        py: Python<'_>,
        text: Text,
        message_id: Option<Text>,
    ) -> PyResult<secondme_avatar::Send> {
        let send = self.0.get(py)?.send(text.0);
        Ok(match message_id {
            Some(id) => send.message_id(id.0),
            None => send,
        })
    }

    /// A call that gives nothing.
    fn done<F: Future<Output = Result<(), Error>> + Send + 'static>(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        work: impl FnOnce(Core) -> F,
    ) -> PyResult<Call> {
        queue.call(py, work(self.0.get(py)?.clone()), |py, ()| Ok(py.None()))
    }
}

#[pymethods]
impl Conversation {
    fn ask(&self, py: Python<'_>, queue: &HostQueue, text: Text, options: AskOptions) -> PyResult<Call> {
        let ask = self.question(py, text, options)?;
        queue.call(py, ask.into_future(), |py, reply| values::value(py, &reply))
    }

    fn stream(&self, py: Python<'_>, text: Text, options: AskOptions) -> PyResult<ReplyStream> {
        Ok(ReplyStream::new(self.question(py, text, options)?.stream()))
    }

    #[pyo3(signature = (queue, text, deadline=None, message_id=None))]
    fn send(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        text: Text,
        deadline: Option<f64>,
        message_id: Option<Text>,
    ) -> PyResult<Call> {
        let send = self.message(py, text, message_id)?;
        let send = match deadline {
            Some(seconds) => send.deadline(duration(py, "deadline", seconds)?),
            None => send,
        };
        queue.call(py, send.into_future(), |py, sent| values::value(py, &sent))
    }

    #[pyo3(signature = (queue, text, deadline=None, message_id=None))]
    fn send_durable(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        text: Text,
        deadline: Option<f64>,
        message_id: Option<Text>,
    ) -> PyResult<Call> {
        let send = self.message(py, text, message_id)?.durable();
        let send = match deadline {
            Some(seconds) => send.deadline(duration(py, "deadline", seconds)?),
            None => send,
        };
        queue.call(py, send.into_future(), |py, message| values::value(py, &message))
    }

    #[pyo3(signature = (queue, count, before=None))]
    fn history(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        count: &Bound<'_, PyAny>,
        before: Option<Text>,
    ) -> PyResult<Call> {
        let count = whole("count", count)?;
        let chat = self.0.get(py)?.clone();
        let before = before.map(|before| SeqId::from(before.0));
        let work = async move { chat.history(count, before.as_ref()).await };
        queue.call(py, work, |py, messages| values::list(py, &messages))
    }

    fn new_session(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<Call> {
        let chat = self.0.get(py)?.clone();
        queue.call(py, async move { chat.new_session().await }, Self::made)
    }

    fn events(&self, py: Python<'_>, raw: bool) -> PyResult<Subscription> {
        Ok(Subscription::new(self.0.get(py)?.events(), raw))
    }

    fn pause(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<Call> {
        self.done(py, queue, |chat| async move { chat.pause().await })
    }

    fn resume(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<Call> {
        self.done(py, queue, |chat| async move { chat.resume().await })
    }

    fn network_changed(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<Call> {
        self.done(py, queue, |chat| async move { chat.network_changed().await })
    }

    fn close(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<Call> {
        self.done(py, queue, |chat| async move { chat.close().await })
    }

    fn end(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<Call> {
        self.done(py, queue, |chat| async move { chat.end().await })
    }

    #[getter]
    fn key(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.0.get(py)?.key().0)
    }

    #[getter]
    fn opening(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.0.get(py)?.opening().into_string())
    }

    #[getter]
    fn avatar_name(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.0.get(py)?.avatar_name())
    }

    #[getter]
    fn visitor_id(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.0.get(py)?.visitor_id().into())
    }

    #[getter]
    fn tag(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.0.get(py)?.tag().map(|tag| tag.to_string()))
    }

    #[getter]
    fn session_id(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.0.get(py)?.session_id().map(|id: SessionId| id.as_str().to_owned()))
    }

    #[getter]
    fn taken_over(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.0.get(py)?.taken_over())
    }

    #[getter]
    fn state(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        values::value(py, &self.0.get(py)?.state())
    }
}
