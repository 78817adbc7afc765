//! What a client tells about itself.

use std::time::Duration;

use secondme_avatar_protocol::Counters;

/// What a client has counted, over all its conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Visitors with a conversation that is not closed.
    pub visitors: usize,
    /// Sockets that are connected.
    pub connected: usize,
    /// Visitors who have a socket or are connecting one: these count against
    /// [`max_live`](crate::ClientBuilder::max_live).
    pub live: usize,
    /// Visitors who are paused: to free a slot, after [`idle_after`](crate::ClientBuilder::idle_after), or by
    /// [`pause`](crate::Conversation::pause).
    pub paused: usize,
    /// Visitors who wait for one of the slots of [`max_live`](crate::ClientBuilder::max_live).
    pub waiting_for_slot: usize,
    /// Visitors who wait for the API key's quota.
    pub waiting_for_quota: usize,
    /// How long the last one of them will wait, as estimated now; zero where none waits, or where no estimate is
    /// possible yet.
    pub longest_quota_wait: Duration,
    /// Visitors of this avatar whom the [store](crate::ClientBuilder::store) keeps, counted at most a second before the
    /// last write; zero without a store.
    pub stored_visitors: u64,
    /// Messages of this avatar that the store keeps because they are still to be sent, those of other processes
    /// included; counted at the same moment.
    pub stored_messages: u64,
    /// Events delivered.
    pub events: u64,
    /// Frames, calls and the rest.
    pub counters: Counters,
}
