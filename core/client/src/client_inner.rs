//! What all clones of a client share. Opens, closes, and loads from the store.

mod identity;
mod key;
mod notes;
mod people;
mod remembered;
mod remote;
mod visitors;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use secondme_avatar_protocol::{
    ApiKey, Command, ConversationKey, Error, ErrorKind, Identity, KeptMessage, Millis, Record, Visitor,
    VisitorId,
};
use tokio::sync::{Notify, OnceCell, RwLock};
use tokio_util::sync::CancellationToken;

pub(crate) use self::notes::{checked_key, checked_note};
pub(crate) use self::people::Whom;
use self::visitors::Visitors;
use crate::driver::Driver;
use crate::env::Env;
use crate::errors::{client_closed, ended, forgotten};
use crate::peers::Held;
use crate::runtime::spawn;
use crate::store::{KnownVisitor, NoteTable};
use crate::visitor_handle::{BeginDriver, PendingAnswer, VisitorHandle};

/// How long closing waits for the store to write what is queued.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// How long closing waits until the other processes know that this one needs no more of the quota.
const QUOTA_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct ClientInner {
    pub(crate) env: Arc<Env>,
    visitors: Mutex<Visitors>,
    begin_driver: BeginDriver,
    /// Cancelled when the client begins to close.
    pub(crate) closing: CancellationToken,
    /// Whether it is known to which avatar the key belongs.
    identified: OnceCell<()>,
    /// What was learned with that of a visitor, until the visitor is opened.
    learned: Mutex<Option<(VisitorId, Identity)>>,
    /// Whether the messages of earlier processes were taken over.
    adopted: OnceCell<()>,
    /// Notified when the key has been replaced.
    pub(crate) key_replaced: Notify,
    /// Notified when a driver has ended.
    retired: Notify,
    /// Read while something comes from the store into memory, written while visitors are forgotten in both.
    recalling: Arc<RwLock<()>>,
    /// Notes of a client without a store.
    notes: Mutex<NoteTable>,
    /// Whether the visitors of this client are forgotten after a time.
    retaining: OnceLock<()>,
}

impl ClientInner {
    pub(crate) fn new(env: Env, key: Option<ApiKey>) -> Arc<Self> {
        let env = Arc::new(env);
        Arc::new_cyclic(|client| Self {
            begin_driver: begin_driver(Arc::downgrade(&env), Weak::clone(client)),
            env,
            visitors: Mutex::new(Visitors::new(key)),
            closing: CancellationToken::new(),
            identified: OnceCell::new(),
            learned: Mutex::default(),
            adopted: OnceCell::new(),
            key_replaced: Notify::new(),
            retired: Notify::new(),
            recalling: Arc::default(),
            notes: Mutex::default(),
            retaining: OnceLock::new(),
        })
    }

    pub(crate) async fn open(
        self: Arc<Self>,
        visitor: Visitor,
        whom: Whom,
        deadline: Duration,
    ) -> Result<(Arc<VisitorHandle>, PendingAnswer), Error> {
        visitor.check()?;
        let until = self.env.clock.now() + deadline;
        let mut retired = false;
        self.is_there()?;
        self.identify(&visitor, until).await?;
        self.in_time(until, self.adopt_once()).await?;
        self.begin_retention();
        loop {
            let handle = self.in_time(until, self.recalled(&visitor, whom)).await?;
            let closed = handle.closed.notified();
            let deadline = until.since(self.env.clock.now());
            match handle.command(Command::Open { conversation: ConversationKey::FIRST, deadline }) {
                Ok(answer) => {
                    return Ok((Arc::clone(&handle), answer));
                }
                Err(error) if error.kind() != ErrorKind::Closed || self.lock().is_closed() => {
                    return Err(error);
                }
                // A driver that has not ended still writes to the store.
                Err(_) if handle.lock().ended => {
                    if std::mem::replace(&mut retired, true) {
                        // A fresh driver has ended as well: its runtime is gone.
                        return Err(ended());
                    }
                    self.retire(&handle);
                    continue;
                }
                Err(_) => {}
            }
            // The earlier conversation is being closed, which may take longer than this deadline.
            tokio::select! {
                () = closed => {}
                () = self.env.clock.at(until) => {
                    let message = "the visitor's earlier conversation was still being closed when the deadline passed";
                    return Err(Error::new(ErrorKind::Deadline, message));
                }
            }
        }
    }

    pub(crate) async fn close(&self, deadline: Duration) {
        let visitors = self.lock().close();
        self.closing.cancel();
        let mut answers = Vec::new();
        for handle in visitors {
            for conversation in handle.begin_closing() {
                let command = Command::Close { conversation, deadline, end_session: false };
                // A conversation that has closed meanwhile needs no closing.
                answers.extend(handle.command(command));
            }
        }
        for answer in answers {
            // It is closed in any case. An error says only that the driver had ended before.
            let _ = answer.wait().await;
        }
        // A runtime that was shut down does not run its drivers to their end.
        let all_ended = tokio::time::timeout(deadline, self.wait_for_drivers()).await.is_ok();
        if let Some(store_writer) = &self.env.store_writer {
            let written =
                async { if all_ended { store_writer.finish().await } else { store_writer.flush().await } };
            // Closing does not wait for a store that hangs.
            let _ = tokio::time::timeout(deadline.max(STORE_PATIENCE), written).await;
        }
        let _ = tokio::time::timeout(QUOTA_PATIENCE, self.env.quota.leave()).await;
        self.env.router.as_ref().into_iter().for_each(|router| router.close());
        self.env.subscriptions.end();
    }

    /// Fails if the client is closed.
    pub(crate) fn is_there(&self) -> Result<(), Error> {
        if self.lock().is_closed() { Err(client_closed()) } else { Ok(()) }
    }

    /// Returns the visitor's handle, which goes on where the record stands.
    async fn recalled(self: &Arc<Self>, visitor: &Visitor, whom: Whom) -> Result<Arc<VisitorHandle>, Error> {
        // A free lock takes nothing of the task's budget: many openings that one task polls all get their turn at once.
        let _recalling = match self.recalling.try_read() {
            Ok(recalling) => recalling,
            Err(_) => self.recalling.read().await,
        };
        let held = match self.hold(visitor.id()).await? {
            Some(Held::There(holder)) => return self.remote_visitor(visitor, holder),
            Some(Held::Here { messages, .. }) => Some(messages),
            None => None,
        };
        let record = self.recall(visitor).await?;
        if whom == Whom::Known && record.is_none() && !self.lock().has(visitor.id()) {
            return Err(forgotten());
        }
        self.visitor(visitor, record, held)
    }

    /// Loads the record of a visitor without a handle. Where there is a store, no record is anywhere else, so that what
    /// another client has forgotten does not come back from here.
    async fn recall(&self, visitor: &Visitor) -> Result<Option<Record>, Error> {
        let Some(store_writer) = &self.env.store_writer else {
            return Ok(None);
        };
        if self.lock().get(visitor.id()).is_some() {
            return Ok(None);
        }
        let record = store_writer.load(visitor.id()).await?;
        Ok(self.with_learned(visitor.id(), record))
    }

    /// Lists the visitors in the store.
    pub(crate) async fn known(self: &Arc<Self>, until: Millis) -> Result<Vec<KnownVisitor>, Error> {
        self.is_there()?;
        match &self.env.store_writer {
            Some(store_writer) if self.identify_by_store(until).await? => {
                self.in_time(until, store_writer.known()).await
            }
            Some(_) | None => Ok(Vec::new()),
        }
    }

    async fn adopt_once(self: &Arc<Self>) -> Result<(), Error> {
        // Where processes call each other, a visitor's messages come with the visitor.
        if self.env.store_writer.is_none() || self.env.router.is_some() {
            return Ok(());
        }
        let adopt = || async {
            // The messages are taken over even if the call that asked for them was given up.
            let inner = Arc::clone(self);
            let adopting = spawn(&self.env.runtime, async move { inner.adopt().await });
            adopting.await.map_err(|_| ended())?
        };
        self.adopted.get_or_try_init(adopt).await.copied()
    }

    /// Ends a wait for the store at the deadline, even if the store hangs.
    pub(crate) async fn in_time<T>(
        &self,
        until: Millis,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            answer = asked => answer,
            () = self.env.clock.at(until) => Err(Error::new(ErrorKind::Deadline, self.why_late())),
        }
    }

    fn why_late(&self) -> &'static str {
        match self.recalling.try_read() {
            Ok(_) => "the store had not answered when the deadline passed",
            Err(_) => {
                "visitors were still being forgotten in the store when the deadline passed: try again later"
            }
        }
    }

    /// Takes over the messages that no process owns.
    pub(crate) async fn adopt(&self) -> Result<(), Error> {
        self.is_there()?;
        let Some(store_writer) = &self.env.store_writer else {
            return Ok(());
        };
        let _recalling = self.recalling.read().await;
        let leftovers = store_writer.adopt().await?;
        let mut visitors = self.lock();
        for left in leftovers {
            match visitors.get(left.visitor.id()) {
                Some(_) if self.env.router.is_some() => {}
                Some(handle) => handle.restore(left.messages),
                None => visitors.leave(left),
            }
        }
        Ok(())
    }

    /// Waits until all drivers have given everything to the store.
    async fn wait_for_drivers(&self) {
        loop {
            let retired = self.retired.notified();
            if self.lock().len() == 0 {
                return;
            }
            retired.await;
        }
    }

    /// Returns the visitor's handle. Makes one, with its driver, if there is none.
    fn visitor(
        self: &Arc<Self>,
        visitor: &Visitor,
        record: Option<Record>,
        held: Option<Vec<KeptMessage>>,
    ) -> Result<Arc<VisitorHandle>, Error> {
        let mut visitors = self.lock();
        if visitors.is_closed() {
            return Err(client_closed());
        }
        if let Some(handle) = visitors.get(visitor.id()) {
            handle.lock().machine.name_visitor(visitor.clone());
            return Ok(Arc::clone(handle));
        }
        let seed = random_seed()?;
        let past = visitors.take_past(visitor.id());
        let record = past.record.or(record);
        let needs_token = record.as_ref().is_none_or(|record| record.credentials.is_none());
        let leftover = past.leftover;
        let visitor = leftover.iter().fold(visitor.clone(), |visitor, left| visitor.or(&left.visitor));
        let env = Arc::clone(&self.env);
        let now = env.clock.now();
        let mut machine = visitors.machine(&env, visitor, record, seed);
        if let Some(messages) = held.or_else(|| leftover.map(|leftover| leftover.messages)) {
            machine.restore(now, messages);
        }
        // A visitor with a saved token does not need the quota.
        let counts = env.settings.config.door.counts_authentications() && visitors.key().is_some();
        let reserved = (needs_token && counts).then(|| env.quota.join());
        let id = machine.visitor().id().clone();
        if let Some(store_writer) = env.store_writer.as_ref().filter(|_| env.router.is_none()) {
            store_writer.claim(id.clone());
        }
        let handle = VisitorHandle::new(machine, env.clock.clone(), self.begin_driver.clone(), reserved);
        handle.lock().sharing = env.router.as_ref().map(|_| Box::default()).into();
        visitors.begin(&env, id, Arc::clone(&handle));
        drop(visitors);
        handle.begin();
        Ok(handle)
    }

    /// Counts visitors that `recover` is opening.
    pub(crate) fn recovering(&self, more: usize, fewer: usize) {
        self.lock().recovering(&self.env, more, fewer);
    }

    /// The visitor's driver has ended. Returns whether the handle goes on.
    pub(crate) fn retire(&self, handle: &Arc<VisitorHandle>) -> bool {
        let goes_on = self.lock().retire(&self.env, handle);
        self.retired.notify_waiters();
        goes_on
    }

    fn learned(&self) -> MutexGuard<'_, Option<(VisitorId, Identity)>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Visitors> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientInner {
    fn drop(&mut self) {
        self.closing.cancel();
        for handle in self.lock().live() {
            handle.hang_up();
        }
        self.env.subscriptions.end();
    }
}

/// Begins drivers. They hold the client weakly, so dropping the client ends them.
fn begin_driver(env: Weak<Env>, client: Weak<ClientInner>) -> BeginDriver {
    BeginDriver::new(move |handle| {
        let Some(env) = env.upgrade() else {
            return handle.end();
        };
        let runtime = env.runtime.clone();
        let driver = Box::new(Driver::new(Arc::clone(handle), env));
        let client = Weak::clone(&client);
        let retire =
            move |handle: &Arc<VisitorHandle>| client.upgrade().is_some_and(|client| client.retire(handle));
        runtime.spawn(driver.run(retire));
    })
}

/// The ids of messages must differ from those of all other processes.
pub(crate) fn random_seed() -> Result<u64, Error> {
    getrandom::u64().map_err(|error| {
        Error::new(ErrorKind::Misuse, "the operating system has no randomness").caused_by(error)
    })
}
