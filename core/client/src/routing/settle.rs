//! Finds the process that has a visitor, and takes its place where that process is gone.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::VisitorId;
use tokio::time::Instant;
use tracing::{debug, info};

use super::Router;
use crate::client_inner::ClientInner;
use crate::peers::{Held, ProcessId};
use crate::visitor_handle::VisitorHandle;

/// When the store is asked again that could not be.
const AGAIN: Duration = Duration::from_millis(250);

/// When a process is asked again that has the visitor by its lease, and says that it has not: it is giving the visitor up.
const MISSED: Duration = Duration::from_millis(10);

impl Router {
    /// The process is gone, or has not got the visitor: another one is looked for.
    pub(super) fn look_for(self: &Arc<Self>, visitor: &VisitorId, process: &ProcessId) {
        let Some(handle) = self.handle(visitor) else { return };
        let misses = {
            let mut state = handle.lock();
            let Some(remote) = state.remote.as_mut() else { return };
            if !remote.is_with(process) || !remote.lose() {
                return;
            }
            remote.misses += 1;
            remote.misses
        };
        let Some(client) = self.client() else { return };
        self.search(&client, &handle, misses);
    }

    /// Another process has taken the visitor while this one had it.
    pub(crate) fn lost_to_another(self: &Arc<Self>, client: &Arc<ClientInner>, handle: &Arc<VisitorHandle>) {
        if handle.is_elsewhere(self) {
            self.search(client, handle, 0);
        }
    }

    /// A driver was told so by the store.
    pub(crate) fn is_elsewhere(self: &Arc<Self>, handle: &Arc<VisitorHandle>) {
        if let Some(client) = self.client() {
            self.lost_to_another(&client, handle);
        }
    }

    fn search(self: &Arc<Self>, client: &Arc<ClientInner>, handle: &Arc<VisitorHandle>, misses: u32) {
        let runtime = client.env.runtime.clone();
        let visitor = handle.lock().visitor_id();
        let (client, router, handle) = (Arc::downgrade(client), Arc::clone(self), Arc::clone(handle));
        runtime.spawn(async move {
            if misses > 1 {
                tokio::time::sleep(MISSED * 2u32.pow(misses.min(6))).await;
            }
            while let Some(client) = client.upgrade() {
                if settle(&router, &client, &visitor, &handle).await {
                    return;
                }
                drop(client);
                tokio::time::sleep(AGAIN).await;
            }
        });
    }

    /// A lease has run out: its process is gone.
    pub(super) fn lease_ended(self: &Arc<Self>, lease: &str) {
        for handle in self.remote_handles() {
            let lost = {
                let state = handle.lock();
                let remote = state.remote.as_ref().filter(|remote| remote.lease() == Some(lease));
                remote
                    .and_then(|remote| remote.process().cloned())
                    .map(|process| (state.visitor_id(), process))
            };
            if let Some((visitor, process)) = lost {
                debug!(target: "secondme_avatar::conversation", %visitor, "the process that had this visitor is gone");
                self.look_for(&visitor, &process);
            }
        }
    }
}

/// How long the processes that have a visitor open are waited for, when one takes the place of the holder.
const GUESTS: Duration = Duration::from_secs(1);

/// Returns whether it is known who has the visitor.
async fn settle(
    router: &Arc<Router>,
    client: &Arc<ClientInner>,
    visitor: &VisitorId,
    handle: &Arc<VisitorHandle>,
) -> bool {
    let Some(store_writer) = &client.env.store_writer else { return true };
    let is_over = || handle.lock().remote.as_ref().is_none_or(|remote| remote.is_over);
    if is_over() {
        return true;
    }
    match store_writer.hold(visitor.clone(), router.me().clone()).await {
        Ok(Held::There(holder)) => {
            let mut state = handle.lock();
            if let Some(remote) = state.remote.as_mut() {
                remote.found(holder, client.env.clock.now());
            }
            true
        }
        Ok(Held::Here { messages, guests }) => {
            let Ok(record) = store_writer.load(visitor).await else { return false };
            if is_over() {
                store_writer.release(visitor.clone());
                return true;
            }
            info!(target: "secondme_avatar::conversation", %visitor, "this process has the visitor from now on");
            handle.is_left().await;
            if client.bring_home(handle, record, messages).is_err() {
                return false;
            }
            // What the others were asking is answered out of the gap, so they say it before that is filled.
            let until = Instant::now() + GUESTS;
            while handle.lock().attached().len() < guests && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            handle.begin();
            true
        }
        Err(_) => false,
    }
}
