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
    /// Visitors who hold a socket or are on their way to one: these count against
    /// [`max_live`](crate::ClientBuilder::max_live).
    pub live: usize,
    /// Visitors who have given up their sockets, to make room, after
    /// [`idle_after`](crate::ClientBuilder::idle_after), or by [`pause`](crate::Conversation::pause).
    pub paused: usize,
    /// Visitors who wait for one of the places of [`max_live`](crate::ClientBuilder::max_live).
    pub waiting_for_slot: usize,
    /// Visitors who wait for the API key's quota.
    pub waiting_for_quota: usize,
    /// How long the last one of them will wait, as it looks now; zero where nobody waits, or where that
    /// cannot be said yet.
    pub longest_quota_wait: Duration,
    /// Visitors of whom the [store](crate::ClientBuilder::store) keeps something, for this avatar, as it was
    /// counted after the last saving, or up to a second before it; zero without a store.
    pub stored_visitors: u64,
    /// Messages that the store keeps for this avatar since they are still to be sent, those of other processes
    /// among them; counted at the same moment.
    pub stored_messages: u64,
    /// Events handed on.
    pub events: u64,
    /// Frames, calls and the rest.
    pub counters: Counters,
}
