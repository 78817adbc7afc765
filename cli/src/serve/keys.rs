//! Where keys and tokens come from: the environment and files, never the command line.

use std::path::Path;

use secondme_avatar::{AvatarClient, ClientBuilder, Door};
use secondme_avatar_emulator::Emulator;

use super::args::ServeArgs;
use super::settings::{KeySource, Settings};
use super::{caller, jwt};
use crate::exit::{self, Failure};
use crate::service;

/// The model of the key without a name, and what the names of the others begin with.
const MODEL: &str = "avatar";
const KEY: &str = "SECONDME_API_KEY";
const TOKEN: &str = "SECONDME_SERVE_TOKEN";
const OPEN_WEBUI: &str = "SECONDME_SERVE_OPENWEBUI_SECRET";

/// A key, and the model that it is.
pub(super) struct Key {
    pub(super) model: String,
    pub(super) builder: ClientBuilder,
}

/// All keys there are, by their models' names.
pub(super) fn keys(
    args: &ServeArgs,
    settings: &Settings,
    emulator: Option<&Emulator>,
) -> Result<Vec<Key>, Failure> {
    if let Some(emulator) = emulator {
        let builder = match args.door() {
            Door::AvatarOpenApi => AvatarClient::builder(emulator.api_key())?,
            Door::VisitorChat => {
                let (id, secret) = (emulator.client_id(), emulator.client_secret());
                AvatarClient::visitor_chat(&id, &secret, emulator.api_key())?
            }
        };
        return Ok(vec![Key { model: MODEL.to_owned(), builder }]);
    }
    let mut found: Vec<(String, String)> = Vec::new();
    for given in &args.key_files {
        let (name, path) = match given.split_once('=') {
            Some((name, path)) => (Some(name), path),
            None => (None, given.as_str()),
        };
        found.push((model_name(name, "--key-file")?, secret_in(Path::new(path), "--key-file")?));
    }
    for (model, source) in &settings.models {
        let from = format!("--settings: models.{model}");
        let key = match source {
            KeySource::Key(key) => key.expose().to_owned(),
            KeySource::KeyFile(path) => secret_in(path, &from)?,
            // Its name is not repeated: it may be a key that was written in the wrong place.
            KeySource::KeyEnv(name) => std::env::var(name).map_err(|_| {
                Failure::new(exit::KEY, format!("{from}: the variable that key-env names is not set"))
            })?,
        };
        found.push((given_name(model, &from)?, key));
    }
    let mut named: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter_map(|(name, value)| Some((name.strip_prefix(KEY)?.strip_prefix('_')?.to_owned(), value)))
        .filter(|(name, value)| name != "FILE" && !value.is_empty())
        .collect();
    named.sort();
    for (name, value) in named {
        found.push((model_name(Some(&name), KEY)?, value));
    }
    let of_environment = [KEY, "SECONDME_API_KEY_FILE"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if of_environment || found.is_empty() {
        found.insert(0, (MODEL.to_owned(), service::api_key()?));
    }
    for (at, (model, _)) in found.iter().enumerate() {
        if found.iter().skip(at + 1).any(|(other, _)| other == model) {
            return Err(Failure::new(exit::USAGE, format!("there are two keys for the model {model}"))
                .advise("Give each a name of its own: --key-file NAME=FILE, or SECONDME_API_KEY_<NAME>."));
        }
    }
    found.into_iter().map(|(model, key)| Ok(Key { builder: builder(args, &model, &key)?, model })).collect()
}

fn builder(args: &ServeArgs, model: &str, key: &str) -> Result<ClientBuilder, Failure> {
    let of_model = |error: &secondme_avatar::Error| {
        Failure::new(exit::KEY, format!("the key of the model {model}: {}", exit::said(error)))
    };
    match args.door() {
        Door::AvatarOpenApi => AvatarClient::builder(key).map_err(|error| of_model(&error)),
        Door::VisitorChat => {
            let env = |name| std::env::var(name).unwrap_or_default();
            AvatarClient::visitor_chat(&env("SECONDME_CLIENT_ID"), &env("SECONDME_CLIENT_SECRET"), key)
                // Not the key alone may be wrong.
                .map_err(|error| {
                    Failure::new(exit::KEY, format!("the model {model}: {}", exit::said(&error)))
                })
        }
    }
}

/// The name of a model, as callers know it.
fn given_name(model: &str, from: &str) -> Result<String, Failure> {
    match model.strip_prefix(MODEL) {
        Some("") => Ok(MODEL.to_owned()),
        Some(name) if name.starts_with('-') => model_name(Some(&name[1..]), from),
        _ => Err(Failure::new(
            exit::USAGE,
            format!("{from}: a model's name is {MODEL}, or begins with {MODEL}-"),
        )),
    }
}

fn model_name(name: Option<&str>, from: &str) -> Result<String, Failure> {
    let Some(name) = name else { return Ok(MODEL.to_owned()) };
    let name = name.to_ascii_lowercase().replace('_', "-");
    let fits = !name.is_empty()
        && name.len() <= 40
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    if !fits {
        return Err(Failure::new(exit::USAGE, format!("{from}: {name:?} is no name for a model"))
            .advise("Write 1 to 40 letters, digits, `-` or `.`: the model is avatar-NAME then."));
    }
    Ok(format!("{MODEL}-{name}"))
}

/// What callers have to show, each with its name.
pub(super) fn tokens(args: &ServeArgs, settings: &Settings) -> Result<Vec<(String, String)>, Failure> {
    let of_environment = std::env::var(TOKEN).ok().filter(|text| !text.is_empty());
    let (text, from) = match (&args.token_file, of_environment) {
        (Some(_), Some(_)) => {
            return Err(Failure::new(
                exit::USAGE,
                format!("--token-file and {TOKEN} are both there: keep one"),
            ));
        }
        (Some(path), None) => (secret_in(path, "--token-file")?, "--token-file"),
        (None, Some(text)) => (text, TOKEN),
        (None, None) => {
            let entries = settings.tokens.iter().map(|(name, token)| (name.as_str(), token.expose()));
            return caller::checked(entries)
                .map_err(|why| Failure::new(exit::USAGE, format!("--settings: tokens: {why}")));
        }
    };
    let tokens = caller::tokens(&text).map_err(|why| Failure::new(exit::USAGE, format!("{from}: {why}")))?;
    if tokens.is_empty() {
        return Err(Failure::new(exit::USAGE, format!("{from} holds no token: without it, leave it out")));
    }
    Ok(tokens)
}

/// The secret with which Open WebUI signs.
pub(super) fn open_webui(settings: &Settings) -> Option<jwt::Secret> {
    // Open WebUI leaves out what surrounds it, too.
    let of_environment = std::env::var(OPEN_WEBUI).ok().filter(|secret| !secret.trim().is_empty());
    let secret = of_environment
        .or_else(|| settings.openwebui_secret.as_ref().map(|secret| secret.expose().to_owned()));
    secret.filter(|secret| !secret.trim().is_empty()).map(|secret| jwt::Secret::new(secret.trim()))
}

fn secret_in(path: &Path, from: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(exit::USAGE, format!("{from}: {}: {error}", path.display())))?;
    let text = text.trim();
    match text.is_empty() {
        true => Err(Failure::new(exit::USAGE, format!("{from}: {} is empty", path.display()))),
        false => Ok(text.to_owned()),
    }
}

/// An emulator on this machine.
pub(super) async fn emulator(script: Option<&str>) -> Result<Emulator, Failure> {
    let builder = Emulator::builder().brain(crate::chat::brain(script)?);
    let builder = builder
        .piece_delay(crate::chat::SPEAKS)
        .configure(|settings| settings.reply_delay = crate::chat::THINKS.into());
    builder.start().await.map_err(|error| Failure::new(exit::FAILURE, error.to_string()))
}

/// Waits until standard input ends. It is read on a thread of its own, where it may block for as long as it likes.
pub(super) async fn stdin_ends() {
    let (tell, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An error is an end as well, and the receiver is gone if a signal was faster.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = tell.send(());
    });
    let _ = ended.await;
}
