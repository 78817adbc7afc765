//! What a program does with the client beside its conversations: notes, and calls of its own.

use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use secondme_avatar::{AvatarClient, Error, Note, Visitor};
use serde_json::{Value, json};

use crate::json;
use crate::stage::Outcome;

pub(crate) const VERBS: [&str; 6] = ["set_note", "add_note", "note", "delete_note", "notes", "request"];

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Does what the step says. What needs a visitor, and is given none, fails.
pub(crate) fn begin(client: &AvatarClient, verb: &str, visitor: Option<Visitor>, about: &Value) -> Work {
    let (client, verb, about) = (client.clone(), verb.to_owned(), about.clone());
    Box::pin(async move {
        let done = match visitor {
            _ if verb == "request" => request(&client, visitor, &about).await,
            Some(visitor) => note(&client, &verb, &visitor, &about).await,
            None => notes(&client, &about).await,
        };
        done.map_err(|why| json::error(&why))
    })
}

async fn note(client: &AvatarClient, verb: &str, visitor: &Visitor, about: &Value) -> Result<Value, Error> {
    let word = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
    let lifetime = about["lifetime"].as_u64().map(Duration::from_secs);
    let done = match verb {
        "set_note" => {
            let set = client.set_note(visitor, word("key"), word("text"));
            return lifetime
                .into_iter()
                .fold(set, |set, lifetime| set.lifetime(lifetime))
                .await
                .map(|()| json!({}));
        }
        "add_note" => {
            let add = client.add_note(visitor, word("key"), word("text"));
            lifetime.into_iter().fold(add, |add, lifetime| add.lifetime(lifetime)).await?
        }
        "delete_note" => client.delete_note(visitor.id(), &word("key")).await?,
        _ => return Ok(json!({"text": client.note(visitor.id(), &word("key")).await?})),
    };
    Ok(json!({"done": done}))
}

async fn notes(client: &AvatarClient, about: &Value) -> Result<Value, Error> {
    let found = client.notes(about["prefix"].as_str().unwrap_or_default()).await?;
    let note =
        |note: &Note| json!({"visitor_id": note.visitor.id().as_str(), "key": note.key, "text": note.text});
    Ok(json!({"notes": found.iter().map(note).collect::<Vec<_>>()}))
}

/// A path may be written in parts.
async fn request(client: &AvatarClient, visitor: Option<Visitor>, about: &Value) -> Result<Value, Error> {
    let path: String = match &about["path"] {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
        path => path.as_str().unwrap_or_default().to_owned(),
    };
    let request = client.request(about["method"].as_str().unwrap_or_default(), path);
    let request = visitor.into_iter().fold(request, |request, visitor| request.visitor(visitor));
    let body = (!about["body"].is_null()).then(|| about["body"].to_string());
    let data = body.into_iter().fold(request, |request, body| request.body(body)).into_future().await?;
    Ok(json!({"data": serde_json::from_str::<Value>(&data).unwrap()}))
}
