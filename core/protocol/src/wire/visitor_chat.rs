//! Visitor Chat's failure codes, and what an address of it may say about its socket.

use super::codes::Meaning;
use crate::app_token::CONSOLE;
use crate::error::ErrorKind;
use crate::ids::WsId;
use crate::option_name::OptionName;

/// What has to be changed from outside before a call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The app's id or its secret.
    App,
    /// The app's state: the service does not let it in.
    AppState,
    /// The scope of the app or of its user's token.
    Scope,
    /// The user's consent, which was withdrawn.
    Consent,
    /// The avatar's API key.
    ApiKey,
}

/// What a listed code of this door means.
pub(super) fn meaning(code: &str) -> Option<Meaning> {
    let cause = match code {
        "oauth2.client.secret_mismatch" | "oauth2.application.not_found" => Cause::App,
        "oauth2.application.pending_review"
        | "oauth2.application.rejected"
        | "oauth2.application.suspended"
        | "oauth2.application.invalid_type"
        | "oauth2.application.invalid_status"
        | "secondme.app.banned" => Cause::AppState,
        "oauth2.scope.invalid"
        | "oauth2.scope.missing"
        | "auth.scope.missing"
        | "apikey.permission.denied" => Cause::Scope,
        "oauth2.authorization.revoked" => Cause::Consent,
        "apikey.auth.missing" | "apikey.auth.invalid" | "apikey.invalid" | "apikey.fetch.not_found" => {
            Cause::ApiKey
        }
        _ => return None,
    };
    Some(cause.meaning())
}

/// What a code means that is not listed. Where the service forbids the call, that is because of what the code's family
/// is about. The vendor gives two families as a whole: those of scopes and of the first door's keys.
pub(super) fn likely_meaning(status: u16, code: &str) -> Option<Meaning> {
    let is_whole = ["oauth2.scope.", "open.api.key."].into_iter().any(|prefix| code.starts_with(prefix));
    let cause = family(code).filter(|_| is_whole || matches!(status, 401 | 403))?;
    Some(cause.meaning())
}

/// Whether a code is one of this door's, listed or not.
pub(super) fn is_known(code: &str) -> bool {
    meaning(code).is_some() || family(code).is_some()
}

fn family(code: &str) -> Option<Cause> {
    let families = [
        ("oauth2.scope.", Cause::Scope),
        ("oauth2.application.", Cause::AppState),
        ("apikey.", Cause::ApiKey),
        ("open.api.key.", Cause::ApiKey),
    ];
    families.into_iter().find_map(|(prefix, cause)| code.starts_with(prefix).then_some(cause))
}

impl Cause {
    fn meaning(self) -> Meaning {
        let text = match self {
            Self::App => {
                let (id, secret) = (OptionName::CLIENT_ID, OptionName::CLIENT_SECRET);
                format!(
                    "the service does not know this app, or not with this secret: check {id} and {secret} at {CONSOLE}"
                )
            }
            Self::AppState => format!(
                "the service does not let this app in (it may wait for a review, or be suspended): see its state at {CONSOLE}"
            ),
            Self::Scope => {
                format!("the app or its user's token lacks the scope `chat.write`: add it at {CONSOLE}")
            }
            Self::Consent => {
                "the user has withdrawn what was allowed to the app: have the user allow it again".to_owned()
            }
            Self::ApiKey => {
                let key = OptionName::API_KEY;
                format!(
                    "the service does not accept {key}: copy the avatar's key again from the SecondMe app"
                )
            }
        };
        (ErrorKind::Authentication, text.into())
    }
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
