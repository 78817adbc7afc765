//! A peer that answers by hand: for what no service would do, or not at that moment.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod fixtures;
pub(crate) mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use secondme_avatar_protocol::{
    Author, CallId, Command, Config, ConversationKey, Error, ErrorKind, Event, EventKind, Generation, Hold,
    HttpRequest, Input, KeptMessage, Machine, MessageId, Millis, Outcome, Output, Raw, Record, State, Step,
    Text, Ticket, Visitor, limits,
};
use serde_json::{Value, json};

pub(crate) const FIRST: ConversationKey = ConversationKey::FIRST;
pub(crate) const SECOND: ConversationKey = ConversationKey(1);
pub(crate) const BEGINNING: Millis = Millis(1_774_580_000_000);
pub(crate) const WS: &str = "ws:260327...";
pub(crate) const USER: &str = "del3p";
pub(crate) const OWNER: &str = "de4fh";

/// A machine, and the service and the caller on the other side of it.
pub(crate) struct Peer {
    pub(crate) machine: Machine,
    pub(crate) now: Millis,
    pub(crate) events: Vec<Event>,
    pub(crate) pieces: Vec<(Ticket, Author, Text)>,
    pub(crate) answers: BTreeMap<Ticket, (Millis, Result<Outcome, Error>)>,
    /// Calls that went out and were not answered.
    pub(crate) requests: Vec<HttpRequest>,
    pub(crate) quota: Vec<CallId>,
    /// Tokens of Visitor Chat that are asked for, each with the one that was refused.
    pub(crate) tokens: Vec<(CallId, Option<String>)>,
    /// Credentials that are asked for, and whether others were refused.
    pub(crate) credentials: Vec<(CallId, bool)>,
    pub(crate) abandoned: Vec<CallId>,
    pub(crate) used_up: Vec<Millis>,
    pub(crate) held: Vec<Hold>,
    pub(crate) keeps: Vec<KeptMessage>,
    pub(crate) settled: Vec<MessageId>,
    /// How often it has asked for a permit to connect, and given its slot back.
    pub(crate) permits: usize,
    pub(crate) released: usize,
    /// The frames sent.
    pub(crate) frames: Vec<(Millis, String)>,
    pub(crate) opened: Vec<Generation>,
    pub(crate) closed: Vec<Generation>,
    sessions: u32,
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), None)
    }

    pub(crate) fn with(config: Config, record: Option<Record>) -> Self {
        let visitor = Visitor::parse("feishu_550e8400-e29b-41d4-a716-446655440000").unwrap();
        let visitor = visitor.name("John Doe").channel("feishu");
        let key = "sk-your-api-key".parse().unwrap();
        Self {
            machine: Machine::new(config, key, visitor, record, BEGINNING, 42),
            now: BEGINNING,
            events: Vec::new(),
            pieces: Vec::new(),
            answers: BTreeMap::new(),
            requests: Vec::new(),
            quota: Vec::new(),
            tokens: Vec::new(),
            credentials: Vec::new(),
            abandoned: Vec::new(),
            used_up: Vec::new(),
            held: Vec::new(),
            keeps: Vec::new(),
            settled: Vec::new(),
            permits: 0,
            released: 0,
            frames: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            sessions: 0,
        }
    }

    /// A machine that has no key.
    pub(crate) fn without_key() -> Self {
        let mut peer = Self::new();
        let visitor = peer.machine.visitor().clone();
        peer.machine = Machine::without_key(Config::default(), visitor, None, BEGINNING, 42);
        peer
    }

    /// A conversation that is open and has nothing under way.
    pub(crate) fn live() -> Self {
        Self::live_with(Config::default())
    }

    pub(crate) fn live_with(config: Config) -> Self {
        let mut peer = Self::with(config, None);
        let open = peer.open(FIRST);
        peer.serve();
        assert!(matches!(peer.answers[&open], (_, Ok(Outcome::Opened { .. }))));
        assert_eq!(peer.machine.state(FIRST), State::Live);
        peer.events.clear();
        peer.frames.clear();
        peer
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn command(&mut self, command: Command) -> Ticket {
        let ticket = self.machine.command(self.now, command).unwrap();
        self.drain();
        ticket
    }

    pub(crate) fn cancel(&mut self, ticket: Ticket) {
        self.machine.cancel(self.now, ticket);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Quota(call) => self.quota.push(call),
                Output::Token { call, refused } => {
                    self.tokens.push((call, refused.map(|refused| refused.expose_secret().to_owned())));
                }
                Output::Credentials { call, refused } => self.credentials.push((call, refused)),
                Output::Http(request) => self.requests.push(request),
                Output::Abandon(call) => {
                    self.requests.retain(|request| request.call != call);
                    self.quota.retain(|waiting| *waiting != call);
                    self.tokens.retain(|(waiting, _)| *waiting != call);
                    self.credentials.retain(|(waiting, _)| *waiting != call);
                    self.abandoned.push(call);
                }
                Output::SocketOpen { generation, .. } => self.opened.push(generation),
                Output::SocketSend { text, .. } => self.frames.push((self.now, text)),
                Output::SocketClose(generation) => self.closed.push(generation),
                Output::QuotaUsedUp(until) => self.used_up.push(until),
                Output::Event(event) => self.events.push(event),
                Output::Piece(ticket, author, text) => self.pieces.push((ticket, author, text)),
                Output::Resolved(ticket, result) => {
                    let before = self.answers.insert(ticket, (self.now, result));
                    assert!(before.is_none(), "{ticket:?} was answered twice");
                }
                Output::Held(_, hold) => self.held.push(hold),
                Output::SaveMessage(message) => self.keeps.push(message),
                Output::ForgetMessage(message) => self.settled.push(message),
                Output::ConnectPermit => self.permits += 1,
                Output::SlotReleased => self.released += 1,
                Output::SaveRecord => {}
            }
        }
    }

    /// Answers everything there is to answer, as the page does.
    pub(crate) fn serve(&mut self) {
        loop {
            if let Some(call) = self.quota.pop() {
                self.input(Input::QuotaGranted(call));
            } else if let Some(step) = self.requests.first().map(|request| request.step) {
                let data = self.page(step);
                self.grant(step, data);
            } else if self.opened.last() > self.closed.last() && !self.machine.is_connected() {
                self.up();
                if !self.machine.is_connected() {
                    return;
                }
            } else {
                return;
            }
        }
    }

    /// What the page answers to a step.
    pub(crate) fn page(&mut self, step: Step) -> Value {
        match step {
            Step::Authenticate => json!({
                "visitorToken": "bb857435f640c8b2...", "visitorUserId": USER,
                "visitorMindId": "487569763543990272", "avatarShareCode": "ebe251793d69",
                "avatarName": "My Assistant", "ownerUserId": OWNER,
            }),
            Step::InitChat => json!({"mindId": "3m24e99h3mbp", "opening": "Hello! 👋"}),
            Step::CreateSocket => json!({"wsId": WS, "address": "wss://avatar.test/ws?secret"}),
            Step::CreateSession => {
                self.sessions += 1;
                json!({"sessionId": if self.sessions == 1 { "your-session-id" } else { "another-session-id" }})
            }
            Step::ResolveAvatar => json!({"id": 67}),
            Step::QueryMessages => json!([]),
            _ => Value::Null,
        }
    }

    /// The unanswered call of a step.
    pub(crate) fn take(&mut self, step: Step) -> HttpRequest {
        let at = self.requests.iter().position(|request| request.step == step);
        self.requests.remove(at.unwrap_or_else(|| panic!("no {step} among {:?}", self.requests)))
    }

    pub(crate) fn asks(&self, step: Step) -> bool {
        self.requests.iter().any(|request| request.step == step)
    }

    /// The call of a step succeeds.
    pub(crate) fn grant(&mut self, step: Step, data: Value) {
        self.reply(step, 200, &json!({"code": 0, "data": data}).to_string());
    }

    /// The call of a step is refused.
    pub(crate) fn refuse(&mut self, step: Step, status: u16, code: &str) {
        self.reply(step, status, &json!({"code": code, "message": "no"}).to_string());
    }

    pub(crate) fn reply(&mut self, step: Step, status: u16, body: &str) {
        let call = self.take(step).call;
        let body = Bytes::from(body.to_owned());
        self.input(Input::HttpAnswer { call, status, retry_after: None, body });
    }

    /// The call of a step is not answered.
    pub(crate) fn fail(&mut self, step: Step, sent: bool) {
        let call = self.take(step).call;
        self.input(Input::HttpFailed { call, sent, error: broken() });
    }

    pub(crate) fn generation(&self) -> Generation {
        *self.opened.last().unwrap()
    }

    pub(crate) fn up(&mut self) {
        self.input(Input::SocketOpened(self.generation()));
    }

    pub(crate) fn lose(&mut self) {
        self.lost(self.generation());
    }

    pub(crate) fn lost(&mut self, generation: Generation) {
        self.input(Input::SocketClosed { generation, cause: broken() });
    }

    pub(crate) fn frame(&mut self, frame: Value) {
        self.text(&frame.to_string());
    }

    pub(crate) fn text(&mut self, frame: &str) {
        let frame = Raw::from(frame.to_owned());
        self.input(Input::SocketFrame { generation: self.generation(), frame });
    }

    /// A piece of the avatar's reply.
    pub(crate) fn piece(&mut self, reply: &str, index: i64, text: &str) {
        self.frame(piece(reply, index, text));
    }

    /// Lets time pass, with a tick at each moment that the machine asks for.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.machine.next_deadline().filter(|next| *next <= end) {
            assert!(next > self.now || self.machine.next_deadline().is_none(), "a deadline in the past");
            self.now = next;
            self.input(Input::Tick);
            assert!(self.machine.next_deadline().is_none_or(|after| after > next), "woken for nothing");
        }
        self.now = end;
    }

    pub(crate) fn open(&mut self, conversation: ConversationKey) -> Ticket {
        self.command(Command::Open { conversation, deadline: limits::OPEN_DEADLINE })
    }

    pub(crate) fn send(&mut self, text: &str) -> Ticket {
        let (text, deadline) = (Text::from(text), limits::SEND_DEADLINE);
        self.command(Command::Send { conversation: FIRST, text, deadline })
    }

    pub(crate) fn send_durable(&mut self, text: &str) -> Ticket {
        let (text, deadline) = (text.into(), Duration::from_secs(3_600));
        self.command(Command::SendDurable { conversation: FIRST, text, deadline })
    }

    pub(crate) fn ask(&mut self, text: &str) -> Ticket {
        self.ask_within(text, limits::ASK_DEADLINE)
    }

    pub(crate) fn ask_within(&mut self, text: &str, deadline: Duration) -> Ticket {
        self.command(Command::Ask {
            conversation: FIRST,
            text: Text::from(text),
            deadline,
            first_piece: limits::FIRST_PIECE,
            pieces: true,
            collect: None,
        })
    }

    pub(crate) fn close(&mut self, end_session: bool) -> Ticket {
        let deadline = limits::CLOSE_DEADLINE;
        self.command(Command::Close { conversation: FIRST, deadline, end_session })
    }

    pub(crate) fn history(&mut self, limit: usize) -> Ticket {
        let deadline = limits::HISTORY_DEADLINE;
        self.command(Command::History { conversation: FIRST, before: None, limit, deadline })
    }

    /// How a command ended.
    pub(crate) fn result(&self, ticket: Ticket) -> &Result<Outcome, Error> {
        &self.answers.get(&ticket).unwrap_or_else(|| panic!("{ticket:?} is not answered")).1
    }

    pub(crate) fn error(&self, ticket: Ticket) -> &Error {
        self.result(ticket).as_ref().expect_err("it failed")
    }

    pub(crate) fn is_waiting(&self, ticket: Ticket) -> bool {
        !self.answers.contains_key(&ticket)
    }

    /// The text of the reply to an ask.
    pub(crate) fn replied(&self, ticket: Ticket) -> &str {
        match self.result(ticket) {
            Ok(Outcome::Replied(reply)) => &reply.text,
            other => panic!("no reply: {other:?}"),
        }
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &EventKind> {
        self.events.iter().map(|event| &event.kind)
    }

    /// What happened, without the changes of state; forgotten afterwards.
    pub(crate) fn happened(&mut self) -> Vec<EventKind> {
        let events = std::mem::take(&mut self.events).into_iter().map(|event| event.kind);
        events.filter(|kind| !matches!(kind, EventKind::StateChanged { .. })).collect()
    }

    /// The id under which the last message went out.
    pub(crate) fn message_id(&self) -> String {
        let request = self.requests.iter().rfind(|request| request.step == Step::SendMessage);
        body(request.expect("a message under way"))["messageId"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn body(request: &HttpRequest) -> Value {
    serde_json::from_str(request.body.as_deref().unwrap()).unwrap()
}

pub(crate) fn broken() -> Error {
    Error::new(ErrorKind::ConnectionFailed, "the connection broke")
}

pub(crate) fn piece(reply: &str, index: i64, text: &str) -> Value {
    json!({
        "type": "msg", "sender": "umm", "sessionId": "your-session-id", "messageId": reply,
        "seqId": format!("{reply}/{index}"), "index": index, "wsId": WS,
        "multipleData": [{"singleDataType": "text", "modal": {"answer": text}}],
    })
}

pub(crate) fn echo(message: &str, text: &str) -> Value {
    json!({
        "type": "msg", "sender": "client", "sendUserId": USER, "sessionId": "your-session-id",
        "messageId": message, "seqId": message, "index": 0, "data": {"content": text},
    })
}

pub(crate) fn owner(seq: &str, text: &str) -> Value {
    json!({
        "type": "msg", "sender": "client", "sendUserId": OWNER, "sessionId": "your-session-id",
        "messageId": seq, "seqId": seq, "multipleData": [{"modal": {"answer": text}}],
    })
}

/// A grey line of the service.
pub(crate) fn hint(seq: &str, text: &str) -> Value {
    json!({
        "type": "hint", "sessionId": "your-session-id", "messageId": seq, "seqId": seq,
        "multipleData": [{"modal": {"answer": text}}],
    })
}
