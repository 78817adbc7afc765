//! One service, its clients, and everything that is on its way between them.

mod carry;

use std::time::Duration;

use bytes::Bytes;
use secondme_avatar_emulator::Settings;
use secondme_avatar_emulator::service::{self, Answer, Request, Service, SocketId, State};
use secondme_avatar_protocol::{
    CallId, Config, Error, ErrorKind, Generation, Input, Machine, Millis, Raw, Record, Visitor,
};

use crate::client::{Client, ClientId};
use crate::exchange::{Asked, retry_after};
use crate::network::{Fate, Network};
use crate::queue::Queue;
use crate::quota::Desk;
use crate::sockets::Links;

/// When every world begins.
const BEGINNING: Millis = Millis(1_774_580_000_000);

/// The key that the emulated service knows.
const KEY: &str = "sk-emulator";

/// What [`World::run_until`] waits for at most.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// One service, its clients, and everything that is on its way between them.
#[derive(Debug)]
pub struct World {
    now: Millis,
    seed: u64,
    /// What lies between.
    pub network: Network,
    /// All calls that clients made.
    pub asked: Vec<Asked>,
    /// Whether handshakes carry an `Origin`.
    pub sends_origin: bool,
    service: Service,
    service_wakes_at: Option<Millis>,
    clients: Vec<Client>,
    links: Links,
    desk: Desk,
    desk_wakes_at: Option<Millis>,
    queue: Queue<Happening>,
}

/// What happens at some moment.
#[derive(Debug)]
enum Happening {
    ClientWakes(ClientId),
    ServiceWakes,
    DeskWakes,
    CallArrives(ClientId, CallId, Request, Fate),
    AnswerArrives(ClientId, CallId, Answer),
    CallFails { client: ClientId, call: CallId, sent: bool },
    HandshakeArrives(ClientId, Generation, String),
    HandshakeAnswered(ClientId, Generation),
    HandshakeFails(ClientId, Generation, Option<u16>),
    FrameToService(SocketId, String),
    FrameToClient(ClientId, Generation, String),
    CloseToService(SocketId),
    CloseToClient(ClientId, Generation),
}

impl World {
    /// A world on which nothing has happened yet.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            now: BEGINNING,
            seed,
            network: Network::new(seed),
            asked: Vec::new(),
            sends_origin: true,
            service: Service::new(settings, service::Millis(BEGINNING.0), seed),
            service_wakes_at: None,
            clients: Vec::new(),
            links: Links::default(),
            desk: Desk::default(),
            desk_wakes_at: None,
            queue: Queue::new(),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// A client for the visitor of this name.
    pub fn client(&mut self, name: &str) -> ClientId {
        let visitor = Visitor::for_user("web", name).expect("a good name");
        self.client_with(Config::default(), visitor, None)
    }

    /// A client of its own kind.
    pub fn client_with(&mut self, config: Config, visitor: Visitor, record: Option<Record>) -> ClientId {
        let key = KEY.parse().expect("a good key");
        self.client_of(Machine::new(config, key, visitor, record, self.now, self.seed_of_next()))
    }

    /// A client whose machine was made elsewhere.
    pub fn client_of(&mut self, machine: Machine) -> ClientId {
        self.clients.push(Client::new(machine));
        ClientId(self.clients.len() - 1)
    }

    /// The seed for the next client's machine: another for each.
    pub fn seed_of_next(&self) -> u64 {
        self.seed.wrapping_add(self.clients.len() as u64 * 0x9e37_79b9)
    }

    /// A client, to be looked at.
    pub fn of(&self, client: ClientId) -> &Client {
        &self.clients[client.0]
    }

    /// Ends the client as a killed process ends: without a word. Another one takes its place, with
    /// what it had remembered.
    pub fn restart(&mut self, client: ClientId) -> ClientId {
        let record = self.of(client).machine.record();
        let visitor = self.of(client).machine.visitor().clone();
        self.clients[client.0].gone = true;
        for socket in self.links.sockets_of(client) {
            self.links.remove(socket);
            let at = self.network.arrival(self.now);
            self.queue.plan(at, Happening::CloseToService(socket));
        }
        self.client_with(Config::default(), visitor, Some(record))
    }

    /// Does something to the service, and carries out what follows.
    pub fn with_service<R>(&mut self, act: impl FnOnce(&mut Service, service::Millis) -> R) -> R {
        let result = act(&mut self.service, service::Millis(self.now.0));
        self.carry_out_pushes();
        result
    }

    /// What the service knows.
    pub fn state(&mut self) -> State {
        self.with_service(|service, now| service.state(now))
    }

    /// The client's link goes silent, and nobody is told.
    pub fn half_open(&mut self, client: ClientId) {
        self.links.newest(client).expect("a link").half_open = true;
    }

    /// The client's link breaks, and both sides are told.
    pub fn cut(&mut self, client: ClientId) {
        for socket in self.links.sockets_of(client) {
            let link = self.links.remove(socket).expect("a link");
            let (up, down) = (self.network.arrival(self.now), self.network.arrival(self.now));
            self.queue.plan(up, Happening::CloseToService(socket));
            self.queue.plan(down, Happening::CloseToClient(link.client, link.generation));
        }
    }

    /// Hands the machine an input at the present moment, and carries out what follows.
    pub fn input(&mut self, client: ClientId, input: Input) {
        if self.of(client).gone {
            return;
        }
        let was_closed = self.of(client).machine.is_closed();
        self.clients[client.0].machine.handle(self.now, input);
        self.carry_out(client, was_closed);
    }

    /// Does something to a machine at the present moment, and carries out what follows.
    pub fn with_machine<R>(&mut self, client: ClientId, act: impl FnOnce(&mut Machine, Millis) -> R) -> R {
        let was_closed = self.of(client).machine.is_closed();
        let result = act(&mut self.clients[client.0].machine, self.now);
        self.carry_out(client, was_closed);
        result
    }

    /// Lets this much time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.queue.next().is_some_and(|next| next <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until it is as wanted.
    pub fn run_until(&mut self, mut wanted: impl FnMut(&mut Self) -> bool) {
        let end = self.now + PATIENCE;
        while !wanted(self) {
            let next = self.queue.next();
            assert!(
                next.is_some_and(|next| next <= end),
                "it never comes: {next:?} is next, {end:?} the end"
            );
            self.step();
        }
    }

    /// Lets the next thing happen. `false` where there is none.
    pub fn step(&mut self) -> bool {
        let Some((at, what)) = self.queue.take() else {
            return false;
        };
        self.now = self.now.max(at);
        self.happen(what);
        true
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::ClientWakes(client) => {
                let due = self.of(client).wakes_at.is_some_and(|at| at <= self.now);
                if due && !self.of(client).gone {
                    self.clients[client.0].wakes_at = None;
                    self.input(client, Input::Tick);
                    let next = self.of(client).machine.next_deadline();
                    assert!(next.is_none_or(|next| next > self.now), "woken at {:?} for nothing", self.now);
                }
            }
            Happening::ServiceWakes => {
                self.service_wakes_at = None;
                self.with_service(|service, now| service.tick(now));
            }
            Happening::DeskWakes => {
                self.desk_wakes_at = None;
                self.grant();
            }
            Happening::CallArrives(client, call, request, fate) => {
                self.call_arrives(client, call, &request, fate);
            }
            Happening::AnswerArrives(client, call, answer) => {
                self.desk.done(client, call, self.now);
                let retry_after = retry_after(&answer).map(Duration::from_secs);
                let body = Bytes::from(answer.body);
                self.input(client, Input::HttpAnswer { call, status: answer.status, retry_after, body });
                self.grant();
            }
            Happening::CallFails { client, call, sent } => {
                self.desk.done(client, call, self.now);
                let error = Error::new(ErrorKind::ConnectionFailed, "the connection broke");
                self.input(client, Input::HttpFailed { call, sent, error });
                self.grant();
            }
            Happening::HandshakeArrives(client, generation, target) => {
                self.handshake_arrives(client, generation, &target);
            }
            Happening::HandshakeAnswered(client, generation) => {
                self.input(client, Input::SocketOpened(generation));
            }
            Happening::HandshakeFails(client, generation, status) => {
                let error = Error::new(ErrorKind::ConnectionFailed, "the handshake failed");
                self.input(client, Input::SocketFailed { generation, status, error });
            }
            Happening::FrameToService(socket, text) => {
                self.with_service(|service, now| service.receive(now, socket, &text));
            }
            Happening::FrameToClient(client, generation, text) => {
                self.input(client, Input::SocketFrame { generation, frame: Raw::from(text) });
            }
            Happening::CloseToService(socket) => {
                self.with_service(|service, now| service.disconnected(now, socket));
            }
            Happening::CloseToClient(client, generation) => {
                self.input(client, Input::SocketClosed(generation));
            }
        }
    }
}
