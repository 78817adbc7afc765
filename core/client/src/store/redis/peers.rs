//! The way to the other processes that use the same Redis.

use std::fmt;
use std::sync::Arc;

use super::calls::RedisRoutes;
use super::quota::QuotaLink;
use super::scripts;
use super::session::Session;
use crate::peers::{Peers, QuotaAnswer, QuotaReport, Routes};
use crate::store::KeyRef;
use crate::store::error::StoreError;
use crate::store::rows::Rows;

pub(super) struct RedisPeers {
    session: Arc<Session>,
    quota: QuotaLink,
    routes: Arc<RedisRoutes>,
}

impl RedisPeers {
    pub(super) fn new(session: Arc<Session>, rows: Arc<Rows>) -> Self {
        let routes = Arc::new(RedisRoutes::new(Arc::clone(&session), rows));
        Self { session, quota: QuotaLink::new(scripts::QUOTA), routes }
    }

    /// By the time in a key of Redis in place of Redis's own.
    #[cfg(test)]
    pub(super) fn by_time_in(session: Arc<Session>, key: &str) -> Self {
        let script = scripts::QUOTA
            .replace("call('TIME')", &format!("call('GET', '{key}')"))
            .replace("clock[1] * 1000 + math.floor(clock[2] / 1000)", "tonumber(clock)");
        Self { quota: QuotaLink::new(&script), ..Self::new(session, Arc::default()) }
    }
}

impl Peers for RedisPeers {
    fn share_quota(&self, key: &KeyRef, report: &QuotaReport) -> Result<QuotaAnswer, StoreError> {
        self.quota.exchange(&self.session, key, report)
    }

    fn routes(&self) -> Option<Arc<dyn Routes>> {
        Some(Arc::clone(&self.routes) as Arc<dyn Routes>)
    }
}

impl fmt::Debug for RedisPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPeers").field("address", self.session.address()).finish()
    }
}
