//! The live feed: what happens, as server-sent events.
//!
//! A reader is told what is new when it is ready for more, and not before: what it has not read waits in the service as
//! what it is, and no queue grows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Refused;
use super::query::Query;
use crate::server::hub::Hub;
use crate::service::{Event, Reader};

/// The least time between two flushes, and between two overviews.
const FLUSH: Duration = Duration::from_millis(100);
const OVERVIEW: Duration = Duration::from_secs(1);
/// After how much silence a line says that the feed is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// A reader, for as long as its connection lives.
struct Feed {
    hub: Arc<Hub>,
    reader: Reader,
    stopped: watch::Receiver<bool>,
    /// When it may be told something again, and when the overview.
    flush_at: Instant,
    overview_at: Instant,
    /// How often something had happened at the last overview; `None` where that may be another by now.
    overview_of: Option<u64>,
}

/// Answers with the feed.
pub(super) fn feed(hub: &Arc<Hub>, query: &str) -> Result<Response, Refused> {
    let query = Query::read(query, &["since", "session"])?;
    let (since, session) = (query.number("since")?, query.text("session"));
    let reader = hub.with(|service, _| service.watch(since, session));
    let (now, stopped) = (Instant::now(), hub.stopped());
    let hub = Arc::clone(hub);
    let feed = Feed { hub, reader, stopped, flush_at: now, overview_at: now, overview_of: None };
    let chunks = futures_util::stream::unfold(feed, |mut feed| async {
        let chunk = feed.next().await?;
        Some((Ok::<_, Infallible>(chunk), feed))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

impl Feed {
    /// What is new, as soon as something is; `None` when the emulator stops.
    async fn next(&mut self) -> Option<Bytes> {
        let alive_at = Instant::now() + ALIVE;
        loop {
            tokio::select! {
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
                () = tokio::time::sleep_until(self.flush_at) => {}
            }
            let hub = Arc::clone(&self.hub);
            let change = hub.change();
            tokio::pin!(change);
            // Before one looks, so that nothing is missed between the look and the wait.
            change.as_mut().enable();
            let events = self.look();
            self.flush_at = Instant::now() + FLUSH;
            if !events.is_empty() {
                return Some(encoded(&events));
            }
            let overview_at = self.next_overview();
            tokio::select! {
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
                () = change => {}
                () = tokio::time::sleep_until(overview_at) => self.overview_of = None,
                () = tokio::time::sleep_until(alive_at) => return Some(Bytes::from_static(b": alive\n\n")),
            }
        }
    }

    fn look(&mut self) -> Vec<Event> {
        let now = Instant::now();
        let with_overview = self.overview_is_old() && now >= self.overview_at;
        if with_overview {
            (self.overview_of, self.overview_at) = (Some(self.hub.changes()), now + OVERVIEW);
        }
        let reader = &mut self.reader;
        self.hub.look(|service, now| service.news(now, reader, with_overview))
    }

    fn overview_is_old(&self) -> bool {
        self.overview_of != Some(self.hub.changes())
    }

    /// When the overview is to be looked at again if nothing happens.
    fn next_overview(&self) -> Instant {
        if self.overview_is_old() {
            return self.overview_at;
        }
        let now = self.hub.now();
        let ends = self.reader.overview_ends(now).map(|at| Instant::now() + Duration::from(at - now));
        ends.unwrap_or_else(|| Instant::now() + ALIVE).max(self.overview_at)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.hub.look(|service, _| service.unwatch());
    }
}

fn encoded(events: &[Event]) -> Bytes {
    let written = events.iter().map(|event| {
        // Texts as keys throughout, which is all that could be wrong.
        let data = serde_json::to_string(event).unwrap_or_default();
        format!("event: {}\ndata: {data}\n\n", event.name())
    });
    written.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::control::Guard;
    use crate::service::{Millis, Service, Settings};

    #[tokio::test]
    async fn nothing_is_kept_for_a_reader_that_has_gone() {
        let service = |now| Service::new(Settings::default(), now, 0);
        let hub = Hub::new(Millis::ZERO, service, None, Guard::new(None), None, watch::channel(false).0);
        let is_watched = || hub.look(|service, _| service.is_watched());
        let (one, other) = (feed(&hub, "").unwrap(), feed(&hub, "session=1").unwrap());
        assert!(is_watched());
        drop(one);
        assert!(is_watched());
        drop(other);
        assert!(!is_watched());
        assert!(feed(&hub, "since=x").is_err() && feed(&hub, "until=1").is_err());
        assert!(!is_watched());
    }
}
