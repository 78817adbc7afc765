//! The service's HTTP calls and handshakes, behind axum.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{any, get};

use super::connection::{Fate, Peer};
use super::control::{control, page};
use super::hub::Hub;
use super::socket::Live;
use crate::service::{self, Answer, Code, Delivery, Failure, Headers, RetryAfter, SOCKET_PATH};

/// Above the service's own limit, so that it is the service that refuses a large body.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Buffers of a socket in bytes. tungstenite's own 128 KiB would cost ten thousand sockets a
/// gigabyte; frames here are a few hundred bytes.
const READ_BUFFER: usize = 2 * 1024;
const WRITE_BUFFER: usize = 4 * 1024;
/// The largest frame a client may send.
const FRAME_LIMIT: usize = 256 * 1024;

pub(super) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route(SOCKET_PATH, any(handshake))
        .route(&format!("{SOCKET_PATH}/{{ticket}}"), any(handshake))
        // At another method the root is as unknown as to the service.
        .route("/", get(page).fallback(call))
        .route("/_emulator", any(control))
        .route("/_emulator/", any(control))
        .route("/_emulator/{*path}", any(control))
        .fallback(call)
        .with_state(hub)
}

/// Any of the service's calls; the service knows which there are.
async fn call(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let answer = match to_bytes(body, BODY_LIMIT).await {
        Ok(body) => {
            let request = service::Request {
                method: parts.method.as_str().to_owned(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                headers: headers(&parts.headers),
                body: body.into(),
            };
            hub.with(|service, now| {
                let answer = service.handle(now, &request);
                if service.settings().retry_after == RetryAfter::Date { dated(answer) } else { answer }
            })
        }
        Err(_) => {
            let failure = Failure::new(Code::BodyTooLarge, "the body is too large, or broke off");
            hub.with(|service, _| failure.answer(service.settings()))
        }
    };
    hub.delay().await;
    deliver(&hub, &peer.fate, answer).await
}

/// The handshake of a socket.
async fn handshake(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    uri: Uri,
    given: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let outcome = match upgrade {
        Ok(upgrade) => {
            let target = uri.path_and_query().map_or(SOCKET_PATH, |target| target.as_str());
            let headers = headers(&given);
            let connected =
                hub.connect(peer.fate.clone(), |service, now| service.connect(now, target, &headers));
            // From here on the socket is open for the service, so it must also end if the client
            // goes away before the answer: `Live` sees to that.
            let live = connected.map(|(socket, queue)| {
                let delay = hub.with(|service, _| service.handshake_delay(socket));
                (Live::new(Arc::clone(&hub), socket, queue), delay)
            });
            live.map(|(live, delay)| (upgrade, live, delay))
        }
        Err(rejection) => {
            let status = Code::UpgradeRequired.status();
            let failure = Failure::new(Code::UpgradeRequired, rejection.body_text());
            Err(hub.with(|service, _| Answer { status, ..failure.answer(service.settings()) }))
        }
    };
    hub.delay().await;
    match outcome {
        Err(answer) => deliver(&hub, &peer.fate, answer).await,
        Ok((upgrade, live, delay)) => {
            hub.pass(delay).await;
            upgrade
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(WRITE_BUFFER)
                .max_message_size(FRAME_LIMIT)
                .max_frame_size(FRAME_LIMIT)
                .on_upgrade(|socket| live.run(socket))
        }
    }
}

/// Says when in place of how long: by the clock of the header `Date`, which is this machine's.
fn dated(mut answer: Answer) -> Answer {
    for (_, value) in answer.headers.iter_mut().filter(|(name, _)| name == "retry-after") {
        if let Ok(seconds) = value.parse() {
            *value = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds));
        }
    }
    answer
}

fn headers(given: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in given {
        headers.push(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
    }
    headers
}

/// Brings an answer to the client as a fault wants it, or not at all.
async fn deliver(hub: &Hub, fate: &Fate, answer: Answer) -> Response {
    match answer.delivery {
        Delivery::Now => return response(answer),
        Delivery::After(time) => {
            hub.pass(time).await;
            return response(answer);
        }
        Delivery::Never => hub.hang().await,
        Delivery::Cut => {}
        Delivery::Reset => fate.reset(),
    }
    // A body that breaks before its first byte: hyper ends the connection, and has sent nothing yet.
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
    Response::new(Body::from_stream(broken))
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    // The service makes only valid ones; anything else is a fault of the emulator, and shows as such.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
