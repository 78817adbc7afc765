//! The gateway: a request on its way from its caller to the avatar and back.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::args::{SessionPer, Tasks};
use super::asking::{Asked, Asking, Model};
use super::caller::Callers;
use super::completions::Completion;
use super::feed;
use super::idempotency::Key;
use super::later::Said;
use super::log::Log;
use super::metrics::Metrics;
use super::origins::Origins;
use super::question::{Looking, Question, Words};
use super::refusal::Refusal;
use super::respond::Wish;
use super::responses::Responding;
use super::saved::Saved;
use super::sse;
use super::tasks::Task;
use super::telling::Telling;
use super::turn::{End, Reader, Turn, Voice};
use super::visitor::{self, Naming};

/// For how long a stream waits for its first words before it says 200. What fails earlier has a status of its own, by
/// which clients try again.
const STATUS_WITHIN: Duration = Duration::from_secs(5);

/// What all requests share.
pub(super) struct Gateway {
    pub(super) callers: Callers,
    pub(super) naming: Naming,
    pub(super) models: Vec<Arc<Model>>,
    pub(super) session_per: SessionPer,
    pub(super) tasks: Tasks,
    pub(super) since: u64,
    pub(super) replies: TaskTracker,
    pub(super) said: Said,
    pub(super) stopping: watch::Sender<bool>,
    pub(super) saved: Arc<Saved>,
    pub(super) log: Log,
    pub(super) origins: Origins,
    /// Where they are asked for.
    pub(super) metrics: Option<Metrics>,
}

/// What the log says of a request, beside its path and status.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    pub(super) model: String,
    pub(super) visitor: String,
    pub(super) what: &'static str,
    /// No person asked.
    pub(super) is_task: bool,
}

/// A question whose answer is read.
pub(super) struct Reading<'a> {
    pub(super) model: &'a Model,
    pub(super) reader: Reader,
    pub(super) trace: Trace,
}

impl Gateway {
    pub(super) fn models(&self) -> Value {
        json!({"object": "list", "data": self.models.iter().map(|model| self.about(model)).collect::<Vec<_>>()})
    }

    /// The model, as `/v1/models` lists it.
    pub(super) fn about(&self, model: &Model) -> Value {
        json!({"id": model.id, "object": "model", "created": self.since, "owned_by": "secondme"})
    }

    /// The model of this name, and the visitor behind its `@`.
    pub(super) fn model(&self, name: Option<&str>) -> Result<(&Arc<Model>, Option<String>), Refusal> {
        let (name, suffix) = match name {
            None | Some("") => (None, None),
            Some(name) => match name.split_once('@') {
                Some((name, visitor)) => (Some(name), Some(visitor.to_owned())),
                None => (Some(name), None),
            },
        };
        let found = match name {
            None => self.models.first(),
            Some(name) => self.models.iter().find(|model| model.id == name),
        };
        let model = found.ok_or_else(|| {
            let there: Vec<_> = self.models.iter().map(|model| model.id.as_str()).collect();
            let message = format!("there is no such model here; there is {}", there.join(", "));
            Refusal::missing("model_not_found", message).at("model")
        })?;
        Ok((model, suffix))
    }

    /// Answers a chat completion.
    pub(super) async fn complete(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refusal> {
        let caller = self.callers.admit(headers)?;
        let question = Question::of_chat(body, self.looking(headers))?;
        let (stream, include_usage, ignored) =
            (question.stream, question.include_usage, question.ignored.clone());
        let Reading { model, mut reader, trace } = self.read(caller, headers, question)?;
        let completion = Completion::new(new_id("chatcmpl-")?, now(), &model.id, include_usage);
        let mut response = if stream {
            sse::response(streamed(completion, reader).await?)
        } else {
            let (text, by_owner) = whole(&mut reader).await?;
            let name = by_owner.then(|| reader.turn().name());
            json_response(&completion.whole(&text, name))
        };
        name_ignored(&mut response, &ignored);
        response.extensions_mut().insert(trace);
        Ok(response)
    }

    /// Answers a request of the Responses API.
    pub(super) async fn respond(&self, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refusal> {
        let caller = self.callers.admit(headers)?;
        let Wish { mut question, previous, store } = Wish::read(body, self.looking(headers))?;
        let id = new_id("resp_")?;
        if self.session_per == SessionPer::Chat && question.chat.is_none() {
            question.chat = Some(self.chat_of(caller, previous.as_deref(), &id)?);
        }
        let (is_stream, ignored, chat) = (question.stream, question.ignored.clone(), question.chat.clone());
        let Reading { model, mut reader, trace } = self.read(caller, headers, question)?;
        let responding = Responding::new(id.clone(), now(), &model.id, previous, store);
        if store {
            self.saved.put(caller, &id, chat.as_deref(), &responding.begun());
            self.save_when_done(caller, &responding, reader.silent());
        }
        let response = if is_stream {
            streamed(responding, reader).await.map(sse::response)
        } else {
            whole(&mut reader).await.map(|(text, by_owner)| {
                let name = by_owner.then(|| reader.turn().name());
                json_response(&responding.whole(text, name))
            })
        };
        let mut response = response?;
        name_ignored(&mut response, &ignored);
        response.extensions_mut().insert(trace);
        Ok(response)
    }

    /// Keeps the whole answer, whether its caller waits for it or not.
    fn save_when_done(&self, caller: &str, responding: &Responding, mut reader: Reader) {
        let (saved, caller, responding) = (Arc::clone(&self.saved), caller.to_owned(), responding.clone());
        // It ends with the reply, which is counted among those under way.
        tokio::spawn(async move {
            let (mut telling, mut text, mut by_owner) = (Telling::default(), String::new(), false);
            let end = loop {
                match reader.next().await {
                    Ok(said) => {
                        let told = telling.tell(said, reader.turn().name());
                        by_owner |= told.by_owner;
                        text += &told.text;
                    }
                    Err(end) => break end,
                }
            };
            let id = responding.id.clone();
            let answer = match end {
                End::Whole => responding.whole(text, by_owner.then(|| reader.turn().name())),
                End::Failed(error) => responding.failed(&error),
            };
            // Unless it was deleted meanwhile.
            if saved.get(&caller, &id).is_some() {
                saved.put(&caller, &id, None, &answer);
            }
        });
    }

    /// The chat that an answer goes on, or begins.
    fn chat_of(&self, caller: &str, previous: Option<&str>, id: &str) -> Result<String, Refusal> {
        let Some(previous) = previous else { return Ok(id.to_owned()) };
        match self.saved.chat(caller, previous) {
            Some(chat) => Ok(chat.unwrap_or_else(|| previous.to_owned())),
            None => {
                let message =
                    "the answer to go on from is not known here any more: name a `conversation` of your own";
                Err(Refusal::invalid("previous_response_not_found", message).at("previous_response_id"))
            }
        }
    }

    /// An answer of before.
    pub(super) fn saved(&self, caller: &str, id: &str) -> Result<Response, Refusal> {
        let answer = self.saved.get(caller, id).ok_or_else(no_answer)?;
        Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
    }

    pub(super) fn forget(&self, caller: &str, id: &str) -> Result<Response, Refusal> {
        match self.saved.delete(caller, id) {
            true => Ok(json_response(&json!({"id": id, "object": "response", "deleted": true}))),
            false => Err(no_answer()),
        }
    }

    /// Has the question answered: by the avatar, or here where no person asks.
    pub(super) fn read(
        &self,
        caller: &str,
        headers: &HeaderMap,
        question: Question,
    ) -> Result<Reading<'_>, Refusal> {
        let (model, suffix) = self.model(question.model.as_deref())?;
        let mut trace = Trace { model: model.id.clone(), ..Trace::default() };
        let text = match question.words {
            Words::Said(text) => text,
            Words::Task(task) => {
                (trace.what, trace.is_task) = (task.kind.name(), true);
                return Ok(Reading { model, reader: self.answer(&task)?, trace });
            }
        };
        let visitor = match self.naming.person(headers, question.named, suffix)? {
            Some(person) => person.visitor(caller)?,
            None => {
                let missing = visitor::remedy(headers);
                let probe = Some(&text).filter(|_| question.alone && self.tasks == Tasks::Answer);
                let task = probe.and_then(|text| Task::probe(text, missing));
                let task = task.ok_or_else(|| visitor::nameless(missing))?;
                (trace.what, trace.is_task) = (task.kind.name(), true);
                return Ok(Reading { model, reader: self.answer(&task)?, trace });
            }
        };
        trace.visitor = visitor.id().to_string();
        let asking = Asking {
            visitor,
            text,
            chat: self.chat(headers, question.chat)?,
            digest: question.digest,
            again: again(headers),
            key: Key::read(headers)?,
        };
        let Asked { reader, attached } = model.ask(asking, &self.replies);
        trace.what = if attached { "attached" } else { "sent" };
        Ok(Reading { model, reader, trace })
    }

    /// Answers a prompt that no person wrote.
    fn answer(&self, task: &Task) -> Result<Reader, Refusal> {
        if self.tasks == Tasks::Refuse {
            return Err(task.refusal());
        }
        let turn = Turn::new();
        turn.say(Voice::Avatar, task.answer()?);
        turn.end(End::Whole);
        Ok(turn.reader())
    }

    /// How prompts are looked at that no person wrote.
    pub(super) fn looking<'a>(&self, headers: &'a HeaderMap) -> Looking<'a> {
        let named = headers.get("x-avatar-task").and_then(|task| task.to_str().ok()).map(str::trim);
        // A template that was not filled in names nothing.
        let named = named.filter(|task| !task.is_empty() && !task.starts_with("{{"));
        Looking { for_tasks: self.tasks != Tasks::Forward, named }
    }

    /// The feed of what is said when no question waits for it.
    pub(super) fn feed(&self, caller: &str) -> Response {
        // Before what is there, so that nothing falls between.
        let said = self.said.subscribe();
        let waiting = self.models.iter().flat_map(|model| model.later.waiting(caller)).collect();
        sse::response(feed::body(caller, waiting, said, self.stopping.subscribe()))
    }

    /// The caller has shown what was said: it does not come before the next answer any more.
    pub(super) async fn shown(&self, caller: &str, id: &str) -> Result<Response, Refusal> {
        for model in &self.models {
            if model.later.told(caller, id).await {
                return Ok(json_response(&json!({"id": id, "object": "avatar.event", "deleted": true})));
            }
        }
        let message = "there is no such event: it was deleted, or told before an answer";
        Err(Refusal::missing("event_not_found", message))
    }

    /// The chat that a question belongs to, where each has a conversation of its own.
    fn chat(&self, headers: &HeaderMap, of_body: Option<String>) -> Result<Option<String>, Refusal> {
        match self.session_per {
            SessionPer::Visitor => Ok(None),
            SessionPer::Chat => {
                Ok(visitor::text(headers, "x-openwebui-chat-id")?.map(str::to_owned).or(of_body))
            }
        }
    }
}

fn no_answer() -> Refusal {
    let message = "there is no such answer: the gateway keeps the newest ones, for as long as it runs";
    Refusal::missing("response_not_found", message)
}

/// The body of a stream, once it is known whether there will be one.
pub(super) async fn streamed(form: impl sse::Form, mut reader: Reader) -> Result<Body, Refusal> {
    let first = tokio::time::timeout(STATUS_WITHIN, reader.next()).await.ok();
    match first {
        Some(Err(End::Failed(error))) => Err(Refusal::from(&error)),
        first => Ok(sse::body(form, reader, first)),
    }
}

/// The whole text, and whether the owner has said some of it in person.
pub(super) async fn whole(reader: &mut Reader) -> Result<(String, bool), Refusal> {
    let (mut telling, mut text, mut by_owner) = (Telling::default(), String::new(), false);
    loop {
        match reader.next().await {
            Ok(said) => {
                let told = telling.tell(said, reader.turn().name());
                by_owner |= told.by_owner;
                text += &told.text;
            }
            Err(End::Whole) => return Ok((text, by_owner)),
            Err(End::Failed(error)) => return Err(Refusal::from(&error)),
        }
    }
}

/// Whether the client's SDK says that it asks again.
fn again(headers: &HeaderMap) -> bool {
    let count = headers.get("x-stainless-retry-count").and_then(|count| count.to_str().ok());
    count.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count > 0)
}

fn name_ignored(response: &mut Response, ignored: &[String]) {
    // Names of a caller's own may be no text for a header.
    let names: Vec<_> = ignored
        .iter()
        .filter(|name| name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_graphic()))
        .collect();
    let names: Vec<_> = names.iter().take(32).map(|name| name.as_str()).collect();
    if let Some(value) = Some(names.join(", ")).filter(|names| !names.is_empty())
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        response.headers_mut().insert("x-avatar-ignored", value);
    }
}

pub(super) fn json_response(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// An id for an answer, which cannot be guessed.
pub(super) fn new_id(kind: &str) -> Result<String, Refusal> {
    let random: [u8; 16] =
        ring::rand::generate(&SystemRandom::new()).map_err(|_| Refusal::no_randomness())?.expose();
    Ok(format!("{kind}{:032x}", u128::from_be_bytes(random)))
}
