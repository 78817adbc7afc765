//! The calls that say in their query what they want.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Refused;
use crate::server::hub::Hub;
use crate::service::{Service, Wanted, percent_decoded};

/// The longest that one call waits for something to happen.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// The parameters of a query, all of them known.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query that may hold these parameters, each once.
    pub(super) fn read(query: &str, known: &[&str]) -> Result<Self, Refused> {
        let mut read: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (percent_decoded(name), percent_decoded(value));
            if !known.contains(&name.as_str()) || read.iter().any(|(other, _)| *other == name) {
                let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                return Err(wrong(&format!("`{name}` is unknown here or there twice; there are {known}")));
            }
            read.push((name, value));
        }
        Ok(Self(read))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refused> {
        let number = |text: String| text.parse().map_err(|_| wrong(&format!("`{name}` takes a number")));
        self.text(name).map(number).transpose()
    }

    fn limit(&self) -> Result<Option<usize>, Refused> {
        Ok(self.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)))
    }
}

/// Some messages of a conversation.
pub(super) fn conversation(hub: &Arc<Hub>, id: &str, query: &str) -> Result<Value, Refused> {
    let query = Query::read(query, &["before", "limit"])?;
    let (before, limit) = (query.number("before")?, query.limit()?);
    Ok(json!(hub.with(|service, now| {
        service.tick(now);
        service.conversation(&percent_decoded(id), before, limit)
    })?))
}

/// The journal from an entry on, or up to one. With `wait` it waits, in real time, until there is one.
pub(super) async fn journal(hub: &Arc<Hub>, query: &str) -> Result<Value, Refused> {
    let query = Query::read(query, &["since", "before", "limit", "wait", "session", "visitor"])?;
    let (since, before) = (query.number("since")?, query.number("before")?);
    let wait = query.number("wait")?;
    if before.is_some() && (since.is_some() || wait.is_some()) {
        return Err(wrong("`before` goes with neither `since` nor `wait`"));
    }
    let (since, wait) = (since.unwrap_or(0), Duration::from_millis(wait.unwrap_or(0)).min(WAIT_LIMIT));
    let there_is = |service: &mut Service, now| (service.journal_next(now) > since).then_some(());
    let mut stopped = hub.stopped();
    if !wait.is_zero() {
        // The answer is what there is when the wait ends, for whatever reason.
        tokio::select! {
            _ = tokio::time::timeout(wait, hub.wait_until(there_is)) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
    let (session, visitor) = (query.text("session"), query.text("visitor"));
    let wanted = Wanted { since, before, limit: query.limit()?, session, visitor };
    Ok(json!(hub.with(|service, now| service.journal_excerpt(now, &wanted))))
}

pub(super) fn wrong(why: &str) -> Refused {
    let message = format!("the query is not what this call takes: {why}");
    Refused { status: StatusCode::BAD_REQUEST, code: "control.query", message }
}
