//! Which web pages may call the gateway from a browser.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::refusal::Refusal;

/// The origins of pages that may.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<String>);

/// What a page may read beside the body.
const EXPOSED: &str = "x-avatar-ignored, retry-after, retry-after-ms";
/// How long a browser need not ask again, in seconds.
const AGE: &str = "600";

impl Origins {
    /// Takes origins such as `https://chat.example`.
    pub(super) fn new(origins: &[String]) -> Result<Self, String> {
        for origin in origins {
            let parsed = url::Url::parse(origin).map(|url| url.origin().ascii_serialization());
            if parsed.as_deref() != Ok(origin.as_str()) {
                return Err(format!(
                    "{origin:?} is no origin: write a scheme, a host and perhaps a port, such as https://chat.example"
                ));
            }
        }
        Ok(Self(origins.to_vec()))
    }

    /// Answers the question that a browser asks before a request, and refuses pages that may not call.
    pub(super) fn before(&self, method: &Method, headers: &HeaderMap, open: bool) -> Option<Response> {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return (method == Method::OPTIONS).then(|| StatusCode::NO_CONTENT.into_response());
        };
        if self.has(origin) {
            return (method == Method::OPTIONS).then(|| preflight(headers));
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let is_own = ["http", "https"]
            .iter()
            .any(|scheme| origin.as_bytes() == format!("{scheme}://{host}").as_bytes());
        if method == Method::OPTIONS {
            return Some(StatusCode::NO_CONTENT.into_response());
        }
        // With a token a page can do nothing: it has none.
        if is_own || !open {
            return None;
        }
        let shown = origin.to_str().unwrap_or("this one");
        let message = format!(
            "pages of other origins may not call the gateway; its operator may let one: --allow-origin {shown}"
        );
        Some(Refusal::forbidden("foreign_origin", message).into_response())
    }

    /// Lets the page read the answer.
    pub(super) fn after(&self, origin: Option<&HeaderValue>, response: &mut Response) {
        if self.0.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin.filter(|origin| self.has(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    fn has(&self, origin: &HeaderValue) -> bool {
        self.0.iter().any(|known| known.as_bytes() == origin.as_bytes())
    }
}

fn preflight(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(AGE));
    if let Some(asked) = asked {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for good in ["https://chat.example", "http://localhost:3000", "http://[::1]:1"] {
            assert!(Origins::new(&[good.to_owned()]).is_ok(), "{good}");
        }
        for bad in ["*", "chat.example", "https://chat.example/", "https://Chat.example", "null", ""] {
            assert!(Origins::new(&[bad.to_owned()]).unwrap_err().contains("no origin"), "{bad}");
        }
    }
}
