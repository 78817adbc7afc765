//! The way to the other processes that use the same Redis.

use std::fmt;
use std::sync::Arc;

use super::quota::QuotaLink;
use super::scripts;
use super::session::Session;
use crate::peers::{Peers, QuotaAnswer, QuotaReport};
use crate::store::KeyRef;
use crate::store::error::StoreError;

pub(super) struct RedisPeers {
    session: Arc<Session>,
    quota: QuotaLink,
}

impl RedisPeers {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, quota: QuotaLink::new(scripts::QUOTA) }
    }

    /// By the time in a key of Redis in place of Redis's own.
    #[cfg(test)]
    pub(super) fn by_time_in(session: Arc<Session>, key: &str) -> Self {
        let script = scripts::QUOTA
            .replace("call('TIME')", &format!("call('GET', '{key}')"))
            .replace("clock[1] * 1000 + math.floor(clock[2] / 1000)", "tonumber(clock)");
        Self { session, quota: QuotaLink::new(&script) }
    }
}

impl Peers for RedisPeers {
    fn share_quota(&self, key: &KeyRef, report: &QuotaReport) -> Result<QuotaAnswer, StoreError> {
        self.quota.exchange(&self.session, key, report)
    }
}

impl fmt::Debug for RedisPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPeers").field("address", self.session.address()).finish()
    }
}
