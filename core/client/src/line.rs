//! A visitor's line to the service: the machine, and whoever waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secondme_avatar_protocol::{
    Command, ConversationKey, Input, KeptMessage, Machine, Misuse, Outcome, Ticket,
};
use tokio::sync::{Notify, oneshot};

use crate::clock::Clock;
use crate::events::Mailbox;
use crate::reply_stream::Pieces;
use crate::{Error, ErrorKind};

/// Shared by the handles, which give commands, and the driver, which carries out what the machine
/// says. The lock is held for as long as the machine thinks, never across an await.
#[derive(Debug)]
pub(crate) struct Line {
    state: Mutex<LineState>,
    /// Wakes the driver.
    pub(crate) wake: Notify,
    /// A conversation has closed.
    pub(crate) closed: Notify,
    pub(crate) clock: Clock,
}

#[derive(Debug)]
pub(crate) struct LineState {
    pub(crate) machine: Machine,
    pub(crate) waiting: HashMap<Ticket, Waiting>,
    pub(crate) mailboxes: Vec<(ConversationKey, Arc<Mailbox>)>,
    next_key: u32,
    /// The client is gone and the driver is to end, or it has ended.
    pub(crate) dropped: bool,
}

/// Who waits for a ticket.
#[derive(Debug)]
pub(crate) enum Waiting {
    Once(oneshot::Sender<Result<Outcome, Error>>),
    Pieces(Arc<Pieces>),
}

impl Line {
    pub(crate) fn new(machine: Machine, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(LineState {
                machine,
                waiting: HashMap::new(),
                mailboxes: Vec::new(),
                next_key: ConversationKey::FIRST.0 + 1,
                dropped: false,
            }),
            wake: Notify::new(),
            closed: Notify::new(),
            clock,
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the command; its answer can be awaited. Dropped before, the answer is not wanted any more.
    pub(crate) fn command(self: &Arc<Self>, command: Command) -> Result<Answer, Misuse> {
        let (sender, receiver) = oneshot::channel();
        let ticket = self.give(command, Waiting::Once(sender))?;
        Ok(Answer { line: Arc::clone(self), ticket, receiver: Some(receiver) })
    }

    pub(crate) fn give(&self, command: Command, waiting: Waiting) -> Result<Ticket, Misuse> {
        let mut state = self.lock();
        if state.dropped {
            return Err(Misuse::Closed); // Nobody would carry it out.
        }
        let ticket = state.machine.command(self.clock.now(), command)?;
        state.waiting.insert(ticket, waiting);
        drop(state);
        self.wake.notify_one();
        Ok(ticket)
    }

    /// Something has happened outside.
    pub(crate) fn input(&self, input: Input) {
        self.lock().machine.handle(self.clock.now(), input);
        self.wake.notify_one();
    }

    /// Messages that an earlier process has kept.
    pub(crate) fn restore(&self, messages: Vec<KeptMessage>) {
        self.lock().machine.restore(self.clock.now(), messages);
        self.wake.notify_one();
    }

    pub(crate) fn cancel(&self, ticket: Ticket) {
        let mut state = self.lock();
        if state.waiting.remove(&ticket).is_some() {
            state.machine.cancel(self.clock.now(), ticket);
            drop(state);
            self.wake.notify_one();
        }
    }

    pub(crate) fn new_key(&self) -> ConversationKey {
        let mut state = self.lock();
        let key = ConversationKey(state.next_key);
        state.next_key += 1;
        key
    }

    pub(crate) fn subscribe(&self, key: ConversationKey, mailbox: Arc<Mailbox>) {
        let mut state = self.lock();
        if state.machine.state(key) == crate::State::Closed {
            mailbox.end();
        } else {
            state.mailboxes.push((key, mailbox));
        }
    }

    /// The client is gone, and nobody holds a conversation.
    pub(crate) fn hang_up(&self) {
        self.lock().dropped = true;
        self.wake.notify_one();
    }

    /// The driver has ended: whoever still waits learns it.
    pub(crate) fn end(&self) {
        let (waiting, mailboxes) = {
            let mut state = self.lock();
            state.dropped = true;
            (std::mem::take(&mut state.waiting), std::mem::take(&mut state.mailboxes))
        };
        for waiting in waiting.into_values() {
            waiting.resolve(Err(ended()));
        }
        for (_, mailbox) in mailboxes {
            mailbox.end();
        }
        self.closed.notify_waiters();
    }
}

impl LineState {
    /// Ends the subscriptions to conversations that have closed, and forgets those that were dropped.
    pub(crate) fn end_subscriptions(&mut self, closed: &[ConversationKey]) {
        self.mailboxes.retain(|(key, mailbox)| {
            if closed.contains(key) {
                mailbox.end();
            }
            !mailbox.has_ended()
        });
    }
}

impl Waiting {
    pub(crate) fn resolve(self, result: Result<Outcome, Error>) {
        match self {
            // Whoever waited may have gone in this very moment.
            Self::Once(sender) => drop(sender.send(result)),
            Self::Pieces(pieces) => pieces.finish(result),
        }
    }
}

/// The answer to a command, to be awaited.
#[derive(Debug)]
pub(crate) struct Answer {
    line: Arc<Line>,
    ticket: Ticket,
    receiver: Option<oneshot::Receiver<Result<Outcome, Error>>>,
}

impl Answer {
    pub(crate) async fn wait(mut self) -> Result<Outcome, Error> {
        let Some(receiver) = self.receiver.as_mut() else {
            return Err(ended());
        };
        let result = receiver.await.unwrap_or_else(|_| Err(ended()));
        self.receiver = None;
        result
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.receiver.is_some() {
            self.line.cancel(self.ticket);
        }
    }
}

pub(crate) fn ended() -> Error {
    Error::new(ErrorKind::Closed, "the client was dropped or its runtime has ended")
}

/// A ticket was answered with something that its command does not give: a fault of ours.
pub(crate) fn unexpected() -> Error {
    Error::new(ErrorKind::InvalidAnswer, "the protocol machine gave an answer of another kind")
}
