//! The paths of the gateway, and what happens to every request on its way in and out.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, delete, get, post};

use super::gateway::{Gateway, Trace, json_response};
use super::refusal::{Code, Refusal};

/// The longest body.
pub(super) const BODY: usize = 1024 * 1024;

type Shared = State<Arc<Gateway>>;

pub(super) fn router(gateway: Arc<Gateway>) -> Router {
    let api = Router::new()
        .route("/models", get(models))
        .route("/models/{id}", get(model))
        .route("/chat/completions", post(complete))
        .route("/responses", post(respond))
        .route("/responses/{id}", get(saved).delete(forget))
        .route("/avatar/events", get(events))
        .route("/avatar/events/{id}", delete(shown))
        .method_not_allowed_fallback(wrong_method);
    Router::new()
        .route("/healthz", get(healthy))
        .route("/metrics", get(metrics))
        .merge(api.clone())
        .nest("/v1", api)
        .fallback(any(unknown))
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), around))
        .with_state(gateway)
}

async fn models(State(gateway): Shared, headers: HeaderMap) -> Result<Response, Refusal> {
    gateway.callers.admit(&headers)?;
    Ok(json_response(&gateway.models()))
}

async fn model(
    State(gateway): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    gateway.callers.admit(&headers)?;
    let (model, _) = gateway.model(Some(&id))?;
    Ok(json_response(&gateway.about(model)))
}

async fn complete(State(gateway): Shared, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    // Before the body is read: it may be long.
    gateway.callers.admit(&parts.headers)?;
    let body = read(body).await?;
    gateway.complete(&parts.headers, &body).await
}

async fn respond(State(gateway): Shared, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    gateway.callers.admit(&parts.headers)?;
    let body = read(body).await?;
    gateway.respond(&parts.headers, &body).await
}

async fn saved(
    State(gateway): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = gateway.callers.admit(&headers)?;
    gateway.saved(caller, &id)
}

async fn forget(
    State(gateway): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = gateway.callers.admit(&headers)?;
    gateway.forget(caller, &id)
}

async fn events(State(gateway): Shared, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = gateway.callers.admit(&headers)?;
    Ok(gateway.feed(caller))
}

async fn shown(
    State(gateway): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = gateway.callers.admit(&headers)?;
    gateway.shown(caller, &id).await
}

async fn healthy() -> &'static str {
    "ok\n"
}

async fn unknown(State(gateway): Shared, headers: HeaderMap) -> Result<Response, Refusal> {
    gateway.callers.admit(&headers)?;
    let message = "the gateway has no such path: an avatar gives chat completions and responses, and lists its models; \
                   it makes no embeddings, images or sound";
    Err(Refusal::missing("unknown_path", message))
}

async fn wrong_method() -> Refusal {
    Refusal::method()
}

async fn metrics(State(gateway): Shared, headers: HeaderMap) -> Result<Response, Refusal> {
    gateway.callers.admit(&headers)?;
    let Some(metrics) = &gateway.metrics else {
        return Err(Refusal::missing("unknown_path", "metrics are off: start the gateway with --metrics"));
    };
    let text = metrics.text(&gateway.models, gateway.replies.len());
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn read(body: Body) -> Result<axum::body::Bytes, Refusal> {
    // What cannot be read otherwise has no reader of an answer either.
    to_bytes(body, BODY).await.map_err(|_| Refusal::too_large(BODY))
}

/// What happens to every request, on its way in and out.
async fn around(State(gateway): Shared, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match gateway.origins.before(&method, request.headers(), gateway.callers.any_may()) {
        Some(response) => response,
        None => next.run(request).await,
    };
    gateway.origins.after(origin.as_ref(), &mut response);
    let trace = response.extensions_mut().remove::<Trace>().unwrap_or_default();
    let code = response.extensions_mut().remove::<Code>().map_or("", |code| code.0);
    let (status, took) = (response.status(), began.elapsed());
    if let Some(metrics) = &gateway.metrics {
        metrics.request(&path, status.as_u16(), took, &trace);
    }
    gateway.log.request(&method, &path, status, took, &trace, code);
    response
}
