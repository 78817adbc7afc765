//! Whole lives of many visitors, drawn by a seed: they talk, rest, are cut off, killed and come back,
//! while the service is anything it may be and the network does its worst. Between storms there is
//! calm, in which everything has to come to its end.

mod acts;
mod draw;

use std::collections::BTreeMap;
use std::time::Duration;

use secondme_avatar_emulator::service::OwnerAction;
use secondme_avatar_protocol::{Command, Config, ConversationKey, Door, Millis, State, Visitor};

use crate::chance::Chance;
use crate::client::ClientId;
use crate::properties::{Properties, Terms, Violation};
use crate::sight::Sight;
use crate::world::World;

/// How long the calm may take to bring everything to its end.
const CALM: Duration = Duration::from_secs(45 * 60);

/// How long a reply is, of the avatar or of the owner.
pub(crate) const REPLY_LENGTH: usize = "You said: #000000 of rain and wind;".len();

const ENDING: &str = " of rain and wind;";

/// The text of the message of this number; each is another.
fn text_of(number: u64) -> String {
    format!("#{number:06}{ENDING}")
}

/// The number of the message in this text.
pub(crate) fn number_of(text: &str) -> Option<u64> {
    let at = text.find('#')?;
    text.get(at + 1..at + 7)?.parse().ok()
}

/// Whether this is how a reply of the avatar begins, or all of one.
pub(crate) fn is_begin_of_reply(text: &str) -> bool {
    let all = b"You said: #000000 of rain and wind;";
    let fits = |(is, wanted): (u8, &u8)| if *wanted == b'0' { is.is_ascii_digit() } else { is == *wanted };
    text.len() <= all.len() && text.bytes().zip(all).all(fits)
}

/// What a run has been.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Happenings.
    pub steps: u64,
    /// Visitors.
    pub visitors: u64,
    /// Clients: each visitor's, and those that followed killed or closed ones.
    pub clients: u64,
    /// Messages said by visitors.
    pub said: u64,
    /// Commands given, answered well, answered badly.
    pub commands: [u64; 3],
    /// How often each fault was met.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many runs had each answer to each open question.
    pub answers: BTreeMap<(&'static str, String), u64>,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.visitors += other.visitors;
        self.clients += other.clients;
        self.said += other.said;
        for (sum, more) in self.commands.iter_mut().zip(other.commands) {
            *sum += more;
        }
        for (fault, times) in other.faults {
            *self.faults.entry(fault).or_default() += times;
        }
        for (answer, times) in other.answers {
            *self.answers.entry(answer).or_default() += times;
        }
    }
}

/// One visitor, and the client that speaks for them at present.
#[derive(Debug)]
struct Person {
    client: ClientId,
}

/// One run.
#[derive(Debug)]
pub struct Life {
    chance: Chance,
    world: World,
    properties: Properties,
    config: Config,
    people: Vec<Person>,
    /// How many sockets they may have at a time.
    slots: Option<usize>,
    /// In some lives processes are killed soon after they have asked for what they missed, before anything else
    /// comes: what is asked for then is the cursor that the query has left in the record.
    after_queries: Option<Chance>,
    /// Which client is killed next so, and when.
    doomed: Option<(ClientId, Millis)>,
    /// The owner sometimes says what a visitor has just said.
    parrots: bool,
    /// The avatar sometimes speaks by voice.
    voices: bool,
    said: u64,
    commands: u64,
}

impl Life {
    /// The run of this seed behind that door. So many of its last happenings are kept in words.
    pub fn new(door: Door, seed: u64, trail: usize) -> Self {
        let mut chance = Chance::new(seed);
        let mut settings = draw::settings(&mut chance);
        let (terms, mut config) = draw::terms(&mut chance, &mut settings);
        // A chance of their own: the lives behind the first door stay as they are.
        let mut second = Chance::new(seed ^ 0xd002_d002);
        let parrots = door == Door::VisitorChat && second.below(4) == 0;
        if door == Door::VisitorChat {
            draw::visitor_chat(&mut second, &mut settings, &mut config);
        }
        let mut third = Chance::new(seed ^ 0x01a7_e201);
        draw::later(&mut third, &mut settings);
        let voices = door == Door::VisitorChat && third.below(2) == 0;
        let terms = Terms { door, settings: settings.clone(), ..terms };
        let mut world = World::watched(settings, seed, terms.quota, trail);
        let mut people = Vec::new();
        let visitors = 3 + chance.below(6);
        // A chance of their own, as below.
        let (slots, idle_after) = draw::slots(&mut Chance::new(seed ^ 0x5107_5107), visitors);
        let config = Config { idle_after, ..config };
        world.limit_slots(slots);
        for number in 0..visitors {
            let visitor = Visitor::for_user("web", &format!("visitor {number}")).expect("a good name");
            let client = world.client_of_key(chance.below(2) as usize, config.clone(), visitor, None);
            people.push(Person { client });
        }
        // A chance of its own: the other lives stay as they are.
        let mut after_queries = Chance::new(!seed);
        let after_queries = (terms.restarts && after_queries.below(4) == 0).then_some(after_queries);
        let properties = Properties::new(terms);
        let (said, commands, doomed) = (0, 0, None);
        Self {
            chance,
            world,
            properties,
            config,
            people,
            slots,
            after_queries,
            doomed,
            parrots,
            voices,
            said,
            commands,
        }
    }

    /// Lives for so many steps at least, and to the end of the calm that follows.
    pub fn live(&mut self, steps: u64) -> Result<(), Violation> {
        while self.world.steps() < steps {
            let terms = self.terms().clone();
            draw::weather(&mut self.chance, &terms, &mut self.world.network);
            for _ in 0..20 + self.chance.below(120) {
                self.act()?;
                let pause =
                    self.chance.millis(&[0, 0, 10, 10, 300, 300, 2_000, 2_000, 9_000, 25_000, 90_000]);
                let pause = if self.chance.below(100) == 0 { Duration::from_secs(660) } else { pause };
                self.pass(pause)?;
            }
            self.calm_down()?;
        }
        Ok(())
    }

    /// The terms of this run.
    pub fn terms(&self) -> &Terms {
        self.properties.terms()
    }

    /// Its last happenings, oldest first.
    pub fn trail(&self) -> impl Iterator<Item = &str> {
        self.world.trail()
    }

    /// What it has been.
    pub fn report(&self) -> Report {
        let mut report = Report {
            steps: self.world.steps(),
            visitors: self.people.len() as u64,
            said: self.said,
            faults: self.world.network.met.clone(),
            ..Report::default()
        };
        report.commands[0] = self.commands;
        for (_, client) in self.world.clients() {
            report.clients += 1;
            for (_, result) in client.log.answers.values() {
                report.commands[1 + usize::from(result.is_err())] += 1;
            }
        }
        let terms = self.terms();
        let answers = match terms.door {
            Door::AvatarOpenApi => draw::answers(&terms.settings),
            Door::VisitorChat => draw::answers_of_visitor_chat(&terms.settings),
        };
        report.answers.extend(answers.into_iter().map(|answer| (answer, 1)));
        report
    }

    /// Lets time pass, looking at every step.
    fn pass(&mut self, time: Duration) -> Result<(), Violation> {
        let end = self.world.now() + time;
        while self.world.next_at().is_some_and(|next| next <= end) {
            self.world.step();
            self.look()?;
            self.kill_doomed()?;
        }
        self.world.pass_until(end);
        Ok(())
    }

    fn look(&mut self) -> Result<(), Violation> {
        let sights = self.world.sights();
        self.doom(&sights);
        self.properties.look(&self.world, &sights)
    }

    /// The weather is calm, all clients are there, and everything comes to its end.
    fn calm_down(&mut self) -> Result<(), Violation> {
        self.world.network.calm();
        let after_queries = self.after_queries.take();
        self.doomed = None;
        self.world.find_dead_links();
        for client in self.clients() {
            self.world.read(client, true);
            if !self.world.of(client).machine.is_closed() {
                self.command(client, Command::Resume, Duration::ZERO, None);
            }
            self.look()?;
        }
        self.owner_hands_back();
        if self.slots.is_some() {
            self.wait_for_slots()?;
        }
        self.settle()?;
        // Whatever is only looked for comes within this time.
        self.pass(Duration::from_secs(240))?;
        self.settle()?;
        let state = self.world.state();
        self.look()?;
        self.after_queries = after_queries;
        self.properties.calm(&self.world, &state)?;
        if self.slots.is_some() { self.limit_slots() } else { Ok(()) }
    }

    /// All get their slots one after another. Then there is one for each.
    fn wait_for_slots(&mut self) -> Result<(), Violation> {
        let end = self.world.now() + CALM;
        while self.world.waiting_for_slot().next().is_some() && self.world.now() < end {
            self.pass(Duration::from_secs(5))?;
        }
        self.properties.calm_with_few_slots(&self.world)?;
        self.world.limit_slots(None);
        self.look()
    }

    /// There are fewer slots than visitors again. Visitors that have one too many pause first.
    fn limit_slots(&mut self) -> Result<(), Violation> {
        for client in self.clients() {
            if !self.world.of(client).machine.is_closed() {
                self.world.see(|| Sight::Pauses(client));
                self.command(client, Command::Pause, Duration::ZERO, None);
            }
            self.look()?;
        }
        let end = self.world.now() + CALM;
        while self.world.with_socket() > 0 && self.world.now() < end {
            self.pass(Duration::from_secs(5))?;
        }
        self.world.limit_slots(self.slots);
        self.look()
    }

    /// Waits until all are live. Paused visitors resume.
    fn settle(&mut self) -> Result<(), Violation> {
        let end = self.world.now() + CALM;
        while !self.is_settled() && self.world.now() < end {
            for client in self.clients() {
                if self.world.of(client).machine.is_paused() {
                    self.command(client, Command::Resume, Duration::ZERO, None);
                }
                self.look()?;
            }
            self.pass(Duration::from_secs(5))?;
        }
        Ok(())
    }

    /// Whether every command is answered and every conversation live.
    fn is_settled(&self) -> bool {
        self.people.iter().all(|person| {
            let client = self.world.of(person.client);
            let live = |key: ConversationKey| client.machine.state(key) == State::Live;
            client.machine.conversations().into_iter().all(live)
        })
    }

    fn owner_hands_back(&mut self) {
        let state = self.world.state();
        for session in state.sessions.into_iter().filter(|session| session.taken_over && !session.closed) {
            let hand_back = OwnerAction::HandBack { session_id: session.session_id };
            // An owner who is not a member has nothing to hand back.
            let _ = self.world.with_service(|service, now| service.owner(now, hand_back));
        }
    }

    fn clients(&self) -> Vec<ClientId> {
        self.people.iter().map(|person| person.client).collect()
    }

    /// The present moment.
    pub fn now(&self) -> Millis {
        self.world.now()
    }
}
