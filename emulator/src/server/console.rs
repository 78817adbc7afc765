//! The owner's console: a page, its program and its style, built into this program.
//!
//! `emulator/console` holds their sources, and `dist` what is built from them and checked in.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

/// Nothing from elsewhere, and nothing inline. A picture may be made by the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../console/dist/", $name)) }
    };
}

const PAGE: Asset = asset!("index.html", "text/html; charset=utf-8");
const ASSETS: [Asset; 2] = [
    asset!("console.js", "text/javascript; charset=utf-8"),
    asset!("console.css", "text/css; charset=utf-8"),
];

/// The page itself.
pub(super) fn page(asked: &HeaderMap) -> Response {
    answer(&PAGE, asked)
}

/// What the page loads, by its name.
pub(super) fn asset(name: &str, asked: &HeaderMap) -> Option<Response> {
    ASSETS.iter().find(|asset| asset.name == name).map(|asset| answer(asset, asked))
}

fn answer(asset: &Asset, asked: &HeaderMap) -> Response {
    let mut hasher = DefaultHasher::new();
    asset.bytes.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let is_known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = Response::new(Body::from(if is_known { &[] } else { asset.bytes }));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    for (name, value) in [
        (header::CONTENT_TYPE, asset.kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Kept, and asked for again each time: another emulator may listen on this port tomorrow.
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
