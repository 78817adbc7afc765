//! The control API under `/_emulator/`, for tests in any language and for the owner's actions.
//!
//! `guard` says who is answered, `calls` which calls there are.

mod calls;
mod catalogue;
mod guard;
mod keys;
mod live;
mod query;
mod trace;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use self::calls::Call;
pub(super) use self::guard::{Guard, is_token};
use super::connection::Peer;
use super::console;
use super::hub::Hub;
use crate::profile::Profile;
use crate::service::{
    CloseHow, Failure, Fault, FaultId, Injection, Millis, OwnerAction, Service, TokenStanding,
    check_close_code,
};

const BODY_LIMIT: usize = 1024 * 1024;
/// A year: beyond every lifetime there is, and far from where the clock would overflow.
const ADVANCE_LIMIT: Millis = Millis(365 * 24 * 3_600_000);

/// What went wrong with a control call.
#[derive(Debug)]
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
struct Survey {
    /// What stands in the file.
    toml: String,
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

/// Any call of the control API, and what the console's page loads.
pub(super) async fn control(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let path = request.uri().path().trim_start_matches("/_emulator").trim_matches('/');
    let is_get = request.method() == Method::GET;
    let answered = match path.strip_prefix("console/") {
        Some(name) if is_get => {
            let asset = || console::asset(name, request.headers()).ok_or_else(|| not_found("console/…"));
            hub.guard().admit(peer.address, request.headers()).and_then(|()| asset())
        }
        _ if is_get && path.is_empty() => {
            hub.guard().admit(peer.address, request.headers()).map(|()| to_the_page())
        }
        _ => answer(&hub, &peer, request).await,
    };
    answered.unwrap_or_else(Refused::response)
}

/// The console's page.
pub(super) async fn page(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let admitted = hub.guard().admit(peer.address, request.headers());
    admitted.map_or_else(Refused::response, |()| console::page(request.headers()))
}

/// The page stands at the root. What is behind a `#` goes along. Not for good: browsers would remember it for whatever
/// listens on this port tomorrow.
fn to_the_page() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
    response
}

async fn answer(hub: &Arc<Hub>, peer: &Peer, request: Request) -> Result<Response, Refused> {
    hub.guard().admit_call(peer.address, request.headers())?;
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches("/_emulator").trim_matches('/');
    let (call, id) = calls::find(parts.method.as_str(), path).ok_or_else(|| not_found(path))?;
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|error| Refused {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "control.body",
        message: error.to_string(),
    })?;
    let query = parts.uri.query().unwrap_or_default();
    let value = match call {
        Call::State => json!(hub.with(|service, now| service.state(now))),
        Call::Settings => json!(hub.with(|service, _| service.settings().clone())),
        Call::Live => return live::feed(hub, query),
        Call::Conversation => query::conversation(hub, id, query)?,
        Call::StateFile => state_file(hub),
        Call::SaveState => save_state(hub).await?,
        Call::Trace => return trace::drawing(hub, id, query),
        Call::Catalogue => catalogue::catalogue(),
        Call::Profile => play_profile(hub, &read::<Survey>(&body)?.toml)?,
        Call::Journal => query::journal(hub, query).await?,
        Call::ChangeSettings => change_settings(hub, read(&body)?)?,
        Call::ChangeKey => keys::change(hub, &body)?,
        Call::RemoveKey => keys::remove(hub, id)?,
        Call::Reset => {
            hub.with(|service, now| service.reset(now));
            json!({})
        }
        Call::Clock => advance(hub, Millis(read::<Advance>(&body)?.advance_ms)).await?,
        Call::OwnerReply => {
            let Reply { session_id, text } = read(&body)?;
            owner(hub, OwnerAction::Reply { session_id, text })?
        }
        Call::OwnerTakeover => {
            let InSession { session_id } = read(&body)?;
            owner(hub, OwnerAction::TakeOver { session_id })?
        }
        Call::OwnerHandback => {
            let InSession { session_id } = read(&body)?;
            owner(hub, OwnerAction::HandBack { session_id })?
        }
        Call::UserTokens => {
            let OfUser { user } = read(&body)?;
            json!({"token": hub.with(|service, now| service.issue_user_token(now, &user))})
        }
        Call::ChatTokens => {
            let Tokens { token, standing } = read(&body)?;
            let set = |service: &mut Service, now| service.set_chat_tokens(now, token.as_deref(), standing);
            json!({"changed": hub.with(set)})
        }
        Call::AddFaults => add_faults(hub, &body)?,
        Call::Faults => json!({"faults": hub.with(|service, _| service.faults().to_vec())}),
        Call::ClearFaults | Call::ClearFaultsToo => {
            hub.with(|service, _| service.clear_faults());
            json!({})
        }
        Call::RemoveFault => remove_fault(hub, id)?,
        Call::Push => {
            let Push { session_id, injection } = read(&body)?;
            hub.with(|service, now| service.inject(now, &session_id, injection))?;
            json!({})
        }
        Call::CloseSockets => {
            close_sockets(hub, if body.is_empty() { Close::default() } else { read(&body)? })?
        }
    };
    Ok(json_response(StatusCode::OK, &value))
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn not_found(path: &str) -> Refused {
    let message = format!("there is no `{path}`; there are {}", calls::listed());
    Refused { status: StatusCode::NOT_FOUND, code: "control.not.found", message }
}

fn remove_fault(hub: &Arc<Hub>, id: &str) -> Result<Value, Refused> {
    let number =
        id.parse().map_err(|_| wrong_body(&"a fault is named by the number that `faults` gives it"))?;
    match hub.with(|service, _| service.remove_fault(FaultId(number))) {
        true => Ok(json!({})),
        false => Err(Refused {
            status: StatusCode::NOT_FOUND,
            code: "control.no.fault",
            message: format!("there is no fault {number}; `GET faults` lists those there are"),
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
    // At once, so that nothing that another caller changes meanwhile is undone.
    hub.with(|service, _| {
        let settings = service.settings().changed(changes).map_err(|error| wrong_body(&error))?;
        let answer = json!(settings);
        service.change_settings(|old| *old = settings);
        Ok(answer)
    })
}

/// The file of the state, when it was written last, and what went wrong since.
fn state_file(hub: &Arc<Hub>) -> Value {
    let Some(file) = hub.state_file() else {
        return json!({"file": null, "savedAt": null, "trouble": null});
    };
    let last = file.last();
    json!({"file": file.path(), "savedAt": last.saved_at.map(|at| at.0), "trouble": last.trouble})
}

async fn save_state(hub: &Arc<Hub>) -> Result<Value, Refused> {
    let refused = |status, code, message| Refused { status, code, message };
    let Some(file) = hub.state_file().cloned() else {
        let message = "this emulator has no file for its state; start it with `--state FILE`".to_owned();
        return Err(refused(StatusCode::CONFLICT, "control.no.state", message));
    };
    let of = Arc::clone(hub);
    let saved = tokio::task::spawn_blocking(move || file.save(&of)).await;
    let failed = |message| refused(StatusCode::INTERNAL_SERVER_ERROR, "control.state", message);
    saved.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    Ok(state_file(hub))
}

/// The service behaves from now on as a profile says, and in all else as before.
fn play_profile(hub: &Arc<Hub>, toml: &str) -> Result<Value, Refused> {
    let profile = Profile::parse(toml).map_err(|error| wrong_body(&error))?;
    let played = hub.with(|service, _| {
        let settings = profile.apply(service.settings());
        service.change_settings(|old| old.clone_from(&settings));
        settings
    });
    Ok(json!(played))
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

impl Refused {
    fn response(self) -> Response {
        json_response(self.status, &json!({"error": {"code": self.code, "message": self.message}}))
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        let status = StatusCode::from_u16(failure.code().status()).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, code: failure.code().as_str(), message: failure.message().to_owned() }
    }
}
