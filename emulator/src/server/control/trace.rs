//! The time line of a conversation, drawn.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::Refused;
use super::query::{Query, wrong};
use crate::server::hub::Hub;
use crate::service::{Millis, percent_decoded};
use crate::trace::{self, Form, Options, Theme};

/// Draws what the journal still knows of a conversation.
pub(super) fn drawing(hub: &Arc<Hub>, id: &str, query: &str) -> Result<Response, Refused> {
    let query = Query::read(query, &["from", "to", "width", "theme", "form", "whole"])?;
    let theme = query.text("theme").map_or(Ok(Theme::Auto), |theme| theme.parse());
    let form = match query.text("form").as_deref() {
        None | Some("page") => Form::Page,
        Some("file") => Form::File,
        Some(_) => return Err(wrong("`form` is `page` or `file`")),
    };
    let whole = match query.text("whole").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong("`whole` is `true` or `false`")),
    };
    let width = query.number("width")?.map(|width| u32::try_from(width).unwrap_or(u32::MAX));
    let (from, to) = (query.number("from")?.map(Millis), query.number("to")?.map(Millis));
    let theme = theme.map_err(|error| wrong(&error.to_string()))?;
    let options = Options { from, to, width, theme, form, whole };

    // Drawn without the lock: it may take some milliseconds.
    let (entries, _) = hub.with(|service, now| service.journal(now, 0));
    let timeline = trace::of_session(&entries, &percent_decoded(id)).ok_or_else(|| Refused {
        status: StatusCode::NOT_FOUND,
        code: "session.not.found",
        message: format!("the journal knows nothing of a session `{id}`, or no longer"),
    })?;
    let mut response = Response::new(Body::from(trace::svg(&timeline, &options)));
    for (name, value) in [
        (header::CONTENT_TYPE, "image/svg+xml"),
        // Opened by itself it is a page of its own, which needs its stylesheet and nothing else.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
