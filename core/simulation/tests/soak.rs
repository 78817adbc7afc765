//! Whole conversations of several visitors over a network that does its worst.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is told.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use secondme_avatar_emulator::service::{
    Author as Said, DeadSocketSend, EndMark, Millis as ServiceMillis, OwnerAction, Pings, Redelivery,
    RepeatedMessage, SecondSocket, Streaming,
};
use secondme_avatar_protocol::{
    Command, Config, Ended, Error, EventKind, MessageId, Millis, OnDoubt, Outcome, State, Ticket, Visitor,
    limits,
};
use secondme_avatar_simulation::{Client, ClientId, Delay, Settings, World};

use support::FIRST;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[(self.next() % choices.len() as u64) as usize].clone()
    }
}

struct Soak {
    chance: Chance,
    world: World,
    clients: Vec<ClientId>,
    sent: Vec<(ClientId, Ticket, String)>,
    said: u32,
    on_doubt: OnDoubt,
    repeated: RepeatedMessage,
    owner_speaks: bool,
}

impl Soak {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let (on_doubt, repeated) =
            (chance.of(&[OnDoubt::HandBack, OnDoubt::Resend]), chance.of(RepeatedMessage::ALL));
        let settings = Settings::default()
            .pings(chance.of(Pings::ALL))
            .redelivery(chance.of(Redelivery::ALL))
            .repeated_message(repeated)
            .dead_socket_send(chance.of(DeadSocketSend::ALL))
            .second_socket(chance.of(SecondSocket::ALL))
            .streaming(chance.of(Streaming::ALL))
            .end_mark(chance.of(EndMark::ALL))
            .reply_delay(ServiceMillis(chance.of(&[10, 2_500])))
            .piece_delay(ServiceMillis(chance.of(&[10, 250])));
        let mut world = World::new(settings, seed);
        let clients = ["ada", "bob", "eve"].map(|name| {
            let visitor = Visitor::for_user("web", name).unwrap();
            world.client_with(Config { on_doubt, ..Config::default() }, visitor, None)
        });
        for client in clients {
            world.opened(client);
            let ask = world.ask(client, "first");
            world.reply(client, ask);
        }
        world.network.delay = Delay::Between(Duration::from_millis(1), Duration::from_millis(400));
        world.network.lost_before = 30;
        world.network.lost_after = 30;
        world.network.doubled = 60;
        // Without pongs nothing would tell that a link is dead.
        world.network.half_opened = 3;
        let owner_speaks = chance.of(&[true, false]);
        let clients = clients.to_vec();
        Self { chance, world, clients, sent: Vec::new(), said: 0, on_doubt, repeated, owner_speaks }
    }

    fn live(&mut self) {
        for _ in 0..120 {
            let client = self.chance.of(&self.clients);
            self.said += 1;
            let text = format!("#{}", self.said);
            match self.chance.next() % 16 {
                0..5 => {
                    let ticket = self.world.send(client, &text);
                    self.sent.push((client, ticket, text));
                }
                5..8 => {
                    let ticket = self.world.ask(client, &text);
                    self.sent.push((client, ticket, text));
                }
                8..11 if self.owner_speaks => {
                    self.world.owner_says(client, &text);
                    self.world.owner(client, |session_id| OwnerAction::HandBack { session_id });
                }
                11 => self.world.cut(client),
                12 => {
                    self.world.command(client, Command::NetworkChanged);
                }
                13 => {
                    self.world.command(client, Command::Rest);
                }
                14 => {
                    self.world.command(client, Command::Resume);
                }
                _ => {}
            }
            let pause = self.chance.of(&[0, 10, 300, 2_000, 9_000]);
            self.world.run_for(Duration::from_millis(pause));
        }
        // It ends in calm weather, long enough for everything to have come to its end.
        self.world.network.lost_before = 0;
        self.world.network.lost_after = 0;
        self.world.network.half_opened = 0;
        for client in self.clients.clone() {
            self.world.command(client, Command::Resume);
        }
        self.world.run_for(limits::ASK_DEADLINE + Duration::from_secs(60));
    }

    fn check(&mut self) {
        let state = self.world.state();
        for (client, ticket, text) in &self.sent {
            let (_, result) = &self.world.of(*client).log.answers[ticket];
            let session = state.session(&self.world.session(*client)).unwrap();
            let taken = session.texts(Said::Visitor).iter().filter(|said| *said == text).count();
            self.check_message(text, taken, result);
        }
        for client in &self.clients {
            let log = self.world.of(*client);
            assert_eq!(log.machine.state(FIRST), State::Live);
            let session = state.session(&self.world.session(*client)).unwrap();
            let heard = heard(log);
            let twice = self.repeated == RepeatedMessage::Two && self.on_doubt == OnDoubt::Resend;
            let once: BTreeSet<_> = heard.iter().map(String::as_str).collect();
            assert!(once.len() == heard.len() || twice, "{client:?} has heard something twice: {heard:?}");
            let messages = session.messages.iter().filter(|message| message.author != Said::Visitor);
            let missing: Vec<_> =
                messages.map(|message| message.text.as_str()).filter(|text| !once.contains(text)).collect();
            assert!(missing.is_empty(), "{client:?} never heard {missing:?}, but {heard:?}");
        }
    }

    fn check_message(&self, text: &str, taken: usize, result: &Result<Outcome, Error>) {
        match result {
            Ok(outcome) => {
                assert!(taken >= 1, "{text} was acknowledged and is lost");
                // Where the owner speaks, nobody can tell whether the avatar answers as well; and a reply
                // that ended by silence says that it may be a part.
                if let Outcome::Replied(reply) = outcome
                    && !self.owner_speaks
                    && reply.ended != Ended::Silence
                {
                    assert!(reply.text.ends_with(text), "{text} got the answer {}", reply.text);
                }
            }
            Err(error) => match error.unsent() {
                Some(unsent) if unsent.certain => assert_eq!(taken, 0, "{text} was certainly not sent"),
                Some(_) | None => {}
            },
        }
        let may_double = self.on_doubt == OnDoubt::Resend && self.repeated == RepeatedMessage::Two;
        assert!(taken <= 1 || may_double, "{text} was sent {taken} times");
    }
}

/// What was said to a client, message by message. A reply that was taken for ended too early has its
/// rest in another reply of the same id.
fn heard(client: &Client) -> Vec<String> {
    let mut heard: Vec<(Option<MessageId>, String)> = Vec::new();
    for kind in client.kinds() {
        let (EventKind::Reply(reply) | EventKind::OwnerReply(reply)) = kind else {
            continue;
        };
        match heard.iter_mut().find(|(id, _)| *id == reply.id) {
            Some((_, text)) => text.push_str(&reply.text),
            None => heard.push((reply.id.clone(), reply.text.as_str().to_owned())),
        }
    }
    heard.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    for seed in 0..100 {
        let result = std::panic::catch_unwind(|| {
            let mut soak = Soak::new(seed);
            soak.live();
            soak.check();
            soak.world.now() > Millis(0)
        });
        assert!(result.is_ok(), "seed {seed}");
    }
}
