//! What all drivers of a client share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secondme_avatar_protocol::{Alike, Config, Counters};
use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::connection_log::WarningLimit;
use crate::http::Http;
use crate::options::Deadlines;
use crate::pacer::Pacer;
use crate::quota::SharedQuota;
use crate::report::{Observer, Occupancy};
use crate::routing::{IfShared, Router};
use crate::slots::SocketSlots;
use crate::socket::Connector;
use crate::store_writer::StoreWriter;
use crate::subscriptions::Subscriptions;
use crate::tokens::Tokens;

/// The means with which the drivers work: connections, limits, clock and store.
#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) settings: Settings,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) http: Http,
    pub(crate) connector: Connector,
    pub(crate) quota: Arc<SharedQuota>,
    pub(crate) tokens: Tokens,
    pub(crate) slots: Arc<SocketSlots>,
    pub(crate) pacer: Pacer,
    pub(crate) warnings: WarningLimit,
    pub(crate) clock: Clock,
    pub(crate) resting: Mutex<Resting>,
    pub(crate) on_call: Observer,
    /// `None` without a store.
    pub(crate) store_writer: Option<StoreWriter>,
    /// Where several processes share the store, and call each other.
    pub(crate) router: IfShared<Arc<Router>>,
    pub(crate) runtime: Handle,
}

/// What is kept for all visitors who rest. Locked before any of their handles.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    /// What their machines have in common.
    pub(crate) alike: Alike,
    /// What machines had counted before they rested.
    pub(crate) counters: Counters,
}

impl Env {
    pub(crate) fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the caller has set, and the client only reads.
#[derive(Debug)]
pub(crate) struct Settings {
    /// All machines share it.
    pub(crate) config: Arc<Config>,
    pub(crate) deadlines: Deadlines,
    pub(crate) on_occupied: Occupancy,
    pub(crate) retention: Option<Duration>,
}
