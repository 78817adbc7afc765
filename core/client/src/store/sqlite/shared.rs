//! The file as this process has it open. All its stores on one file share the opening: SQLite keeps one index
//! of the log for a process, which could otherwise not be begun anew.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::files::{self, Identity};
use super::schema;
use super::session::Session;
use super::trouble::{Doing, trouble};
use super::turn::{Turn, Turns};
use crate::StoreError;

/// How often a transaction is made again because its log was removed.
const TRIES: usize = 5;

#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    identity: Identity,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    /// None while it is closed, and where it could not be opened anew.
    session: Option<Session>,
    turns: Turns,
}

impl Shared {
    /// The opening that there is, or a new one.
    pub(super) fn open(path: &Path, steps: &[&str]) -> Result<Arc<Self>, StoreError> {
        let mut open_here = files::open_here();
        let path = files::find_or_create(path, &open_here, schema::version(steps))?;
        let there = open_here.shared(&path).filter(|there| there.identity.check(&path).is_ok());
        if let Some(there) = there {
            return Ok(there);
        }
        let mut turns = Turns::of(&path);
        let (session, identity) = {
            let turn = turns.take()?;
            let opened = Session::open(&path, steps, &turn);
            let opened = opened.and_then(|session| Ok((session, Identity::of(&path)?)));
            // A file that is refused is left without a trace.
            opened.inspect_err(|_| turn.tidy_up())?
        };
        let open = Mutex::new(Open { session: Some(session), turns });
        let shared = Arc::new(Self { path, identity, open });
        open_here.add(&shared.path, &shared);
        Ok(shared)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads without changing anything.
    pub(super) fn read<T>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.in_turn(|session| {
            act(session.connection()).map_err(|error| trouble(&self.path, Doing::Read, error))
        })
    }

    /// One transaction, which holds the file for writing from its beginning: two that read first and
    /// write then would be in each other's way. It may be made a second time.
    pub(super) fn write<T>(
        &self,
        act: impl Fn(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let transact = |session: &mut Session| {
            let connection = session.connection_mut();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = act(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        self.with(|session, turn| {
            let mut done = transact(Session::renewed(session, &self.path, turn)?);
            let mut tries = 0;
            // Where the log was removed meanwhile it may be written to a file that has no name. What is done
            // twice is as if it were done once.
            while !session.as_ref().is_some_and(|session| session.is_there(&self.path)) && tries < TRIES {
                done = transact(Session::renewed(session, &self.path, turn)?);
                tries += 1;
            }
            if let Some(session) = session {
                session.tidy(&self.path);
            }
            done.map_err(|error| trouble(&self.path, Doing::Save, error))
        })
    }

    /// Uses the file while no other process does.
    pub(super) fn in_turn<T>(
        &self,
        act: impl FnOnce(&mut Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|session, turn| act(Session::renewed(session, &self.path, turn)?))
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Option<Session>, &Turn<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.identity.check(&self.path)?;
        let mut open = self.lock();
        let Open { session, turns } = &mut *open;
        let turn = turns.take()?;
        act(session, &turn)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A transaction that was cut short by a panic has been rolled back when it was dropped.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut open_here = files::open_here();
        let Open { session, turns } = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = session.take() {
            let turn = turns.take();
            // The log of a file that is no longer there is left with it.
            let turn = turn.as_ref().ok().filter(|_| self.identity.check(&self.path).is_ok());
            session.close(&self.path, turn);
        }
        open_here.remove(self);
    }
}
