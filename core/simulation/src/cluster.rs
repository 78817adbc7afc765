//! Several processes that share a store, and people who ask them, in virtual time.
//!
//! Machines, service and quota are those of a [`World`]. The store is a model: leases, who has a visitor, and how many
//! commands each step takes ([`Redis`]). So are the letters between the processes.

mod redis;
mod tally;

use std::collections::BTreeMap;
use std::time::Duration;

use secondme_avatar_emulator::Settings;
use secondme_avatar_protocol::{
    Command, Config, ConversationKey, MessageId, Millis, Outcome, Text, Ticket, limits,
};

pub use self::redis::Redis;
pub use self::tally::Figures;
use self::tally::Tally;
use crate::chance::Chance;
use crate::client::ClientId;
use crate::queue::Queue;
use crate::world::World;

const FIRST: ConversationKey = ConversationKey::FIRST;

/// A lease runs out so long after it was renewed, and is renewed so often.
const LEASE: Duration = Duration::from_secs(9);
const RENEWED: Duration = Duration::from_millis(2500);

/// How often a process looks whether the leases of others have run out.
const LOOKS: Duration = Duration::from_millis(250);

/// When a killed process is there again, and when a person asks again whose process has died.
const STARTS_AGAIN: Duration = Duration::from_secs(3);
const ASKS_AGAIN: Duration = Duration::from_millis(500);

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many processes there are.
    pub processes: usize,
    /// How many people come, one after the other, each for the first time.
    pub visitors: usize,
    /// How many come in a minute.
    pub newcomers: u32,
    /// How many questions each asks in a visit, and about how long after an answer.
    pub questions: u32,
    /// How long a person thinks, on average.
    pub thinks: Duration,
    /// How long a person stays away after a visit, on average.
    pub away: Duration,
    /// A silent visitor's socket is given up after this time.
    pub idle_after: Duration,
    /// How long it goes on after the last has come for the first time.
    pub lasts: Duration,
    /// How often one of the processes is killed.
    pub kills: Option<Duration>,
    /// What the service is like.
    pub service: Settings,
    /// Decides everything.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            processes: 5,
            visitors: 250,
            newcomers: 60,
            questions: 4,
            thinks: Duration::from_secs(60),
            away: Duration::from_secs(20 * 60),
            idle_after: Duration::from_secs(5 * 60),
            lasts: Duration::from_secs(20 * 60),
            kills: None,
            service: Settings::default().reply_delay(Duration::from_secs(2).into()),
            seed: 1,
        }
    }
}

/// Runs a plan to its end, and waits for the last answers.
pub fn run(plan: &Plan) -> Figures {
    let mut cluster = Cluster::new(plan.clone());
    while cluster.step() {}
    cluster.tally.figures(cluster.world.state(), &cluster.redis)
}

/// What happens to people and processes.
#[derive(Debug)]
enum Event {
    /// The visitor asks the next question, or the same once more.
    Asks(usize),
    /// The visitor has been silent for long.
    Rests(usize, u32),
    Kills,
    Starts(usize),
    /// What the lease of a process that is gone was for is free, and the others see it.
    LeaseEnds(usize),
}

struct Cluster {
    plan: Plan,
    world: World,
    chance: Chance,
    queue: Queue<Event>,
    redis: Redis,
    /// Which processes live, and when each has renewed its lease for the first time.
    alive: Vec<Option<Millis>>,
    people: Vec<Person>,
    /// Questions that a machine has, by visitor.
    waiting: BTreeMap<usize, Ticket>,
    ends: Millis,
    tally: Tally,
}

/// A visitor, and the person's question.
#[derive(Debug, Default)]
struct Person {
    client: Option<ClientId>,
    /// The process that has the visitor, dead or alive.
    holder: Option<usize>,
    /// In which processes the visitor is open.
    open: Vec<usize>,
    question: Option<Question>,
    asked: u32,
    /// How much of the client's log was told to other processes.
    told: usize,
    saved: usize,
}

#[derive(Debug)]
struct Question {
    id: MessageId,
    text: String,
    at: Millis,
    /// Which process the person has asked.
    by: usize,
    /// A process that is gone may have begun with it.
    was_given: bool,
    /// The visitor's process has died meanwhile.
    moved: bool,
}

impl Cluster {
    fn new(plan: Plan) -> Self {
        let mut world = World::new(plan.service.clone(), plan.seed);
        world.network.delay = crate::Delay::Between(Duration::from_millis(5), Duration::from_millis(40));
        let now = world.now();
        let between = Duration::from_secs(60) / plan.newcomers.max(1);
        let mut queue = Queue::new();
        for visitor in 0..plan.visitors {
            queue.plan(now + between * visitor as u32, Event::Asks(visitor));
        }
        if let Some(every) = plan.kills {
            queue.plan(now + every, Event::Kills);
        }
        let ends = now + between * plan.visitors as u32 + plan.lasts;
        Self {
            chance: Chance::new(plan.seed),
            queue,
            redis: Redis::default(),
            alive: vec![Some(now); plan.processes],
            people: (0..plan.visitors).map(|_| Person::default()).collect(),
            waiting: BTreeMap::new(),
            tally: Tally::new(now),
            ends,
            world,
            plan,
        }
    }

    /// Lets the next thing happen. Returns `false` at the end.
    fn step(&mut self) -> bool {
        let is_over = self.world.now() >= self.ends;
        if is_over && self.people.iter().all(|person| person.question.is_none()) {
            return false;
        }
        let own = self.queue.next().map(|(at, _)| at);
        let next = self.world.next_at();
        match (own, next) {
            (Some(at), next) if next.is_none_or(|next| at <= next) => {
                self.world.pass_until(at);
                if let Some((_, event)) = self.queue.take() {
                    self.happen(event, is_over);
                }
            }
            (_, Some(_)) => {
                self.world.step();
                self.look();
            }
            (_, None) => return false,
        }
        true
    }

    fn happen(&mut self, event: Event, is_over: bool) {
        match event {
            Event::Asks(visitor) if self.people[visitor].question.is_some() || !is_over => self.ask(visitor),
            Event::Rests(visitor, asked) => self.rest(visitor, asked),
            Event::Kills if !is_over => self.kill(),
            Event::Starts(process) => self.alive[process] = Some(self.world.now()),
            Event::LeaseEnds(process) => self.lease_ends(process),
            Event::Asks(_) | Event::Kills => {}
        }
    }

    /// The person asks one of the processes.
    fn ask(&mut self, visitor: usize) {
        let now = self.world.now();
        let living: Vec<usize> =
            (0..self.alive.len()).filter(|process| self.alive[*process].is_some()).collect();
        if living.is_empty() {
            return self.queue.plan(now + ASKS_AGAIN, Event::Asks(visitor));
        }
        let by = self.chance.of(&living);
        let person = &mut self.people[visitor];
        match &mut person.question {
            Some(question) => question.by = by,
            None => {
                person.asked += 1;
                let id = MessageId::of(self.chance.any(), now);
                let text = format!("v{visitor} q{}", person.asked);
                let (was_given, moved) = (false, false);
                person.question = Some(Question { id, text, at: now, by, was_given, moved });
                self.tally.asked();
            }
        }
        if !person.open.contains(&by) {
            person.open.push(by);
            self.redis.opens(person.holder.is_some());
        }
        if person.holder.is_none() {
            self.take(visitor, by);
        }
        self.give(visitor);
    }

    /// The process has the visitor from now on.
    fn take(&mut self, visitor: usize, process: usize) {
        let person = &mut self.people[visitor];
        person.holder = Some(process);
        let client = match person.client {
            None => self.world.client(&visitor.to_string()),
            Some(before) => {
                self.tally.moved();
                self.world.succeed(before, Config::default())
            }
        };
        (person.client, person.told, person.saved) = (Some(client), 0, 0);
        self.world.open(client);
    }

    /// Gives the person's question to the machine, if there is one that the machine does not have yet.
    fn give(&mut self, visitor: usize) {
        let person = &mut self.people[visitor];
        let (Some(holder), Some(client), Some(question)) =
            (person.holder, person.client, &mut person.question)
        else {
            return;
        };
        if self.alive[holder].is_none()
            || self.world.of(client).is_gone()
            || self.waiting.contains_key(&visitor)
        {
            return;
        }
        if question.by != holder {
            self.redis.asks();
        }
        let (again, id) = (std::mem::replace(&mut question.was_given, true), question.id.clone());
        let ask = Command::Ask {
            conversation: FIRST,
            text: Text::from(question.text.as_str()),
            deadline: limits::ASK_DEADLINE,
            first_piece: limits::FIRST_PIECE,
            collect: None,
            pieces: true,
        };
        let ticket = self.world.with_machine(client, |machine, now| match again {
            true => machine.command_again(now, id, ask),
            false => machine.command_under(now, id, ask),
        });
        self.waiting.insert(visitor, ticket.expect("no misuse"));
        self.look();
    }

    /// Takes up what the machines have done.
    fn look(&mut self) {
        let now = self.world.now();
        let waiting: Vec<(usize, Ticket)> =
            self.waiting.iter().map(|(visitor, ticket)| (*visitor, *ticket)).collect();
        for (visitor, ticket) in waiting {
            let client = self.people[visitor].client.expect("a question that was given has one");
            let Some((_, answer)) = self.world.of(client).log.answers.get(&ticket) else { continue };
            let reply = match answer {
                Ok(Outcome::Replied(reply)) => Ok(reply.text.to_string()),
                Ok(other) => panic!("a question is answered: {other:?}"),
                Err(error) => Err(error.to_string()),
            };
            let pieces = self.world.of(client).log.pieces.iter().filter(|(of, ..)| *of == ticket).count();
            self.waiting.remove(&visitor);
            let person = &mut self.people[visitor];
            let question = person.question.take().expect("it was given");
            match reply {
                Ok(reply) => {
                    assert_eq!(reply, format!("You said: {}", question.text), "it is its own answer");
                    self.tally.answered(now.since(question.at), question.moved);
                }
                Err(error) => self.tally.failed(&question.text, &error),
            }
            if Some(question.by) != person.holder {
                self.redis.answers(pieces);
            }
            self.tell(visitor);
            self.goes_on(visitor);
        }
        self.tally.sockets(now, self.world.sockets());
    }

    /// What was told of the visitor's conversation, and saved, since the last time.
    fn tell(&mut self, visitor: usize) {
        let person = &mut self.people[visitor];
        let Some(client) = person.client else { return };
        let log = &self.world.of(client).log;
        let batches = log.events[person.told..].chunk_by(|one, other| one.0 == other.0).count();
        let saves = log.remembered[person.saved..].chunk_by(|one, other| one == other).count();
        (person.told, person.saved) = (log.events.len(), log.remembered.len());
        let others = person.open.iter().filter(|process| Some(**process) != person.holder).count();
        (0..batches * others).for_each(|_| self.redis.letter());
        (0..saves).for_each(|_| self.redis.saves());
    }

    /// The person thinks, or goes away for a while.
    fn goes_on(&mut self, visitor: usize) {
        let (now, asked) = (self.world.now(), self.people[visitor].asked);
        let pause = if asked % self.plan.questions == 0 { self.plan.away } else { self.plan.thinks };
        let pause = pause / 2 + self.below(pause);
        self.queue.plan(now + pause, Event::Asks(visitor));
        self.queue.plan(now + self.plan.idle_after, Event::Rests(visitor, asked));
    }

    /// The visitor's socket is given up, unless the visitor has asked since.
    fn rest(&mut self, visitor: usize, asked: u32) {
        let person = &self.people[visitor];
        let Some(client) = person.client.filter(|client| !self.world.of(*client).is_gone()) else { return };
        if person.asked == asked && person.question.is_none() {
            self.world.command(client, Command::Pause);
            self.tally.sockets(self.world.now(), self.world.sockets());
        }
    }

    fn kill(&mut self) {
        let now = self.world.now();
        let living: Vec<usize> =
            (0..self.alive.len()).filter(|process| self.alive[*process].is_some()).collect();
        let every = self.plan.kills.unwrap_or(self.plan.lasts);
        self.queue.plan(now + every, Event::Kills);
        let Some(first) = (!living.is_empty())
            .then(|| self.chance.of(&living))
            .and_then(|process| self.alive[process].take().map(|begun| (process, begun)))
        else {
            return;
        };
        let (process, begun) = first;
        self.tally.killed();
        let since = Duration::from_millis(now.since(begun).as_millis() as u64 % RENEWED.as_millis() as u64);
        let ends = now + (LEASE - since) + self.below(LOOKS);
        self.queue.plan(ends, Event::LeaseEnds(process));
        self.queue.plan(now + STARTS_AGAIN, Event::Starts(process));
        for visitor in 0..self.people.len() {
            self.tell(visitor);
            let person = &mut self.people[visitor];
            person.open.retain(|one| *one != process);
            let client = person.client.filter(|_| person.holder == Some(process));
            if let Some(question) = &mut person.question {
                question.moved |= client.is_some();
                if question.by == process {
                    self.queue.plan(now + ASKS_AGAIN, Event::Asks(visitor));
                }
            }
            if let Some(client) = client.filter(|client| !self.world.of(*client).is_gone()) {
                self.waiting.remove(&visitor);
                self.world.kill(client);
            }
        }
    }

    /// One of the processes that have a visitor open takes the visitor; of one whom none has open, the next that is asked.
    fn lease_ends(&mut self, process: usize) {
        for visitor in 0..self.people.len() {
            let person = &mut self.people[visitor];
            let is_gone = person.client.is_some_and(|client| self.world.of(client).is_gone());
            if person.holder != Some(process) || !is_gone {
                continue;
            }
            person.holder = None;
            let open = person.open.clone();
            if open.is_empty() {
                continue;
            }
            let next = self.chance.of(&open);
            self.redis.takes(open.len());
            self.take(visitor, next);
            self.give(visitor);
        }
    }

    fn below(&mut self, limit: Duration) -> Duration {
        Duration::from_millis(self.chance.below(limit.as_millis().max(1) as u64))
    }
}
