//! Processes, the way to Redis, and the service, in a time of their own.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::time::Duration;

use redis::{Commands, Connection};
use secondme_avatar_protocol::{Door, Millis, QuotaTicket};

use super::redis_server::Server;
use crate::peers::{QuotaAnswer, QuotaReport, SharedStore};
use crate::quota::line::{Left, Line};
use crate::quota::share::{Share, Times};
use crate::store::{KeyRef, RedisStore};

pub(super) const LIMIT: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);

/// After this time a report without an answer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct World {
    chance: Chance,
    now: Millis,
    plan: BinaryHeap<Reverse<(Millis, u64)>>,
    events: HashMap<u64, Event>,
    next: u64,
    processes: Vec<Process>,
    /// When authentications came in at the service.
    arrived: Vec<Millis>,
    /// Faults happen by themselves.
    is_harmed: bool,
    /// The longest that a report or an answer is under way, but for faults.
    way: Duration,
    clock: Connection,
    clock_key: String,
    peers: SharedStore,
    key: KeyRef,
    _store: RedisStore,
    _server: Server,
}

struct Process {
    line: Line,
    is_alive: bool,
    is_cut: bool,
    wants: usize,
    tickets: BTreeSet<QuotaTicket>,
    /// The turn of the report that is under way.
    reporting: Option<u64>,
    looks_at: Option<Millis>,
    /// It stands still until then.
    frozen_until: Millis,
    served: usize,
}

enum Event {
    /// The process looks what is due.
    Look(usize),
    /// The report is at Redis.
    Report(usize, Box<Sent>),
    Answer(usize, Box<Sent>, QuotaAnswer),
    Fails(usize, Box<Sent>),
    /// A call is at the service.
    Arrives,
    /// The call is back, or was given up.
    Ends {
        who: usize,
        ticket: QuotaTicket,
        left: Option<Left>,
    },
    Harm,
}

/// A report on its way.
#[derive(Clone)]
struct Sent {
    report: QuotaReport,
    asked_at: Millis,
    answer_is_lost: bool,
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn of_hundred(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn below_time(&mut self, limit: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(limit.as_millis()).unwrap()))
    }

    /// Mostly short, now and then as long as it may be.
    fn delay(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).unwrap();
        let limit = if self.of_hundred(5) { longest } else { longest.min(100) };
        Duration::from_millis(1 + self.below(limit))
    }
}

impl Event {
    /// In which process it happens.
    fn process(&self) -> Option<usize> {
        match self {
            Self::Look(who) | Self::Answer(who, ..) | Self::Fails(who, _) | Self::Ends { who, .. } => {
                Some(*who)
            }
            Self::Report(..) | Self::Arrives | Self::Harm => None,
        }
    }
}

impl World {
    /// Returns `None` where Redis is not installed.
    pub(super) fn new(seed: u64, processes: usize) -> Option<Self> {
        let server = Server::start(&["--appendonly", "no"])?;
        let store = RedisStore::open(&server.url("world")).unwrap();
        let clock_key = "{world}:time".to_owned();
        let mut world = Self {
            chance: Chance(seed),
            now: Millis(1_800_000_000_000),
            plan: BinaryHeap::new(),
            events: HashMap::new(),
            next: 0,
            processes: Vec::new(),
            arrived: Vec::new(),
            is_harmed: false,
            way: Duration::from_millis(5),
            clock: server.connect(),
            peers: store.peers_by_time_in(&clock_key),
            clock_key,
            key: KeyRef::new(
                Door::AvatarOpenApi,
                &"sk-world".parse().unwrap(),
                &"https://service.test".parse().unwrap(),
            ),
            _store: store,
            _server: server,
        };
        for _ in 0..processes {
            world.begin();
        }
        Some(world)
    }

    /// Keeps so many visitors waiting in each process.
    pub(super) fn want(&mut self, wants: usize) {
        (0..self.processes.len()).for_each(|who| self.want_of(who, wants));
    }

    pub(super) fn want_of(&mut self, who: usize, wants: usize) {
        self.processes[who].wants = wants;
        self.look(who);
    }

    pub(super) fn join(&mut self, who: usize) {
        let ticket = self.processes[who].line.join();
        self.processes[who].tickets.insert(ticket);
        self.look(who);
    }

    pub(super) fn refuse(&mut self, who: usize, wait: Duration) {
        let until = self.now + wait;
        self.processes[who].line.hold_until(until);
        self.look(who);
    }

    pub(super) fn cut(&mut self, who: usize) {
        self.processes[who].is_cut = true;
    }

    pub(super) fn mend(&mut self, who: usize) {
        self.processes[who].is_cut = false;
    }

    pub(super) fn cut_all(&mut self) {
        self.processes.iter_mut().for_each(|process| process.is_cut = true);
    }

    pub(super) fn mend_all(&mut self) {
        self.processes.iter_mut().for_each(|process| process.is_cut = false);
    }

    pub(super) fn lose_everything(&mut self) {
        redis::cmd("FLUSHALL").exec(&mut self.clock).unwrap();
    }

    /// Reports and answers are under way for as long as this.
    pub(super) fn slow(&mut self, way: Duration) {
        self.way = way;
    }

    /// From now on answers are lost, processes are cut off, freeze and die, and new ones come.
    pub(super) fn harm(&mut self) {
        self.is_harmed = true;
        self.plan(self.now, Event::Harm);
    }

    /// How many each process has authenticated.
    pub(super) fn served(&self) -> Vec<usize> {
        self.processes.iter().map(|process| process.served).collect()
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Returns how long it took.
    pub(super) fn run_until(&mut self, done: impl Fn(&Self) -> bool) -> Duration {
        let started = self.now;
        while !done(self) {
            assert!(self.step(started + WINDOW * 10), "it never came");
        }
        self.now.since(started)
    }

    /// No minute has had more than the quota.
    pub(super) fn check(&mut self) {
        self.arrived.sort_unstable();
        for (first, last) in self.arrived.iter().zip(self.arrived.iter().skip(LIMIT)) {
            assert!(last.since(*first) >= WINDOW, "{} in {:?}", LIMIT + 1, last.since(*first));
        }
    }

    fn begin(&mut self) {
        let who = self.processes.len();
        let share = Share::new(Times::of(WINDOW), LIMIT, format!("process-{who}"));
        self.processes.push(Process {
            line: Line::new(LIMIT, WINDOW).shared(self.key, share),
            is_alive: true,
            is_cut: false,
            wants: 0,
            tickets: BTreeSet::new(),
            reporting: None,
            looks_at: None,
            frozen_until: Millis::default(),
            served: 0,
        });
        self.look(who);
    }

    fn look(&mut self, who: usize) {
        self.look_at(who, self.now);
    }

    fn look_at(&mut self, who: usize, at: Millis) {
        let looks_at = &mut self.processes[who].looks_at;
        if looks_at.is_none_or(|planned| at < planned) {
            *looks_at = Some(at);
            self.plan(at, Event::Look(who));
        }
    }

    fn plan(&mut self, at: Millis, event: Event) {
        self.next += 1;
        self.events.insert(self.next, event);
        self.plan.push(Reverse((at, self.next)));
    }

    /// Returns whether something happened before the end.
    fn step(&mut self, end: Millis) -> bool {
        let Some(Reverse((at, number))) = self.plan.peek().copied().filter(|Reverse((at, _))| *at <= end)
        else {
            return false;
        };
        self.plan.pop();
        self.now = self.now.max(at);
        let event = self.events.remove(&number).unwrap();
        if let Some(who) = event.process()
            && self.processes[who].frozen_until > self.now
        {
            self.plan(self.processes[who].frozen_until, event);
            return true;
        }
        match event {
            Event::Look(who) => {
                if self.processes[who].looks_at.is_some_and(|at| at <= self.now) {
                    self.processes[who].looks_at = None;
                    self.act(who);
                }
            }
            Event::Report(who, sent) => self.execute(who, sent),
            Event::Answer(who, sent, answer) => {
                if self.is_awaited(who, &sent) {
                    let process = &mut self.processes[who];
                    process.line.answered(&self.key, &sent.report, sent.asked_at, self.now, answer);
                    self.act(who);
                }
            }
            Event::Fails(who, sent) => {
                if self.is_awaited(who, &sent) {
                    self.processes[who].line.failed(&self.key, &sent.report, self.now);
                    self.act(who);
                }
            }
            Event::Arrives => self.arrived.push(self.now),
            Event::Ends { who, ticket, left } => {
                match left {
                    None => self.processes[who].line.finish(ticket, self.now),
                    Some(left) => self.processes[who].line.leave(ticket, left, self.now),
                }
                self.act(who);
            }
            Event::Harm => self.do_harm(),
        }
        true
    }

    fn is_awaited(&mut self, who: usize, sent: &Sent) -> bool {
        let reporting = &mut self.processes[who].reporting;
        let is_awaited = *reporting == Some(sent.report.turn);
        if is_awaited {
            *reporting = None;
        }
        is_awaited
    }

    /// Lets out what may go, and reports what is due.
    fn act(&mut self, who: usize) {
        let now = self.now;
        if !self.processes[who].is_alive {
            return;
        }
        while self.processes[who].tickets.len() < self.processes[who].wants {
            let ticket = self.processes[who].line.join();
            self.processes[who].tickets.insert(ticket);
        }
        if self.processes[who].line.grant(now) {
            let process = &mut self.processes[who];
            let granted: Vec<_> =
                process.tickets.iter().copied().filter(|ticket| process.line.notice(*ticket)).collect();
            for ticket in granted {
                self.processes[who].tickets.remove(&ticket);
                self.call(who, ticket);
            }
            return self.act(who);
        }
        let process = &mut self.processes[who];
        let opens = process.line.next_deadline(now).filter(|at| *at > now);
        let due = process.line.report_due(now).unwrap();
        let is_reporting = process.reporting.is_some();
        if let Some(at) = opens {
            self.look_at(who, at);
        }
        if !is_reporting && due > now {
            self.look_at(who, due);
        } else if !is_reporting {
            self.report(who);
        }
    }

    fn call(&mut self, who: usize, ticket: QuotaTicket) {
        let longest = Duration::from_secs(10);
        if self.chance.of_hundred(2) {
            return self.plan(self.now, Event::Ends { who, ticket, left: Some(Left::Unused) });
        }
        self.processes[who].served += 1;
        let arrives = self.chance.delay(longest);
        let ends = arrives + self.chance.delay(longest - arrives.min(longest - Duration::from_millis(1)));
        self.plan(self.now + arrives, Event::Arrives);
        // One that was given up may arrive afterwards.
        let gives_up = self.chance.of_hundred(2);
        let (ends, left) = if gives_up { (arrives / 2, Some(Left::UnderWay)) } else { (ends, None) };
        self.plan(self.now + ends, Event::Ends { who, ticket, left });
    }

    fn report(&mut self, who: usize) {
        let asked_at = self.now;
        let process = &mut self.processes[who];
        let (_, report) = process.line.report(asked_at).unwrap();
        process.reporting = Some(report.turn);
        let is_lost = process.is_cut || self.is_harmed && self.chance.of_hundred(3);
        let answer_is_lost = self.is_harmed && self.chance.of_hundred(3);
        let sent = Box::new(Sent { report, asked_at, answer_is_lost });
        let is_refused = is_lost && self.chance.of_hundred(50);
        let fails = if is_refused { Duration::from_millis(1) } else { TIMEOUT };
        self.plan(asked_at + fails, Event::Fails(who, sent.clone()));
        if !is_lost {
            // It may be there after a later one.
            let way = if self.is_harmed {
                self.chance.delay(TIMEOUT * 3)
            } else {
                self.chance.below_time(self.way)
            };
            self.plan(asked_at + way, Event::Report(who, sent));
        }
    }

    fn execute(&mut self, who: usize, sent: Box<Sent>) {
        let () = self.clock.set(&self.clock_key, self.now.0).unwrap();
        // One that a later report has overtaken is void.
        let Ok(answer) = self.peers.0.share_quota(&self.key, &sent.report) else { return };
        if !sent.answer_is_lost {
            let late = Duration::from_secs(3);
            let way = if self.is_harmed { self.chance.delay(late) } else { self.chance.below_time(self.way) };
            self.plan(self.now + way, Event::Answer(who, sent, answer));
        }
    }

    fn do_harm(&mut self) {
        let who = usize::try_from(self.chance.below(u64::try_from(self.processes.len()).unwrap())).unwrap();
        let wants = self.processes[who].wants;
        match self.chance.below(10) {
            0..3 => self.cut(who),
            3..7 => self.mend_all(),
            7 => {
                let freezes = self.chance.below_time(WINDOW * 2);
                self.processes[who].frozen_until = self.now + freezes;
            }
            8 => self.processes[who].is_alive = false,
            _ => {
                self.begin();
                self.want_of(self.processes.len() - 1, wants);
            }
        }
        let pause = self.chance.below_time(WINDOW * 3 / 2);
        self.plan(self.now + pause, Event::Harm);
    }
}
