//! The client.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use secondme_avatar::{AvatarClient, Note, VisitorId};
use secondme_avatar_bridge::clock;
use secondme_avatar_bridge::seals::{SealRequests as CoreSeals, without_store};
use secondme_avatar_bridge::tokens::{Gives, TokenRequests as CoreTokens};

use crate::conversation::Conversation;
use crate::credentials::Credentials;
use crate::errors::{duration, raise};
use crate::host_queue::{Call, HostQueue};
use crate::process::ForkGuarded;
use crate::seals::SealRequests;
use crate::streams::{Reports, Subscription};
use crate::text::{self, Text};
use crate::tokens::TokenRequests;
use crate::visitor::Visitor;
use crate::{classes, options, values};

/// The API key of the environment.
#[pyfunction]
pub(crate) fn api_key_from_env(py: Python<'_>) -> PyResult<String> {
    secondme_avatar::api_key_from_env().map_err(|error| raise(py, &error))
}

/// An id for a message, with the present time.
#[pyfunction]
pub(crate) fn new_message_id(py: Python<'_>) -> PyResult<String> {
    let made = secondme_avatar::new_message_id();
    made.map(|id| id.as_str().to_owned()).map_err(|error| raise(py, &error))
}

/// A client for one API key.
#[pyclass(frozen, module = "secondme_avatar._native")]
pub(crate) struct Client {
    client: ForkGuarded<AvatarClient>,
    /// The reports of its calls, where they were asked for.
    #[pyo3(get)]
    reports: Option<Py<Reports>>,
    /// The requests for users' tokens or visitors' credentials, where a function gives them.
    #[pyo3(get)]
    tokens: Option<Py<TokenRequests>>,
    /// What its store has sealed and unsealed, where there is a seal.
    #[pyo3(get)]
    seals: Option<Py<SealRequests>>,
}

#[pymethods]
impl Client {
    /// Without `app` and `tokens` through the Avatar Open API; with an app's id and secret, or with users' `tokens`,
    /// through Visitor Chat. Without a key a function gives the visitors' credentials.
    #[new]
    #[pyo3(signature = (api_key, reports, app=None, tokens=false, seal=false, **options))]
    fn new(
        py: Python<'_>,
        api_key: Option<Text>,
        reports: bool,
        app: Option<(Text, Text)>,
        tokens: bool,
        seal: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut asked = None;
        let mut ask = |gives| {
            let (requests, feed) = CoreTokens::new(gives);
            asked = Some(Py::new(py, TokenRequests::new(requests))?);
            PyResult::Ok(feed)
        };
        let builder = match (api_key, app) {
            (None, _) => Ok(AvatarClient::with_credentials(ask(Gives::Credentials)?)),
            (Some(key), Some((id, secret))) => AvatarClient::visitor_chat(&id.0, &secret.0, &key.0),
            (Some(key), None) if tokens => {
                AvatarClient::visitor_chat_with_tokens(&key.0, ask(Gives::Tokens)?)
            }
            (Some(key), None) => AvatarClient::builder(&key.0),
        };
        let mut builder = builder.map_err(|error| raise(py, &error))?.or_base_of_env();
        let (mut seals, mut sealed) = (None, None);
        if seal {
            let (requests, seal) = CoreSeals::new();
            (seals, sealed) = (Some(Py::new(py, SealRequests::new(requests))?), Some(seal));
        }
        if let Some(given) = options {
            builder = options::set(builder, given, &mut sealed)?;
        }
        if sealed.is_some() {
            return Err(raise(py, &without_store()));
        }
        let mut told = None;
        if reports {
            let (reports, reporting) = Reports::of(builder);
            builder = reporting;
            told = Some(Py::new(py, reports)?);
        }
        let client = py.detach(|| builder.build()).map_err(|error| raise(py, &error))?;
        Ok(Self { client: ForkGuarded::new(client), reports: told, tokens: asked, seals })
    }

    #[pyo3(signature = (queue, visitor, deadline=None))]
    fn open(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        visitor: &Visitor,
        deadline: Option<f64>,
    ) -> PyResult<Call> {
        let open = self.client.get(py)?.open(visitor.0.clone());
        let open = match deadline {
            Some(seconds) => open.deadline(duration(py, "deadline", seconds)?),
            None => open,
        };
        queue.call(py, open.into_future(), Conversation::made)
    }

    #[pyo3(signature = (queue, visitor, deadline=None))]
    fn authenticate(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        visitor: &Visitor,
        deadline: Option<f64>,
    ) -> PyResult<Call> {
        let authenticate = self.client.get(py)?.authenticate(visitor.0.clone());
        let authenticate = match deadline {
            Some(seconds) => authenticate.deadline(duration(py, "deadline", seconds)?),
            None => authenticate,
        };
        queue.call(py, authenticate.into_future(), |py, credentials| {
            Ok(Py::new(py, Credentials(credentials))?.into_any())
        })
    }

    fn set_api_key(&self, py: Python<'_>, api_key: Text) -> PyResult<()> {
        self.client.get(py)?.set_api_key(&api_key.0).map_err(|error| raise(py, &error))
    }

    #[pyo3(signature = (queue, all=false))]
    fn recover(&self, py: Python<'_>, queue: &HostQueue, all: bool) -> PyResult<Call> {
        let recover = self.client.get(py)?.recover();
        let recover = if all { recover.all() } else { recover };
        queue.call(py, recover.into_future(), |py, visitors| {
            Ok(PyList::new(py, visitors.iter().map(VisitorId::as_str))?.into_any().unbind())
        })
    }

    fn known(&self, py: Python<'_>, queue: &HostQueue) -> PyResult<Call> {
        let client = self.client.get(py)?.clone();
        queue.call(py, async move { client.known().await }, |py, visitors| {
            let visitors = visitors.into_iter().map(|visitor| Py::new(py, Visitor(visitor)));
            Ok(PyList::new(py, visitors.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
        })
    }

    fn forget(&self, py: Python<'_>, queue: &HostQueue, visitor: &Visitor) -> PyResult<Call> {
        let (client, visitor) = (self.client.get(py)?.clone(), visitor.0.clone());
        queue.call(py, async move { client.forget(visitor.id()).await }, |py, ()| Ok(py.None()))
    }

    fn export(&self, py: Python<'_>, queue: &HostQueue, visitor: &Visitor) -> PyResult<Call> {
        let (client, visitor) = (self.client.get(py)?.clone(), visitor.0.clone());
        queue.call(py, async move { client.export(visitor.id()).await }, |py, json| values::value(py, &json))
    }

    #[pyo3(signature = (queue, visitor, key, text, lifetime=None))]
    fn set_note(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        visitor: &Visitor,
        key: Text,
        text: Text,
        lifetime: Option<f64>,
    ) -> PyResult<Call> {
        let set = self.client.get(py)?.set_note(&visitor.0, key.0, text.0);
        let set = match lifetime {
            Some(seconds) => set.lifetime(duration(py, "lifetime", seconds)?),
            None => set,
        };
        queue.call(py, set.into_future(), |py, ()| Ok(py.None()))
    }

    #[pyo3(signature = (queue, visitor, key, text, lifetime=None))]
    fn add_note(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        visitor: &Visitor,
        key: Text,
        text: Text,
        lifetime: Option<f64>,
    ) -> PyResult<Call> {
        let add = self.client.get(py)?.add_note(&visitor.0, key.0, text.0);
        let add = match lifetime {
            Some(seconds) => add.lifetime(duration(py, "lifetime", seconds)?),
            None => add,
        };
        queue.call(py, add.into_future(), |py, added| values::value(py, &added))
    }

    fn note(&self, py: Python<'_>, queue: &HostQueue, visitor: &Visitor, key: Text) -> PyResult<Call> {
        let (client, visitor) = (self.client.get(py)?.clone(), visitor.0.clone());
        queue.call(py, async move { client.note(visitor.id(), &key.0).await }, |py, text| {
            values::value(py, &text)
        })
    }

    fn delete_note(&self, py: Python<'_>, queue: &HostQueue, visitor: &Visitor, key: Text) -> PyResult<Call> {
        let (client, visitor) = (self.client.get(py)?.clone(), visitor.0.clone());
        queue.call(py, async move { client.delete_note(visitor.id(), &key.0).await }, |py, deleted| {
            values::value(py, &deleted)
        })
    }

    fn notes(&self, py: Python<'_>, queue: &HostQueue, prefix: Text) -> PyResult<Call> {
        let client = self.client.get(py)?.clone();
        queue.call(py, async move { client.notes(&prefix.0).await }, |py, notes| {
            let class = classes::get(py, "Note")?;
            let note = |note: Note| class.call1((Visitor(note.visitor), note.key, note.text.into_string()));
            let notes = notes.into_iter().map(note).collect::<PyResult<Vec<_>>>()?;
            Ok(PyList::new(py, notes)?.into_any().unbind())
        })
    }

    #[pyo3(signature = (queue, method, path, body, visitor_and_deadline))]
    fn request(
        &self,
        py: Python<'_>,
        queue: &HostQueue,
        method: Text,
        path: Text,
        body: Option<Text>,
        visitor_and_deadline: (Option<PyRef<'_, Visitor>>, Option<f64>),
    ) -> PyResult<Call> {
        let (visitor, deadline) = visitor_and_deadline;
        let mut request = self.client.get(py)?.request(method.0, path.0);
        if let Some(body) = body {
            request = request.body(body.0);
        }
        if let Some(visitor) = visitor {
            request = request.visitor(visitor.0.clone());
        }
        if let Some(seconds) = deadline {
            request = request.deadline(duration(py, "deadline", seconds)?);
        }
        queue.call(py, request.into_future(), |py, data| values::value(py, &data))
    }

    fn forget_idle(&self, py: Python<'_>, queue: &HostQueue, longer_than: f64) -> PyResult<Call> {
        let longer_than = duration(py, "longer_than", longer_than)?;
        let client = self.client.get(py)?.clone();
        queue.call(py, async move { client.forget_idle(longer_than).await }, |py, many| {
            values::value(py, &many)
        })
    }

    fn backup(&self, py: Python<'_>, queue: &HostQueue, to: &Bound<'_, PyAny>) -> PyResult<Call> {
        let (client, to) = (self.client.get(py)?.clone(), text::path("to", to)?);
        queue.call(py, async move { client.backup(to).await }, |py, ()| Ok(py.None()))
    }

    #[pyo3(signature = (queue, deadline=None))]
    fn close(&self, py: Python<'_>, queue: &HostQueue, deadline: Option<f64>) -> PyResult<Call> {
        let client = self.client.get(py)?.clone();
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

    #[pyo3(signature = (raw, all_processes=false))]
    fn events(&self, py: Python<'_>, raw: bool, all_processes: bool) -> PyResult<Subscription> {
        let client = self.client.get(py)?;
        let events = if all_processes { client.events_of_all_processes() } else { client.events() };
        Ok(Subscription::new(events, raw))
    }

    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        values::value(py, &self.client.get(py)?.stats())
    }

    #[getter]
    fn proxy(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.client.get(py)?.proxy().map(str::to_owned))
    }

    fn advance_clock(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let by: Duration = duration(py, "seconds", seconds)?;
        let client = self.client.get(py)?.clone();
        py.detach(|| clock::advance(&client, by));
        Ok(())
    }
}
