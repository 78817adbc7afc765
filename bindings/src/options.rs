//! A client's options.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar::{AvatarClient, BaseUrl, Delivery, SqliteStore};

use crate::{CoreCalls, CoreError};

/// What a client is like; whatever is left out is as the core has it.
#[derive(uniffi::Record)]
pub struct CoreOptions {
    /// The avatar's API key; without it, `SECONDME_API_KEY`.
    pub api_key: Option<String>,
    /// Where the service is; without it, `SECONDME_BASE_URL`, and without that, production.
    pub base_url: Option<String>,
    /// For the `User-Agent`: `kotlin/2.2`.
    pub language: String,
    /// Takes plain `http` and `ws` to other machines too.
    #[uniffi(default = false)]
    pub allow_insecure: bool,
    /// The proxy, in the place of the environment's.
    #[uniffi(default = None)]
    pub proxy: Option<String>,
    /// Without a proxy, whatever the environment says.
    #[uniffi(default = false)]
    pub no_proxy: bool,
    /// A PEM file of certificates to be trusted as well.
    #[uniffi(default = None)]
    pub ca_file: Option<String>,
    /// Whether Mozilla's root certificates count where the machine has none.
    #[uniffi(default = true)]
    pub builtin_roots: bool,
    /// Between two pings.
    #[uniffi(default = None)]
    pub heartbeat_ms: Option<u64>,
    /// Whether frames are acknowledged.
    #[uniffi(default = None)]
    pub acknowledge: Option<bool>,
    /// The silence that ends a reply whose end mark never comes.
    #[uniffi(default = None)]
    pub reply_idle_ms: Option<u64>,
    /// What becomes of a message of which nobody can tell whether the service took it.
    #[uniffi(default = None)]
    pub delivery: Option<CoreDelivery>,
    /// Events that a subscription holds before the socket is read no further.
    #[uniffi(default = None)]
    pub event_queue: Option<u32>,
    /// Authentications that the API key has in a minute.
    #[uniffi(default = None)]
    pub quota: Option<u32>,
    /// Visitors who may hold a socket at a time.
    #[uniffi(default = None)]
    pub max_live: Option<u32>,
    /// After how long an idle visitor gives up the socket.
    #[uniffi(default = None)]
    pub idle_after_ms: Option<u64>,
    /// The SQLite file in which visitors and durable messages are kept.
    #[uniffi(default = None)]
    pub store: Option<String>,
    /// The whole time of an `open`.
    #[uniffi(default = None)]
    pub open_deadline_ms: Option<u64>,
    /// The whole time of a `send`.
    #[uniffi(default = None)]
    pub send_deadline_ms: Option<u64>,
    /// How long a durable message may wait.
    #[uniffi(default = None)]
    pub durable_deadline_ms: Option<u64>,
    /// The whole time of a `history`.
    #[uniffi(default = None)]
    pub history_deadline_ms: Option<u64>,
    /// How long closing waits for what is still to be sent.
    #[uniffi(default = None)]
    pub close_deadline_ms: Option<u64>,
    /// The whole time of an `ask`.
    #[uniffi(default = None)]
    pub ask_deadline_ms: Option<u64>,
    /// How long the first piece of a reply may take.
    #[uniffi(default = None)]
    pub first_piece_deadline_ms: Option<u64>,
    /// Whether calls are reported: `CoreClient::calls`.
    #[uniffi(default = false)]
    pub report_calls: bool,
}

/// What becomes of a message of which nobody can tell whether the service took it.
#[derive(uniffi::Enum)]
pub enum CoreDelivery {
    /// It is handed back.
    AtMostOnce,
    /// It is sent again.
    AtLeastOnce,
}

impl CoreOptions {
    pub(crate) fn build(self, calls: &Arc<CoreCalls>) -> Result<AvatarClient, CoreError> {
        let mut builder = match &self.api_key {
            Some(key) => AvatarClient::builder(key)?,
            None => AvatarClient::builder_from_env()?,
        };
        let base = self.base_url.or_else(|| std::env::var("SECONDME_BASE_URL").ok());
        if let Some(base) = base {
            builder = builder.base_url(base.parse::<BaseUrl>()?);
        }
        builder = builder.language(self.language).allow_insecure(self.allow_insecure);
        builder = builder.builtin_roots(self.builtin_roots);
        if let Some(proxy) = self.proxy {
            builder = builder.proxy(proxy);
        }
        if self.no_proxy {
            builder = builder.no_proxy();
        }
        if let Some(path) = self.ca_file {
            builder = builder.ca_file(path);
        }
        if let Some(path) = self.store {
            builder = builder.store(SqliteStore::open(path)?);
        }
        if let Some(acknowledge) = self.acknowledge {
            builder = builder.acknowledge(acknowledge);
        }
        if let Some(delivery) = self.delivery {
            builder = builder.delivery(match delivery {
                CoreDelivery::AtMostOnce => Delivery::AtMostOnce,
                CoreDelivery::AtLeastOnce => Delivery::AtLeastOnce,
            });
        }
        if let Some(events) = self.event_queue {
            builder = builder.event_queue(size(events));
        }
        if let Some(per_minute) = self.quota {
            builder = builder.quota(size(per_minute));
        }
        if let Some(visitors) = self.max_live {
            builder = builder.max_live(size(visitors));
        }
        macro_rules! durations {
            ($($given:ident => $option:ident),* $(,)?) => {
                $(if let Some(given) = self.$given {
                    builder = builder.$option(Duration::from_millis(given));
                })*
            };
        }
        durations! {
            heartbeat_ms => heartbeat,
            reply_idle_ms => reply_idle,
            idle_after_ms => idle_after,
            open_deadline_ms => open_deadline,
            send_deadline_ms => send_deadline,
            durable_deadline_ms => durable_deadline,
            history_deadline_ms => history_deadline,
            close_deadline_ms => close_deadline,
            ask_deadline_ms => ask_deadline,
            first_piece_deadline_ms => first_piece_deadline,
        }
        if self.report_calls {
            let calls = Arc::clone(calls);
            builder = builder.on_call(move |call| calls.push(call));
        }
        Ok(builder.build()?)
    }
}

/// A number of things, on every width of pointers.
pub(crate) fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
