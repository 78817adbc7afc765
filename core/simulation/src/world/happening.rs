//! What happens, one thing after another.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use secondme_avatar_emulator::service::{Answer, CloseHow, Request, SocketId};
use secondme_avatar_protocol::{CallId, Error, ErrorKind, Generation, Input, Millis, Raw, SlotTicket};

use super::{BEGINNING, World};
use crate::client::ClientId;
use crate::exchange::retry_after;
use crate::network::Fate;
use crate::sight::{Call, Sight};

/// What is kept of a happening in words: a body written as a list of bytes helps no reader.
const LINE: usize = 400;

/// What happens at some moment.
#[derive(Debug)]
pub(super) enum Happening {
    ClientWakes(ClientId),
    ServiceWakes,
    DeskWakes,
    CallArrives(ClientId, CallId, Request, Fate, Option<Box<Call>>),
    AnswerArrives(ClientId, CallId, Answer),
    CallFails {
        client: ClientId,
        call: CallId,
        sent: bool,
    },
    HandshakeArrives(ClientId, Generation, String),
    HandshakeAnswered(ClientId, Generation),
    HandshakeFails(ClientId, Generation, Option<u16>),
    FrameToService(SocketId, String),
    FrameToClient(ClientId, Generation, String),
    CloseToService(SocketId),
    CloseToClient(ClientId, Generation, CloseHow),
    FoundDead(SocketId),
    DiskWrites(ClientId),
    /// The permit of a client that has given its slot back so often.
    PermitComes(ClientId, u64),
    SlotIsFree(SlotTicket),
    /// The fetch of the app's token, which has a number.
    TokenArrives(u64, Request, Fate),
    TokenAnswered(u64, Answer),
    TokenFails(u64),
}

impl World {
    /// Lets the next thing happen. Returns `false` at the end.
    pub fn step(&mut self) -> bool {
        self.next_at();
        let Some((at, what)) = self.queue.take() else {
            return false;
        };
        self.now = self.now.max(at);
        self.steps += 1;
        if self.keeps > 0 {
            keep(&mut self.trail, self.keeps, format!("{} · {what:?}", self.now.0 - BEGINNING.0));
        }
        self.happen(what);
        true
    }

    pub(super) fn is_stale(&self, at: Millis, what: &Happening) -> bool {
        match what {
            Happening::ServiceWakes => self.service_wakes_at != Some(at),
            Happening::DeskWakes => self.desk_wakes_at != Some(at),
            Happening::ClientWakes(client) => {
                let client = self.of(*client);
                client.gone || client.wakes_at.is_none_or(|wanted| wanted > at)
            }
            _ => false,
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::ClientWakes(client) => {
                self.clients[client.0].wakes_at = None;
                self.input(client, Input::Tick);
                let next = self.of(client).machine.next_deadline();
                assert!(next.is_none_or(|next| next > self.now), "woken at {:?} for nothing", self.now);
            }
            Happening::DiskWrites(client) => self.disk_writes(client),
            Happening::PermitComes(client, asked) => self.permit_comes(client, asked),
            Happening::SlotIsFree(ticket) => {
                self.slots.leave(ticket);
                self.grant_slots();
            }
            Happening::ServiceWakes => {
                self.service_wakes_at = None;
                self.with_service(|service, now| service.tick(now));
            }
            Happening::DeskWakes => {
                self.desk_wakes_at = None;
                self.grant();
            }
            Happening::CallArrives(client, call, request, fate, seen) => {
                self.call_arrives(client, call, &request, fate, seen);
            }
            Happening::AnswerArrives(client, call, answer) => {
                self.desks[self.clients[client.0].key].done(client, call, self.now);
                let retry_after = retry_after(&answer).map(Duration::from_secs);
                let body = Bytes::from(answer.body);
                self.input(client, Input::HttpAnswer { call, status: answer.status, retry_after, body });
                self.grant();
            }
            Happening::CallFails { client, call, sent } => {
                self.desks[self.clients[client.0].key].done(client, call, self.now);
                let error = Error::new(ErrorKind::ConnectionFailed, "the connection broke");
                self.input(client, Input::HttpFailed { call, sent, error });
                self.grant();
            }
            Happening::HandshakeArrives(client, generation, target) => {
                self.handshake_arrives(client, generation, &target);
            }
            Happening::HandshakeAnswered(client, generation) => {
                self.input(client, Input::SocketOpened(generation));
                let one = self.of(client);
                if one.machine.is_connected() && one.generation == generation && !one.gone {
                    self.see(|| Sight::Up(client, generation));
                }
            }
            Happening::HandshakeFails(client, generation, status) => {
                let error = Error::new(ErrorKind::ConnectionFailed, "the handshake failed");
                self.input(client, Input::SocketFailed { generation, status, error });
            }
            Happening::FrameToService(socket, text) => {
                self.with_service(|service, now| service.receive(now, socket, &text));
            }
            Happening::FrameToClient(client, generation, text) => {
                self.frame_comes(client, generation, text);
            }
            Happening::CloseToService(socket) => {
                self.leaving.remove(&socket);
                self.with_service(|service, now| service.disconnected(now, socket));
            }
            Happening::CloseToClient(client, generation, how) => self.socket_closed(client, generation, &how),
            Happening::FoundDead(socket) => self.find_dead(socket),
            Happening::TokenArrives(fetch, request, fate) => self.token_arrives(fetch, &request, fate),
            Happening::TokenAnswered(fetch, answer) => self.token_answered(fetch, &answer),
            Happening::TokenFails(fetch) => self.token_fails(fetch),
        }
    }

    pub(super) fn frame_comes(&mut self, client: ClientId, generation: Generation, text: String) {
        if !self.of(client).reading {
            return self.clients[client.0].unread.push_back((generation, Ok(text)));
        }
        let one = self.of(client);
        if one.machine.is_connected() && one.generation == generation && !one.gone {
            self.see(|| Sight::Came(client, generation, serde_json::from_str(&text).unwrap_or_default()));
        }
        self.input(client, Input::SocketFrame { generation, frame: Raw::from(text) });
    }

    pub(super) fn socket_closed(&mut self, client: ClientId, generation: Generation, how: &CloseHow) {
        if !self.of(client).reading {
            return self.clients[client.0].unread.push_back((generation, Err(how.clone())));
        }
        self.see(|| Sight::Down(client, generation));
        let cause = Error::new(ErrorKind::ConnectionFailed, "the connection broke");
        let cause = match how {
            CloseHow::Abrupt => cause,
            CloseHow::Clean { code, reason } => cause.with_close(*code, reason),
        };
        self.input(client, Input::SocketClosed { generation, cause });
    }

    /// The system finds that the other end of a link is gone.
    pub(super) fn find_dead(&mut self, socket: SocketId) {
        if let Some(link) = self.links.remove(socket) {
            self.queue.plan(self.now, Happening::CloseToService(socket));
            self.queue
                .plan(self.now, Happening::CloseToClient(link.client, link.generation, CloseHow::Abrupt));
        }
    }
}

pub(super) fn keep(trail: &mut VecDeque<String>, most: usize, line: String) {
    if trail.len() == most {
        trail.pop_front();
    }
    trail.push_back(line.chars().take(LINE).collect());
}
