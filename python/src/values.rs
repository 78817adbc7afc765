//! Values on their way to Python. The classes of those that are rarely made are written there.

use std::time::UNIX_EPOCH;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use secondme_avatar::{Card, HistoryMessage, Json, MessageId, Part, Piece, Sent, SeqId, Stats, Text};
use serde_json::Value;

use crate::classes;

/// What the service wrote as JSON, as Python's own objects.
pub(crate) struct Values<'a>(pub(crate) &'a [Json]);

impl<'py> IntoPyObject<'py> for Values<'_> {
    type Target = PyTuple;
    type Output = Bound<'py, PyTuple>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let values = self.0.iter().map(|value| json(py, value)).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, values)
    }
}

/// A reply's text and cards.
pub(crate) struct Parts<'a>(pub(crate) &'a [Part]);

impl<'py> IntoPyObject<'py> for Parts<'_> {
    type Target = PyTuple;
    type Output = Bound<'py, PyTuple>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let parts = self.0.iter().filter_map(|part| match part {
            Part::Text(text) => {
                Some(text.as_str().into_pyobject(py).map(Bound::into_any).map_err(PyErr::from))
            }
            Part::Card(one) => Some(card(py, one)),
            _ => None,
        });
        PyTuple::new(py, parts.collect::<PyResult<Vec<_>>>()?)
    }
}

fn card<'py>(py: Python<'py>, card: &Card) -> PyResult<Bound<'py, PyAny>> {
    classes::get(py, "card")?.call1((&*card.template, json(py, &card.params)?))
}

pub(crate) fn piece(py: Python<'_>, piece: &Piece) -> PyResult<Py<PyAny>> {
    let made = classes::get(py, "piece")?.call1((piece.text.as_str(), piece.author.name()))?;
    Ok(made.unbind())
}

pub(crate) fn sent(py: Python<'_>, sent: &Sent) -> PyResult<Py<PyAny>> {
    let parts = (sent.message_id.as_str(), sent.confirmed_by.name());
    Ok(classes::get(py, "sent")?.call1(parts)?.unbind())
}

pub(crate) fn kept(py: Python<'_>, message: &MessageId) -> PyResult<Py<PyAny>> {
    Ok(message.as_str().into_pyobject(py)?.into_any().unbind())
}

pub(crate) fn history(py: Python<'_>, messages: &[HistoryMessage]) -> PyResult<Py<PyAny>> {
    let class = classes::get(py, "history_message")?;
    let made = messages.iter().map(|message| {
        class.call1((
            message.text.as_str(),
            message.author.name(),
            message.id.as_ref().map(MessageId::as_str),
            message.seq_id.as_ref().map(SeqId::as_str),
            Parts(&message.parts),
            message.timestamp.and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_millis())),
        ))
    });
    Ok(PyList::new(py, made.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
}

pub(crate) fn stats<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("visitors", stats.visitors)?;
    fields.set_item("connected", stats.connected)?;
    fields.set_item("live", stats.live)?;
    fields.set_item("paused", stats.paused)?;
    fields.set_item("waiting_for_slot", stats.waiting_for_slot)?;
    fields.set_item("waiting_for_quota", stats.waiting_for_quota)?;
    fields.set_item("longest_quota_wait", stats.longest_quota_wait.as_secs_f64())?;
    fields.set_item("stored_visitors", stats.stored_visitors)?;
    fields.set_item("stored_messages", stats.stored_messages)?;
    fields.set_item("events", stats.events)?;
    let counters = &stats.counters;
    fields.set_item("frames", counters.frames)?;
    fields.set_item("duplicates", counters.duplicates)?;
    fields.set_item("foreign", counters.foreign)?;
    fields.set_item("malformed", counters.malformed)?;
    fields.set_item("unrouted", counters.unrouted)?;
    fields.set_item("pings", counters.pings)?;
    fields.set_item("sent", counters.sent)?;
    fields.set_item("replies", counters.replies)?;
    fields.set_item("lost", counters.lost)?;
    fields.set_item("calls", counters.calls)?;
    fields.set_item("authentications", counters.authentications)?;
    classes::get(py, "stats")?.call((), Some(&fields))
}

pub(crate) fn text(text: Option<&Text>) -> Option<&str> {
    text.map(Text::as_str)
}

pub(crate) fn message(id: Option<&MessageId>) -> Option<&str> {
    id.map(MessageId::as_str)
}

fn json<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into_pyobject(py)?.into_any(),
            (None, Some(whole)) => whole.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().into_pyobject(py)?.into_any(),
        },
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            let items = items.iter().map(|item| json(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Object(fields) => {
            let made = PyDict::new(py);
            for (name, field) in fields {
                made.set_item(name, json(py, field)?)?;
            }
            made.into_any()
        }
    })
}
