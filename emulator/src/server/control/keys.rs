//! One API key is changed, with an avatar of its own where it has one, whatever else changes them meanwhile.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refused, read, wrong_body};
use crate::server::hub::Hub;
use crate::service::{Avatar, Key, Service, Settings, percent_decoded};

/// A key, with what is to be another about it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Change {
    key: String,
    share_code: Option<String>,
    disabled: Option<bool>,
    /// An avatar that is made with it, and that the key then opens.
    avatar: Option<NewAvatar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAvatar {
    name: String,
    #[serde(default)]
    opening: String,
}

/// Adds a key, or changes the one there is. Without a share code and an avatar a new one opens the first avatar.
pub(super) fn change(hub: &Arc<Hub>, body: &[u8]) -> Result<Value, Refused> {
    let Change { key, mut share_code, disabled, avatar } = read(body)?;
    if avatar.is_some() && share_code.is_some() {
        return Err(wrong_body(
            &"a key opens a new `avatar`, or the one of its `share-code`; it cannot have both",
        ));
    }
    hub.with(|service, _| {
        let mut settings = service.settings().clone();
        if let Some(NewAvatar { name, opening }) = avatar {
            let avatar = Avatar::beside(&settings.avatars, &name, &opening);
            share_code = Some(avatar.share_code.clone());
            settings.avatars.push(avatar);
        }
        let codes: Vec<_> = settings.avatars.iter().map(|avatar| avatar.share_code.as_str()).collect();
        if let Some(code) = share_code.as_deref().filter(|code| !codes.contains(code)) {
            let known = codes.join(", ");
            return Err(wrong_body(&format!("there is no avatar `{code}`; there are {known}")));
        }
        let mut keys = settings.keys.clone();
        match keys.iter_mut().find(|known| known.key == key) {
            Some(known) => {
                known.share_code = share_code.unwrap_or_else(|| known.share_code.clone());
                known.disabled = disabled.unwrap_or(known.disabled);
            }
            None => {
                let first = codes.first().copied().unwrap_or_default();
                let share_code = share_code.unwrap_or_else(|| first.to_owned());
                keys.push(Key { key, share_code, disabled: disabled.unwrap_or(false) });
            }
        }
        set(service, settings.clone().keys(keys))
    })
}

/// Takes a key away.
pub(super) fn remove(hub: &Arc<Hub>, id: &str) -> Result<Value, Refused> {
    let key = percent_decoded(id);
    hub.with(|service, _| {
        let before = &service.settings().keys;
        let keys: Vec<_> = before.iter().filter(|known| known.key != key).cloned().collect();
        if keys.len() == before.len() {
            return Err(Refused {
                status: StatusCode::NOT_FOUND,
                code: "control.no.key",
                message: "there is no such key; `GET settings` lists those there are".to_owned(),
            });
        }
        set(service, service.settings().clone().keys(keys))
    })
}

fn set(service: &mut Service, settings: Settings) -> Result<Value, Refused> {
    settings.check().map_err(|error| wrong_body(&error))?;
    let answer = json!({"keys": settings.keys, "avatars": settings.avatars});
    service.change_settings(|old| *old = settings);
    Ok(answer)
}
