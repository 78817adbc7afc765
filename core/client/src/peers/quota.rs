//! What the processes that share a key's quota tell each other.

use std::time::Duration;

/// What a process reports of its part in a key's quota.
#[derive(Clone, Debug)]
pub(crate) struct QuotaReport {
    /// A random name, never used twice.
    pub(crate) process: String,
    /// Counts the reports of the process: one that arrives after a later one is void.
    pub(crate) turn: u64,
    /// How many calls a window has, over all processes.
    pub(crate) limit: usize,
    pub(crate) times: QuotaTimes,
    /// How many places it asks for.
    pub(crate) wanted: usize,
    /// The number of the first place that it is given now.
    pub(crate) first: u64,
    /// Its places whose state has changed, and for how long each of them counts from now on; zero: given back.
    pub(crate) places: Vec<(u64, Duration)>,
    /// How many calls a window it may make without the store.
    pub(crate) share: usize,
    /// The last answer that it has, if any.
    pub(crate) heard: Option<Heard>,
    /// For how long the service refuses all calls.
    pub(crate) refused_for: Duration,
    /// It asks for nothing any more.
    pub(crate) leaves: bool,
}

/// Names an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Which data the store had. Other ones mean that it has lost these.
    pub(crate) data: String,
    /// The store's time in milliseconds.
    pub(crate) at: u64,
}

/// How long what lasts, the same in all processes that share a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuotaTimes {
    /// The service counts calls over this time.
    pub(crate) window: Duration,
    /// How long a place counts of which nothing more is heard.
    pub(crate) place: Duration,
    /// A process whose last answer is older is absent, and what it may do without the store is left to it.
    pub(crate) absent: Duration,
    /// For how long it may do that.
    pub(crate) alone: Duration,
    /// How long a process counts as waiting after its last report.
    pub(crate) waiting: Duration,
}

/// What the store answers.
#[derive(Clone, Debug)]
pub(crate) struct QuotaAnswer {
    pub(crate) heard: Heard,
    /// How many places are given.
    pub(crate) granted: usize,
    /// How many calls a window the process may make without the store from now on.
    pub(crate) share: usize,
    /// How many processes there are.
    pub(crate) processes: usize,
    /// For how long the service refuses all calls.
    pub(crate) refused_for: Duration,
    /// When the next places of those that it has asked for come, as it looks now.
    pub(crate) waits: Vec<Duration>,
    /// Whether these are all that come within a window. Otherwise some depend on calls that have not come back.
    pub(crate) is_all: bool,
}
