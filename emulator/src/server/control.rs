//! The control API under `/_emulator/`, for tests in any language and for the owner's actions.
//!
//! It answers on loopback only, and neither to web pages of other origins nor under a foreign name,
//! so that no web page in a browser on this computer can control it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::connection::Peer;
use super::console;
use super::hub::Hub;
use crate::service::{
    CloseHow, Failure, Fault, Injection, Millis, OwnerAction, Service, TokenStanding, check_close_code,
};

const BODY_LIMIT: usize = 1024 * 1024;
/// A year: beyond every lifetime there is, and far from where the clock would overflow.
const ADVANCE_LIMIT: Millis = Millis(365 * 24 * 3_600_000);

/// The longest that one call waits for something to happen.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// What went wrong with a control call.
struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InSession {
    session_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reply {
    session_id: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    token: Option<String>,
    standing: TokenStanding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Push {
    session_id: String,
    #[serde(flatten)]
    injection: Injection,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Close {
    ws_id: Option<String>,
    abrupt: bool,
    code: Option<u16>,
    reason: Option<String>,
}

/// Any call of the control API.
pub(super) async fn control(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let root = matches!(request.uri().path(), "/_emulator/" | "/_emulator");
    if request.method() == Method::GET && root && admit(peer.address, request.headers()).is_ok() {
        return console::page();
    }
    let (status, body) = match answer(&hub, peer.address, request).await {
        Ok(body) => (StatusCode::OK, body),
        Err(refused) => {
            let error = json!({"error": {"code": refused.code, "message": refused.message}});
            (refused.status, error)
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

async fn answer(hub: &Arc<Hub>, peer: SocketAddr, request: Request) -> Result<Value, Refused> {
    admit(peer, request.headers())?;
    show_token(hub, request.headers())?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|error| Refused {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "control.body",
        message: error.to_string(),
    })?;
    let path = parts.uri.path().trim_start_matches("/_emulator").trim_matches('/');
    match (parts.method.as_str(), path) {
        ("GET", "state") => Ok(json!(hub.with(|service, now| service.state(now)))),
        ("GET", "settings") => Ok(json!(hub.with(|service, _| service.settings().clone()))),
        ("GET", "journal") => journal(hub, parts.uri.query().unwrap_or_default()).await,
        ("POST", "settings") => change_settings(hub, read(&body)?),
        ("POST", "reset") => {
            hub.with(|service, now| service.reset(now));
            Ok(json!({}))
        }
        ("POST", "clock") => advance(hub, Millis(read::<Advance>(&body)?.advance_ms)).await,
        ("POST", "owner/reply") => {
            let Reply { session_id, text } = read(&body)?;
            owner(hub, OwnerAction::Reply { session_id, text })
        }
        ("POST", "owner/takeover") => {
            let InSession { session_id } = read(&body)?;
            owner(hub, OwnerAction::TakeOver { session_id })
        }
        ("POST", "owner/handback") => {
            let InSession { session_id } = read(&body)?;
            owner(hub, OwnerAction::HandBack { session_id })
        }
        ("POST", "user-tokens") => {
            let OfUser { user } = read(&body)?;
            Ok(json!({"token": hub.with(|service, now| service.issue_user_token(now, &user))}))
        }
        ("POST", "chat-tokens") => {
            let Tokens { token, standing } = read(&body)?;
            let set = |service: &mut Service, now| service.set_chat_tokens(now, token.as_deref(), standing);
            Ok(json!({"changed": hub.with(set)}))
        }
        ("POST", "faults") => add_faults(hub, &body),
        ("GET", "faults") => Ok(json!({"faults": hub.with(|service, _| service.faults().to_vec())})),
        ("DELETE", "faults") | ("POST", "faults/clear") => {
            hub.with(|service, _| service.clear_faults());
            Ok(json!({}))
        }
        ("POST", "push") => {
            let Push { session_id, injection } = read(&body)?;
            hub.with(|service, now| service.inject(now, &session_id, injection))?;
            Ok(json!({}))
        }
        ("POST", "sockets/close") => {
            close_sockets(hub, if body.is_empty() { Close::default() } else { read(&body)? })
        }
        _ => Err(Refused {
            status: StatusCode::NOT_FOUND,
            code: "control.not.found",
            message:
                "there are GET state, settings, journal, faults, POST settings, reset, clock, owner/reply, \
                      owner/takeover, owner/handback, push, sockets/close, user-tokens, chat-tokens, faults, \
                      faults/clear, \
                      and DELETE faults"
                    .to_owned(),
        }),
    }
}

async fn advance(hub: &Arc<Hub>, by: Millis) -> Result<Value, Refused> {
    if by > ADVANCE_LIMIT {
        return Err(wrong_body(&format!("at most {} at once", ADVANCE_LIMIT)));
    }
    hub.advance(by).await;
    Ok(json!({"now": hub.now().0}))
}

fn close_sockets(hub: &Arc<Hub>, close: Close) -> Result<Value, Refused> {
    let how = match close.abrupt {
        true => CloseHow::Abrupt,
        false => CloseHow::Clean { code: close_code(close.code)?, reason: close.reason.unwrap_or_default() },
    };
    let closed = hub.with(|service, now| service.close_sockets(now, close.ws_id.as_deref(), &how));
    Ok(json!({"closed": closed}))
}

/// The journal from an entry on. With `wait` it waits, in real time, until there is one.
async fn journal(hub: &Arc<Hub>, query: &str) -> Result<Value, Refused> {
    let (mut since, mut wait) = (0, 0);
    for (name, value) in query.split('&').filter(|pair| !pair.is_empty()).filter_map(|it| it.split_once('='))
    {
        let number = value.parse().map_err(|_| wrong_query())?;
        match name {
            "since" => since = number,
            "wait" => wait = number,
            _ => return Err(wrong_query()),
        }
    }
    let wait = Duration::from_millis(wait).min(WAIT_LIMIT);
    let there_is = |service: &mut Service, now| (service.journal_next(now) > since).then_some(());
    let mut stopped = hub.stopped();
    if !wait.is_zero() {
        // The answer is what there is when the wait ends, for whatever reason.
        tokio::select! {
            _ = tokio::time::timeout(wait, hub.wait_until(there_is)) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
    let (entries, next) = hub.with(|service, now| service.journal(now, since));
    Ok(json!({"next": next, "entries": entries}))
}

fn wrong_query() -> Refused {
    wrong_body(&"`journal` takes `?since=NUMBER&wait=MILLISECONDS`, both optional")
}

/// One fault or a list of them. If one of them is wrong, none is taken.
fn add_faults(hub: &Arc<Hub>, body: &[u8]) -> Result<Value, Refused> {
    let written = match read(body)? {
        Value::Array(list) => list,
        one => vec![one],
    };
    let faults = written.into_iter().enumerate().map(|(number, fault)| {
        Fault::deserialize(fault).map_err(|error| wrong_body(&format!("fault {number}: {error}")))
    });
    let faults = faults.collect::<Result<Vec<_>, _>>()?;
    let add = |service: &mut Service, _| faults.into_iter().map(|fault| service.add_fault(fault)).collect();
    let ids: Result<Vec<_>, _> = hub.with(add);
    Ok(json!({"ids": ids.map_err(|error| wrong_body(&error))?}))
}

fn owner(hub: &Arc<Hub>, action: OwnerAction) -> Result<Value, Refused> {
    let message_id = hub.with(|service, now| service.owner(now, action))?;
    Ok(message_id.map_or(json!({}), |message_id| json!({"messageId": message_id})))
}

/// Changes the settings that are given, and none of the others.
fn change_settings(hub: &Arc<Hub>, changes: Map<String, Value>) -> Result<Value, Refused> {
    let current = hub.with(|service, _| service.settings().clone());
    let settings = current.changed(changes).map_err(|error| wrong_body(&error))?;
    let answer = json!(settings);
    hub.with(|service, _| service.change_settings(|old| *old = settings));
    Ok(answer)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| wrong_body(&error))
}

fn wrong_body(error: &dyn std::fmt::Display) -> Refused {
    let message = format!("the body is not what this call takes: {error}");
    Refused { status: StatusCode::BAD_REQUEST, code: "control.body", message }
}

fn close_code(code: Option<u16>) -> Result<u16, Refused> {
    let code = code.unwrap_or(1_000);
    check_close_code(code).map_err(|error| wrong_body(&error))?;
    Ok(code)
}

fn admit(peer: SocketAddr, headers: &HeaderMap) -> Result<(), Refused> {
    let refused = |code, message: &str| {
        Err(Refused { status: StatusCode::FORBIDDEN, code, message: message.to_owned() })
    };
    if !peer.ip().to_canonical().is_loopback() {
        return refused("control.not.loopback", "the control API answers on loopback only");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_loopback_name(host) {
        return refused("control.foreign.host", "the control API answers to 127.0.0.1 and localhost only");
    }
    match headers.get(header::ORIGIN) {
        Some(origin) if origin.as_bytes() != format!("http://{host}").as_bytes() => {
            refused("control.foreign.origin", "the control API does not answer to pages of other origins")
        }
        _ => Ok(()),
    }
}

/// Refuses a caller who does not show the token, if one is set. The page of the console holds nothing, and needs none.
fn show_token(hub: &Hub, headers: &HeaderMap) -> Result<(), Refused> {
    let Some(token) = hub.control_token() else { return Ok(()) };
    let wanted = format!("Bearer {}", token.expose());
    let given = headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes).unwrap_or_default();
    // All bytes are compared, so that the time tells nothing of the token.
    let differ = given.iter().zip(wanted.as_bytes()).fold(0, |found, (one, other)| found | (one ^ other));
    if given.len() == wanted.len() && differ == 0 {
        return Ok(());
    }
    let message =
        "the control API wants its token: `Authorization: Bearer TOKEN`, as `--token` has it".to_owned();
    Err(Refused { status: StatusCode::UNAUTHORIZED, code: "control.token", message })
}

/// Whether a `Host` header names this machine: an address on loopback, or `localhost`.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        let status = StatusCode::from_u16(failure.code().status()).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, code: failure.code().as_str(), message: failure.message().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_answered() {
        let headers = HeaderMap::from_iter([(header::HOST, header::HeaderValue::from_static("localhost:1"))]);
        let from = |peer: &str| admit(SocketAddr::new(peer.parse().unwrap(), 1), &headers).is_ok();
        assert!(from("127.0.0.1") && from("127.8.8.8") && from("::1") && from("::ffff:127.0.0.1"));
        assert!(!from("10.0.0.1") && !from("192.168.1.1") && !from("fe80::1"));
    }

    #[test]
    fn only_names_of_this_machine_are_answered_to() {
        for good in ["127.0.0.1:8080", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:80", "[::1]"] {
            assert!(is_loopback_name(good), "{good}");
        }
        for bad in ["", "example.com", "127.0.0.1.example.com:80", "localhost.example.com", "10.0.0.1:80"] {
            assert!(!is_loopback_name(bad), "{bad}");
        }
    }
}
