//! Calls between processes: a handle whose visitor another process has, and one that other processes call.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{
    Command, ConversationKey, Error, ErrorKind, Input, KeptMessage, Machine, Millis, Misuse, Outcome,
    SessionId, State, Text, Ticket, VisitorId,
};

use super::{Closes, Kept, VisitorHandle, VisitorState, Waiting, Wanted};
use crate::clock::Clock;
use crate::routing::{Remote, Router, Settled, View};
use crate::visitor_handle::BeginDriver;

/// How many commands a visitor's machine takes at most, by far: tickets of one are not those of the next.
const MACHINE: u64 = 1 << 40;

/// Why a call of another process is not given.
pub(crate) enum Refused {
    /// This process has not got the visitor, or is about to give it up.
    NotHere,
    Answer(Box<Result<Outcome, Error>>),
}

impl VisitorHandle {
    /// A visitor whom another process has.
    pub(crate) fn new_remote(
        machine: Machine,
        clock: Clock,
        begin: BeginDriver,
        remote: Remote,
    ) -> Arc<Self> {
        let handle = Self::new(machine, clock, begin, None);
        {
            let mut state = handle.lock();
            state.remote = Some(Box::new(remote)).into();
            state.sharing = Some(Box::default()).into();
            // It has no driver.
            state.rests = true;
        }
        handle
    }

    /// Gives a command of another process.
    pub(crate) fn give_for_peer(
        self: &Arc<Self>,
        wanted: Wanted,
        again: bool,
        waiting: Waiting,
    ) -> Result<Ticket, (Refused, Waiting)> {
        let mut state = self.lock();
        if !state.takes_peers() {
            return Err((Refused::NotHere, waiting));
        }
        state.note_close(&wanted.command);
        match give(&mut state.machine, self.clock.now(), wanted, again) {
            Ok(Given::Ticket(ticket)) => {
                state.waiting.insert(ticket, waiting);
                let ticket = state.callers(ticket);
                self.stir(state);
                Ok(ticket)
            }
            Ok(Given::Done(outcome)) => Err((Refused::Answer(Box::new(Ok(outcome))), waiting)),
            Err(Misuse::Closed) => Err((Refused::NotHere, waiting)),
            Err(misuse) => Err((Refused::Answer(Box::new(Err(misuse.into()))), waiting)),
        }
    }

    /// The holder has answered a call.
    pub(crate) fn answered(&self, call: u64, result: Result<Outcome, Error>) {
        let answered = self.lock().remote.as_mut().and_then(|remote| remote.answered(call, result));
        if let Some((waiting, result)) = answered {
            waiting.resolve(result);
        }
    }

    /// This process has the visitor from now on: goes on with this machine, and gives it the calls that wait. Each has the
    /// message id that it had. The driver is to [begin](Self::begin).
    pub(crate) fn come_home(
        self: &Arc<Self>,
        mut machine: Machine,
        messages: Vec<KeptMessage>,
        reopen: Duration,
    ) {
        let mut state = self.lock();
        let Some(remote) = state.remote.take() else { return };
        (state.elsewhere, state.hands_over, state.closes) = (false, false, Closes::default());
        if let Some(sharing) = state.sharing.as_mut() {
            sharing.told = None;
            sharing.beyond += MACHINE;
        }
        let now = self.clock.now();
        let (calls, closing, closes) = remote.come_home();
        machine.restore(now, messages);
        let open = Command::Open { conversation: ConversationKey::FIRST, deadline: reopen };
        // A machine that has just been made takes it.
        let _ = machine.command(now, open);
        let mut answered = Vec::new();
        for (ticket, call) in calls {
            let wanted = Wanted { command: call.command_now(now), message_id: call.message.clone() };
            let kept = Kept::new(now, &wanted);
            call.may_repeat();
            match give(&mut machine, now, wanted, call.was_given) {
                Ok(Given::Ticket(own)) => {
                    let known = state.callers(own);
                    state.waiting.insert(own, call.waiting);
                    if let Some(sharing) = state.sharing.as_mut() {
                        sharing.tickets.insert(ticket, known);
                        sharing.given.insert(own, kept);
                    }
                }
                Ok(Given::Done(outcome)) => answered.push((call.waiting, Ok(outcome))),
                Err(Misuse::Closed) => {
                    let words = "the process that had this conversation is gone, and only the visitor's first one goes on: \
                                 begin another one";
                    answered.push(call.fail(Error::new(ErrorKind::Closed, words)));
                }
                Err(misuse) => answered.push(call.fail(misuse.into())),
            }
        }
        for waiting in closing {
            let deadline = closes.map_or(Duration::ZERO, |at| at.since(now));
            let close = Command::Close { conversation: ConversationKey::FIRST, deadline, end_session: false };
            if let Ok(ticket) = machine.command(now, close) {
                state.closes = Closes::Here;
                state.waiting.insert(ticket, waiting);
            }
        }
        state.machine = machine;
        state.was_connected = false;
        state.mailboxes.retain(|(key, mailbox)| {
            if *key != ConversationKey::FIRST {
                mailbox.end();
            }
            *key == ConversationKey::FIRST
        });
        state.rests = false;
        drop(state);
        answered.into_iter().for_each(|(waiting, result)| waiting.resolve(result));
    }

    /// Another process has taken the visitor. What is said to the first conversation goes there from now on, and what was
    /// under way as well, each message under its id. The driver ends, and with it the visitor's other conversations. Returns
    /// whether the process that has the visitor is to be looked for.
    pub(crate) fn is_elsewhere(self: &Arc<Self>, router: &Arc<Router>) -> bool {
        let mut state = self.lock();
        if state.dropped || state.remote.is_some() || state.machine.is_closed() {
            return false;
        }
        let now = self.clock.now();
        let visitor = state.visitor_id();
        let attached = state.sharing.as_mut().map(|sharing| std::mem::take(&mut sharing.attached));
        router.let_go(&visitor, &attached.unwrap_or_default());
        state.elsewhere = true;
        let goes_on = !state.closing && state.closes == Closes::ForAll;
        if goes_on {
            let mut remote = router.lost(&state.machine);
            let given = state.sharing.as_mut().map(|sharing| std::mem::take(&mut sharing.given));
            for (ticket, kept) in given.into_iter().flatten().filter(|(_, kept)| kept.is_of_first()) {
                let Some(waiting) = state.waiting.remove(&ticket) else { continue };
                let again = remote.give_again(now, kept.wanted(now), waiting);
                let known = state.callers(ticket);
                if let Some(sharing) = state.sharing.as_mut() {
                    sharing.tickets.extend(again.map(|again| (known, again)));
                }
            }
            state.remote = Some(Box::new(remote)).into();
            router.watch(visitor, self);
        }
        state.closes = Closes::Here;
        state.machine.handle(now, Input::OpenedElsewhere);
        self.stir(state);
        goes_on
    }

    /// Waits until the driver has ended that had the visitor before another process took it.
    pub(crate) async fn is_left(&self) {
        self.wait_until(|state| state.rests).await;
    }

    pub(crate) fn opening(&self) -> Text {
        let state = self.lock();
        match state.view() {
            Some(view) => view.opening.clone(),
            None => state.machine.opening().cloned().unwrap_or_default(),
        }
    }

    pub(crate) fn avatar_name(&self) -> String {
        let state = self.lock();
        match state.view() {
            Some(view) => view.avatar_name.clone(),
            None => state.machine.avatar_name().unwrap_or_default().to_owned(),
        }
    }

    pub(crate) fn session_id(&self, key: ConversationKey) -> Option<SessionId> {
        let state = self.lock();
        state.view().map_or_else(|| state.machine.session_id(key), |view| view.session_id(key))
    }

    pub(crate) fn taken_over(&self, key: ConversationKey) -> bool {
        let state = self.lock();
        state.view().map_or_else(|| state.machine.taken_over(key), |view| view.taken_over(key))
    }
}

impl VisitorState {
    pub(crate) fn visitor_id(&self) -> VisitorId {
        self.machine.visitor().id().clone()
    }

    pub(crate) fn state(&self, key: ConversationKey) -> State {
        self.view().map_or_else(|| self.machine.state(key), |view| view.state(key))
    }

    /// Whether the driver ends because another process has the visitor, with which the first conversation goes on.
    pub(crate) fn moves(&self) -> bool {
        self.remote.is_some() && !self.rests && !self.dropped
    }

    /// The driver has ended, and the first conversation goes on with another process. Returns the machine that this one
    /// replaces.
    pub(crate) fn has_moved(&mut self, machine: Machine) -> Machine {
        self.rests = true;
        std::mem::replace(&mut self.machine, machine)
    }

    /// Whether other processes may call here.
    pub(crate) fn takes_peers(&self) -> bool {
        self.remote.is_none()
            && !self.closing
            && !self.dropped
            && !self.elsewhere
            && self.closes == Closes::ForAll
            && !self.machine.is_closed()
    }

    /// What other processes wait for, or were told, and has not reached them.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = Settled> {
        let calls = self.waiting.values().filter_map(|waiting| match waiting {
            Waiting::Peer(call) => Some(call.settled()),
            Waiting::Once(_) | Waiting::Pieces(_) => None,
        });
        let told = self.sharing.as_ref().and_then(|sharing| sharing.told.clone());
        calls.chain(told).filter(|settled| !settled.is_settled())
    }

    /// Whether what closes now is closed for the other processes too.
    pub(crate) fn closes(&self) -> Closes {
        if self.closing || self.elsewhere { Closes::Here } else { self.closes }
    }

    /// Whether what closes now is open in another process.
    pub(crate) fn goes_on(&self) -> bool {
        self.elsewhere || self.closes() == Closes::Here && !self.attached().is_empty()
    }

    /// A program that closes the first conversation, and does not end its session, leaves it to the others.
    pub(super) fn note_close(&mut self, command: &Command) {
        if let Command::Close { conversation: ConversationKey::FIRST, end_session: false, .. } = command {
            self.closes = Closes::Here;
        }
    }

    fn view(&self) -> Option<&View> {
        self.remote.as_ref().map(|remote| remote.view())
    }
}

enum Given {
    Ticket(Ticket),
    Done(Outcome),
}

/// Gives a command whose message may have its id already, because it was given before.
fn give(machine: &mut Machine, now: Millis, wanted: Wanted, again: bool) -> Result<Given, Misuse> {
    let Wanted { command, message_id } = wanted;
    let Some(message) = message_id else {
        return machine.command(now, command).map(Given::Ticket);
    };
    let is_kept = || machine.kept_messages().iter().any(|kept| kept.message_id == message);
    if again && matches!(command, Command::SendDurable { .. }) && is_kept() {
        return Ok(Given::Done(Outcome::Kept(message)));
    }
    let ticket = match again {
        true => machine.command_again(now, message, command),
        false => machine.command_under(now, message, command),
    };
    ticket.map(Given::Ticket)
}

/// A key that no conversation of another process has.
pub(super) fn new_key() -> ConversationKey {
    const OWN: u32 = 1 << 16;
    let random = getrandom::u32().unwrap_or_default();
    ConversationKey(OWN | random)
}
