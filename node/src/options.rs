//! Options of a client, as JavaScript says them.

use std::time::Duration;

use napi_derive::napi;
use secondme_avatar::{AvatarClient, ClientBuilder, Delivery, Error, ErrorKind, SqliteStore};

use crate::words::Words;

/// Options of a client. Times are in milliseconds.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct Options {
    pub api_key: Option<Words>,
    pub base_url: Option<Words>,
    pub allow_insecure: Option<bool>,
    pub proxy: Option<Words>,
    pub no_proxy: Option<bool>,
    pub ca_file: Option<Words>,
    pub builtin_roots: Option<bool>,
    pub heartbeat_ms: Option<f64>,
    pub acknowledge: Option<bool>,
    pub reply_idle_ms: Option<f64>,
    pub delivery: Option<Words>,
    pub event_queue: Option<f64>,
    pub quota: Option<f64>,
    pub max_live: Option<f64>,
    pub idle_after_ms: Option<f64>,
    pub store: Option<Words>,
    pub open_deadline_ms: Option<f64>,
    pub send_deadline_ms: Option<f64>,
    pub durable_deadline_ms: Option<f64>,
    pub history_deadline_ms: Option<f64>,
    pub close_deadline_ms: Option<f64>,
    pub ask_deadline_ms: Option<f64>,
    pub first_piece_deadline_ms: Option<f64>,
    /// For the `User-Agent`.
    pub language: String,
}

type Setter<T> = fn(ClientBuilder, T) -> ClientBuilder;

impl Options {
    pub(crate) fn builder(self) -> Result<ClientBuilder, Error> {
        let builder = match Words::named_if(self.api_key, "apiKey")? {
            Some(key) => AvatarClient::builder(&key)?,
            None => AvatarClient::builder_from_env()?,
        };
        let mut builder = builder.language(self.language);
        let base_url = Words::named_if(self.base_url, "baseUrl")?;
        if let Some(url) = base_url.or_else(|| std::env::var("SECONDME_BASE_URL").ok()) {
            builder = builder.base_url(url.parse()?);
        }
        let flags: [(Option<bool>, Setter<bool>); 3] = [
            (self.allow_insecure, ClientBuilder::allow_insecure),
            (self.acknowledge, ClientBuilder::acknowledge),
            (self.builtin_roots, ClientBuilder::builtin_roots),
        ];
        for (value, set) in flags {
            builder = value.map_or(builder.clone(), |value| set(builder, value));
        }
        if let Some(proxy) = Words::named_if(self.proxy, "proxy")? {
            builder = builder.proxy(proxy);
        }
        if self.no_proxy == Some(true) {
            builder = builder.no_proxy();
        }
        if let Some(file) = Words::named_if(self.ca_file, "caFile")? {
            builder = builder.ca_file(file);
        }
        let counts: [(&str, Option<f64>, Setter<usize>); 3] = [
            ("eventQueue", self.event_queue, ClientBuilder::event_queue),
            ("quota", self.quota, ClientBuilder::quota),
            ("maxLive", self.max_live, ClientBuilder::max_live),
        ];
        for (name, value, set) in counts {
            if let Some(value) = value {
                builder = set(builder, whole(name, value)?);
            }
        }
        let times: [(&str, Option<f64>, Setter<Duration>); 10] = [
            ("heartbeatMs", self.heartbeat_ms, ClientBuilder::heartbeat),
            ("replyIdleMs", self.reply_idle_ms, ClientBuilder::reply_idle),
            ("idleAfterMs", self.idle_after_ms, ClientBuilder::idle_after),
            ("openDeadlineMs", self.open_deadline_ms, ClientBuilder::open_deadline),
            ("sendDeadlineMs", self.send_deadline_ms, ClientBuilder::send_deadline),
            ("durableDeadlineMs", self.durable_deadline_ms, ClientBuilder::durable_deadline),
            ("historyDeadlineMs", self.history_deadline_ms, ClientBuilder::history_deadline),
            ("closeDeadlineMs", self.close_deadline_ms, ClientBuilder::close_deadline),
            ("askDeadlineMs", self.ask_deadline_ms, ClientBuilder::ask_deadline),
            ("firstPieceDeadlineMs", self.first_piece_deadline_ms, ClientBuilder::first_piece_deadline),
        ];
        for (name, value, set) in times {
            if let Some(value) = value {
                builder = set(builder, time(name, value)?);
            }
        }
        builder = match Words::named_if(self.delivery, "delivery")?.as_deref() {
            None => builder,
            Some("atMostOnce") => builder.delivery(Delivery::AtMostOnce),
            Some("atLeastOnce") => builder.delivery(Delivery::AtLeastOnce),
            Some(other) => {
                return misuse(format!("`delivery` is `atMostOnce` or `atLeastOnce`, and not `{other}`"));
            }
        };
        match Words::named_if(self.store, "store")? {
            Some(path) => Ok(builder.store(SqliteStore::open(path)?)),
            None => Ok(builder),
        }
    }
}

/// Milliseconds, as JavaScript has them.
pub(crate) fn time(name: &str, milliseconds: f64) -> Result<Duration, Error> {
    match Duration::try_from_secs_f64(milliseconds / 1000.0) {
        Ok(time) => Ok(time),
        Err(_) => misuse(format!("`{name}` takes milliseconds from 0 on, and not {milliseconds}")),
    }
}

/// The same where it may be left out.
pub(crate) fn time_if(name: &str, milliseconds: Option<f64>) -> Result<Option<Duration>, Error> {
    milliseconds.map(|value| time(name, value)).transpose()
}

/// A number of things.
pub(crate) fn whole(name: &str, value: f64) -> Result<usize, Error> {
    if value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value) {
        return Ok(value as usize);
    }
    misuse(format!("`{name}` takes a whole number from 0 on, and not {value}"))
}

fn misuse<T>(message: String) -> Result<T, Error> {
    Err(Error::new(ErrorKind::Misuse, message))
}
