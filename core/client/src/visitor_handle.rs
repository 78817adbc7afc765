//! A visitor's handle: the machine, and the callers that wait for its answers.

mod noticed;
mod pending_answer;
mod remote;
mod sharing;
mod waiting;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secondme_avatar_protocol::{
    ApiKey, Command, ConversationKey, Error, Input, KeptMessage, Machine, Misuse, Outcome, State, Ticket,
};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

pub(crate) use self::pending_answer::PendingAnswer;
pub(crate) use self::remote::Refused;
use self::sharing::Sharing;
use self::waiting::Kept;
pub(crate) use self::waiting::{Waiting, Wanted, conversation_of, deadline_mut, says};
use crate::clock::Clock;
use crate::env::Resting;
use crate::errors::{client_closed, ended};
use crate::events::Mailbox;
use crate::message_id::new_message_id;
use crate::quota::QuotaPermit;
use crate::routing::{IfShared, Remote};

/// Shared by the conversations, which give commands, and the driver, which carries out the outputs. The lock is
/// held while the machine works, never across an await.
#[derive(Debug)]
pub(crate) struct VisitorHandle {
    state: Mutex<VisitorState>,
    /// Wakes the driver.
    wake: Notify,
    /// Notified when a conversation has closed.
    pub(crate) closed: Notify,
    clock: Clock,
    begin: BeginDriver,
    /// How far the clock had been advanced when the driver last had nothing due.
    noticed: AtomicU64,
    /// The driver waits for no answer to a call.
    quiet: AtomicBool,
}

/// Begins a driver for a visitor that has none. All visitors of a client have the same.
#[derive(Clone)]
pub(crate) struct BeginDriver(Arc<Begin>);

type Begin = dyn Fn(&Arc<VisitorHandle>) + Send + Sync;

impl BeginDriver {
    pub(crate) fn new(begin: impl Fn(&Arc<VisitorHandle>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(begin))
    }
}

impl fmt::Debug for BeginDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BeginDriver")
    }
}

#[derive(Debug)]
pub(crate) struct VisitorState {
    pub(crate) machine: Machine,
    pub(crate) waiting: BTreeMap<Ticket, Waiting>,
    pub(crate) mailboxes: Vec<(ConversationKey, Arc<Mailbox>)>,
    next_key: u32,
    /// The permit of the key's quota, requested when the handle was made. So visitors are served in the order
    /// of opening, whichever driver runs first.
    pub(crate) reserved: Option<QuotaPermit>,
    /// The client is being closed: no new commands.
    pub(crate) closing: bool,
    /// Another process has the visitor.
    pub(crate) elsewhere: bool,
    /// The visitor is being forgotten: no new commands.
    pub(crate) forgetting: bool,
    /// The driver is to end, or has ended.
    pub(crate) dropped: bool,
    /// The driver has ended: it writes nothing more to the store.
    pub(crate) ended: bool,
    /// There is no driver, and nothing for one to do. Whatever changes the machine begins one.
    rests: bool,
    /// It was connected before, so another process may have opened the visitor since.
    pub(crate) was_connected: bool,
    /// Another process has the visitor.
    pub(crate) remote: IfShared<Box<Remote>>,
    /// What it has more where processes share a store.
    pub(crate) sharing: IfShared<Box<Sharing>>,
    /// How the first conversation closes, where that was asked for here.
    pub(crate) closes: Closes,
    /// A call of another process goes on there: what was saved last is from before it.
    pub(crate) hands_over: bool,
}

/// What closing the first conversation means to the processes that have it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Closes {
    /// It is closed for all.
    #[default]
    ForAll,
    /// This process leaves it to the others.
    Here,
}

impl VisitorHandle {
    /// A visitor, whose driver is to [begin](Self::begin).
    pub(crate) fn new(
        machine: Machine,
        clock: Clock,
        begin: BeginDriver,
        reserved: Option<QuotaPermit>,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(VisitorState {
                machine,
                waiting: BTreeMap::new(),
                mailboxes: Vec::new(),
                next_key: ConversationKey::FIRST.0 + 1,
                reserved,
                closing: false,
                forgetting: false,
                elsewhere: false,
                dropped: false,
                ended: false,
                rests: false,
                was_connected: false,
                remote: IfShared::default(),
                sharing: IfShared::default(),
                closes: Closes::default(),
                hands_over: false,
            }),
            wake: Notify::new(),
            closed: Notify::new(),
            noticed: AtomicU64::new(clock.forward()),
            quiet: AtomicBool::new(true),
            clock,
            begin,
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, VisitorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the first driver.
    pub(crate) fn begin(self: &Arc<Self>) {
        (self.begin.0)(self);
    }

    /// Resolves when the driver is to look again.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.wake.notified()
    }

    /// Lets the driver look again, if there is one.
    pub(crate) fn look_again(&self) {
        self.wake.notify_one();
    }

    /// Lets the driver see what has changed. A visitor that rests gets one again.
    fn stir(self: &Arc<Self>, mut state: MutexGuard<'_, VisitorState>) {
        let rested = std::mem::take(&mut state.rests);
        drop(state);
        if rested {
            self.begin();
        } else {
            self.wake.notify_one();
        }
    }

    /// Leaves the visitor without a driver. Until something happens, nothing is due.
    pub(crate) fn rest(&self, mut state: MutexGuard<'_, VisitorState>, resting: &mut Resting) {
        state.rests = true;
        resting.counters += state.machine.give_back(&mut resting.alike);
        state.mailboxes.shrink_to_fit();
        drop(state);
        self.clock.notice();
    }

    /// Gives a command, and returns its answer to await. Dropping the answer cancels the command.
    pub(crate) fn command(self: &Arc<Self>, command: impl Into<Wanted>) -> Result<PendingAnswer, Error> {
        let (sender, receiver) = oneshot::channel();
        let ticket = self.give(command, Waiting::Once(sender))?;
        Ok(PendingAnswer::new(self, ticket, receiver))
    }

    pub(crate) fn give(
        self: &Arc<Self>,
        wanted: impl Into<Wanted>,
        waiting: Waiting,
    ) -> Result<Ticket, Error> {
        let mut wanted: Wanted = wanted.into();
        let mut state = self.lock();
        if state.closing && !matches!(wanted.command, Command::Close { .. }) {
            return Err(if state.forgetting { Misuse::Closed.into() } else { client_closed() });
        }
        if state.dropped {
            return Err(Misuse::Closed.into()); // No driver would carry it out.
        }
        let now = self.clock.now();
        if let Some(remote) = state.remote.as_mut() {
            return remote.give(now, wanted, waiting);
        }
        state.note_close(&wanted.command);
        if state.sharing.is_some() && wanted.message_id.is_none() && says(&wanted.command) {
            wanted.message_id = Some(new_message_id()?);
        }
        let kept = state.sharing.is_some().then(|| Kept::new(now, &wanted));
        let Wanted { command, message_id } = wanted;
        let ticket = match message_id {
            Some(message_id) => state.machine.command_under(now, message_id, command)?,
            None => state.machine.command(now, command)?,
        };
        state.waiting.insert(ticket, waiting);
        if let Some(sharing) = state.sharing.as_mut() {
            sharing.given.extend(kept.map(|kept| (ticket, kept)));
        }
        let ticket = state.callers(ticket);
        self.stir(state);
        Ok(ticket)
    }

    /// Gives the machine an input.
    pub(crate) fn input(self: &Arc<Self>, input: Input) {
        let mut state = self.lock();
        if state.remote.is_some() && state.rests {
            return; // It is about what went on here before another process took the visitor.
        }
        state.machine.handle(self.clock.now(), input);
        self.stir(state);
    }

    /// Gives the machine another key.
    pub(crate) fn set_key(self: &Arc<Self>, key: ApiKey) {
        let mut state = self.lock();
        state.machine.set_key(self.clock.now(), key);
        if state.remote.is_none() {
            self.stir(state);
        }
    }

    /// Gives the machine messages that an earlier process has stored.
    pub(crate) fn restore(self: &Arc<Self>, messages: Vec<KeptMessage>) {
        let mut state = self.lock();
        state.machine.restore(self.clock.now(), messages);
        self.stir(state);
    }

    pub(crate) fn cancel(self: &Arc<Self>, ticket: Ticket) {
        let mut state = self.lock();
        let ticket = state.sharing.as_mut().map_or(ticket, |sharing| sharing.latest(ticket));
        if state.remote.as_mut().is_some_and(|remote| remote.cancel(ticket)) {
            return;
        }
        let Some(ticket) = ticket.0.checked_sub(state.beyond()).map(Ticket) else { return };
        if state.take_waiting(ticket).is_some() {
            state.machine.cancel(self.clock.now(), ticket);
            self.stir(state);
        }
    }

    pub(crate) fn new_key(&self) -> ConversationKey {
        let mut state = self.lock();
        if state.remote.is_some() {
            return remote::new_key();
        }
        let key = ConversationKey(state.next_key);
        state.next_key += 1;
        key
    }

    pub(crate) fn subscribe(&self, key: ConversationKey, mailbox: Arc<Mailbox>) {
        let mut state = self.lock();
        if state.state(key) == State::Closed {
            mailbox.end();
        } else {
            state.mailboxes.push((key, mailbox));
        }
    }

    /// Takes the slot back for another visitor. Returns whether it was given up.
    pub(crate) fn reclaim_slot(self: &Arc<Self>) -> bool {
        let mut state = self.lock();
        state.machine.handle(self.clock.now(), Input::SlotReclaimed);
        let gave_up = state.machine.is_paused();
        self.stir(state);
        gave_up
    }

    /// Refuses new commands from now on. Returns the conversations that are still to be closed.
    pub(crate) fn begin_closing(self: &Arc<Self>) -> Vec<ConversationKey> {
        let mut state = self.lock();
        state.closing = true;
        if state.remote.is_some() {
            return vec![ConversationKey::FIRST];
        }
        let conversations = state.machine.conversations();
        // A machine without conversations would never end by itself.
        state.dropped |= conversations.is_empty();
        self.stir(state);
        conversations
    }

    /// Closes all conversations at once. Resolves when the driver has ended, and has given everything to the store.
    pub(crate) async fn close_to_forget(self: &Arc<Self>) {
        self.lock().forgetting = true;
        for conversation in self.begin_closing() {
            let close = Command::Close { conversation, deadline: Duration::ZERO, end_session: false };
            // Closing goes on without its answer.
            drop(self.command(close));
        }
        self.has_ended().await;
    }

    /// Waits until the driver has ended.
    pub(crate) async fn has_ended(&self) {
        self.wait_until(|state| state.ended).await;
    }

    /// Waits until this is so, which `closed` tells.
    async fn wait_until(&self, is_so: impl Fn(&VisitorState) -> bool) {
        loop {
            let closed = self.closed.notified();
            if is_so(&self.lock()) {
                return;
            }
            closed.await;
        }
    }

    /// Ends the driver: the client is gone.
    pub(crate) fn hang_up(&self) {
        let mut state = self.lock();
        state.dropped = true;
        let rests = state.rests;
        drop(state);
        if rests {
            self.end();
        } else {
            self.wake.notify_one();
        }
    }

    /// The driver has ended: fails all waiting calls.
    pub(crate) fn end(&self) {
        let (waiting, mailboxes, remote) = {
            let mut state = self.lock();
            (state.dropped, state.ended) = (true, true);
            state.reserved = None;
            let remote = state.remote.as_mut().map(|remote| remote.end());
            (std::mem::take(&mut state.waiting), std::mem::take(&mut state.mailboxes), remote)
        };
        let (closing, calls) = remote.unwrap_or_default();
        closing.into_iter().for_each(|waiting| waiting.resolve(Ok(Outcome::Closed)));
        calls.into_iter().for_each(|(waiting, result)| waiting.resolve(result));
        for waiting in waiting.into_values() {
            waiting.resolve(Err(ended()));
        }
        for (_, mailbox) in mailboxes {
            mailbox.end();
        }
        self.closed.notify_waiters();
        self.clock.notice();
    }
}

impl VisitorState {
    /// Whether the visitor can be left to another process: no call waits, and nothing is still to be sent.
    pub(crate) fn may_let_go(&self) -> bool {
        self.waiting.is_empty() && !self.closing && self.machine.kept_messages().is_empty()
    }

    /// Takes the receiver of a ticket's answer.
    pub(crate) fn take_waiting(&mut self, ticket: Ticket) -> Option<Waiting> {
        let taken = self.waiting.remove(&ticket);
        let is_last = self.waiting.is_empty() && self.remote.is_none();
        if is_last {
            self.waiting = BTreeMap::new(); // There are thousands of visitors for whom no call waits.
        }
        if let Some(sharing) = self.sharing.as_mut() {
            sharing.given.remove(&ticket);
            if is_last {
                sharing.forget_calls();
            }
        }
        taken
    }

    /// Whether no call waits for anything, and the machine needs no driver.
    pub(crate) fn may_rest(&self) -> bool {
        self.waiting.is_empty()
            && !self.closing
            && !self.dropped
            && self.remote.is_none()
            && self.machine.rests()
    }

    /// Ends the subscriptions to closed conversations, and removes those that were dropped.
    pub(crate) fn end_subscriptions(&mut self, closed: &[ConversationKey]) {
        self.mailboxes.retain(|(key, mailbox)| {
            if closed.contains(key) {
                mailbox.end();
            }
            !mailbox.has_ended()
        });
    }
}
