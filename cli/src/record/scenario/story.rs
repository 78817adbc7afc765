//! Tells a journal as the steps of a scenario.
//!
//! The emulator's avatar is silent in it: what the service sent is pushed as it came, and what the client did is done
//! again by the library. The emulator itself plays the echoes.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::read::{Call, Happening, Name, Outcome, Told, What};
use super::replies::{Meaning, Replies};
use super::steps::{Expected, Place, Steps};

/// How long a reconnection may take, in seconds.
const RECONNECT: u64 = 20;
/// What the emulator has to be told of its avatar.
const AVATAR: [&str; 6] = ["share-code", "id", "name", "opening", "mind-id", "owner-user-id"];

/// What is written.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) emulator: Value,
    pub(super) steps: Vec<Value>,
    pub(super) remarks: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Story {
    steps: Steps,
    visitors: Vec<Visitor>,
    sessions: BTreeMap<String, Session>,
    /// The sockets that are open: whose they are.
    sockets: HashMap<u64, usize>,
    avatar: BTreeMap<&'static str, Value>,
    /// The service answers no message query.
    has_no_history: bool,
    /// Frames whose content is not in the journal.
    unreadable: usize,
    visitor_chat: usize,
}

#[derive(Debug, Default)]
struct Visitor {
    id: String,
    name: String,
    token: Option<String>,
    user_id: Value,
    address: String,
    /// The own id of its socket.
    ws_id: Value,
    sessions: usize,
    /// How its socket was lost, until there is another.
    lost: Option<Lost>,
    /// Where its socket was lost last, and where it was back: there stand the frames that it has missed, and the events
    /// that come of them before the client says that it is back.
    missed_at: Option<(Place, Place)>,
    /// The ids of the messages it has sent.
    sent: HashSet<String>,
    is_open: bool,
}

/// How a visitor's socket was lost.
#[derive(Debug)]
struct Lost {
    place: Place,
    is_client: bool,
    /// The body of `sockets/close` that does the same.
    how: Value,
}

#[derive(Debug, Default)]
struct Session {
    visitor: usize,
    name: String,
    is_open: bool,
    replies: Replies,
}

impl Story {
    pub(super) fn tell(mut self, told: &Told) -> Result<Scenario, String> {
        for Happening { at_ms, what } in &told.happenings {
            self.happen(*at_ms, what, &told.outcomes);
        }
        if self.sessions.is_empty() && !self.steps.has_faults() && self.visitors.iter().all(|it| !it.is_open)
        {
            return Err(match (told.happenings.len(), self.visitor_chat) {
                (0, _) => "nothing happened in it",
                (_, 0) => "no session was made in it, so there is no conversation to play",
                _ => "it holds Visitor Chat alone: its scenarios are played over the Avatar Open API",
            }
            .to_owned());
        }
        self.end();
        let mut remarks = Vec::new();
        if self.visitor_chat > 0 {
            remarks.push(format!("{} calls of Visitor Chat are left out.", self.visitor_chat));
        }
        if self.unreadable > 0 {
            remarks
                .push(format!("{} frames are left out: they were compressed or too long.", self.unreadable));
        }
        let mut emulator = json!({"brain": {"script": {"rules": []}}});
        if self.has_no_history {
            emulator["history-calls"] = "404".into();
        }
        if AVATAR.iter().all(|field| self.avatar.contains_key(field)) {
            emulator["keys"] = json!([{"key": "sk-emulator", "share-code": self.avatar["share-code"]}]);
            emulator["avatars"] = json!([self.avatar]);
        }
        Ok(Scenario { emulator, steps: self.steps.into_list(), remarks })
    }

    fn happen(&mut self, at: u64, what: &What, outcomes: &HashMap<u64, Outcome>) {
        match what {
            What::Asked(call) if call.name == Name::Send => self.send(at, call, outcomes.get(&call.number)),
            What::Asked(call) => self.visitor_chat += usize::from(call.name == Name::VisitorChat),
            What::Answered(call) => match outcomes.get(&call.number).and_then(Outcome::data) {
                Some(data) => self.succeeded(at, call, data),
                None => self.failed(call, outcomes.get(&call.number)),
            },
            What::Socket { socket, path } => self.connected(*socket, path),
            What::Frame { socket, is_client: false, kind, line }
                if matches!(kind.as_str(), "text" | "binary") =>
            {
                self.frame(at, *socket, line);
            }
            What::Frame { socket, is_client, kind, line } if kind == "close" => {
                self.lost(at, *socket, *is_client, close(line));
            }
            What::Frame { .. } => {}
            What::End { socket, is_client } => self.lost(at, *socket, *is_client, json!({"abrupt": true})),
        }
    }

    fn succeeded(&mut self, at: u64, call: &Call, data: &Value) {
        let visitor = self.visitor(call);
        match (call.name, visitor) {
            (Name::Auth, Some(visitor)) => {
                self.visitors[visitor].token = data["visitorToken"].as_str().map(str::to_owned);
                self.visitors[visitor].user_id = data["visitorUserId"].clone();
                self.know("share-code", &data["avatarShareCode"]);
                self.know("name", &data["avatarName"]);
                self.know("owner-user-id", &data["ownerUserId"]);
            }
            (Name::Init, _) => {
                self.know("mind-id", &data["mindId"]);
                // It may be left out where it is empty.
                self.know("opening", &data["opening"].as_str().unwrap_or_default().into());
            }
            (Name::Avatar, _) => self.know("id", &data["id"]),
            (Name::Socket, Some(visitor)) => {
                self.visitors[visitor].address = data["address"].as_str().unwrap_or_default().to_owned();
                self.visitors[visitor].ws_id = data["wsId"].clone();
            }
            (Name::Session, Some(visitor)) => {
                let Some(id) = plain(&data["sessionId"]) else { return };
                self.visitors[visitor].sessions += 1;
                let person = &self.visitors[visitor];
                let name = match person.sessions {
                    1 => person.name.clone(),
                    number => format!("{}/{number}", person.name),
                };
                self.sessions.insert(id, Session { visitor, name, ..Session::default() });
            }
            (Name::Bind, _) => {
                let session = plain(&call.body["sessionId"]);
                session.and_then(|session| self.open(at, &session));
            }
            (Name::Query | Name::Latest, _) => self.missed(data),
            _ => {}
        }
    }

    /// What the emulator's avatar is like.
    fn know(&mut self, what: &'static str, value: &Value) {
        if if what == "id" { value.is_u64() } else { value.is_string() } {
            self.avatar.entry(what).or_insert_with(|| value.clone());
        }
    }

    /// A call has failed: it fails when the scenario is played, too.
    fn failed(&mut self, call: &Call, outcome: Option<&Outcome>) {
        let (Some(at), Some(outcome)) = (call.name.at(), outcome) else { return };
        let Some(fault) = outcome.as_fault() else { return };
        match call.name {
            Name::Query | Name::Latest | Name::Close => self.has_no_history = true,
            // It has its step already.
            Name::Send => {}
            _ => {
                self.steps.fault(at, &fault);
                if let (Some(code), Some(visitor)) = (outcome.final_code(), self.visitor(call)) {
                    let name = self.visitors[visitor].name.clone();
                    self.visitors[visitor].is_open = false;
                    self.steps.client("open", &name, json!({"in": name}), Expected::Failure(code.to_owned()));
                    self.visitors[visitor].is_open = self.visitors[visitor].sessions > 0;
                }
            }
        }
    }

    /// Which visitor makes a call.
    fn visitor(&mut self, call: &Call) -> Option<usize> {
        let is_theirs = |it: &Visitor| match &call.visitor {
            Some(id) => *id == it.id,
            None => call.token.is_some() && call.token == it.token,
        };
        let known = self.visitors.iter().position(is_theirs);
        if known.is_some() {
            return known;
        }
        let name = format!("visitor{}", self.visitors.len() + 1);
        self.visitors.push(Visitor { id: call.visitor.clone()?, name, ..Visitor::default() });
        Some(self.visitors.len() - 1)
    }

    /// The conversation is open. Says whose it is, and its name.
    fn open(&mut self, at: u64, session: &str) -> Option<(usize, String)> {
        let session = self.sessions.get_mut(session)?;
        let (visitor, name) = (session.visitor, session.name.clone());
        if std::mem::replace(&mut session.is_open, true) {
            return Some((visitor, name));
        }
        self.steps.pass(at);
        let person = &mut self.visitors[visitor];
        if std::mem::replace(&mut person.is_open, true) {
            self.steps.client(
                "new_session",
                &name,
                json!({"in": person.name, "as": name}),
                Expected::Success,
            );
        } else {
            let opening =
                self.avatar.get("opening").filter(|_| AVATAR.iter().all(|it| self.avatar.contains_key(it)));
            let about = match opening {
                Some(opening) => json!({"in": name, "gives": {"opening": opening}}),
                None => json!({"in": name}),
            };
            self.steps.client("open", &name, about, Expected::Success);
        }
        Some((visitor, name))
    }

    fn send(&mut self, at: u64, call: &Call, outcome: Option<&Outcome>) {
        let session = plain(&call.body["sessionId"]);
        let Some((visitor, name)) = session.and_then(|session| self.open(at, &session)) else {
            return;
        };
        let id = plain(&call.body["messageId"]).unwrap_or_default();
        if !self.visitors[visitor].sent.insert(id) {
            // Sent again under the same id: the library does so by itself.
            return;
        }
        self.steps.pass(at);
        let failure = outcome.filter(|outcome| outcome.data().is_none());
        let fault = failure.and_then(Outcome::as_fault);
        let expected = match (failure.and_then(Outcome::final_code), &fault) {
            (Some(code), _) => Expected::Failure(code.to_owned()),
            (None, Some(_)) => Expected::Anything,
            (None, None) => Expected::Success,
        };
        if let Some(fault) = fault {
            self.steps.fault("message/send", &fault);
        }
        let text = call.body["data"]["content"].as_str().unwrap_or_default();
        let is_certain = expected == Expected::Success;
        self.steps.client("send", &name, json!({"in": name, "text": text}), expected);
        if is_certain {
            self.steps.push(json!({"expect": {"in": name, "events": [{"type": "delivered", "text": text}]}}));
        }
    }

    fn frame(&mut self, at: u64, socket: u64, line: &Value) {
        let Some(&visitor) = self.sockets.get(&socket) else { return };
        let frame = &line["body"];
        let own = plain(&frame["sessionId"]).filter(|id| self.sessions.contains_key(id));
        let latest = || {
            let theirs = self.sessions.iter().filter(|(_, session)| session.visitor == visitor);
            theirs.max_by_key(|(_, session)| session.name.len()).map(|(id, _)| id.clone())
        };
        let Some(id) = own.or_else(latest) else { return };
        let Some(Value::Object(fields)) = line.get("body") else {
            match line["text"].as_str() {
                Some(text) => {
                    if let Some((_, name)) = self.open(at, &id) {
                        self.steps.pass(at);
                        self.push(&name, "text", text.into());
                    }
                }
                None => self.unreadable += 1,
            }
            return;
        };
        let ws_id = fields.get("wsId").and_then(plain);
        if ws_id.is_some() && ws_id != plain(&self.visitors[visitor].ws_id) {
            // The client drops it.
            if let Some((_, name)) = self.open(at, &id) {
                self.push(&name, "frame", frame.clone());
            }
            return;
        }
        if let Some(event) = self.hear(at, &id, frame, None) {
            let name = self.sessions[&id].name.clone();
            self.steps.push(json!({"expect": {"in": name, "events": [event]}}));
        }
    }

    /// What a frame means: it is pushed, here or where it was missed. Returns the event to expect.
    fn hear(&mut self, at: u64, id: &str, frame: &Value, missed: Option<Place>) -> Option<Value> {
        let visitor = self.sessions.get(id)?.visitor;
        let person = &self.visitors[visitor];
        let sender = plain(&frame["sendUserId"]);
        let is_echo = (sender.is_some() && sender == plain(&person.user_id))
            || plain(&frame["messageId"]).is_some_and(|id| person.sent.contains(&id));
        let meaning = self.sessions.get_mut(id)?.replies.take(frame);
        let event = match meaning {
            Meaning::Control => return None,
            Meaning::Person { .. } if is_echo => return None,
            Meaning::Repeated if missed.is_some() || is_echo => return None,
            Meaning::Person { text } => Some(self.sessions.get_mut(id)?.replies.owner(&text)),
            Meaning::Event(event) => Some(event),
            Meaning::Piece | Meaning::Repeated => None,
        };
        let (_, name) = self.open(at, id)?;
        let mut frame = frame.clone();
        if let Some(fields) = frame.as_object_mut() {
            // The emulator's own ids stand for those.
            fields.remove("wsId");
            if fields.contains_key("sessionId") {
                fields.insert("sessionId".to_owned(), format!("${name}.session").into());
            }
        }
        match missed {
            Some(place) => self.steps.fill(place, pushed(&name, "frame", &frame)),
            None => {
                self.steps.pass(at);
                self.push(&name, "frame", frame);
            }
        }
        event
    }

    fn push(&mut self, name: &str, what: &str, frame: Value) {
        self.steps.push(pushed(name, what, &frame));
    }

    /// A message query has answered with frames, some of which may have been missed.
    fn missed(&mut self, data: &Value) {
        for frame in data.as_array().into_iter().flatten() {
            let Some(id) = plain(&frame["sessionId"]).filter(|id| self.sessions.contains_key(id)) else {
                continue;
            };
            let (visitor, name) = (self.sessions[&id].visitor, self.sessions[&id].name.clone());
            let Some((lost, back)) = self.visitors[visitor].missed_at else { continue };
            if let Some(event) = self.hear(0, &id, frame, Some(lost)) {
                self.steps.fill(back, json!({"expect": {"in": name, "events": [event]}}));
            }
        }
    }

    fn connected(&mut self, socket: u64, path: &str) {
        let owner = self.visitors.iter().position(|it| !it.address.is_empty() && it.address.ends_with(path));
        let Some(visitor) = owner else { return };
        self.sockets.insert(socket, visitor);
        let person = &mut self.visitors[visitor];
        let Some(Lost { place, is_client, how }) = person.lost.take().filter(|_| person.is_open) else {
            return;
        };
        let name = person.name.clone();
        if is_client {
            self.steps.fill(place, json!({"pause": {"in": name}}));
            self.steps.push(json!({"resume": {"in": name}}));
            return;
        }
        self.steps.fill(place, json!({"call": {"sockets/close": how}}));
        self.steps.fill(place, json!({"expect": {"in": name, "events": [{"type": "disconnected"}]}}));
        self.steps.push(json!({"seconds": RECONNECT}));
        self.visitors[visitor].missed_at = Some((place, self.steps.place()));
        self.steps.push(json!({"expect": {"in": name, "events": [{"type": "reconnected"}]}}));
    }

    fn lost(&mut self, at: u64, socket: u64, is_client: bool, how: Value) {
        let Some(visitor) = self.sockets.remove(&socket) else { return };
        if self.sockets.values().any(|other| *other == visitor) {
            // Another one is there already.
            return;
        }
        self.steps.pass(at);
        let place = self.steps.place();
        self.visitors[visitor].lost = Some(Lost { place, is_client, how });
    }

    /// What must have been heard when all is over.
    fn end(&mut self) {
        let unopened: Vec<String> =
            self.sessions.iter().filter(|(_, session)| !session.is_open).map(|(id, _)| id.clone()).collect();
        for id in unopened {
            self.open(0, &id);
        }
        if let Some(visitor) = self.visitors.last().filter(|_| self.steps.has_faults()) {
            let name = visitor.name.clone();
            self.steps.client("open", &name, json!({"in": name}), Expected::Anything);
        }
        for session in self.sessions.values().filter(|session| session.replies.are_whole()) {
            self.steps.push(json!({"heard": {"in": session.name, "replies": session.replies.whole}}));
        }
    }
}

/// A step that puts a frame into a session.
fn pushed(name: &str, what: &str, frame: &Value) -> Value {
    json!({"call": {"push": {"sessionId": format!("${name}.session"), what: frame}}})
}

/// `sockets/close` with the code of a close frame, where a frame may carry it.
fn close(line: &Value) -> Value {
    match line["code"].as_u64() {
        Some(code @ (1_000..=1_003 | 1_007..=1_014 | 3_000..=4_999)) => {
            json!({"code": code, "reason": line["reason"].as_str().unwrap_or_default()})
        }
        _ => json!({}),
    }
}

/// An id, as a text or as a number.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
