//! A visitor whom another process has: the calls that wait for it, and how the conversations stand there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{
    Author, Command, ConversationKey, Error, ErrorKind, Event, MessageId, Millis, Misuse, Outcome, Text,
    Ticket, UnsentMessage, Visitor,
};

use super::Router;
use super::parcel::{Call, Parcel, View};
use crate::message_id::new_message_id;
use crate::peers::{Holder, ProcessId};
use crate::visitor_handle::{Waiting, Wanted, conversation_of, deadline_mut, says};

/// Above the tickets of all machines.
const TICKETS: u64 = 1 << 62;

/// How long the answer of a call may take beyond its deadline: the holder says what was in the way.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Remote {
    pub(super) router: Arc<Router>,
    visitor: Visitor,
    /// `None` while it is being looked for.
    holder: Option<Holder>,
    /// How often it was found.
    round: u64,
    calls: BTreeMap<u64, Waits>,
    view: View,
    /// The conversation is closed here once no call waits, or then.
    closes: Option<Millis>,
    closing: Vec<Waiting>,
    /// The conversation has closed there.
    pub(crate) is_over: bool,
    /// How often in a row a process that should have the visitor did not.
    pub(super) misses: u32,
}

/// A call that waits for its answer.
#[derive(Debug)]
pub(crate) struct Waits {
    pub(crate) command: Command,
    pub(crate) message: Option<MessageId>,
    pub(crate) waiting: Waiting,
    /// When it is given up.
    until: Option<Millis>,
    /// The message's own deadline.
    deadline: Option<Millis>,
    /// It was given to a process that may have begun with it.
    pub(crate) was_given: bool,
}

impl Remote {
    pub(super) fn new(router: Arc<Router>, visitor: Visitor, holder: Holder) -> Self {
        let mut remote = Self::lost(router, visitor, View::begun());
        remote.found(holder, Millis(0));
        remote
    }

    /// Of a visitor whom another process has taken. It is to be looked for.
    pub(super) fn lost(router: Arc<Router>, visitor: Visitor, view: View) -> Self {
        Self {
            router,
            visitor,
            holder: None,
            round: 0,
            calls: BTreeMap::new(),
            view,
            closes: None,
            closing: Vec::new(),
            is_over: false,
            misses: 0,
        }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Gives a command to the holder. Returns its ticket.
    pub(crate) fn give(&mut self, now: Millis, wanted: Wanted, waiting: Waiting) -> Result<Ticket, Error> {
        let Wanted { mut command, message_id } = wanted;
        if self.closes.is_some() || self.is_over {
            return match command {
                Command::Close { conversation: ConversationKey::FIRST, .. } if !self.is_over => {
                    self.closing.push(waiting);
                    Ok(Ticket(TICKETS + self.router.next_call()))
                }
                _ => Err(Misuse::Closed.into()),
            };
        }
        let opens = matches!(command, Command::Open { .. });
        if !opens && conversation_of(&command).is_some_and(|key| !self.view.has(key)) {
            return Err(Misuse::Closed.into()); // It ended with the process that had it.
        }
        let number = self.router.next_call();
        let ticket = Ticket(TICKETS + number);
        let deadline = deadline_mut(&mut command).map(|deadline| now + *deadline);
        match &command {
            Command::Close { conversation: ConversationKey::FIRST, end_session: false, .. } => {
                self.closes = deadline;
                self.closing.push(waiting);
                return Ok(ticket);
            }
            Command::Open { conversation, .. } => self.view.open(*conversation),
            _ => {}
        }
        let message = match message_id {
            None if says(&command) => Some(new_message_id()?),
            given => given,
        };
        // Saving takes no deadline.
        let until = deadline.filter(|_| !matches!(command, Command::SendDurable { .. }));
        let waits = Waits {
            command,
            message,
            waiting,
            until: until.map(|until| until + GRACE),
            deadline,
            was_given: false,
        };
        self.calls.insert(number, waits);
        self.give_call(number, now);
        Ok(ticket)
    }

    /// Gives a command that this process had begun with.
    pub(crate) fn give_again(&mut self, now: Millis, wanted: Wanted, waiting: Waiting) -> Option<Ticket> {
        let ticket = self.give(now, wanted, waiting).ok()?;
        if let Some(call) = ticket.0.checked_sub(TICKETS).and_then(|number| self.calls.get_mut(&number)) {
            call.was_given = true;
        }
        Some(ticket)
    }

    /// Gives up a call. Returns whether it waited.
    pub(crate) fn cancel(&mut self, ticket: Ticket) -> bool {
        let Some(number) = ticket.0.checked_sub(TICKETS) else { return false };
        if self.calls.remove(&number).is_none() {
            return false;
        }
        self.tell_holder(|_| Parcel::Cancel { call: number });
        true
    }

    /// The process has the visitor, or is said to have.
    pub(super) fn found(&mut self, holder: Holder, now: Millis) {
        self.holder = Some(holder);
        self.round += 1;
        let numbers: Vec<u64> = self.calls.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.give_call(number, now));
        // Last: it says that all calls were given.
        let (visitor, round) = (self.visitor.clone(), self.round);
        self.tell_holder(|_| Parcel::Attach { visitor, round });
    }

    /// Whether this process is said to have the visitor.
    pub(super) fn is_with(&self, process: &ProcessId) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.process == *process)
    }

    pub(super) fn process(&self) -> Option<&ProcessId> {
        self.holder.as_ref().map(|holder| &holder.process)
    }

    pub(super) fn lease(&self) -> Option<&str> {
        self.holder.as_ref().map(|holder| holder.lease.as_str())
    }

    /// The holder is gone, or has not got the visitor. Returns whether it is to be looked for.
    pub(super) fn lose(&mut self) -> bool {
        self.holder.take().is_some()
    }

    pub(super) fn set_view(&mut self, view: View) {
        self.view = view;
        self.misses = 0;
    }

    pub(super) fn note(&mut self, event: &Event) {
        self.view.note(event);
    }

    pub(super) fn piece(&self, number: u64, author: Author, text: &Text) {
        if let Some(Waits { waiting: Waiting::Pieces(pieces), .. }) = self.calls.get(&number) {
            pieces.push(author, text);
        }
    }

    pub(crate) fn answered(&mut self, number: u64, result: Result<Outcome, Error>) -> Option<Answered> {
        let call = self.calls.remove(&number)?;
        Some((call.waiting, result))
    }

    /// The calls whose answers have not come in time.
    pub(super) fn late(&mut self, now: Millis) -> Vec<Answered> {
        let is_late = |call: &Waits| call.until.is_some_and(|until| until <= now);
        let late: Vec<u64> =
            self.calls.iter().filter(|(_, call)| is_late(call)).map(|(number, _)| *number).collect();
        let mut ended = Vec::new();
        for number in late {
            self.tell_holder(|_| Parcel::Cancel { call: number });
            let Some(call) = self.calls.remove(&number) else { continue };
            let words = match &self.holder {
                Some(_) => "the process that has the visitor did not answer before the deadline",
                None => "no process had the visitor when the deadline passed: is the store away?",
            };
            ended.push(call.fail(Error::new(ErrorKind::Deadline, words)));
        }
        ended
    }

    /// Whether the conversation is to be closed here now.
    pub(super) fn is_done(&self, now: Millis) -> bool {
        let closes = self.closes.is_some_and(|at| self.calls.is_empty() || at <= now);
        closes || (self.is_over && self.calls.is_empty())
    }

    /// Ends it here. Returns who waits for it to close, and the calls that wait for what does not come any more.
    pub(crate) fn end(&mut self) -> (Vec<Waiting>, Vec<Answered>) {
        let visitor = self.visitor.id().clone();
        self.router.unwatch(&visitor);
        self.tell_holder(|_| Parcel::Detach { visitor });
        self.is_over = true;
        self.view = View::default();
        let calls = std::mem::take(&mut self.calls).into_values();
        let closed = || Error::new(ErrorKind::Closed, "the conversation was closed before the answer came");
        (std::mem::take(&mut self.closing), calls.map(|call| call.fail(closed())).collect())
    }

    /// This process has the visitor from now on. Returns the calls to give, in order, and who waits for the close that is
    /// under way.
    pub(crate) fn come_home(mut self) -> (Vec<(Ticket, Waits)>, Vec<Waiting>, Option<Millis>) {
        self.router.unwatch(self.visitor.id());
        let calls = std::mem::take(&mut self.calls).into_iter();
        let calls = calls.map(|(number, call)| (Ticket(TICKETS + number), call)).collect();
        (calls, std::mem::take(&mut self.closing), self.closes)
    }

    fn give_call(&mut self, number: u64, now: Millis) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        let Some(holder) = &self.holder else { return };
        let again = std::mem::replace(&mut call.was_given, true);
        call.may_repeat();
        let call = Call {
            number,
            round: self.round,
            visitor: self.visitor.id().clone(),
            command: call.command_now(now),
            message: call.message.clone(),
            again,
        };
        let (process, lease) = (holder.process.clone(), Some(holder.lease.clone()));
        self.router.outbox.put(process, lease, Parcel::Call(Box::new(call)), None);
    }

    fn tell_holder(&self, parcel: impl FnOnce(&Holder) -> Parcel) {
        if let Some(holder) = &self.holder {
            let parcel = parcel(holder);
            self.router.outbox.put(holder.process.clone(), Some(holder.lease.clone()), parcel, None);
        }
    }
}

pub(crate) type Answered = (Waiting, Result<Outcome, Error>);

impl Waits {
    /// The command with what is left of its time.
    pub(crate) fn command_now(&self, now: Millis) -> Command {
        let mut command = self.command.clone();
        if let (Some(until), Some(deadline)) = (self.deadline, deadline_mut(&mut command)) {
            *deadline = until.since(now);
        }
        command
    }

    /// Another process is given the call.
    pub(crate) fn may_repeat(&self) {
        if let Waiting::Pieces(pieces) = &self.waiting {
            pieces.may_repeat();
        }
    }

    /// Fails, and hands the message back if there is one.
    pub(crate) fn fail(self, error: Error) -> Answered {
        let Self { command, message, waiting, was_given, .. } = self;
        let text = match command {
            Command::Send { text, .. } | Command::SendDurable { text, .. } | Command::Ask { text, .. } => {
                Some(text)
            }
            _ => None,
        };
        let unsent = text.zip(message);
        let error = match unsent {
            Some((text, message_id)) => {
                error.with_unsent(UnsentMessage { text, certain: !was_given, message_id })
            }
            None => error,
        };
        (waiting, Err(error))
    }
}
