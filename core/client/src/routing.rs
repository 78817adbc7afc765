//! Calls for a visitor that another process has, where several processes share a store.
//!
//! Only the process that holds the visitor's lease has the visitor's socket. In each of the others that have the visitor
//! open, the [`VisitorHandle`] is remote: it gives commands to the holder, and gets answers, pieces and events from it. When
//! the holder is gone, one of them takes its place.

mod if_shared;
mod inbox;
mod outbox;
mod parcel;
mod remote;
mod rounds;
mod settle;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use secondme_avatar_protocol::{
    Author, Error, ErrorKind, Event, EventKind, Machine, Outcome, Text, Ticket, Visitor, VisitorId,
};

pub(crate) use self::if_shared::IfShared;
use self::outbox::Outbox;
pub(crate) use self::outbox::Settled;
use self::parcel::Parcel;
pub(crate) use self::parcel::View;
pub(crate) use self::remote::Remote;
use self::rounds::Rounds;
use crate::client_inner::ClientInner;
use crate::peers::{Holder, ProcessId, Routes};
use crate::visitor_handle::{Closes, VisitorHandle};

/// A process's part in the exchange of calls.
pub(crate) struct Router {
    routes: Arc<dyn Routes>,
    me: ProcessId,
    outbox: Arc<Outbox>,
    client: OnceLock<Weak<ClientInner>>,
    /// Names the calls of this process.
    calls: AtomicU64,
    /// The calls of other processes that are under way here.
    given: Mutex<HashMap<(ProcessId, u64), Given>>,
    /// What is left of their rounds of calls is refused.
    refused: Mutex<Rounds>,
    /// The other processes that listen to all visitors' events.
    listeners: RwLock<Arc<[ProcessId]>>,
    /// The visitors that other processes have.
    remote: Mutex<HashMap<VisitorId, Weak<VisitorHandle>>>,
}

struct Given {
    handle: Arc<VisitorHandle>,
    /// Known once it was given.
    ticket: Option<Ticket>,
}

impl Router {
    pub(crate) fn new(routes: Arc<dyn Routes>) -> Result<Arc<Self>, Error> {
        let me = getrandom::u64().map_err(|error| {
            Error::new(ErrorKind::Misuse, "the operating system has no randomness").caused_by(error)
        })?;
        Ok(Arc::new(Self {
            routes,
            me: format!("{me:016x}"),
            outbox: Outbox::new(),
            client: OnceLock::new(),
            calls: AtomicU64::new(0),
            given: Mutex::default(),
            refused: Mutex::default(),
            listeners: RwLock::default(),
            remote: Mutex::default(),
        }))
    }

    /// Begins to write and to read letters.
    pub(crate) fn start(self: &Arc<Self>, client: &Arc<ClientInner>) -> Result<(), Error> {
        // It is set once, for a router has one client.
        let _ = self.client.set(Arc::downgrade(client));
        Outbox::start(&self.outbox, self)?;
        inbox::start(self)
    }

    /// The name of this process.
    pub(crate) fn me(&self) -> &ProcessId {
        &self.me
    }

    /// How the conversations of a visitor begin that this process has.
    pub(crate) fn remote(self: &Arc<Self>, visitor: &Visitor, holder: Holder) -> Remote {
        Remote::new(Arc::clone(self), visitor.clone(), holder)
    }

    /// How the conversations of a visitor go on that another process has taken.
    pub(crate) fn lost(self: &Arc<Self>, machine: &Machine) -> Remote {
        Remote::lost(Arc::clone(self), machine.visitor().clone(), View::of_first(machine))
    }

    /// Watches the holder of this visitor.
    pub(crate) fn watch(&self, visitor: VisitorId, handle: &Arc<VisitorHandle>) {
        self.remote_map().insert(visitor, Arc::downgrade(handle));
    }

    /// The visitor belongs to this process now, or is no longer open here.
    pub(crate) fn unwatch(&self, visitor: &VisitorId) {
        self.remote_map().remove(visitor);
    }

    /// Tells the processes that have the visitor open what happened, and those that listen to all. `goes_on`: what closes
    /// here is open elsewhere. Returns what is not settled until the former have it.
    pub(crate) fn tell(&self, to: &[ProcessId], events: &[Event], goes_on: bool) -> Option<Settled> {
        let listeners = Arc::clone(&self.listeners.read().unwrap_or_else(PoisonError::into_inner));
        if to.is_empty() && listeners.is_empty() {
            return None;
        }
        let is_told = |event: &&Event| !(goes_on && matches!(event.kind, EventKind::Closed { .. }));
        let told: Vec<Event> = events.iter().filter(is_told).cloned().collect();
        if told.is_empty() {
            return None;
        }
        let closes = events.iter().any(|event| matches!(event.kind, EventKind::Closed { .. }));
        for process in listeners.iter().filter(|process| !to.contains(process)) {
            let parcel = Parcel::Events { events: told.clone() };
            match closes {
                // Before those of the process that has the visitor next.
                true => self.outbox.put(process.clone(), None, parcel, None),
                false => self.outbox.put_patient(process.clone(), parcel),
            }
        }
        let settled = (!to.is_empty()).then(Settled::default);
        for (at, process) in to.iter().enumerate() {
            let last = settled.clone().filter(|_| at + 1 == to.len());
            self.outbox.put(process.clone(), None, Parcel::Events { events: told.clone() }, last);
        }
        settled
    }

    /// Whether this process listens to all visitors' events.
    fn listens(&self) -> bool {
        self.client().is_some_and(|client| client.env.subscriptions.listens())
    }

    fn set_listeners(&self, listeners: Vec<ProcessId>) {
        let mut known = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        if **known != *listeners {
            *known = listeners.into();
        }
    }

    /// Tells these processes that the visitor is not here any more.
    pub(crate) fn let_go(&self, visitor: &VisitorId, to: &[ProcessId]) {
        for process in to {
            self.outbox.put(process.clone(), None, Parcel::NotHere { visitor: visitor.clone() }, None);
        }
    }

    /// The client is closed, or dropped.
    pub(crate) fn close(&self) {
        self.outbox.close();
    }

    fn client(&self) -> Option<Arc<ClientInner>> {
        self.client.get()?.upgrade()
    }

    fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// A letter could not be delivered: its reader is gone.
    fn is_gone(self: &Arc<Self>, process: &ProcessId, parcel: &Parcel) {
        match parcel {
            Parcel::Attach { .. } | Parcel::Detach { .. } | Parcel::Call(_) | Parcel::Cancel { .. } => {
                if let Some(visitor) = parcel.visitor() {
                    self.look_for(visitor, process);
                }
            }
            Parcel::View { .. }
            | Parcel::Piece { .. }
            | Parcel::Answer { .. }
            | Parcel::Events { .. }
            | Parcel::NotHere { .. } => self.forget_process(process),
        }
    }

    /// The process has nothing open here any more, and waits for nothing.
    fn forget_process(&self, process: &ProcessId) {
        let listeners = Arc::clone(&self.listeners.read().unwrap_or_else(PoisonError::into_inner));
        self.set_listeners(listeners.iter().filter(|listener| *listener != process).cloned().collect());
        let given: Vec<Given> = {
            let mut given = self.given();
            let its: Vec<_> = given.keys().filter(|(of, _)| of == process).cloned().collect();
            its.iter().filter_map(|key| given.remove(key)).collect()
        };
        for Given { handle, ticket } in given {
            ticket.into_iter().for_each(|ticket| handle.cancel(ticket));
        }
        let Some(client) = self.client() else { return };
        let all: Vec<_> = client.lock().live().cloned().collect();
        all.iter().for_each(|handle| handle.lock().detach(process));
    }

    fn fail(&self, visitor: &VisitorId, call: u64, error: Error) {
        if let Some(handle) = self.handle(visitor) {
            handle.answered(call, Err(error));
        }
    }

    /// The handle of a visitor that another process has.
    fn handle(&self, visitor: &VisitorId) -> Option<Arc<VisitorHandle>> {
        self.remote_map().get(visitor)?.upgrade()
    }

    fn given(&self) -> MutexGuard<'_, HashMap<(ProcessId, u64), Given>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, Rounds> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remote_handles(&self) -> Vec<Arc<VisitorHandle>> {
        self.remote_map().values().filter_map(Weak::upgrade).collect()
    }

    fn remote_map(&self) -> MutexGuard<'_, HashMap<VisitorId, Weak<VisitorHandle>>> {
        self.remote.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("me", &self.me).finish_non_exhaustive()
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

/// A call of another process that is under way here. Dropped, it was given up.
pub(crate) struct PeerCall {
    router: Arc<Router>,
    from: ProcessId,
    number: u64,
    visitor: VisitorId,
    /// Its answer was delivered, or is not wanted.
    settled: Settled,
    answered: bool,
}

impl PeerCall {
    pub(crate) fn settled(&self) -> Settled {
        self.settled.clone()
    }

    pub(crate) fn piece(&self, author: Author, text: Text) {
        let visitor = self.visitor.clone();
        self.put(Parcel::Piece { call: self.number, visitor, author, text }, None);
    }

    /// What fails because this process leaves the conversation is given again elsewhere. Returns whether that is so.
    pub(crate) fn answer(
        mut self,
        result: Result<Outcome, Error>,
        machine: Option<&Machine>,
        closes: Closes,
    ) -> bool {
        self.answered = true;
        let (call, visitor) = (self.number, self.visitor.clone());
        if closes == Closes::Here && result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Closed) {
            self.put(Parcel::NotHere { visitor }, None);
            return true;
        }
        if let Some(machine) = machine.filter(|_| matches!(result, Ok(Outcome::Opened { .. }))) {
            let view = Box::new(View::of(machine));
            self.put(Parcel::View { visitor: visitor.clone(), view }, None);
        }
        self.put(Parcel::Answer { call, visitor, result }, Some(self.settled.clone()));
        false
    }

    fn put(&self, parcel: Parcel, settled: Option<Settled>) {
        self.router.outbox.put(self.from.clone(), None, parcel, settled);
    }
}

impl fmt::Debug for PeerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerCall({} of {})", self.number, self.from)
    }
}

impl Drop for PeerCall {
    fn drop(&mut self) {
        if !self.answered {
            self.settled.settle();
        }
        self.router.given().remove(&(self.from.clone(), self.number));
    }
}
