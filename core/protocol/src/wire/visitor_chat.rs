//! Visitor Chat's failure codes, and what an address of it may say about its socket.

use crate::app_token::CONSOLE;
use crate::error::ErrorKind;
use crate::ids::WsId;
use crate::option_name::OptionName;

/// What a failure code of this door means, where only a change from outside helps.
pub(super) fn meaning(code: &str) -> Option<(ErrorKind, String)> {
    let app = || {
        let (id, secret) = (OptionName::CLIENT_ID, OptionName::CLIENT_SECRET);
        format!(
            "the service does not know this app, or not with this secret: check {id} and {secret} at {CONSOLE}"
        )
    };
    let text = match code {
        "oauth2.client.secret_mismatch" | "oauth2.application.not_found" => app(),
        "oauth2.authorization.revoked" => {
            "the user has withdrawn what was allowed to the app: have the user allow it again".to_owned()
        }
        "auth.scope.missing" | "apikey.permission.denied" => no_scope(),
        "secondme.app.banned" => no_app(),
        _ if code.starts_with("oauth2.scope.") => no_scope(),
        _ if code.starts_with("oauth2.application.") => no_app(),
        _ if code.starts_with("apikey.") => {
            format!(
                "the service does not accept {}: copy the avatar's key again from the SecondMe app",
                OptionName::API_KEY
            )
        }
        _ => return None,
    };
    Some((ErrorKind::Authentication, text))
}

fn no_scope() -> String {
    format!("the app or its user's token lacks the scope `chat.write`: add it at {CONSOLE}")
}

fn no_app() -> String {
    format!(
        "the service does not let this app in (it may wait for a review, or be suspended): see its state at {CONSOLE}"
    )
}

/// The parameters in which an address may name its socket, the likeliest first.
const NAMES: [&str; 2] = ["wsId", "id"];

/// The socket's name, where the address holds one. It is a guess until a frame confirms it.
pub(crate) fn ws_id_of(address: &str) -> Option<WsId> {
    let (_, query) = address.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    NAMES.iter().find_map(|name| {
        let mut values = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = values.find(|(key, _)| key == name)?;
        decode(value).filter(|value| !value.is_empty()).map(WsId::from)
    })
}

/// Undoes the percent-encoding; `None` where the result is no text.
fn decode(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(match byte {
            b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_its_socket() {
        for (address, name) in [
            ("wss://host/ws?token=x&wsId=ws%3A26", Some("ws:26")),
            ("wss://host/ws?id=7&wsId=ws-1", Some("ws-1")),
            ("wss://host/ws?id=7#top", Some("7")),
            ("wss://host/opaque/path", None),
            ("wss://host/ws?wsId=&token=x", None),
            ("wss://host/ws?wsId=%f", None),
            ("wss://host/ws?wsIdentity=7", None),
        ] {
            assert_eq!(ws_id_of(address).as_ref().map(WsId::as_str), name, "{address}");
        }
    }
}
