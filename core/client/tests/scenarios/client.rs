//! The client that a scenario asks for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secondme_avatar::{
    AvatarClient, ClientBuilder, Credentials, CredentialsProvider, CredentialsRequest, Delivery, Error,
    ErrorKind, TokenProvider, TokenRequest, Visitor,
};
use secondme_avatar_emulator::Emulator;
use serde_json::Value;

use crate::stage::Failure;

/// A client of the emulator, at the door that the scenario names, with the scenario's options.
pub(crate) fn made(emulator: &Emulator, door: Option<&str>, client: &Value) -> Result<AvatarClient, Failure> {
    Ok(options(builder(emulator, door, client)?, client)?.build()?)
}

fn builder(emulator: &Emulator, door: Option<&str>, client: &Value) -> Result<ClientBuilder, Failure> {
    let key = client["key"].as_str().unwrap_or(emulator.api_key());
    let (builder, base) = match door {
        None | Some("avatar-open-api") => {
            let builder = match client["credentials"].as_array() {
                Some(words) => AvatarClient::with_credentials(credentials(emulator, words.clone())?),
                None => AvatarClient::builder(key)?,
            };
            (builder, emulator.base_url())
        }
        Some("visitor-chat") => {
            let builder = match client["user_tokens"].as_array() {
                Some(tokens) => AvatarClient::visitor_chat_with_tokens(key, in_turn(tokens.clone()))?,
                None => {
                    let secret = client["client_secret"].as_str();
                    let secret = secret.map_or_else(|| emulator.client_secret(), str::to_owned);
                    AvatarClient::visitor_chat(&emulator.client_id(), &secret, key)?
                }
            };
            (builder, emulator.lab_base_url())
        }
        Some(door) => return Err(format!("there is no door `{door}`").into()),
    };
    Ok(builder.base_url(base.parse()?))
}

/// A caller's tokens: the first, and after each refusal the next, as long as there is one.
fn in_turn(tokens: Vec<Value>) -> impl TokenProvider {
    let next = AtomicUsize::new(0);
    move |request: TokenRequest| {
        let refused = usize::from(request.refused);
        let at = next.fetch_add(refused, Ordering::Relaxed) + refused;
        let token = tokens.get(at.min(tokens.len().saturating_sub(1)));
        let token = token.and_then(Value::as_str).unwrap_or_default().to_owned();
        async move { Ok(token) }
    }
}

/// A caller's credentials, as its words say, one after the other.
fn credentials(emulator: &Emulator, words: Vec<Value>) -> Result<impl CredentialsProvider, Failure> {
    let server = |key: &str| -> Result<AvatarClient, Failure> {
        Ok(AvatarClient::builder(key)?.base_url(emulator.base_url().parse()?).build()?)
    };
    let (server, stranger) = (server(emulator.api_key())?, server("sk-unknown")?);
    let words = Mutex::new(words.into_iter());
    let last = Arc::new(Mutex::new(None::<Credentials>));
    Ok(move |CredentialsRequest { visitor_id, .. }: CredentialsRequest| {
        let word = words.lock().unwrap().next().unwrap_or_default();
        let (server, stranger, last) = (server.clone(), stranger.clone(), Arc::clone(&last));
        async move {
            let visitor = Visitor::from(visitor_id);
            let kept = last.lock().unwrap().clone();
            let given = match (word.as_str(), kept) {
                (Some("authenticated"), _) => server.authenticate(visitor).await?,
                (Some("unknown_key"), _) => stranger.authenticate(visitor).await?,
                (Some("same"), Some(kept)) => kept,
                _ => return Err(Error::new(ErrorKind::Authentication, "no user is signed in")),
            };
            *last.lock().unwrap() = Some(given.clone());
            Ok(given)
        }
    })
}

fn options(mut builder: ClientBuilder, options: &Value) -> Result<ClientBuilder, Failure> {
    for (option, value) in options.as_object().into_iter().flatten() {
        let seconds = || value.as_f64().map(Duration::from_secs_f64).ok_or("it takes seconds");
        builder = match option.as_str() {
            "key" | "client_secret" | "user_tokens" | "credentials" => builder,
            "ping_unnamed" => builder.ping_unnamed(value.as_bool().ok_or("it takes true or false")?),
            "origin" => builder.origin(value.as_str().ok_or("it takes a text")?),
            "acknowledge" => builder.acknowledge(value.as_bool().ok_or("it takes true or false")?),
            "delivery" => builder.delivery(match value.as_str() {
                Some("at_least_once") => Delivery::AtLeastOnce,
                Some("at_most_once") => Delivery::AtMostOnce,
                _ => Delivery::Checked,
            }),
            "quota" => builder.quota(value.as_u64().ok_or("it takes a number")? as usize),
            "heartbeat" => builder.heartbeat(seconds()?),
            "reply_idle" => builder.reply_idle(seconds()?),
            "open_deadline" => builder.open_deadline(seconds()?),
            "send_deadline" => builder.send_deadline(seconds()?),
            "ask_deadline" => builder.ask_deadline(seconds()?),
            "first_piece_deadline" => builder.first_piece_deadline(seconds()?),
            "owner_deadline" => builder.owner_deadline(seconds()?),
            _ => return Err(format!("there is no client option `{option}`").into()),
        };
    }
    Ok(builder)
}
