//! Anything at any moment: sequences of inputs and commands that no world would produce, drawn by a
//! seed or decoded from bytes. Whatever comes, a machine does not panic, answers every ticket once, puts
//! out nothing once it is closed, and never wants to be woken in the past.

#![allow(clippy::unwrap_used)] // A panic is how a failure is told, to a test and to the fuzzer alike.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use secondme_avatar_protocol::{
    CallId, Command, Config, ConversationKey, Credentials, Delivery, Door, Error, ErrorKind, Freshness,
    Generation, Input, Machine, MessageId, Millis, Output, Record, Secret, State, Step, Text, Ticket,
    Visitor,
};
use serde_json::{Value, json};

use crate::chance::Chance;

mod frames;
mod fuzzed;

const KEYS: [ConversationKey; 3] = [ConversationKey::FIRST, ConversationKey(1), ConversationKey(2)];
const SESSIONS: [&str; 4] = ["s1", "s2", "s3", "unknown"];

/// A machine among arbitrary things.
#[derive(Debug)]
pub struct Run {
    door: Door,
    has_key: bool,
    chance: Chance,
    machine: Machine,
    now: Millis,
    calls: Vec<(CallId, Step)>,
    past: Vec<(CallId, Step)>,
    generation: Generation,
    /// An attempt to connect waits for its permit.
    asks_permit: bool,
    waiting: BTreeSet<Ticket>,
    cancelled: BTreeSet<Ticket>,
    answered: BTreeMap<Ticket, bool>,
    messages: Vec<String>,
    /// What is to be written to the disk.
    keeps: Vec<MessageId>,
    states: BTreeMap<ConversationKey, State>,
    live: u32,
    was_closed: bool,
}

impl Run {
    /// One whose things are drawn by a seed, behind that door.
    pub fn new(door: Door, seed: u64, record: Option<Record>) -> Self {
        Self::of_chance(door, Chance::new(seed), seed, record)
    }

    /// One whose things are decoded from bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let (door, bytes) = match bytes {
            [first, rest @ ..] if first % 2 == 1 => (Door::VisitorChat, rest),
            _ => (Door::AvatarOpenApi, bytes),
        };
        Self::of_chance(door, Chance::of_bytes(bytes), 7, None)
    }

    fn of_chance(door: Door, mut chance: Chance, seed: u64, record: Option<Record>) -> Self {
        let config = Config {
            door,
            delivery: chance.of(&[Delivery::Checked, Delivery::AtMostOnce, Delivery::AtLeastOnce]),
            acknowledge: chance.below(2) == 0,
            connect_permits: chance.below(4) == 0,
            ..Config::default()
        };
        let now = Millis(1_774_580_000_000);
        let visitor = Visitor::for_user("web", "ada").unwrap();
        let has_key = door == Door::VisitorChat || chance.below(3) > 0;
        let machine = if has_key {
            Machine::new(config, "sk-test".parse().unwrap(), visitor, record, now, seed)
        } else {
            Machine::without_key(config, visitor, record, now, seed)
        };
        Self {
            door,
            has_key,
            chance,
            machine,
            now,
            calls: Vec::new(),
            past: Vec::new(),
            generation: Generation(0),
            asks_permit: false,
            waiting: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            answered: BTreeMap::new(),
            messages: vec!["m".to_owned()],
            keeps: Vec::new(),
            states: BTreeMap::new(),
            live: 0,
            was_closed: false,
        }
    }

    /// Carries on as if an application lived with it, for so many steps, and then to the end.
    pub fn live(&mut self, steps: u32) {
        let deadline = Duration::from_secs(120);
        let open = Command::Open { conversation: ConversationKey::FIRST, deadline };
        if let Ok(ticket) = self.machine.command(self.now, open) {
            self.waiting.insert(ticket);
        }
        self.drain();
        for _ in 0..steps {
            if self.chance.is_spent() {
                break;
            }
            match self.chance.below(13) {
                12 => self.disk(),
                0..3 => self.command(),
                3..7 => self.answer(),
                7..9 => self.link(),
                9 => self.frame(),
                _ => self.time(),
            }
        }
        // However it stands: whatever waits is answered at its deadline at the latest.
        let end = self.now + Duration::from_secs(3600);
        let mut ticks = 0;
        while !self.waiting.is_empty() {
            let next =
                self.machine.next_deadline().expect("something waits, and nothing will ever come of it");
            assert!(next <= end, "{:?} wait too long", self.waiting);
            self.tick(next);
            ticks += 1;
            assert!(ticks < 50_000, "it is busy with nothing");
        }
    }

    fn input(&mut self, input: Input) {
        self.machine.handle(self.now, input);
        self.drain();
    }

    fn tick(&mut self, at: Millis) {
        self.now = self.now.max(at);
        self.input(Input::Tick);
        let next = self.machine.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "{next:?} has passed at {:?}", self.now);
    }

    fn time(&mut self) {
        let later = self.now + Duration::from_millis(self.chance.of(&[1, 50, 400, 3_000, 16_000, 70_000]));
        // A driver is never much too late, but it may be early.
        match self.machine.next_deadline().filter(|next| *next < later) {
            Some(next) => self.tick(next),
            None => self.tick(later),
        }
    }

    fn command(&mut self) {
        let conversation = self.chance.of(&KEYS);
        let deadline =
            Duration::from_millis(self.chance.of(&[0, 1, 900, 15_000, 15_000, 60_000, 120_000, 120_000]));
        let text = Text::from(self.chance.of(&["Hello", "", "x"]));
        let command = match self.chance.below(24) {
            0..6 => Command::Open { conversation, deadline },
            6..9 => Command::Send { conversation, text, deadline },
            9 => Command::SendDurable { conversation, text, deadline },
            10..15 => {
                let first_piece = Duration::from_millis(self.chance.of(&[0, 700, 60_000]));
                let collect = self.chance.of(&[None, Some(Duration::from_secs(2))]);
                Command::Ask { conversation, text, deadline, first_piece, pieces: true, collect }
            }
            15..17 => Command::History { conversation, before: None, limit: 3, deadline },
            17 if self.chance.below(3) == 0 => {
                Command::Close { conversation, deadline, end_session: self.chance.below(2) == 0 }
            }
            18 => Command::Pause,
            19 => Command::Resume,
            20 => Command::NetworkChanged,
            21 => {
                let key = self.chance.of(&["sk-test", "sk-another"]);
                self.machine.set_key(self.now, key.parse().unwrap());
                return self.drain();
            }
            _ => return self.cancel(),
        };
        if let Ok(ticket) = self.machine.command(self.now, command) {
            assert!(!self.was_closed, "a closed machine takes nothing");
            self.waiting.insert(ticket);
        }
        self.drain();
    }

    fn cancel(&mut self) {
        let Some(ticket) = self.waiting.iter().next().copied() else {
            return;
        };
        self.waiting.remove(&ticket);
        self.cancelled.insert(ticket);
        self.machine.cancel(self.now, ticket);
        self.drain();
    }

    fn answer(&mut self) {
        let (call, step) = match self.calls.len() as u64 {
            0 => (CallId(self.chance.below(40)), Step::InitChat),
            // Now and then one is answered twice.
            _ if !self.past.is_empty() && self.chance.below(10) == 0 => self.chance.of(&self.past),
            calls => self.calls.swap_remove(self.chance.below(calls) as usize),
        };
        self.past.push((call, step));
        self.calls.retain(|(other, _)| *other != call);
        if self.chance.below(8) == 0 {
            let error = Error::new(ErrorKind::ConnectionFailed, "broken");
            let sent = self.chance.below(2) == 0;
            return self.input(Input::HttpFailed { call, sent, error });
        }
        if self.chance.below(60) == 0 {
            let until = self.now + Duration::from_millis(self.chance.of(&[0, 5_000, 100_000]));
            self.input(Input::QuotaDelayed { call, until });
        }
        self.input(Input::QuotaGranted(call));
        if step == Step::FetchToken {
            return self.token(call);
        }
        if step == Step::Authenticate && !self.has_key {
            return self.credentials(call);
        }
        let second = self.door == Door::VisitorChat;
        let refusal = |code: &str| json!({"code": code}).to_string();
        let (status, body) = match self.chance.below(120) {
            0 => (401, refusal("whatever")),
            1 => (403, refusal("whatever")),
            2 => (429, refusal("open.api.rate.limited")),
            3 => (200, refusal("visitor.token.invalid")),
            4 => (503, "<html>".to_owned()),
            5 => (200, "<html>".to_owned()),
            6 => (404, refusal("session.not.found")),
            7 => (410, refusal("ws.gone")),
            8 => (200, refusal("session.not.member")),
            9 => (200, refusal("some.code")),
            10 => (200, json!({"code": 0, "data": {}}).to_string()),
            12 if second => (404, json!({"code": 404, "subCode": "session_not_found"}).to_string()),
            13 if second => (200, json!({"code": 401, "error_code": "oauth2.token.expired"}).to_string()),
            14 if second => (401, json!({"detail": "Not authenticated"}).to_string()),
            11 if self.chance.below(20) == 0 => (200, refusal("open.api.key.disabled")),
            _ => (200, json!({"code": 0, "data": self.data(step)}).to_string()),
        };
        let retry_after = (self.chance.below(2) == 0).then_some(Duration::from_secs(7));
        self.input(Input::HttpAnswer { call, status, retry_after, body: Bytes::from(body) });
    }

    /// The host's answer to a machine that has no key.
    fn credentials(&mut self, call: CallId) {
        let kind = match self.chance.below(40) {
            0 => ErrorKind::Authentication,
            1..4 => ErrorKind::Unavailable,
            4 => ErrorKind::InvalidAnswer,
            _ => {
                let mut text = self.data(Step::Authenticate);
                let other = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8";
                let is_other = self.chance.below(40) == 0;
                text["visitorId"] =
                    if is_other { other } else { self.machine.visitor().id().as_str() }.into();
                match Credentials::from_json(&text.to_string()) {
                    Ok(credentials) => {
                        let credentials = Box::new(credentials);
                        return self.input(Input::CredentialsGranted { call, credentials });
                    }
                    Err(error) => error.kind(),
                }
            }
        };
        self.input(Input::TokenFailed { call, error: Error::new(kind, "no credentials") });
    }

    /// The host's answer to a machine that wants a token.
    fn token(&mut self, call: CallId) {
        let kind = match self.chance.below(40) {
            0 => ErrorKind::Authentication,
            1..4 => ErrorKind::Unavailable,
            4 => ErrorKind::InvalidAnswer,
            5 => ErrorKind::Misuse,
            _ => {
                let token = Secret::from(self.chance.of(&["t1", "t2"]).to_owned());
                let lives = self.chance.of(&[None, Some(0), Some(1_000), Some(90_000)]);
                let renew_at = lives.map(|lives| self.now + Duration::from_millis(lives));
                let freshness = self.chance.of(&[Freshness::Fetched, Freshness::AtHand]);
                return self.input(Input::TokenGranted { call, token, renew_at, freshness });
            }
        };
        self.input(Input::TokenFailed { call, error: Error::new(kind, "no token") });
    }

    fn data(&mut self, step: Step) -> Value {
        match step {
            Step::Authenticate => json!({
                "visitorToken": "t", "visitorUserId": "me", "visitorMindId": 1, "avatarShareCode": "a",
                "ownerUserId": "owner",
            }),
            Step::InitChat => json!({"mindId": "mind", "opening": "Hi"}),
            Step::CreateSocket => json!({"wsId": "ws", "address": "wss://a.test"}),
            Step::CreateSession => json!({"sessionId": self.chance.of(&SESSIONS)}),
            Step::ResolveAvatar => json!({"id": 67}),
            Step::InitVisitorChat => {
                let address = self.chance.of(&["wss://a.test/opaque", "wss://a.test/?wsId=ws&token=t"]);
                json!({"sessionId": self.chance.of(&SESSIONS), "wsUrl": address})
            }
            Step::SendMessage => {
                self.chance.of(&[Value::Null, json!({"messageId": "r1"}), json!({"messageId": "m9"})])
            }
            Step::QueryMessages => {
                let frames = (0..self.chance.below(4)).map(|_| self.some_frame()).collect::<Vec<_>>();
                json!(frames)
            }
            _ => Value::Null,
        }
    }

    fn link(&mut self) {
        if self.asks_permit && self.chance.below(4) > 0 {
            self.asks_permit = false;
            return self.input(Input::ConnectPermitted);
        }
        let last = self.generation.0 + 1;
        let generation = match self.chance.below(8) {
            0 => Generation(self.chance.below(last)),
            _ => self.generation,
        };
        let error = Error::new(ErrorKind::ConnectionFailed, "broken");
        match self.chance.below(13) {
            12 => match self.chance.below(8) {
                0 => self.input(Input::SlotReclaimed),
                1..4 => self.input(Input::ConnectPermitted),
                _ => self.input(Input::ConnectDenied(error)),
            },
            0..7 => self.input(Input::SocketOpened(generation)),
            7 | 8 => self.input(Input::SocketClosed { generation, cause: error }),
            9 => {
                let status = self.chance.of(&[None, Some(401), Some(410)]);
                self.input(Input::SocketFailed { generation, status, error });
            }
            _ => {
                let reading = self.chance.below(3) > 0;
                self.input(Input::Reading(reading));
            }
        }
    }

    fn disk(&mut self) {
        let at = self.chance.below(self.keeps.len() as u64 + 1) as usize;
        let message = match self.keeps.get(at) {
            Some(message) => message.clone(),
            None => MessageId::from("unknown"),
        };
        if self.chance.below(4) == 0 {
            let error = Error::new(ErrorKind::Store, "full");
            self.input(Input::NotKept { message, error });
        } else {
            self.input(Input::Kept(message));
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            assert!(!self.was_closed, "a closed machine has put out {output:?}");
            match output {
                Output::Quota(call) => self.calls.push((call, Step::Authenticate)),
                Output::Http(request) => {
                    // One that was begun and given up at once is not under way any more.
                    let message = self.machine.message_of(request.call);
                    self.messages.extend(message.map(|message| message.as_str().to_owned()));
                    if request.step != Step::Authenticate {
                        self.calls.push((request.call, request.step));
                    }
                }
                Output::Token { call, .. } => self.calls.push((call, Step::FetchToken)),
                Output::Credentials { call, .. } => self.calls.push((call, Step::Authenticate)),
                Output::Abandon(call) => self.calls.retain(|(other, _)| *other != call),
                Output::SocketOpen { generation, .. } => {
                    assert!(generation > self.generation);
                    self.generation = generation;
                }
                Output::ConnectPermit => self.asks_permit = true,
                Output::SocketSend { generation, .. } => assert_eq!(generation, self.generation),
                Output::Resolved(ticket, result) => {
                    assert!(!self.cancelled.contains(&ticket), "{ticket:?} was cancelled");
                    self.waiting.remove(&ticket);
                    let before = self.answered.insert(ticket, result.is_ok());
                    assert!(before.is_none(), "{ticket:?} is answered twice");
                }
                Output::Event(event) => self.note(event),
                Output::SaveMessage(message) => self.keeps.push(message.message_id),
                Output::SocketClose(_)
                | Output::QuotaUsedUp(_)
                | Output::Piece(..)
                | Output::ForgetMessage(_)
                | Output::Held(..)
                | Output::SlotReleased
                | Output::SaveRecord => {}
            }
        }
        self.was_closed = self.machine.is_closed();
        if self.was_closed {
            assert!(self.machine.next_deadline().is_none());
            assert!(self.machine.conversations().is_empty());
            assert!(self.calls.is_empty(), "{:?} were not abandoned", self.calls);
        }
    }

    /// The states that the events tell are those of the machine, and follow one another.
    fn note(&mut self, event: secondme_avatar_protocol::Event) {
        use secondme_avatar_protocol::EventKind;
        if let (Some(key), EventKind::StateChanged { from, to }) = (event.conversation, event.kind) {
            self.live += u32::from(to == State::Live);
            let known = self.states.insert(key, to).filter(|known| *known != State::Closed);
            assert_eq!(known.unwrap_or(State::Opening), from, "of {key:?}");
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Came {
    /// Tickets answered.
    pub answered: usize,
    /// Conversations that became live.
    pub live: u32,
    /// Replies delivered.
    pub replied: u64,
    /// Whether all was closed at the end.
    pub closed: bool,
}

impl Run {
    /// What came of it.
    pub fn came(&self) -> Came {
        Came {
            answered: self.answered.len(),
            live: self.live,
            replied: self.machine.counters().replies,
            closed: self.machine.is_closed(),
        }
    }

    /// What is worth keeping of it.
    pub fn record(&self) -> Record {
        self.machine.record()
    }
}
