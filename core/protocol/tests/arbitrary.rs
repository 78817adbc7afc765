//! Anything at any moment: sequences of inputs and commands that no world would produce.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use secondme_avatar_protocol::{
    CallId, Command, Config, ConversationKey, Error, ErrorKind, Generation, Input, Machine, Millis, OnDoubt,
    Output, Raw, Record, State, Step, Text, Ticket, Visitor,
};
use serde_json::{Value, json};

const KEYS: [ConversationKey; 3] = [ConversationKey::FIRST, ConversationKey(1), ConversationKey(2)];
const SESSIONS: [&str; 4] = ["s1", "s2", "s3", "nobody's"];

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }
}

struct Run {
    chance: Chance,
    machine: Machine,
    now: Millis,
    calls: Vec<(CallId, Step)>,
    past: Vec<(CallId, Step)>,
    generation: Generation,
    waiting: BTreeSet<Ticket>,
    cancelled: BTreeSet<Ticket>,
    answered: BTreeMap<Ticket, bool>,
    messages: Vec<String>,
    states: BTreeMap<ConversationKey, State>,
    live: u32,
    was_closed: bool,
}

impl Run {
    fn new(seed: u64, record: Option<Record>) -> Self {
        let mut chance = Chance(seed);
        let config = Config {
            on_doubt: chance.of(&[OnDoubt::HandBack, OnDoubt::Resend]),
            acknowledge: chance.below(2) == 0,
            ..Config::default()
        };
        let now = Millis(1_774_580_000_000);
        let visitor = Visitor::for_user("web", "ada").unwrap();
        let machine = Machine::new(config, "sk-test".parse().unwrap(), visitor, record, now, seed);
        Self {
            chance,
            machine,
            now,
            calls: Vec::new(),
            past: Vec::new(),
            generation: Generation(0),
            waiting: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            answered: BTreeMap::new(),
            messages: vec!["m".to_owned()],
            states: BTreeMap::new(),
            live: 0,
            was_closed: false,
        }
    }

    /// Carries on as if an application lived with it, for so many steps, and then to the end.
    fn live(&mut self, steps: u32) {
        let deadline = Duration::from_secs(120);
        let open = Command::Open { conversation: ConversationKey::FIRST, deadline };
        self.waiting.insert(self.machine.command(self.now, open).unwrap());
        self.drain();
        for _ in 0..steps {
            match self.chance.below(12) {
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
            6..10 => Command::Send { conversation, text, deadline },
            10..15 => {
                let first_piece = Duration::from_millis(self.chance.of(&[0, 700, 60_000]));
                Command::Ask { conversation, text, deadline, first_piece, pieces: true }
            }
            15..17 => Command::History { conversation, before: None, limit: 3, deadline },
            17 if self.chance.below(3) == 0 => {
                Command::Close { conversation, deadline, end_session: self.chance.below(2) == 0 }
            }
            18 => Command::Rest,
            19 => Command::Resume,
            20 => Command::NetworkChanged,
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
            11 if self.chance.below(20) == 0 => (200, refusal("open.api.key.disabled")),
            _ => (200, json!({"code": 0, "data": self.data(step)}).to_string()),
        };
        let retry_after = (self.chance.below(2) == 0).then_some(Duration::from_secs(7));
        self.input(Input::HttpAnswer { call, status, retry_after, body: Bytes::from(body) });
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
            Step::QueryMessages => {
                let frames = (0..self.chance.below(4)).map(|_| self.some_frame()).collect::<Vec<_>>();
                json!(frames)
            }
            _ => Value::Null,
        }
    }

    fn link(&mut self) {
        let last = self.generation.0 + 1;
        let generation = match self.chance.below(8) {
            0 => Generation(self.chance.below(last)),
            _ => self.generation,
        };
        let error = Error::new(ErrorKind::ConnectionFailed, "broken");
        match self.chance.below(12) {
            0..7 => self.input(Input::SocketOpened(generation)),
            7 | 8 => self.input(Input::SocketClosed(generation)),
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

    fn frame(&mut self) {
        for _ in 0..self.chance.below(6) {
            let frame = match self.chance.below(20) {
                0 => "{\"type\":".to_owned(),
                _ => self.some_frame().to_string(),
            };
            let frame = Raw::from(frame);
            self.input(Input::SocketFrame { generation: self.generation, frame });
        }
    }

    fn some_frame(&mut self) -> Value {
        let numbers: [u64; 4] = std::array::from_fn(|_| self.chance.below(420));
        let [seq, place, index, number] = numbers;
        let mut frame = json!({});
        let messages = [&self.messages[..], &["r1".to_owned(), "r2".to_owned()]].concat();
        let mut maybe = |name: &str, value: Value, of_ten: u64| {
            if self.chance.below(10) < of_ten {
                frame[name] = value;
            }
        };
        maybe("sessionId", json!(SESSIONS[(number % 7).min(3) as usize]), 8);
        maybe("seqId", json!(seq), 7);
        maybe("messageId", json!(messages[place as usize % messages.len()]), 7);
        maybe("index", json!(i64::try_from(index % 4).unwrap() - 1), 7);
        maybe("wsId", json!(if number % 9 == 0 { "other" } else { "ws" }), 5);
        maybe("multipleData", json!([{"modal": {"answer": "word "}}]), 8);
        maybe("data", json!({"content": "word"}), 3);
        frame["sender"] = json!(self.chance.of(&["umm", "umm", "umm", "client", "sys"]));
        frame["sendUserId"] = json!(self.chance.of(&["me", "owner"]));
        if self.chance.below(8) == 0 {
            frame["type"] = json!(self.chance.of(&["pong", "hint", "sys", "what"]));
        }
        if self.chance.below(16) == 0 {
            let codes = ["session.openai.error", "session.status.closed", "session.not.member", "x.y"];
            frame["subCode"] = json!(self.chance.of(&codes));
        }
        frame
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            assert!(!self.was_closed, "a closed machine has put out {output:?}");
            match output {
                Output::Quota(call) => self.calls.push((call, Step::Authenticate)),
                Output::Http(request) => {
                    if request.step == Step::SendMessage {
                        let body: Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
                        self.messages.push(body["messageId"].as_str().unwrap().to_owned());
                    }
                    if request.step != Step::Authenticate {
                        self.calls.push((request.call, request.step));
                    }
                }
                Output::Abandon(call) => self.calls.retain(|(other, _)| *other != call),
                Output::SocketOpen { generation, .. } => {
                    assert!(generation > self.generation);
                    self.generation = generation;
                }
                Output::SocketSend { generation, .. } => assert_eq!(generation, self.generation),
                Output::Resolved(ticket, result) => {
                    assert!(!self.cancelled.contains(&ticket), "nobody waits for {ticket:?} any more");
                    self.waiting.remove(&ticket);
                    let before = self.answered.insert(ticket, result.is_ok());
                    assert!(before.is_none(), "{ticket:?} is answered twice");
                }
                Output::Event(event) => self.note(event),
                Output::SocketClose(_) | Output::QuotaUsedUp(_) | Output::Piece(..) | Output::Remember => {}
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

#[test]
fn arbitrary_sequences_never_panic_and_answer_every_ticket_once() {
    let mut record = None;
    let (mut answered, mut live, mut replied, mut closed) = (0, 0, 0, 0);
    for seed in 0..4_000 {
        let mut run = Run::new(seed, record.take());
        run.live(200);
        answered += run.answered.len();
        live += run.live;
        replied += run.machine.counters().replies;
        closed += u32::from(run.machine.is_closed());
        record = (seed % 3 == 0).then(|| run.machine.record());
    }
    // It would prove little if nothing ever happened.
    let enough = answered > 30_000 && live > 5_000 && replied > 1_500 && closed > 500;
    assert!(enough, "{answered} answered, {live} live, {replied} replied, {closed} closed");
}
