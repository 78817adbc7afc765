//! One service, its clients, and everything that is on its way between them.

mod carry;
mod happening;
mod permits;
mod tokens;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use secondme_avatar_emulator::Settings;
use secondme_avatar_emulator::service::{self, CloseHow, Service, SocketId, State};
use secondme_avatar_protocol::{ApiKey, Config, Input, Machine, Millis, Record, Ticket, Visitor};

use crate::client::{Client, ClientId};
use crate::disk::Disk;
use crate::exchange::Asked;
use crate::network::Network;
use crate::queue::Queue;
use crate::quota::Desk;
use crate::sight::Sight;
use crate::slots::SlotDesk;
use crate::sockets::Links;

use self::happening::{Happening, keep};
use self::tokens::TokenDesk;

/// When every world begins.
const BEGINNING: Millis = Millis(1_774_580_000_000);

/// What clients show as the origin of a handshake.
pub(crate) const ORIGIN: &str = "https://avatar.test";

/// The key that the emulated service knows, unless its settings say otherwise.
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
    /// One for each key.
    desks: Vec<Desk>,
    desk_wakes_at: Option<Millis>,
    slots: SlotDesk,
    tokens: TokenDesk,
    /// Sockets that clients have closed, until the service knows of it.
    leaving: BTreeMap<SocketId, ClientId>,
    queue: Queue<Happening>,
    steps: u64,
    /// What is seen, while a property asks for it.
    sights: Option<Vec<Sight>>,
    /// The last happenings, while a trail is wanted.
    trail: VecDeque<String>,
    /// How many are kept.
    keeps: usize,
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
            desks: vec![Desk::default()],
            desk_wakes_at: None,
            slots: SlotDesk::default(),
            tokens: TokenDesk::new(seed),
            leaving: BTreeMap::new(),
            queue: Queue::new(),
            steps: 0,
            sights: None,
            trail: VecDeque::new(),
            keeps: 0,
        }
    }

    /// A world that is looked at: with a desk for each of the settings' keys, which has as many calls
    /// in a minute as `quota` says. So many of the last happenings are kept in words.
    pub fn watched(settings: Settings, seed: u64, quota: usize, keeps: usize) -> Self {
        let desks = settings.keys.iter().map(|_| Desk::of_calls(quota)).collect();
        Self { desks, sights: Some(Vec::new()), keeps, ..Self::new(settings, seed) }
    }

    /// How many happenings there have been.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// When the next thing happens.
    pub fn next_at(&mut self) -> Option<Millis> {
        loop {
            match self.queue.next() {
                // What woke earlier than was planned at first has planned anew.
                Some((at, what)) if self.is_stale(at, what) => drop(self.queue.take()),
                next => return next.map(|(at, _)| at),
            }
        }
    }

    /// Lets time pass in which nothing happens.
    pub fn pass_until(&mut self, at: Millis) {
        self.now = self.now.max(at);
    }

    /// What was seen since the last time.
    pub fn sights(&mut self) -> Vec<Sight> {
        self.sights.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Notes what is seen, if a property asks for it.
    pub fn see(&mut self, sight: impl FnOnce() -> Sight) {
        if let Some(sights) = &mut self.sights {
            let sight = sight();
            if self.keeps > 0 {
                keep(&mut self.trail, self.keeps, format!("{} {sight:?}", self.now.0 - BEGINNING.0));
            }
            sights.push(sight);
        }
    }

    /// The last happenings, oldest first.
    pub fn trail(&self) -> impl Iterator<Item = &str> {
        self.trail.iter().map(String::as_str)
    }

    /// A command was given, and may be cancelled.
    pub(crate) fn gave(&mut self, client: ClientId, ticket: Ticket) {
        self.clients[client.0].log.given = ticket.0;
    }

    /// All clients there have been.
    pub fn clients(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        self.clients.iter().enumerate().map(|(number, client)| (ClientId(number), client))
    }

    /// Whether something is under way for the client that it need not watch over itself: a slot of the
    /// quota, or a permit to connect.
    pub fn awaits(&self, client: ClientId) -> bool {
        let one = self.of(client);
        one.awaits_permit || self.desks[one.key].awaits(client) || self.tokens.awaits(client)
    }

    /// Whether what comes over the client's socket is read.
    pub fn is_read(&self, client: ClientId) -> bool {
        self.of(client).reading
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

    /// A client with that one of the settings' keys.
    pub fn client_of_key(
        &mut self,
        key: usize,
        config: Config,
        visitor: Visitor,
        record: Option<Record>,
    ) -> ClientId {
        let name = self.key(key);
        let client =
            self.client_of(Machine::new(config, name, visitor, record, self.now, self.seed_of_next()));
        self.clients[client.0].key = key;
        client
    }

    fn key(&self, number: usize) -> ApiKey {
        self.service.settings().keys[number].key.parse().expect("a good key")
    }

    /// A client whose machine was made elsewhere.
    pub fn client_of(&mut self, machine: Machine) -> ClientId {
        self.clients.push(Client::new(machine, 0));
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
        self.restart_with(client, Config::default())
    }

    /// The same, and the next one is configured so.
    pub fn restart_with(&mut self, client: ClientId, config: Config) -> ClientId {
        if self.of(client).machine.is_closed() {
            // The process lives: whatever is under way is written.
            while !self.of(client).disk.is_written() {
                self.clients[client.0].disk.write();
            }
        }
        self.kill(client);
        self.succeed(client, config)
    }

    /// Ends the client as a killed process ends: without a word.
    pub fn kill(&mut self, client: ClientId) {
        let key = self.of(client).key;
        let saved = self.of(client).disk.is_written();
        let survives = self.network.survives(self.of(client).disk.writes.len());
        for _ in 0..survives {
            self.clients[client.0].disk.write();
        }
        self.see(|| Sight::Killed { client, saved });
        self.clients[client.0].gone = true;
        self.clients[client.0].unread.clear();
        self.desks[key].forget(client, self.now);
        self.tokens.forget(client);
        self.release_slot(client);
        for socket in self.links.sockets_of(client) {
            self.links.remove(socket);
            let at = self.network.arrival(self.now);
            self.queue.plan(at, Happening::CloseToService(socket));
        }
    }

    /// A client in place of one that was killed, with what that one had remembered.
    pub fn succeed(&mut self, client: ClientId, config: Config) -> ClientId {
        let (key, visitor) = (self.of(client).key, self.of(client).machine.visitor().clone());
        let Disk { record, messages, .. } = &self.of(client).disk;
        let (record, messages) = (record.clone(), messages.clone());
        let name = self.key(key);
        let seed = self.seed_of_next();
        let mut machine = Machine::new(config, name, visitor, record.clone(), self.now, seed);
        machine.restore(self.now, messages.clone());
        let next = self.client_of(machine);
        let one = &mut self.clients[next.0];
        one.key = key;
        one.disk.record = record;
        one.disk.messages = messages;
        next
    }

    /// The service loses all it knew.
    pub fn reset_service(&mut self) {
        self.network.meet("service forgot everything");
        self.see(|| Sight::Reset);
        self.with_service(|service, now| service.reset(now));
    }

    /// Whether what comes over the client's socket is read. What comes meanwhile waits.
    pub fn read(&mut self, client: ClientId, reading: bool) {
        self.clients[client.0].reading = reading;
        self.input(client, Input::Reading(reading));
        while self.of(client).reading
            && let Some((generation, frame)) = self.clients[client.0].unread.pop_front()
        {
            match frame {
                Ok(text) => self.frame_comes(client, generation, text),
                Err(how) => self.socket_closed(client, generation, &how),
            }
        }
    }

    /// Every link that went silent is found dead.
    pub fn find_dead_links(&mut self) {
        for socket in self.links.all() {
            if self.links.get(socket).is_some_and(|link| link.half_open) {
                self.find_dead(socket);
            }
        }
    }

    /// How many sockets there are.
    pub fn sockets(&self) -> usize {
        self.links.count()
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

    /// The client's link goes silent, and neither side learns of it.
    pub fn half_open(&mut self, client: ClientId) {
        self.links.newest(client).expect("a link").half_open = true;
    }

    /// The client's link breaks, and both sides are told.
    pub fn cut(&mut self, client: ClientId) {
        self.network.meet("link cut");
        for socket in self.links.sockets_of(client) {
            let link = self.links.remove(socket).expect("a link");
            let (up, down) = (self.network.arrival(self.now), self.network.arrival(self.now));
            self.queue.plan(up, Happening::CloseToService(socket));
            self.queue.plan(down, Happening::CloseToClient(link.client, link.generation, CloseHow::Abrupt));
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
        while self.next_at().is_some_and(|next| next <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until it is as wanted.
    pub fn run_until(&mut self, mut wanted: impl FnMut(&mut Self) -> bool) {
        let end = self.now + PATIENCE;
        while !wanted(self) {
            let next = self.next_at();
            assert!(
                next.is_some_and(|next| next <= end),
                "it never comes: {next:?} is next, {end:?} the end"
            );
            self.step();
        }
    }
}
