//! Forgets visitors, in memory and in the store, and shows what the store holds of one.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use secondme_avatar_protocol::{Error, ErrorKind, Millis, VisitorId, limits};
use tokio::sync::OwnedRwLockWriteGuard;
use tracing::{info, warn};

use super::ClientInner;
use crate::errors::{ended, nothing_stored};
use crate::runtime::spawn;
use crate::store::{Idle, StoredRow, moment};
use crate::store_writer::StoreWriter;

/// Held while visitors are forgotten.
type Forgetting = OwnedRwLockWriteGuard<()>;

/// A clock that jumps so far between two rounds may have been set wrongly: one round is left out.
const DOUBTFUL: Duration = Duration::from_secs(24 * 60 * 60);

/// Whom to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    Anyone,
    /// Only a visitor of whom there is a record or an unsent message: not one who was forgotten since it was listed.
    Known,
}

impl ClientInner {
    /// Closes the visitor's conversations, and forgets the visitor in memory and in the store, if there is one.
    pub(crate) async fn forget(self: &Arc<Self>, visitor: &VisitorId, until: Millis) -> Result<(), Error> {
        self.is_there()?;
        // An empty store knows the visitor of no avatar.
        if !self.identify_by_store(until).await? {
            return Ok(());
        }
        let forgetting = self.in_time(until, self.closed(visitor)).await?;
        let (inner, visitor) = (Arc::clone(self), visitor.clone());
        // Memory and the store are of one mind even if the call is given up.
        let forgotten =
            spawn(&self.env.runtime, async move { inner.forget_closed(&visitor, forgetting).await });
        self.in_time(until, async { forgotten.await.map_err(|_| ended())? }).await
    }

    /// Returns what the store holds of the visitor.
    pub(crate) async fn export(
        self: &Arc<Self>,
        visitor: &VisitorId,
        until: Millis,
    ) -> Result<Vec<StoredRow>, Error> {
        self.is_there()?;
        let store_writer = self.store()?;
        if !self.identify_by_store(until).await? {
            return Ok(Vec::new());
        }
        self.in_time(until, store_writer.export(visitor.clone())).await
    }

    /// Forgets the visitors without an open conversation of whom nothing was stored for so long. Returns how many.
    pub(crate) async fn forget_idle(self: &Arc<Self>, longer_than: Duration) -> Result<u64, Error> {
        self.is_there()?;
        self.store()?;
        let until = self.env.clock.now() + self.env.settings.deadlines.open;
        if !self.identify_by_store(until).await? {
            return Ok(0);
        }
        let mut count = 0;
        loop {
            let inner = Arc::clone(self);
            let forgotten = spawn(&self.env.runtime, async move { inner.forget_some(longer_than).await });
            let until = self.env.clock.now() + self.env.settings.deadlines.open;
            match self.in_time(until, async { forgotten.await.map_err(|_| ended())? }).await? {
                0 => return Ok(count),
                more => count += more,
            }
        }
    }

    /// Forgets, now and then, who was idle for longer than the client's retention. Does nothing the second time.
    pub(super) fn begin_retention(self: &Arc<Self>) {
        let Some(retention) = self.env.settings.retention else { return };
        if self.retaining.set(()).is_ok() {
            spawn(&self.env.runtime, retain(Arc::downgrade(self), retention));
        }
    }

    fn store(&self) -> Result<&StoreWriter, Error> {
        self.env.store_writer.as_ref().ok_or_else(nothing_stored)
    }

    /// Closes the visitor's conversations. Until the guard is dropped, none is opened.
    async fn closed(&self, visitor: &VisitorId) -> Result<Forgetting, Error> {
        loop {
            let open = self.lock().get(visitor).cloned();
            if let Some(handle) = open {
                handle.close_to_forget().await;
                self.retire(&handle);
            }
            let forgetting = Arc::clone(&self.recalling).write_owned().await;
            if self.lock().get(visitor).is_none() {
                return Ok(forgetting);
            }
        }
    }

    async fn forget_closed(&self, visitor: &VisitorId, _forgetting: Forgetting) -> Result<(), Error> {
        let Some(store_writer) = &self.env.store_writer else {
            self.forget_in_memory(visitor);
            return Ok(());
        };
        store_writer.forget(visitor.clone()).await?;
        self.forget_in_memory(visitor);
        store_writer.scrub().await
    }

    async fn forget_some(&self, longer_than: Duration) -> Result<u64, Error> {
        let _forgetting = self.recalling.write().await;
        let now = self.env.clock.civil();
        let in_use: HashSet<_> = self.lock().visitors().cloned().collect();
        let idle = Idle { before: moment(now - longer_than), now: moment(now), in_use };
        let forgotten = self.store()?.forget_idle(idle).await?;
        forgotten.iter().for_each(|visitor| self.forget_in_memory(visitor));
        Ok(forgotten.len() as u64)
    }

    fn forget_in_memory(&self, visitor: &VisitorId) {
        self.lock().forget(visitor);
        self.notes_in_memory().forget(visitor);
        self.learned().take_if(|(learned, _)| learned == visitor);
    }
}

/// Holds the client only while it works.
async fn retain(client: Weak<ClientInner>, retention: Duration) {
    let mut skipped = Skipped::default();
    while let Some(inner) = client.upgrade() {
        let is_doubtful = skipped.is_doubtful(inner.env.clock.skipped());
        match if is_doubtful { Ok(0) } else { inner.forget_idle(retention).await } {
            Ok(0) if is_doubtful => info!(
                target: "secondme_avatar::store",
                "the machine slept for a day or more, or its clock was set: who is idle is forgotten in an hour, if the \
                 clock still says so"
            ),
            Ok(0) => {}
            Ok(visitors) => info!(
                target: "secondme_avatar::store", visitors,
                "visitors who were idle for longer than {retention:?} are forgotten"
            ),
            Err(error) if error.kind() == ErrorKind::Closed => return,
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                warn!(target: "secondme_avatar::store", %error, "the store forgets no visitors, whatever the retention");
                return;
            }
            Err(error) => warn!(
                target: "secondme_avatar::store", %error,
                "visitors who are idle could not be forgotten; this is tried again in an hour"
            ),
        }
        let (clock, closing) = (inner.env.clock.clone(), inner.closing.clone());
        drop(inner);
        let next = clock.now() + limits::RETENTION_ROUND;
        tokio::select! {
            () = clock.at(next) => {}
            () = closing.cancelled() => return,
        }
    }
}

/// How much time the clock had skipped at the last round.
#[derive(Default)]
struct Skipped(Duration);

impl Skipped {
    fn is_doubtful(&mut self, skipped: Duration) -> bool {
        skipped.saturating_sub(std::mem::replace(&mut self.0, skipped)) >= DOUBTFUL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_round_is_left_out_after_a_clock_has_jumped_by_days() {
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        let mut skipped = Skipped::default();
        let rounds = [0, 8, 16, 31, 131, 131, 155, 155].map(|at| skipped.is_doubtful(hours(at)));
        assert_eq!(rounds, [false, false, false, false, true, false, true, false]);
    }
}
