//! What the processes that share a store do for each other.

// Only a store in Redis reads what these say.
#[cfg_attr(not(feature = "redis"), allow(dead_code))]
mod calls;
#[cfg_attr(not(feature = "redis"), allow(dead_code))]
mod quota;

use std::fmt;
use std::sync::Arc;

pub(crate) use self::calls::{Fate, Held, Holder, Incoming, Letter, Outgoing, ProcessId, Received, Routes};
pub(crate) use self::quota::{Heard, QuotaAnswer, QuotaReport, QuotaTimes};
use crate::store::{KeyRef, StoreError};

/// The way to the other processes that use a store. A call may block for as long as one of the store's, and does not
/// wait for those.
pub(crate) trait Peers: fmt::Debug + Send + Sync + 'static {
    /// Reports what this process has used of a key's quota, and asks for more, in one step.
    fn share_quota(&self, key: &KeyRef, report: &QuotaReport) -> Result<QuotaAnswer, StoreError>;

    /// By which calls go to the process that has the visitor, where that is possible.
    fn routes(&self) -> Option<Arc<dyn Routes>> {
        None
    }
}

/// What a [store](crate::Store) of this crate gives its client. Programs have no use for it.
#[derive(Clone, Debug)]
pub struct SharedStore(pub(crate) Arc<dyn Peers>);
