//! The owner's console: one page without dependencies, which makes calls of the control API only.

use std::hash::{BuildHasher, RandomState};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;

/// The page. Its style and its program stand in it, and nothing else is ever loaded.
const PAGE: &str = include_str!("console.html");

/// Nothing from elsewhere, and nothing inline but what carries the mark of this one answer.
const POLICY: &str = "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn page() -> Response {
    // The standard library's own source of randomness, which cannot be guessed.
    let random = || RandomState::new().hash_one(PAGE.len());
    let nonce = format!("{:016x}{:016x}", random(), random());
    let marked = |text: &str| text.replace("{nonce}", &nonce);
    let mut response = Response::new(Body::from(marked(PAGE)));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, &marked(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
