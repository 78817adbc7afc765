//! The machine: facts with lifetimes, and a goal.
//!
//! A conversation is not a list of steps. After every input the machine asks which facts are missing
//! or stale, and makes every call whose own needs are met and that is not under way already
//! ([`reconcile`]). Opening, resuming, expiry, a lost token and a lost socket are that one rule.

mod answers;
mod closing;
mod commands;
mod failures;
mod gap;
mod history;
mod idle;
mod io;
mod receive;
mod reconcile;
mod sends;
mod speech;
mod timers;
mod waits;

use std::collections::VecDeque;
use std::time::Duration;

use crate::authentication::Authentication;
use crate::call::{Call, CallId, Calls};
use crate::capabilities::Capabilities;
use crate::connection::{Connection, ConnectionEffect};
use crate::conversation::Conversation;
use crate::counters::Counters;
use crate::error::{Error, Misuse};
use crate::event::{ConversationKey, Event, EventKind, State};
use crate::facts::{ChatContext, KeptMessage, Record, SessionFacts};
use crate::ids::{AvatarId, SessionId, Ticket};
use crate::key::ApiKey;
use crate::limits;
use crate::link::LinkInput;
use crate::redact::{Raw, Text};
use crate::rng::Rng;
use crate::seen::Seen;
use crate::time::Millis;
use crate::visitor::Visitor;

pub use self::io::{Command, Config, Input, Outcome, Output};
use self::receive::Change;

/// What the machine is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Live,
    Paused,
    Closed,
}

/// The facts that all conversations of a visitor share.
#[derive(Debug, Default)]
struct Facts {
    context: Option<ChatContext>,
    /// The service may have dropped its side of the context early.
    context_doubted: bool,
    avatar_id: Option<AvatarId>,
}

/// What lies between here and the service, as far as the answers show it.
#[derive(Debug, Default)]
struct Way {
    /// The service has answered: the base URL is right, and what is not of its form comes from in between.
    proven: bool,
    /// The last answer to a call that cannot be done without was not the service's.
    troubled: bool,
}

/// Whether the service sends a visitor's message back before it answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echoes {
    Unknown,
    First,
    Late,
}

/// One visitor's conversations with one avatar, without clock, randomness or socket.
///
/// Feed it with [`handle`](Self::handle) and [`command`](Self::command), then do what
/// [`poll`](Self::poll) says until it says nothing more, and come back with [`Input::Tick`] at
/// [`next_deadline`](Self::next_deadline).
#[derive(Debug)]
pub struct Machine {
    key: ApiKey,
    visitor: Visitor,
    config: Config,
    rng: Rng,
    goal: Goal,
    facts: Facts,
    capabilities: Capabilities,
    way: Way,
    authentication: Authentication,
    calls: Calls,
    connection: Connection,
    reading: bool,
    /// Since when what comes is read, or is not.
    reading_since: Millis,
    seen: Seen,
    echoes: Echoes,
    conversations: Vec<Conversation>,
    /// Frames of a session that is not known yet.
    unrouted: Vec<Raw>,
    /// The session that the first conversation takes up again.
    resumable: Option<SessionFacts>,
    /// Messages that earlier conversations have kept and not sent: the first one's next opening takes them up.
    restored: Vec<KeptMessage>,
    outputs: VecDeque<Output>,
    remember_queued: bool,
    tickets: u64,
    counters: Counters,
    now: Millis,
    /// When something was last wanted or said.
    active_at: Millis,
    /// The last input was a frame, so the next probably is.
    flowing: bool,
}

impl Machine {
    /// A machine for this visitor. With a `record` of an earlier run it goes on where that stood; one
    /// of another visitor is passed over. The `seed` is all the chance there is.
    pub fn new(
        config: Config,
        key: ApiKey,
        visitor: Visitor,
        record: Option<Record>,
        now: Millis,
        seed: u64,
    ) -> Self {
        let record = record.filter(|record| record.visitor_id == *visitor.id());
        let known = record.as_ref().map(Record::visitor);
        let visitor = known.iter().fold(visitor, Visitor::or);
        let is_named_anew = known.is_some_and(|known| known != visitor);
        let (authentication, facts, resumable) = match record {
            Some(Record { credentials, context, avatar_id, session, .. }) => {
                let facts = Facts { context, avatar_id, ..Facts::default() };
                (Authentication::new(credentials), facts, session)
            }
            None => Default::default(),
        };
        let heartbeat = config.heartbeat.clamp(limits::HEARTBEAT_MIN, limits::HEARTBEAT);
        let connection = Connection::new(now, heartbeat, config.connect_permits);
        let mut machine = Self {
            key,
            visitor,
            config,
            rng: Rng::new(seed),
            goal: Goal::Live,
            facts,
            capabilities: Capabilities::default(),
            way: Way::default(),
            authentication,
            calls: Calls::default(),
            connection,
            reading: true,
            reading_since: now,
            seen: Seen::default(),
            echoes: Echoes::Unknown,
            conversations: Vec::new(),
            unrouted: Vec::new(),
            resumable,
            restored: Vec::new(),
            outputs: VecDeque::new(),
            remember_queued: false,
            tickets: 0,
            counters: Counters::default(),
            now,
            active_at: now,
            flowing: false,
        };
        if is_named_anew {
            machine.remember();
        }
        machine
    }

    /// The visitor is opened once more: what is named now takes the place of what was named before. The service
    /// hears of it with the next token.
    pub fn name_visitor(&mut self, visitor: Visitor) {
        let visitor = visitor.or(&self.visitor);
        if visitor.id() == self.visitor.id() && visitor != self.visitor {
            self.visitor = visitor;
            self.remember();
        }
    }

    /// Messages that an earlier run has kept and not settled. The first conversation takes them up, now or when
    /// it is opened.
    pub fn restore(&mut self, now: Millis, messages: Vec<KeptMessage>) {
        self.now = now;
        self.restored.extend(messages);
        if self.conversation(ConversationKey::FIRST).is_some_and(|first| !first.is_closing()) {
            self.take_restored(now);
            self.advance(now);
        }
    }

    /// The messages that are kept and not settled, in order: for [`restore`](Self::restore).
    pub fn kept_messages(&self) -> Vec<KeptMessage> {
        let waiting = self
            .conversations
            .iter()
            .flat_map(|conversation| conversation.sends().stored_messages(conversation.session()));
        self.restored.iter().cloned().chain(waiting).collect()
    }

    /// Takes what came from outside. Never fails: a fault is an event or a command's answer.
    pub fn handle(&mut self, now: Millis, input: Input) {
        self.now = now;
        self.flowing = matches!(input, Input::SocketFrame { .. });
        match input {
            Input::QuotaGranted(call) => self.quota_granted(now, call),
            Input::QuotaDelayed { call, until } => self.quota_delayed(now, call, until),
            Input::HttpAnswer { call, status, retry_after, body } => {
                self.answered(now, call, status, retry_after, &body);
            }
            Input::HttpFailed { call, sent, error } => self.unanswered(now, call, sent, error),
            Input::SocketOpened(generation) => {
                if generation == self.connection.generation() {
                    let effect = self.connection.handle(now, LinkInput::Opened, &mut self.rng);
                    self.apply(now, effect);
                }
            }
            Input::SocketFailed { generation, status, error } => {
                if generation == self.connection.generation() {
                    if self.connection.is_in_handshake() {
                        self.handshake_failed(now, status, error);
                    } else {
                        self.link_lost(now, error);
                    }
                }
            }
            Input::SocketFrame { generation, frame } => {
                if generation == self.connection.generation() && self.connection.is_up() {
                    self.counters.frames += 1;
                    if self.receive(now, frame) == Change::Text {
                        return; // Nothing that anything else depends on has changed.
                    }
                }
            }
            Input::SocketClosed { generation, cause } => {
                if generation == self.connection.generation() {
                    self.link_lost(now, cause);
                }
            }
            Input::Kept(message) => self.message_stored(&message),
            Input::NotKept { message, error } => self.message_not_stored(now, &message, error),
            Input::ConnectPermitted => self.connection.permitted(),
            Input::ConnectDenied(error) => self.connection.denied(error),
            Input::SlotReclaimed => self.slot_reclaimed(now),
            Input::Reading(reading) => self.read_on(now, reading),
            Input::OpenedElsewhere => self.let_go(now),
            Input::Tick => self.tick(now),
        }
        self.advance(now);
    }

    /// Takes a command. Its answer comes as [`Output::Resolved`] under the ticket.
    pub fn command(&mut self, now: Millis, command: Command) -> Result<Ticket, Misuse> {
        self.now = now;
        self.note_command(now, &command);
        let ticket = self.take_command(now, command)?;
        self.advance(now);
        Ok(ticket)
    }

    /// The caller does not wait for this command any more. What it began is given up, unless another command
    /// needs it; a message on its way goes on.
    pub fn cancel(&mut self, now: Millis, ticket: Ticket) {
        self.now = now;
        self.withdraw(now, ticket);
        self.advance(now);
    }

    /// The next thing to do. Ask until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        match &output {
            Some(Output::SaveRecord) => self.remember_queued = false,
            Some(_) => {}
            // There are thousands of idle machines; one through which frames flow keeps its room.
            None if !self.flowing => self.outputs = VecDeque::new(),
            None => {}
        }
        output
    }

    /// How many outputs wait to be polled.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// When to come back with [`Input::Tick`], if nothing happens before.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.next_timer()
    }

    /// What is worth keeping for a later run.
    pub fn record(&self) -> Record {
        let first =
            self.conversations.iter().find(|conversation| conversation.key() == ConversationKey::FIRST);
        Record {
            visitor_id: self.visitor.id().clone(),
            credentials: self.authentication.credentials().cloned(),
            context: self.facts.context.clone(),
            avatar_id: self.facts.avatar_id,
            session: first.map_or_else(|| self.resumable.clone(), Conversation::facts),
            visitor: Some(self.visitor.clone()),
        }
    }

    /// Where a conversation stands.
    pub fn state(&self, key: ConversationKey) -> State {
        self.conversation(key).map_or(State::Closed, Conversation::state)
    }

    /// The conversations that are not closed.
    pub fn conversations(&self) -> Vec<ConversationKey> {
        self.keys()
    }

    /// The session's id on the service, once it has one.
    pub fn session_id(&self, key: ConversationKey) -> Option<SessionId> {
        self.conversation(key)?.session().cloned()
    }

    /// The avatar's opening line, once it is known.
    pub fn opening(&self) -> Option<&Text> {
        self.facts.context.as_ref().map(|context| &context.opening)
    }

    /// The avatar's name, once it is known.
    pub fn avatar_name(&self) -> Option<&str> {
        self.authentication.credentials().map(|credentials| credentials.avatar_name.as_str())
    }

    /// Whether all is closed and nothing will ever happen again.
    pub fn is_closed(&self) -> bool {
        self.goal == Goal::Closed
    }

    /// Whether the avatar's owner has the conversation: has said something in person, and the avatar nothing since.
    pub fn taken_over(&self, key: ConversationKey) -> bool {
        self.conversation(key).is_some_and(Conversation::is_taken_over)
    }

    /// Whether the socket was given up and the facts are kept ([`Command::Pause`]).
    pub fn is_paused(&self) -> bool {
        self.goal == Goal::Paused
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.connection.is_up()
    }

    /// Whether it is being connected: a socket's address is asked for, or the handshake is under way.
    pub fn is_connecting(&self) -> bool {
        self.connection.is_in_handshake() || self.calls.is_under_way(&Call::CreateSocket)
    }

    /// Whether the socket was lost several times in a row soon after it was connected: another process may
    /// have this visitor open.
    pub fn is_contested(&self) -> bool {
        self.connection.is_contested()
    }

    /// What has been counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The visitor.
    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// The rule, and what follows from it.
    fn advance(&mut self, now: Millis) {
        self.close_flushed(now);
        self.reconcile(now);
        if self.begin_probes(now) {
            self.reconcile(now);
        }
        if !self.unrouted.is_empty() {
            self.reroute(now);
        }
        self.end_attempt();
        self.note_states();
    }

    fn conversation(&self, key: ConversationKey) -> Option<&Conversation> {
        self.conversations.iter().find(|conversation| conversation.key() == key)
    }

    fn conversation_mut(&mut self, key: ConversationKey) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|conversation| conversation.key() == key)
    }

    fn apply(&mut self, now: Millis, effect: ConnectionEffect) {
        match effect {
            ConnectionEffect::None => {}
            ConnectionEffect::Up => self.link_up(now),
            ConnectionEffect::Ping(ws) => {
                self.counters.pings += 1;
                self.transmit(crate::wire::ping(ws.as_str()));
            }
            ConnectionEffect::Close(generation) => self.outputs.push_back(Output::SocketClose(generation)),
            ConnectionEffect::Lost { close, retry_in, cause } => {
                self.outputs.extend(close.map(Output::SocketClose));
                self.link_down(retry_in, &cause);
            }
        }
    }

    fn link_lost(&mut self, now: Millis, cause: Error) {
        let effect = self.connection.handle(now, LinkInput::Lost(cause), &mut self.rng);
        self.apply(now, effect);
    }

    fn link_up(&mut self, now: Millis) {
        self.calls.forget_failures(&Call::Connect);
        self.authentication.handshake_accepted();
        self.capabilities.reconnected();
        for conversation in &mut self.conversations {
            conversation.link_up(now);
        }
    }

    /// What came while nothing was read is still to be read: the silence begins again, for echoes and
    /// answers as well.
    fn read_on(&mut self, now: Millis, reading: bool) {
        if reading == self.reading {
            return;
        }
        if reading {
            for conversation in &mut self.conversations {
                conversation.read_again(now, self.reading_since);
                if self.connection.is_up() {
                    conversation
                        .sends_mut()
                        .set_confirmation_deadlines(Some(now + limits::CONFIRMATION_WAIT));
                }
            }
        }
        self.reading = reading;
        self.reading_since = now;
    }

    fn link_down(&mut self, retry_in: Duration, cause: &Error) {
        self.counters.lost += 1;
        self.suspend_gaps();
        for at in 0..self.conversations.len() {
            if self.conversations[at].is_opened() && self.goal == Goal::Live {
                self.emit(at, EventKind::Disconnected { retry_in, cause: cause.clone() }, None);
            }
        }
    }

    fn transmit(&mut self, text: String) {
        self.outputs.push_back(Output::SocketSend { generation: self.connection.generation(), text });
    }

    fn emit(&mut self, at: usize, kind: EventKind, raw: Option<Raw>) {
        self.note_event(&kind);
        let conversation = &self.conversations[at];
        self.outputs.push_back(Output::Event(Event {
            conversation: Some(conversation.key()),
            visitor_id: self.visitor.id().clone(),
            tag: self.visitor.shared_tag().cloned(),
            session_id: conversation.session().cloned(),
            kind,
            raw,
        }));
    }

    fn resolve(&mut self, ticket: Option<Ticket>, result: Result<Outcome, Error>) {
        if let Some(ticket) = ticket {
            self.outputs.push_back(Output::Resolved(ticket, result));
        }
    }

    fn remember(&mut self) {
        if !self.remember_queued {
            self.remember_queued = true;
            self.outputs.push_back(Output::SaveRecord);
        }
    }

    fn abandon(&mut self, calls: Vec<CallId>) {
        self.outputs.extend(calls.into_iter().map(Output::Abandon));
    }

    fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }
}
