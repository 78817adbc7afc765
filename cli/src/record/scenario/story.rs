//! Tells a journal as the steps of a scenario.
//!
//! The emulator's avatar is silent in it: what the service sent is pushed as it came, and what the client did is done
//! again by the library. The emulator itself plays the echoes.

mod heard;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::cast::{Lost, Session, Visitor, plain};
use super::read::{Call, Happening, Name, Outcome, Told, What};
use super::steps::{Expected, Steps, close};

/// How long a reconnection may take, in seconds.
const RECONNECT: u64 = 20;

/// What is written.
#[derive(Debug)]
pub(super) struct Scenario {
    /// Whether it is played at the second door.
    pub(super) is_visitor_chat: bool,
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
    avatar_name: Option<String>,
    opening: Option<String>,
    /// The service answers no message query.
    has_no_history: bool,
    /// Frames whose content is not in the journal.
    unreadable: usize,
    /// The second door alone is told; else the first.
    is_visitor_chat: bool,
    /// Calls of the other door.
    left_out: usize,
    /// Calls that failed beside a conversation that was open.
    beside: usize,
    /// The service echoes nothing.
    has_no_echo: bool,
    /// A visitor got another session.
    is_replaced: bool,
}

impl Story {
    pub(super) fn tell(mut self, told: &Told) -> Result<Scenario, String> {
        self.is_visitor_chat = told.is_visitor_chat();
        self.has_no_echo = !told.has_echoes();
        for Happening { at_ms, what } in &told.happenings {
            self.happen(*at_ms, what, &told.outcomes);
        }
        if self.sessions.is_empty() && !self.steps.has_faults() && self.steps.are_none() {
            return Err(match told.happenings.is_empty() {
                true => "nothing happened in it",
                false => "no session was made in it, so there is no conversation to play",
            }
            .to_owned());
        }
        self.end();
        let door = if self.is_visitor_chat { "the Avatar Open API" } else { "Visitor Chat" };
        let left_out = [
            (self.left_out, format!("calls of {door}, for a scenario has one door")),
            (self.beside, "calls that failed beside an open conversation".to_owned()),
            (self.unreadable, "frames that were compressed or too long".to_owned()),
        ];
        let some = left_out.into_iter().filter(|(number, _)| *number > 0);
        let remarks = some.map(|(number, what)| format!("Left out: {what} ({number}).")).collect();
        let is_visitor_chat = self.is_visitor_chat;
        Ok(Scenario { is_visitor_chat, emulator: self.emulator(), steps: self.steps.into_list(), remarks })
    }

    /// The emulator's settings: its avatar is called and begins as the recorded one, and says nothing by itself.
    fn emulator(&self) -> Value {
        let mut emulator = json!({"brain": {"script": {"rules": []}}});
        if self.has_no_history {
            emulator["history-calls"] = "404".into();
        }
        if self.is_visitor_chat && self.has_no_echo {
            emulator["visitor-chat-echo"] = "none".into();
        }
        if self.is_replaced {
            emulator["visitor-chat-second-init"] = "new".into();
        }
        if let Some(opening) = &self.opening {
            emulator["keys"] = json!([{"key": "sk-emulator", "share-code": "recorded"}]);
            emulator["avatars"] = json!([{
                "share-code": "recorded", "id": 67, "mind-id": "3m24e99h3mbp", "owner-user-id": "de4fh",
                "name": self.avatar_name.as_deref().unwrap_or("Avatar"), "opening": opening,
            }]);
        }
        emulator
    }

    fn happen(&mut self, at: u64, what: &What, outcomes: &HashMap<u64, Outcome>) {
        match what {
            What::Asked(call) | What::Answered(call) if self.is_of_other_door(call) => {
                self.left_out += usize::from(matches!(what, What::Asked(_)));
            }
            What::Asked(call) if matches!(call.name, Name::Send | Name::VisitorSend) => {
                self.send(at, call, outcomes.get(&call.number));
            }
            What::Asked(_) => {}
            What::Answered(call) => match outcomes.get(&call.number).and_then(Outcome::data) {
                Some(data) => self.succeeded(at, call, data),
                None => self.failed(call, outcomes.get(&call.number)),
            },
            What::Socket { socket, path } => self.connected(at, *socket, path),
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

    fn is_of_other_door(&self, call: &Call) -> bool {
        !matches!(call.name, Name::Connect | Name::Other)
            && call.name.is_of_visitor_chat() != self.is_visitor_chat
    }

    fn succeeded(&mut self, at: u64, call: &Call, data: &Value) {
        let visitor = self.visitor(call);
        match (call.name, visitor) {
            (Name::Auth, Some(visitor)) => {
                self.visitors[visitor].token = data["visitorToken"].as_str().map(str::to_owned);
                self.visitors[visitor].user_id = data["visitorUserId"].clone();
            }
            (Name::Init, _) => self.know(data),
            (Name::VisitorInit, Some(visitor)) => {
                self.know(data);
                self.visitors[visitor].address = data["wsUrl"].as_str().unwrap_or_default().to_owned();
                if let Some(id) = plain(&data["sessionId"]) {
                    self.begin(visitor, id);
                }
            }
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
    fn know(&mut self, data: &Value) {
        // An opening may be left out where it is empty.
        self.opening.get_or_insert_with(|| data["opening"].as_str().unwrap_or_default().to_owned());
        if let Some(name) = data["avatarName"].as_str() {
            self.avatar_name.get_or_insert_with(|| name.to_owned());
        }
    }

    /// A visitor has got a session at Visitor Chat: the first, the same again, or another in its place.
    fn begin(&mut self, visitor: usize, id: String) {
        if self.sessions.contains_key(&id) {
            return;
        }
        let name = self.visitors[visitor].name.clone();
        let before =
            self.sessions.iter().find(|(_, session)| session.visitor == visitor).map(|(id, _)| id.clone());
        let session = match before.and_then(|before| self.sessions.remove(&before)) {
            Some(replaced) => {
                self.is_replaced = true;
                self.visitors[visitor].is_replaced = true;
                replaced
            }
            None => Session { visitor, name, ..Session::default() },
        };
        self.sessions.insert(id, session);
    }

    /// A call has failed: it fails when the scenario is played, too.
    fn failed(&mut self, call: &Call, outcome: Option<&Outcome>) {
        let (Some(at), Some(outcome)) = (call.name.at(), outcome) else { return };
        let Some(fault) = outcome.as_fault() else { return };
        match call.name {
            Name::Query | Name::Latest | Name::Close => self.has_no_history = true,
            // It has its step already.
            Name::Send | Name::VisitorSend => {}
            _ => {
                let visitor = self.visitor(call).or_else(|| self.owner_of(&call.path));
                match visitor.map(|visitor| &self.visitors[visitor]) {
                    // It fails again when the client comes back.
                    Some(Visitor { is_open: true, lost: Some(Lost { place, .. }), .. }) => {
                        self.steps.fill(*place, json!({"call": {"faults": {"at": at, "do": fault}}}));
                    }
                    Some(Visitor { is_open: true, .. }) => self.beside += 1,
                    Some(Visitor { name, .. }) => {
                        self.steps.fault(at, &fault);
                        if let Some(code) = outcome.final_code() {
                            let expected = Expected::Failure(code.to_owned());
                            self.steps.client("open", name, json!({"in": name}), expected);
                        }
                    }
                    None => self.steps.fault(at, &fault),
                }
            }
        }
    }

    /// Whose socket an address leads to.
    fn owner_of(&self, path: &str) -> Option<usize> {
        self.visitors.iter().position(|it| !it.address.is_empty() && it.address.ends_with(path))
    }

    /// Which visitor makes a call.
    fn visitor(&mut self, call: &Call) -> Option<usize> {
        // At Visitor Chat a token is an app's, or the only name that a user has.
        let id = match (&call.visitor, call.name) {
            (None, Name::VisitorInit) => call.token.clone(),
            (id, _) => id.clone(),
        };
        let is_theirs = |it: &Visitor| match &id {
            Some(id) => *id == it.id,
            None => call.token.is_some() && call.token == it.token,
        };
        let known = self.visitors.iter().position(is_theirs);
        if known.is_some() {
            return known;
        }
        let name = format!("visitor{}", self.visitors.len() + 1);
        self.visitors.push(Visitor { id: id?, name, ..Visitor::default() });
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
            let about = match &self.opening {
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
            // It names a session that the journal does not know, and the service did not know it either.
            self.beside += usize::from(outcome.is_some_and(|outcome| outcome.data().is_none()));
            return;
        };
        let text = match call.name {
            Name::VisitorSend => call.body["message"].as_str(),
            _ => call.body["data"]["content"].as_str(),
        };
        let text = text.unwrap_or_default();
        let person = &mut self.visitors[visitor];
        // Sent again: the library does so by itself.
        let is_again = match plain(&call.body["messageId"]) {
            Some(id) => !person.sent.insert(id),
            None => person.unsure.take().is_some_and(|unsure| unsure == text),
        };
        if is_again {
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
            self.steps.fault(call.name.at().unwrap_or("message/send"), &fault);
        }
        if call.name == Name::VisitorSend {
            let person = &mut self.visitors[visitor];
            person.unechoed.push(text.to_owned());
            person.unsure = (expected == Expected::Anything).then(|| text.to_owned());
        }
        let is_certain = expected == Expected::Success && !(self.is_visitor_chat && self.has_no_echo);
        self.steps.client("send", &name, json!({"in": name, "text": text}), expected);
        if is_certain {
            self.steps.push(json!({"expect": {"in": name, "events": [{"type": "delivered", "text": text}]}}));
        }
    }

    fn connected(&mut self, at: u64, socket: u64, path: &str) {
        let Some(visitor) = self.owner_of(path) else { return };
        self.sockets.insert(socket, visitor);
        if self.is_visitor_chat {
            let theirs = self.sessions.iter().find(|(_, session)| session.visitor == visitor);
            theirs.map(|(id, _)| id.clone()).and_then(|id| self.open(at, &id));
        }
        let person = &mut self.visitors[visitor];
        let Some(Lost { place, is_client, how }) = person.lost.take().filter(|_| person.is_open) else {
            return;
        };
        let name = person.name.clone();
        let replaced = std::mem::take(&mut person.is_replaced).then(|| json!({"type": "session_replaced"}));
        if is_client {
            self.steps.fill(place, json!({"pause": {"in": name}}));
            self.steps.push(json!({"resume": {"in": name}}));
            if let Some(replaced) = replaced {
                self.steps.push(json!({"expect": {"in": name, "events": [replaced]}}));
            }
            return;
        }
        self.steps.fill(place, json!({"call": {"sockets/close": how}}));
        self.steps.fill(place, json!({"expect": {"in": name, "events": [{"type": "disconnected"}]}}));
        self.steps.push(json!({"seconds": RECONNECT}));
        self.visitors[visitor].missed_at = Some((place, self.steps.place()));
        let events: Vec<Value> = replaced.into_iter().chain([json!({"type": "reconnected"})]).collect();
        self.steps.push(json!({"expect": {"in": name, "events": events}}));
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
        if self.steps.has_faults() {
            let name = self.visitors.last().map_or("visitor1", |visitor| visitor.name.as_str()).to_owned();
            self.steps.client("open", &name, json!({"in": name}), Expected::Anything);
        }
        for session in self.sessions.values().filter(|session| session.replies.are_whole()) {
            self.steps.push(json!({"heard": {"in": session.name, "replies": session.replies.whole}}));
        }
    }
}
