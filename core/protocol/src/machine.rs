//! The machine: facts with lifetimes, and a goal.
//!
//! A conversation is not a list of steps. After every input the machine asks which facts are missing or stale, and makes
//! every call whose needs are met and that is not under way ([`reconcile`]). Opening and resuming are that one rule.

mod answers;
mod attribution;
mod closing;
mod commands;
mod failures;
mod gap;
mod history;
mod idle;
mod io;
mod links;
mod look_up;
mod receive;
mod reconcile;
mod sends;
mod speech;
mod timers;
mod tokens;
mod view;
mod visitor_chat;
mod voices;
mod waits;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::authentication::{Authentication, Bearer};
use crate::call::{CallId, Calls};
use crate::capabilities::Capabilities;
use crate::connection::Connection;
use crate::conversation::Conversation;
use crate::counters::Counters;
use crate::error::Error;
use crate::event::{ConversationKey, Event, EventKind};
use crate::facts::{ChatContext, KeptMessage, Record, SessionFacts, VisitorChatFacts};
use crate::ids::{AvatarId, MessageId, Ticket};
use crate::key::ApiKey;
use crate::limits;
use crate::link::LinkInput;
use crate::misuse::Misuse;
use crate::quote::KnownSecrets;
use crate::rare::Rare;
use crate::redact::Raw;
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
    /// What Visitor Chat has told.
    visitor_chat: Option<Box<VisitorChatFacts>>,
    /// The service has said that it does not know the session, and no message has been taken since.
    session_doubted: bool,
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
/// The machine does no I/O, reads no clock and draws no randomness of its own. A host carries out what the machine
/// says, and tells it what happened. The same calls with the same moments and the same seed give the same outputs.
///
/// There are four groups of methods:
///
/// 1. **What goes in.** [`command`](Self::command) takes what the caller wants, and returns the ticket under which
///    the answer comes. [`cancel`](Self::cancel) gives a command up. [`handle`](Self::handle) takes what happened
///    outside. [`restore`](Self::restore), [`name_visitor`](Self::name_visitor) and [`set_key`](Self::set_key) bring
///    what was stored, named or replaced.
/// 2. **What comes out.** [`poll`](Self::poll) returns the next thing to do, in order, until it returns `None`.
/// 3. **When to come back.** [`next_deadline`](Self::next_deadline) is the moment for the next [`Input::Tick`].
/// 4. **What can be asked.** All other methods read the machine and change nothing.
///
/// The order of calls:
///
/// 1. Call one method of the first group.
/// 2. Call `poll` until it returns `None`, and carry out each output. An output that is answered at once may be
///    answered within this loop, with another call of `handle`.
/// 3. Ask for `next_deadline`, which any call of the first group may have changed.
/// 4. Wait until that moment, or until something happens outside; then begin again.
///
/// The rule of the clock: each method of the first group takes the present moment as a [`Millis`]. The moments never
/// go back from one call to the next. A tick may come late, and what was due then happens late; a tick that comes
/// early changes nothing. After a tick, `next_deadline` is later than that tick's moment.
///
/// Once [`is_closed`](Self::is_closed) is `true` and the last output is taken, no output ever follows. Inputs that
/// come late are ignored, and every command is a [`Misuse`].
#[derive(Debug)]
pub struct Machine {
    /// Without a key, the host gives the visitor's credentials.
    key: Option<ApiKey>,
    /// When the key took the place of an earlier one.
    key_since: Option<Millis>,
    visitor: Visitor,
    config: Arc<Config>,
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
    unrouted: Rare<Vec<Raw>>,
    /// The session that the first conversation takes up again.
    resumable: Option<Box<SessionFacts>>,
    /// Messages that earlier conversations have kept and not sent: the first one's next opening takes them up.
    restored: Rare<Vec<KeptMessage>>,
    /// The id that the caller has chosen for the message of the present command.
    next_message: Option<MessageId>,
    /// The next command was given before, to a process that is gone.
    gives_again: bool,
    outputs: Rare<VecDeque<Output>>,
    remember_queued: bool,
    tickets: u64,
    counters: Rare<Counters>,
    now: Millis,
    /// When something was last wanted or said.
    active_at: Millis,
    /// The last input was a frame, so the next probably is.
    flowing: bool,
}

impl Machine {
    /// A machine for this visitor. With a `record` of an earlier run it goes on where that stood; one
    /// of another visitor is passed over. The `seed` is all the chance there is. Machines of one host may share the `config`.
    pub fn new(
        config: impl Into<Arc<Config>>,
        key: ApiKey,
        visitor: Visitor,
        record: Option<Record>,
        now: Millis,
        seed: u64,
    ) -> Self {
        Self::with(config.into(), Some(key), visitor, record, now, seed)
    }

    /// A machine that has no key: it asks its host for the visitor's credentials ([`Output::Credentials`]) instead of
    /// authenticating. Through [`Door::AvatarOpenApi`](crate::Door::AvatarOpenApi) only: the other door wants the key
    /// in every call.
    pub fn without_key(
        config: impl Into<Arc<Config>>,
        visitor: Visitor,
        record: Option<Record>,
        now: Millis,
        seed: u64,
    ) -> Self {
        Self::with(config.into(), None, visitor, record, now, seed)
    }

    fn with(
        config: Arc<Config>,
        key: Option<ApiKey>,
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
            Some(Record { credentials, context, avatar_id, session, visitor_chat, .. }) => {
                let context = context.map(|one| *one);
                let facts = Facts { context, avatar_id, visitor_chat, ..Facts::default() };
                (Authentication::new(credentials), facts, session.map(Box::new))
            }
            None => Default::default(),
        };
        let heartbeat = config.heartbeat.clamp(limits::HEARTBEAT_MIN, limits::HEARTBEAT);
        let capabilities = Capabilities::of_door(config.door);
        let connection = Connection::new(now, heartbeat, config.connect_permits, config.door);
        let mut machine = Self {
            key,
            key_since: None,
            visitor,
            config,
            rng: Rng::new(seed),
            goal: Goal::Live,
            facts,
            capabilities,
            way: Way::default(),
            authentication,
            calls: Calls::default(),
            connection,
            reading: true,
            reading_since: now,
            seen: Seen::default(),
            echoes: Echoes::Unknown,
            conversations: Vec::new(),
            unrouted: Rare::default(),
            resumable,
            restored: Rare::default(),
            next_message: None,
            gives_again: false,
            outputs: Rare::default(),
            remember_queued: false,
            tickets: 0,
            counters: Rare::default(),
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
        self.restored.extend(messages);
        if self.conversation(ConversationKey::FIRST).is_some_and(|first| !first.is_closing()) {
            self.now = now;
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
    pub fn handle(&mut self, now: Millis, mut input: Input) {
        let acted = std::mem::replace(&mut self.now, now);
        self.flowing = matches!(input, Input::SocketFrame { .. });
        input.hide(|| self.known_secrets());
        match input {
            Input::QuotaGranted(call) => self.quota_granted(now, call),
            Input::QuotaDelayed { call, until } => self.quota_delayed(now, call, until),
            Input::TokenGranted { call, token, renew_at, freshness } => {
                self.token_granted(call, Bearer { token, renew_at }, freshness);
            }
            Input::CredentialsGranted { call, credentials } => {
                self.credentials_granted(now, call, *credentials);
            }
            Input::TokenFailed { call, error } => self.token_failed(now, call, error),
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
                        // Nothing that anything else depends on has changed. What is due meanwhile is still to be done.
                        self.now = acted;
                        return;
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
        let output = self.outputs.filled().and_then(VecDeque::pop_front);
        match &output {
            Some(Output::SaveRecord) => self.remember_queued = false,
            Some(_) => {}
            // There are thousands of idle machines; one through which frames flow keeps its room.
            None if !self.flowing => self.outputs = Rare::default(),
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

    /// What no text of another program may repeat.
    fn known_secrets(&self) -> KnownSecrets {
        let socket = self.connection.secrets();
        let tokens = self.authentication.secrets().chain(&socket);
        self.config.secrets.and(tokens.chain(self.key.as_ref().map(ApiKey::as_secret)))
    }

    fn conversation(&self, key: ConversationKey) -> Option<&Conversation> {
        self.conversations.iter().find(|conversation| conversation.key() == key)
    }

    fn conversation_mut(&mut self, key: ConversationKey) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|conversation| conversation.key() == key)
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
