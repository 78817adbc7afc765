//! What all of a client's drivers share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secondme_avatar_protocol::{ApiKey, Config};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::events::Mailbox;
use crate::http::Http;
use crate::keeper::Keeper;
use crate::options::Deadlines;
use crate::pacer::Pacer;
use crate::quota::SharedQuota;
use crate::report::{Observer, Occupancy};
use crate::slots::SocketSlots;
use crate::socket::Connector;
use crate::trouble::Warnings;

#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) key: ApiKey,
    pub(crate) config: Config,
    pub(crate) deadlines: Deadlines,
    pub(crate) queue: usize,
    pub(crate) http: Http,
    pub(crate) connector: Connector,
    pub(crate) quota: Arc<SharedQuota>,
    pub(crate) slots: Arc<SocketSlots>,
    pub(crate) pacer: Pacer,
    pub(crate) warnings: Warnings,
    /// An idle conversation gives up its socket after so long.
    pub(crate) idle_after: Option<Duration>,
    pub(crate) clock: Clock,
    pub(crate) on_call: Observer,
    pub(crate) on_occupied: Occupancy,
    /// Where there is a store.
    pub(crate) keeper: Option<Keeper>,
    pub(crate) runtime: Handle,
    /// A subscriber's queue that was full has room again.
    pub(crate) room: Arc<Notify>,
    pub(crate) counts: Counts,
    /// Subscriptions to all conversations.
    pub(crate) mailboxes: Mutex<Vec<Arc<Mailbox>>>,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: AtomicU64,
}

impl Env {
    /// `of`: what is subscribed to, for a log.
    pub(crate) fn mailbox(&self, of: String) -> Arc<Mailbox> {
        Mailbox::new(of, self.queue, Arc::clone(&self.room))
    }

    pub(crate) fn has_room(&self) -> bool {
        self.subscriptions().iter().all(|mailbox| mailbox.has_room())
    }

    pub(crate) fn subscriptions(&self) -> MutexGuard<'_, Vec<Arc<Mailbox>>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
