//! Asks an OpenAI-compatible endpoint, and passes its answer on while it comes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use rustls_platform_verifier::BuilderVerifierExt;
use serde::Deserialize;
use serde_json::{Value, json};
use sse_stream::SseStream;

use super::hub::Hub;
use crate::brain::{OpenAi, Question, Secret};
use crate::service::{AskId, Author};

/// What visitors see of an endpoint that fails.
const FAILED: &str = "session.openai.error";

/// The longest answer that is passed on, in bytes.
const ANSWER_LIMIT: usize = 1024 * 1024;
/// How much of what an endpoint says about its failure is passed on, in characters.
const REASON_LIMIT: usize = 300;

/// Asks, and plays the answer as it comes.
pub(super) async fn answer(hub: Arc<Hub>, endpoint: OpenAi, ask: AskId, question: Question) {
    match converse(&hub, &endpoint, ask, &question).await {
        Ok(()) => hub.with(|service, now| service.answer_end(now, ask)),
        Err(Ended::Abandoned) => {}
        Err(Ended::Failed(reason)) => {
            hub.with(|service, now| service.answer_failed(now, ask, FAILED, &reason));
        }
    }
}

/// Why an answer has no end.
enum Ended {
    Abandoned,
    Failed(String),
}

/// The part of a chunk, or of a whole answer, that matters here.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(alias = "message")]
    delta: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
}

async fn converse(hub: &Arc<Hub>, endpoint: &OpenAi, ask: AskId, question: &Question) -> Result<(), Ended> {
    let patience = Duration::from(endpoint.timeout);
    let late = |_| Ended::Failed("the endpoint is silent".to_owned());
    let url = format!("{}/chat/completions", endpoint.url.trim_end_matches('/'));
    let mut request = client()?.post(url).header(CONTENT_TYPE, "application/json");
    if let Some(key) = &endpoint.key {
        request = request.header(AUTHORIZATION, bearer(key)?);
    }
    let request = request.body(body(endpoint, question).to_string()).send();
    let answer = tokio::time::timeout(patience, request).await.map_err(late)?.map_err(broken)?;
    let status = answer.status();
    if !status.is_success() {
        let text = tokio::time::timeout(patience, answer.text()).await.map_err(late)?.unwrap_or_default();
        return Err(Ended::Failed(format!(
            "the endpoint answered {}: {}",
            status.as_u16(),
            reason_in(&text)
        )));
    }
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/event-stream") {
        // Some endpoints do not stream, whatever they are asked.
        let text = tokio::time::timeout(patience, answer.text()).await.map_err(late)?.map_err(broken)?;
        let said = said(&text)?.0;
        return hand_on(hub, ask, &said);
    }

    let bytes = stream::unfold(answer, |mut answer| async {
        answer.chunk().await.transpose().map(|chunk| (chunk, answer))
    });
    let mut events = Box::pin(SseStream::from_bytes_stream(Box::pin(bytes)));
    let (mut finished, mut length) = (false, 0);
    while let Some(event) = tokio::time::timeout(patience, events.next()).await.map_err(late)? {
        let event = event.map_err(|_| Ended::Failed("the endpoint's stream is broken".to_owned()))?;
        let Some(data) = event.data else { continue };
        if data.trim() == "[DONE]" {
            return Ok(());
        }
        let (text, ends) = said(&data)?;
        finished |= ends;
        length += text.len();
        if length > ANSWER_LIMIT {
            return Err(Ended::Failed("the endpoint does not stop talking".to_owned()));
        }
        hand_on(hub, ask, &text)?;
    }
    match finished {
        true => Ok(()),
        false => Err(Ended::Failed("the endpoint's stream broke off".to_owned())),
    }
}

fn hand_on(hub: &Arc<Hub>, ask: AskId, text: &str) -> Result<(), Ended> {
    if text.is_empty() || hub.with(|service, now| service.answer_piece(now, ask, text)) {
        return Ok(());
    }
    Err(Ended::Abandoned)
}

/// What a chunk says, and whether the answer ends with it.
fn said(data: &str) -> Result<(String, bool), Ended> {
    let chunk: Chunk = serde_json::from_str(data)
        .map_err(|_| Ended::Failed("the endpoint says what is not JSON of its kind".to_owned()))?;
    if chunk.error.is_some() {
        return Err(Ended::Failed(format!("the endpoint failed: {}", reason_in(data))));
    }
    let Some(choice) = chunk.choices.into_iter().next() else {
        return Ok((String::new(), false));
    };
    let text = choice.delta.and_then(|said| said.content).unwrap_or_default();
    Ok((text, choice.finish_reason.is_some()))
}

fn body(endpoint: &OpenAi, question: &Question) -> Value {
    let message = |role: &str, text: &str| json!({"role": role, "content": text});
    let mut messages = Vec::new();
    messages.extend(endpoint.system.iter().map(|system| message("system", system)));
    let before = &question.before[question.before.len().saturating_sub(endpoint.context)..];
    messages.extend(before.iter().map(|(author, text)| match author {
        Author::Visitor => message("user", text),
        // To the model, avatar and owner are one speaker.
        Author::Avatar | Author::Owner => message("assistant", text),
    }));
    messages.push(message("user", &question.text));
    json!({"model": endpoint.model, "messages": messages, "stream": true})
}

/// What an endpoint says about its failure, shortened.
fn reason_in(text: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let message = parsed.as_ref().and_then(|body| {
        let error = body.get("error")?;
        error.get("message").and_then(Value::as_str).or(error.as_str())
    });
    message.unwrap_or(text).chars().take(REASON_LIMIT).collect()
}

fn bearer(key: &Secret) -> Result<HeaderValue, Ended> {
    let value = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
    let mut value =
        value.map_err(|_| Ended::Failed("the endpoint's key cannot stand in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn broken(error: reqwest::Error) -> Ended {
    let error = error.without_url();
    let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    Ended::Failed(format!("the endpoint cannot be reached: {why}"))
}

/// One client for all emulators of the process: it is its pool of connections.
fn client() -> Result<reqwest::Client, Ended> {
    static CLIENT: OnceLock<Option<reqwest::Client>> = OnceLock::new();
    let client = CLIENT.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_platform_verifier())
            .ok()?
            .with_no_client_auth();
        let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
        // A redirect would carry the key to wherever it points.
        builder.redirect(reqwest::redirect::Policy::none()).build().ok()
    });
    let missing = || Ended::Failed("TLS cannot be set up: are root certificates installed?".to_owned());
    client.clone().ok_or_else(missing)
}
