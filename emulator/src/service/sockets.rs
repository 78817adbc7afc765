//! The visitors' sockets: handshake, heartbeat, acknowledgements, end.

use serde::Deserialize;
use serde_json::{Value, json};

use super::addresses::Address;
use super::close::CloseHow;
use super::door::Door;
use super::failure::{Code, Failure};
use super::faults::InjectionPoint;
use super::http::{Answer, Delivery, Headers, Request};
use super::ids::{SocketId, VisitorIndex, Whose};
use super::journal::{By, What};
use super::switches::{CloseCode, Extensions, Origin, Pings, SecondSocket};
use super::timers::Timer;
use super::visitor_chat::{BarePing, FrameIds, OlderSocket};
use super::world::{Socket, bounds};
use super::{Push, Service};
use crate::time::Millis;

/// The path of every socket's address.
pub const SOCKET_PATH: &str = "/gate/ws";

/// What a client says over its socket.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Ping {
        #[serde(rename = "wsId", default)]
        ws_id: Option<String>,
    },
    Ack {
        #[serde(rename = "seqId")]
        seq_id: String,
    },
}

impl Service {
    /// The handshake at an address that `ws/create` gave out.
    ///
    /// `target` is the request's path and query.
    pub fn connect(&mut self, now: Millis, target: &str, headers: &Headers) -> Result<SocketId, Answer> {
        self.tick(now);
        let request = Request::new("GET", target);
        let address = ticket(&request).and_then(|ticket| self.world.addresses.get(&ticket));
        let whose = address.map_or_else(Whose::default, |address| Whose {
            visitor_id: Some(self.world.visitors[address.visitor.0].visitor_id.clone()),
            session_id: address.session.clone().or_else(|| self.only_session(address.visitor)),
            ws_id: Some(address.ws_id.clone()),
        });
        let outcome = self.answer_handshake(&request, headers);
        let delay = outcome.as_ref().map_or(Millis::ZERO, |socket| self.faults.handshake_delay(*socket));
        let latency = self.settings.latency + delay;
        let what = What::connect(&request, headers, outcome.as_ref().err(), latency);
        self.journal.note(self.now, whose, what);
        outcome
    }

    /// A text frame of a client has arrived.
    pub fn receive(&mut self, now: Millis, socket: SocketId, text: &str) {
        self.tick(now);
        if self.world.sockets.contains_key(&socket) && !self.is_deaf(socket) {
            self.note_of_socket(socket, Some(text), || What::frame_in(text));
            self.carry_frame(InjectionPoint::FrameIn, socket, text.to_owned());
        }
    }

    /// The answer to a handshake that meets no fault.
    pub(super) fn judge_handshake(
        &mut self,
        request: &Request,
        headers: &Headers,
    ) -> Result<SocketId, Answer> {
        self.counts.call("connect");
        let (failure, delivery) = match self.refused_headers(headers) {
            Some(refused) => refused,
            None => match self.admit(request) {
                Ok(socket) => return Ok(socket),
                Err(failure) => (failure, Delivery::Now),
            },
        };
        self.counts.failure(&failure);
        Err(Answer { delivery, ..failure.handshake_answer(&self.settings) })
    }

    /// What the headers of a handshake are refused for, and whether with an answer.
    fn refused_headers(&self, headers: &Headers) -> Option<(Failure, Delivery)> {
        let missing = || Failure::new(Code::OriginMissing, "the handshake needs an `Origin` header");
        let origins = &self.settings.origins;
        if self.settings.extensions == Extensions::Reset && headers.get("sec-websocket-extensions").is_some()
        {
            let failure = Failure::new(Code::ExtensionOffered, "the handshake may offer no extension");
            return Some((failure, Delivery::Reset));
        }
        match (headers.get("origin"), self.settings.origin) {
            (None, Origin::Required) => Some((missing(), Delivery::Now)),
            (None, Origin::Reset) => Some((missing(), Delivery::Reset)),
            (Some(origin), _) if !origins.is_empty() && !origins.iter().any(|one| one == origin) => {
                let failure = Failure::new(Code::OriginUnknown, "sockets are not taken from this origin");
                Some((failure, Delivery::Reset))
            }
            (None, Origin::Ignored) if !origins.is_empty() => Some((missing(), Delivery::Reset)),
            (None, Origin::Ignored) | (Some(_), _) => None,
        }
    }

    /// A frame has reached the service.
    pub(super) fn take_in(&mut self, socket: SocketId, text: &str) {
        let Some(live) = self.world.sockets.get_mut(&socket) else {
            return;
        };
        match serde_json::from_str(text) {
            Ok(Said::Ping { ws_id: Some(ws_id) }) if ws_id == live.ws_id => {
                live.note_ping(self.now);
                if self.settings.pings == Pings::Pong {
                    self.push(socket, json!({"type": "pong", "wsId": ws_id}).to_string());
                }
            }
            // Only where the service has told no id may a ping be without one.
            Ok(Said::Ping { ws_id: None }) if live.session.is_some() => {
                live.note_ping(self.now);
                self.answer_bare_ping(socket);
            }
            Ok(Said::Ack { seq_id }) => {
                live.acks += 1;
                let visitor = live.visitor;
                self.world.visitors[visitor.0].unacknowledged.acknowledge(&seq_id);
            }
            // A ping for another socket is no sign of life of this one.
            Ok(Said::Ping { .. }) | Err(_) => live.rejected += 1,
        }
    }

    /// Answers a ping without a `wsId`.
    fn answer_bare_ping(&mut self, socket: SocketId) {
        match self.settings.visitor_chat_bare_ping {
            BarePing::Nothing => {}
            BarePing::Closed => {
                let reason = "a ping without wsId".to_owned();
                self.close(socket, CloseHow::Clean { code: 1008, reason }, By::Service);
            }
            BarePing::Pong => {
                let ws_id = self.world.sockets.get(&socket).map(|live| live.ws_id.clone());
                let pong = match self.settings.visitor_chat_frame_ids {
                    FrameIds::All => json!({"type": "pong", "wsId": ws_id}),
                    FrameIds::Absent => json!({"type": "pong"}),
                };
                self.push(socket, pong.to_string());
            }
        }
    }

    /// A socket is gone, whichever side ended it. Of one through which nothing passes the service does not
    /// learn it.
    pub fn disconnected(&mut self, now: Millis, socket: SocketId) {
        self.tick(now);
        if self.world.sockets.contains_key(&socket) && !self.is_deaf(socket) {
            self.note_of_socket(socket, None, || What::Close { by: By::Client, code: None, reason: None });
            self.forget_socket(socket);
        }
    }

    /// Closes a live socket by its `wsId`, or all of them. Says how many there were.
    pub fn close_sockets(&mut self, now: Millis, ws_id: Option<&str>, how: &CloseHow) -> usize {
        self.tick(now);
        let wanted = |socket: &Socket| ws_id.is_none_or(|ws_id| socket.ws_id == ws_id);
        let live = self.world.sockets.iter().filter(|(_, socket)| wanted(socket));
        let ids: Vec<_> = live.map(|(id, _)| *id).collect();
        for id in &ids {
            self.close(*id, how.clone(), By::Control);
        }
        ids.len()
    }

    /// A new address for a visitor; answers `ws/create`.
    pub(super) fn give_address(&mut self, visitor: VisitorIndex, host: Option<&str>) -> Value {
        let (ticket, ws_id) = self.new_socket_id(visitor);
        let address = format!("{}{SOCKET_PATH}?ticket={ticket}", self.socket_base(host));
        let expires = self.now + self.settings.address_lifetime;
        self.timers.set(expires, Timer::AddressExpires(ticket.clone()));
        self.world.addresses.give(ticket, Address::new(visitor, ws_id.clone(), expires));
        json!({"wsId": ws_id, "address": address})
    }

    /// A new ticket, and the `wsId` of the socket that will be opened with it.
    pub(super) fn new_socket_id(&mut self, visitor: VisitorIndex) -> (String, String) {
        let ticket = self.random.hex32();
        let ws_id = format!("ws:{:012}{:012}", self.random.between(0, 1_000_000_000_000), self.fresh());
        self.remember_idle(visitor, ws_id.clone());
        (ticket, ws_id)
    }

    /// Where sockets connect, for a caller who has called this host.
    pub(super) fn socket_base(&self, host: Option<&str>) -> String {
        match (&self.settings.socket_base, host) {
            (Some(base), _) => base.clone(),
            (None, Some(host)) => format!("ws://{host}"),
            (None, None) => "ws://127.0.0.1".to_owned(),
        }
    }

    pub(super) fn expire_address(&mut self, ticket: &str) {
        if let Some(at) = self.world.addresses.expire(ticket, self.now) {
            self.timers.set(at, Timer::AddressExpires(ticket.to_owned()));
        }
    }

    /// Whether a socket would be dropped for its silence if it were that late.
    pub(crate) fn drops_a_socket(&self, at: Millis) -> bool {
        let is_late = |socket: &Socket| {
            self.silence_allowed(socket).is_some_and(|allowed| socket.last_ping + allowed <= at)
        };
        self.world.sockets.values().any(is_late)
    }

    /// How long a socket may go without a ping; `None` for good.
    pub(super) fn silence_allowed(&self, socket: &Socket) -> Option<Millis> {
        match self.world.visitors[socket.visitor.0].door {
            Door::AvatarOpenApi => Some(self.settings.silence_allowed()),
            Door::VisitorChat => self.settings.chat_silence_allowed(),
        }
    }

    /// Drops a socket that has sent no ping for too long, or looks again later.
    pub(super) fn check_silence(&mut self, socket: SocketId) {
        let Some(live) = self.world.sockets.get(&socket) else {
            return;
        };
        let Some(allowed) = self.silence_allowed(live) else {
            return;
        };
        let end = live.last_ping + allowed;
        if self.now >= end {
            self.close(socket, self.own_close(CloseHow::Abrupt), By::Service);
        } else {
            self.timers.set(end, Timer::Silence(socket));
        }
    }

    fn admit(&mut self, request: &Request) -> Result<SocketId, Failure> {
        let unknown = || Failure::new(Code::AddressUnknown, "this address was never given out");
        let ticket = ticket(request).ok_or_else(unknown)?;
        let address = self.world.addresses.get(&ticket).ok_or_else(unknown)?;
        address.check()?;
        if let Some(session_id) = &address.session
            && self.world.sessions.get(session_id).is_none_or(|session| session.closed)
        {
            return Err(Failure::new(Code::AddressExpired, "the session of this address has ended"));
        }
        let (visitor, ws_id, session) = (address.visitor, address.ws_id.clone(), address.session.clone());
        self.world.addresses.use_up(&ticket);
        Ok(self.open_socket(visitor, ws_id, session))
    }

    fn open_socket(&mut self, visitor: VisitorIndex, ws_id: String, session: Option<String>) -> SocketId {
        let closes_older = match self.world.visitors[visitor.0].door {
            Door::AvatarOpenApi => self.settings.second_socket == SecondSocket::ClosesOlder,
            Door::VisitorChat => self.settings.visitor_chat_older_socket == OlderSocket::Closed,
        };
        if closes_older {
            for older in self.world.visitors[visitor.0].sockets.clone() {
                let reason = "a newer socket of this visitor has connected".to_owned();
                let how = self.own_close(CloseHow::Clean { code: 4001, reason });
                self.close(older, how, By::Service);
            }
        }
        let id = SocketId(self.fresh());
        let person = &mut self.world.visitors[visitor.0];
        person.idle_sockets.retain(|idle| *idle != ws_id);
        person.sockets.push(id);
        let socket = Socket::new(ws_id, visitor, session, self.now);
        if let Some(allowed) = self.silence_allowed(&socket) {
            self.timers.set(self.now + allowed, Timer::Silence(id));
        }
        self.world.sockets.insert(id, socket);
        self.touch_visitor(visitor);
        self.redeliver_at_connection(visitor);
        id
    }

    /// How the service closes a socket on its own, where it would otherwise close it so.
    pub(super) fn own_close(&self, otherwise: CloseHow) -> CloseHow {
        let (code, reason) = match self.settings.close_code {
            CloseCode::Mixed => return otherwise,
            CloseCode::None => return CloseHow::Abrupt,
            CloseCode::Normal => (1000, ""),
            CloseCode::GoingAway => (1001, ""),
            CloseCode::Restart => (1012, ""),
            CloseCode::Pings => (3001, ""),
            CloseCode::Unwanted => (4003, "this socket is not wanted"),
        };
        CloseHow::Clean { code, reason: reason.to_owned() }
    }

    pub(super) fn close(&mut self, socket: SocketId, how: CloseHow, by: By) {
        let unheard = self.is_deaf(socket);
        self.note_of_socket(socket, None, || match &how {
            CloseHow::Abrupt => What::Close { by, code: None, reason: None },
            CloseHow::Clean { code, reason } => {
                What::Close { by, code: Some(*code), reason: Some(reason.clone()) }
            }
        });
        self.forget_socket(socket);
        if !unheard {
            self.pushes.push_back(Push::Close { socket, how });
        }
    }

    /// Notes something in the journal that happened to a socket; `frame` is what passes through it, if anything does.
    pub(super) fn note_of_socket(
        &mut self,
        socket: SocketId,
        frame: Option<&str>,
        what: impl FnOnce() -> What,
    ) {
        if !self.journal.is_on() {
            return;
        }
        if let Some(live) = self.world.sockets.get(&socket) {
            let visitor_id = Some(self.world.visitors[live.visitor.0].visitor_id.clone());
            let named = || frame.and_then(session_named).filter(|id| self.world.sessions.contains_key(id));
            let of_visitor = || self.only_session(live.visitor);
            let session_id = live.session.clone().or_else(named).or_else(of_visitor);
            let whose = Whose { visitor_id, session_id, ws_id: Some(live.ws_id.clone()) };
            self.journal.note(self.now, whose, what());
        }
    }

    /// The newest session of a visitor, if it has no other open one: what its socket is for.
    fn only_session(&self, visitor: VisitorIndex) -> Option<String> {
        let mut sessions = self.world.visitors[visitor.0].sessions.iter().rev();
        let newest = sessions.next()?;
        let is_open = |id: &String| self.world.sessions.get(id).is_some_and(|session| !session.closed);
        (!sessions.any(is_open)).then(|| newest.clone())
    }

    pub(super) fn forget_socket(&mut self, id: SocketId) {
        let Some(socket) = self.world.sockets.remove(&id) else {
            return;
        };
        self.faults.forget(id);
        self.world.visitors[socket.visitor.0].sockets.retain(|live| *live != id);
        self.touch_visitor(socket.visitor);
        self.remember_idle(socket.visitor, socket.ws_id);
    }

    pub(super) fn remember_idle(&mut self, visitor: VisitorIndex, ws_id: String) {
        let idle = &mut self.world.visitors[visitor.0].idle_sockets;
        if idle.len() == bounds::SOCKETS {
            idle.pop_front();
        }
        idle.push_back(ws_id);
    }
}

/// The session that a frame names.
fn session_named(frame: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "sessionId")]
        session_id: Value,
    }
    match serde_json::from_str::<Named>(frame).ok()?.session_id {
        Value::String(id) => Some(id),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// The ticket of a socket's address, in whichever of its forms.
pub(super) fn ticket(request: &Request) -> Option<String> {
    match request.path.strip_prefix(SOCKET_PATH)? {
        "" => request.parameter("ticket").or_else(|| request.parameter("token")),
        behind => behind.strip_prefix('/').map(str::to_owned),
    }
}
