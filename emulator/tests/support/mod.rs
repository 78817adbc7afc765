//! A visitor of the sans-IO service, in virtual time.
#![allow(dead_code, unreachable_pub)] // Each test program is its own crate, and uses a part of it.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

pub mod chat;
pub mod scene;

use secondme_avatar_emulator::service::{
    Answer, CloseHow, Headers, Millis, OwnerAction, Push, Request, Service, Settings, SocketId,
};
use serde_json::{Value, json};

pub const ANN: &str = "feishu_550e8400-e29b-41d4-a716-446655440000";
pub const BEN: &str = "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8";
pub const AUTH: &str = "/gate/in/rest/open/avatar/auth";
pub const INIT: &str = "/gate/in/rest/os/avatar/chat/init";
pub const WS: &str = "/gate/in/rest/general/ws/create";
pub const SESSION: &str = "/gate/in/rest/general/session/create";
pub const CLOSE: &str = "/gate/in/rest/general/session/close";
pub const PUBLIC: &str = "/gate/in/rest/os/avatar/public/ebe251793d69";
pub const BIND: &str = "/gate/in/rest/os/avatar/chat/start";
pub const SEND: &str = "/gate/in/rest/general/message/send";
pub const QUERY: &str = "/gate/in/rest/general/message/query";
pub const LATEST: &str = "/gate/in/rest/general/message/latest";

/// The service, its time, and everything it pushed with the moment it did.
pub struct Stage {
    pub service: Service,
    pub now: Millis,
    pub pushed: Vec<(Millis, Push)>,
    messages: u64,
}

/// What one visitor knows.
#[derive(Clone, Debug)]
pub struct Visit {
    pub visitor_id: String,
    pub token: String,
    pub user_id: String,
    pub mind_id: u64,
    pub owner: String,
    pub encoded_mind_id: String,
    pub ws_id: String,
    pub address: String,
    pub socket: SocketId,
    pub session: String,
}

impl Stage {
    pub fn new(settings: Settings) -> Self {
        settings.check().unwrap();
        let now = Millis(1_774_580_000_000);
        Self { service: Service::new(settings, now, 7), now, pushed: Vec::new(), messages: 0 }
    }

    pub fn request(&mut self, request: Request) -> Answer {
        let answer = self.service.handle(self.now, &request);
        self.collect();
        answer
    }

    /// Authenticates, and gives the whole answer.
    pub fn auth(&mut self, visitor_id: &str) -> Answer {
        self.request(auth(&json!({"visitorId": visitor_id})))
    }

    /// A visitor that has authenticated, and has done nothing else.
    pub fn arrive(&mut self, visitor_id: &str) -> Visit {
        let data = data(&self.auth(visitor_id));
        Visit {
            visitor_id: visitor_id.to_owned(),
            token: text(&data["visitorToken"]),
            user_id: text(&data["visitorUserId"]),
            mind_id: text(&data["visitorMindId"]).parse().unwrap(),
            owner: text(&data["ownerUserId"]),
            encoded_mind_id: String::new(),
            ws_id: String::new(),
            address: String::new(),
            socket: SocketId(0),
            session: String::new(),
        }
    }

    /// A visitor with a bound session and a live socket.
    pub fn open(&mut self, visitor_id: &str) -> Visit {
        let mut visit = self.arrive(visitor_id);
        self.init(&mut visit);
        self.new_session(&mut visit);
        self.connect(&mut visit);
        visit
    }

    pub fn init(&mut self, visit: &mut Visit) {
        let data = data(&self.post(visit, INIT, &json!({"shareCode": "ebe251793d69"})));
        visit.encoded_mind_id = text(&data["mindId"]);
    }

    /// A bound session.
    pub fn new_session(&mut self, visit: &mut Visit) {
        let session = data(&self.post(visit, SESSION, &session(visit)));
        visit.session = text(&session["sessionId"]);
        let bind = json!({"avatarId": 67, "sessionId": visit.session});
        data(&self.post(visit, BIND, &bind));
    }

    pub fn address(&mut self, visit: &mut Visit) {
        let data = data(&self.post(visit, WS, &ws(visit)));
        visit.ws_id = text(&data["wsId"]);
        visit.address = text(&data["address"]);
    }

    pub fn connect(&mut self, visit: &mut Visit) {
        self.address(visit);
        visit.socket = self.handshake(visit).unwrap();
    }

    pub fn handshake(&mut self, visit: &Visit) -> Result<SocketId, Answer> {
        self.handshake_with(visit, &Headers::new())
    }

    pub fn handshake_with(&mut self, visit: &Visit, headers: &Headers) -> Result<SocketId, Answer> {
        let target = visit.address.strip_prefix("ws://127.0.0.1").unwrap().to_owned();
        let outcome = self.service.connect(self.now, &target, headers);
        self.collect();
        outcome
    }

    pub fn post(&mut self, visit: &Visit, path: &str, body: &Value) -> Answer {
        let request = Request::new("POST", path).json(body);
        self.request(request.header("token", &visit.token).header("Fp", &visit.visitor_id))
    }

    pub fn get(&mut self, visit: &Visit, target: &str) -> Answer {
        let request = Request::new("GET", target);
        self.request(request.header("token", &visit.token).header("Fp", &visit.visitor_id))
    }

    /// The body of a message that was not sent before.
    pub fn message(&mut self, visit: &Visit, text: &str) -> Value {
        self.messages += 1;
        let id = format!("{}_____{}", 12_344 + self.messages, self.now.0);
        json!({
            "timestamp": self.now.0, "seqId": id, "sessionId": visit.session, "userId": visit.user_id,
            "messageId": id, "mindId": visit.encoded_mind_id, "index": 0,
            "sendUserId": visit.user_id, "dataType": "text", "sender": "client", "type": "msg",
            "wsId": visit.ws_id, "data": {"content": text},
        })
    }

    pub fn send(&mut self, visit: &Visit, text: &str) -> String {
        let message = self.message(visit, text);
        assert_eq!(data(&self.post(visit, SEND, &message)), Value::Null);
        message["messageId"].as_str().unwrap().to_owned()
    }

    pub fn ping(&mut self, visit: &Visit) {
        let ping = json!({"type": "ping", "wsId": visit.ws_id});
        self.say(visit, &ping);
    }

    pub fn say(&mut self, visit: &Visit, frame: &Value) {
        self.service.receive(self.now, visit.socket, &frame.to_string());
        self.collect();
    }

    pub fn leave(&mut self, visit: &Visit) {
        self.service.disconnected(self.now, visit.socket);
        self.collect();
    }

    pub fn owner_says(&mut self, visit: &Visit, text: &str) -> String {
        let (session_id, text) = (visit.session.clone(), text.to_owned());
        let written = self.service.owner(self.now, OwnerAction::Reply { session_id, text });
        self.collect();
        written.unwrap().unwrap()
    }

    pub fn take_over(&mut self, visit: &Visit) {
        let session_id = visit.session.clone();
        self.service.owner(self.now, OwnerAction::TakeOver { session_id }).unwrap();
        self.collect();
    }

    pub fn hand_back(&mut self, visit: &Visit) {
        let session_id = visit.session.clone();
        self.service.owner(self.now, OwnerAction::HandBack { session_id }).unwrap();
        self.collect();
    }

    /// Lets time pass, from deadline to deadline as a driver would.
    pub fn pass(&mut self, time: Millis) {
        let end = self.now + time;
        while let Some(due) = self.service.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.service.tick(self.now);
            self.collect();
        }
        self.now = end;
        self.service.tick(end);
        self.collect();
    }

    /// Lets time pass while a visitor pings every 15 s.
    pub fn pass_alive(&mut self, visit: &Visit, time: Millis) {
        let end = self.now + time;
        while self.now < end {
            self.ping(visit);
            self.pass(Millis::seconds(15).min(end - self.now));
        }
    }

    /// Every frame pushed since the last time this was asked, with its socket.
    pub fn take_pushes(&mut self) -> Vec<Push> {
        std::mem::take(&mut self.pushed).into_iter().map(|(_, push)| push).collect()
    }

    /// The frames a visitor's socket got since pushes were last taken. Pongs are left out.
    pub fn frames(&mut self, visit: &Visit) -> Vec<Value> {
        let to_socket = |push| match push {
            Push::Frame { socket, text } if socket == visit.socket => {
                Some(serde_json::from_str::<Value>(&text).unwrap())
            }
            _ => None,
        };
        let frames = self.take_pushes().into_iter().filter_map(to_socket);
        frames.filter(|frame| frame["type"] != "pong").collect()
    }

    /// Sends a message and gives the frames of the next ten seconds.
    pub fn ask(&mut self, visit: &Visit, text: &str) -> Vec<Value> {
        self.take_pushes();
        self.ping(visit);
        self.send(visit, text);
        self.pass(Millis::seconds(10));
        self.frames(visit)
    }

    /// The sockets that were closed since pushes were last taken.
    pub fn closed(&mut self) -> Vec<(SocketId, CloseHow)> {
        let closed = self.take_pushes().into_iter().filter_map(|push| match push {
            Push::Close { socket, how } => Some((socket, how)),
            _ => None,
        });
        closed.collect()
    }

    pub(crate) fn collect(&mut self) {
        while let Some(push) = self.service.poll() {
            self.pushed.push((self.now, push));
        }
    }
}

pub fn auth(body: &Value) -> Request {
    Request::new("POST", AUTH).header("Authorization", "Bearer sk-emulator").json(body)
}

pub fn ws(visit: &Visit) -> Value {
    json!({"userId": visit.user_id, "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"})
}

pub fn session(visit: &Visit) -> Value {
    json!({"mindId": visit.mind_id, "mindType": "shadow", "mode": "PERSONAL", "sessionType": "SHARE",
           "memberUserIds": [visit.owner]})
}

/// A body with one field changed, or taken away by `null`.
pub fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    match value {
        Value::Null => drop(body.as_object_mut().unwrap().remove(field)),
        value => body[field] = value,
    }
    body
}

pub fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// The data of an answer that must be a success.
pub fn data(answer: &Answer) -> Value {
    let body = body(answer);
    assert_eq!((answer.status, &body["code"]), (200, &json!(0)), "{body}");
    body["data"].clone()
}

/// The code of an answer that must be a failure in the default shape.
pub fn code(answer: &Answer) -> String {
    text(&body(answer)["code"])
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// The texts of frames by the avatar, joined.
pub fn replies(frames: &[Value]) -> String {
    let by_avatar = frames.iter().filter(|frame| frame["sender"] == "umm");
    by_avatar.map(answer_text).collect()
}

/// The text of a frame.
pub fn answer_text(frame: &Value) -> String {
    let parts = frame["multipleData"].as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().filter_map(|part| part["modal"]["answer"].as_str()).collect()
}
