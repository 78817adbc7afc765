//! The lease is renewed on a thread of its own.

use std::sync::Weak;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use redis::{Connection, RedisError, cmd};

use super::{LEASE, Session, millis};
use crate::store::redis::errors::Operation;

/// How often the lease is renewed.
const RENEW: Duration = Duration::from_millis(2500);

/// How often that is tried again when it failed.
const RENEW_AGAIN: Duration = Duration::from_millis(500);

/// Renews the lease until the store is closed.
pub(super) fn keep_lease(session: &Weak<Session>, closed: &Receiver<()>) {
    let (mut connection, mut wait, mut is_told) = (None, RENEW, false);
    while closed.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        let Some(session) = session.upgrade() else { return };
        match session.renew(&mut connection) {
            Ok(()) => (wait, is_told) = (RENEW, false),
            Err(error) => {
                if !is_told {
                    let error = session.store_error(Operation::Save, error);
                    tracing::warn!(
                        target: "secondme_avatar::store", %error,
                        "the lease of the store could not be renewed: tried again"
                    );
                }
                (wait, is_told) = (RENEW_AGAIN, true);
            }
        }
    }
}

impl Session {
    /// Renews the lease.
    fn renew(&self, connection: &mut Option<Connection>) -> Result<(), RedisError> {
        let owner = self.owner().clone();
        let mut live = match connection.take() {
            Some(live) => live,
            None => self.link.connect()?,
        };
        let renewed = cmd("PEXPIRE").arg(self.owner_key(&owner)).arg(millis(LEASE)).query::<bool>(&mut live);
        match renewed {
            Ok(true) => *connection = Some(live),
            Ok(false) => {
                *connection = Some(live);
                let mut state = self.lock();
                // A call may have taken a new one meanwhile.
                if !state.is_closed && *self.owner() == owner {
                    self.enter(&mut state)?;
                }
            }
            Err(error) => {
                self.link.follow(&error);
                return Err(error);
            }
        }
        Ok(())
    }
}
