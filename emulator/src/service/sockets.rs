//! The visitors' sockets: handshake, heartbeat, acknowledgements, end.

use serde::Deserialize;
use serde_json::{Value, json};

use super::close::CloseHow;
use super::failure::{Code, Failure};
use super::faults::InjectionPoint;
use super::http::{Answer, Headers, Request};
use super::ids::{SocketId, VisitorIndex, Whose};
use super::journal::{By, What};
use super::switches::{Origin, Pings, SecondSocket};
use super::timers::Timer;
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
        #[serde(rename = "wsId")]
        ws_id: String,
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
        let address = request.parameter("ticket").and_then(|ticket| self.world.addresses.get(&ticket));
        let whose = address.map_or_else(Whose::default, |address| Whose {
            visitor_id: Some(self.world.visitors[address.visitor.0].visitor_id.clone()),
            session_id: None,
            ws_id: Some(address.ws_id.clone()),
        });
        let outcome = self.answer_handshake(&request, headers);
        let what = What::connect(&request, headers, outcome.as_ref().err());
        self.journal.note(self.now, whose, what);
        outcome
    }

    /// A text frame of a client has arrived.
    pub fn receive(&mut self, now: Millis, socket: SocketId, text: &str) {
        self.tick(now);
        if self.world.sockets.contains_key(&socket) && !self.is_deaf(socket) {
            self.note_of_socket(socket, || What::frame_in(text));
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
        self.admit(request, headers).map_err(|failure| {
            self.counts.failure(&failure);
            failure.handshake_answer(&self.settings)
        })
    }

    /// A frame has reached the service.
    pub(super) fn take_in(&mut self, socket: SocketId, text: &str) {
        let Some(live) = self.world.sockets.get_mut(&socket) else {
            return;
        };
        match serde_json::from_str(text) {
            Ok(Said::Ping { ws_id }) if ws_id == live.ws_id => {
                live.last_ping = self.now;
                live.pings += 1;
                if self.settings.pings == Pings::Pong {
                    self.push(socket, json!({"type": "pong", "wsId": ws_id}).to_string());
                }
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

    /// A socket is gone, whichever side ended it. Of one through which nothing passes the service does not
    /// learn it.
    pub fn disconnected(&mut self, now: Millis, socket: SocketId) {
        self.tick(now);
        if self.world.sockets.contains_key(&socket) && !self.is_deaf(socket) {
            self.note_of_socket(socket, || What::Close { by: By::Client, code: None, reason: None });
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
        let ticket = self.random.hex32();
        let ws_id = format!("ws:{:012}{:012}", self.random.between(0, 1_000_000_000_000), self.fresh());
        let base = match (&self.settings.socket_base, host) {
            (Some(base), _) => base.clone(),
            (None, Some(host)) => format!("ws://{host}"),
            (None, None) => "ws://127.0.0.1".to_owned(),
        };
        let address = format!("{base}{SOCKET_PATH}?ticket={ticket}");
        let expires = self.now + self.settings.address_lifetime;
        self.remember_idle(visitor, ws_id.clone());
        self.timers.set(expires, Timer::AddressExpires(ticket.clone()));
        self.world.addresses.give(ticket, visitor, ws_id.clone(), expires);
        json!({"wsId": ws_id, "address": address})
    }

    pub(super) fn expire_address(&mut self, ticket: &str) {
        if let Some(at) = self.world.addresses.expire(ticket, self.now) {
            self.timers.set(at, Timer::AddressExpires(ticket.to_owned()));
        }
    }

    /// Whether a socket would be dropped for its silence if it were that late.
    pub(crate) fn drops_a_socket(&self, at: Millis) -> bool {
        let allowed = self.settings.silence_allowed();
        self.world.sockets.values().any(|socket| socket.last_ping + allowed <= at)
    }

    /// Drops a socket that has sent no ping for too long, or looks again later.
    pub(super) fn check_silence(&mut self, socket: SocketId) {
        let Some(live) = self.world.sockets.get(&socket) else {
            return;
        };
        let end = live.last_ping + self.settings.silence_allowed();
        if self.now >= end {
            self.close(socket, CloseHow::Abrupt, By::Service);
        } else {
            self.timers.set(end, Timer::Silence(socket));
        }
    }

    fn admit(&mut self, request: &Request, headers: &Headers) -> Result<SocketId, Failure> {
        let unknown = || Failure::new(Code::AddressUnknown, "this address was never given out");
        let ticket =
            request.parameter("ticket").filter(|_| request.path == SOCKET_PATH).ok_or_else(unknown)?;
        let address = self.world.addresses.get(&ticket).ok_or_else(unknown)?;
        address.check()?;
        if self.settings.origin == Origin::Required && headers.get("origin").is_none() {
            return Err(Failure::new(Code::OriginMissing, "the handshake needs an `Origin` header"));
        }
        let (visitor, ws_id) = (address.visitor, address.ws_id.clone());
        self.world.addresses.use_up(&ticket);
        Ok(self.open_socket(visitor, ws_id))
    }

    fn open_socket(&mut self, visitor: VisitorIndex, ws_id: String) -> SocketId {
        if self.settings.second_socket == SecondSocket::ClosesOlder {
            for older in self.world.visitors[visitor.0].sockets.clone() {
                let reason = "a newer socket of this visitor has connected".to_owned();
                self.close(older, CloseHow::Clean { code: 4001, reason }, By::Service);
            }
        }
        let id = SocketId(self.fresh());
        let person = &mut self.world.visitors[visitor.0];
        person.idle_sockets.retain(|idle| *idle != ws_id);
        person.sockets.push(id);
        let (connected, last_ping) = (self.now, self.now);
        let socket =
            Socket { ws_id, visitor, connected, last_ping, pings: 0, acks: 0, rejected: 0, pushed: 0 };
        self.world.sockets.insert(id, socket);
        self.timers.set(self.now + self.settings.silence_allowed(), Timer::Silence(id));
        self.redeliver_at_connection(visitor);
        id
    }

    pub(super) fn close(&mut self, socket: SocketId, how: CloseHow, by: By) {
        let unheard = self.is_deaf(socket);
        self.note_of_socket(socket, || match &how {
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

    /// Notes something in the journal that happened to a socket.
    pub(super) fn note_of_socket(&mut self, socket: SocketId, what: impl FnOnce() -> What) {
        if !self.journal.is_on() {
            return;
        }
        if let Some(live) = self.world.sockets.get(&socket) {
            let visitor_id = Some(self.world.visitors[live.visitor.0].visitor_id.clone());
            let whose = Whose { visitor_id, session_id: None, ws_id: Some(live.ws_id.clone()) };
            self.journal.note(self.now, whose, what());
        }
    }

    pub(super) fn forget_socket(&mut self, id: SocketId) {
        let Some(socket) = self.world.sockets.remove(&id) else {
            return;
        };
        self.faults.forget(id);
        self.world.visitors[socket.visitor.0].sockets.retain(|live| *live != id);
        self.remember_idle(socket.visitor, socket.ws_id);
    }

    fn remember_idle(&mut self, visitor: VisitorIndex, ws_id: String) {
        let idle = &mut self.world.visitors[visitor.0].idle_sockets;
        if idle.len() == bounds::SOCKETS {
            idle.pop_front();
        }
        idle.push_back(ws_id);
    }
}
