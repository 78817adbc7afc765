//! The socket: its heartbeat, its end, its return, and what came in between.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::{CloseHow, PingDrop, Pings};
use secondme_avatar_protocol::{EventKind, Gap, Input, State, limits};
use secondme_avatar_simulation::{Delay, Settings, World};

use support::{FIRST, live, reconnections};

#[test]
fn no_gap_between_two_pings_is_longer_than_fifteen_seconds() {
    let mut world = World::new(Settings::default().ping_drop(PingDrop::After20s), 5);
    let clients: Vec<_> = (0..20).map(|number| world.client(&number.to_string())).collect();
    for client in &clients {
        world.opened(*client);
    }
    world.run_for(Duration::from_secs(900));
    let mut firsts = Vec::new();
    for client in &clients {
        let pings = world.of(*client).pings();
        assert!(pings.len() >= 60);
        for pair in pings.windows(2) {
            assert!(pair[1].0.since(pair[0].0) <= limits::HEARTBEAT);
        }
        firsts.push(pings[0].0);
        assert_eq!(world.of(*client).machine.counters().lost, 0);
    }
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > 15, "they do not beat together");
}

#[test]
fn a_socket_that_the_service_drops_comes_back_and_its_conversation_with_it() {
    for how in [CloseHow::Abrupt, CloseHow::Clean { code: 1001, reason: "restart".to_owned() }] {
        let (mut world, ada) = live(Settings::default());
        let ask = world.ask(ada, "Hello");
        world.reply(ada, ask);
        world.with_service(|service, now| service.close_sockets(now, None, &how));
        world.run_until(|world| !world.of(ada).machine.is_connected());
        assert_eq!(world.of(ada).machine.state(FIRST), State::Reconnecting);
        world.run_until(|world| world.of(ada).machine.state(FIRST) == State::Live);
        world.run_for(Duration::from_secs(1));
        assert_eq!(reconnections(&world, ada), [Gap::None]);
    }
}

#[test]
fn what_was_said_while_the_link_was_down_is_filled_in_order_and_exactly_once() {
    let (mut world, ada) = live(Settings::default());
    let ask = world.ask(ada, "Hello");
    world.reply(ada, ask);
    world.cut(ada);
    for number in 0..120 {
        world.owner_says(ada, &number.to_string());
        if number == 60 {
            // Some of it comes over the new socket while the rest is being asked for.
            world.run_until(|world| world.of(ada).machine.is_connected());
        }
    }
    world.run_for(Duration::from_secs(10));
    let texts: Vec<_> = world.of(ada).replies().into_iter().skip(1).map(|(_, text)| text).collect();
    assert_eq!(texts, (0..120).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_half_open_link_that_once_answered_is_found_within_three_heartbeats() {
    let (mut world, ada) = live(Settings::default());
    world.run_for(Duration::from_secs(20));
    world.half_open(ada);
    let died = world.now();
    world.owner_says(ada, "Can you hear me?");
    world.run_until(|world| world.of(ada).replies().len() == 1);
    assert!(world.now().since(died) <= 3 * limits::HEARTBEAT + Duration::from_secs(2));
}

#[test]
fn back_pressure_does_not_kill_a_link() {
    let (mut world, ada) = live(Settings::default().pings(Pings::Pong));
    world.run_for(Duration::from_secs(20));
    world.input(ada, Input::Reading(false));
    world.half_open(ada);
    world.run_for(Duration::from_secs(300));
    assert!(world.of(ada).machine.is_connected());
    assert!(world.of(ada).pings().len() >= 20);
}

#[test]
fn frames_doubled_and_reordered_are_delivered_once() {
    let mut world = World::new(Settings::default(), 9);
    world.network.doubled = 500;
    world.network.delay = Delay::Between(Duration::from_millis(5), Duration::from_millis(60));
    let ada = world.client("ada");
    world.opened(ada);
    for number in 0..40 {
        let ask = world.ask(ada, &number.to_string());
        assert_eq!(world.reply(ada, ask), format!("You said: {number}"));
    }
    world.network.reordered = 300;
    for number in 0..40 {
        world.owner_says(ada, &number.to_string());
    }
    world.run_for(Duration::from_secs(5));
    let mut texts: Vec<u32> =
        world.of(ada).replies()[40..].iter().map(|(_, text)| text.parse().unwrap()).collect();
    texts.sort_unstable();
    assert_eq!(texts, (0..40).collect::<Vec<_>>());
    assert!(world.of(ada).machine.counters().duplicates > 20);
}

#[test]
fn a_link_that_breaks_again_and_again_loses_nothing() {
    let mut world = World::new(Settings::default(), 4);
    world.network.delay = Delay::Between(Duration::from_millis(5), Duration::from_millis(200));
    let ada = world.client("ada");
    world.opened(ada);
    let ask = world.ask(ada, "Hello");
    world.reply(ada, ask);
    for round in 0..60 {
        world.owner_says(ada, &format!("{round}a"));
        world.run_for(Duration::from_millis(37 * (round % 11)));
        world.cut(ada);
        world.owner_says(ada, &format!("{round}b"));
        world.run_for(Duration::from_millis(700 * (round % 7)));
    }
    world.run_for(Duration::from_secs(60));
    let texts: Vec<_> = world.of(ada).replies().into_iter().skip(1).map(|(_, text)| text).collect();
    let expected: Vec<_> = (0..60).flat_map(|round| [format!("{round}a"), format!("{round}b")]).collect();
    assert_eq!(texts, expected);
    let unknown = reconnections(&world, ada).into_iter().filter(|gap| *gap == Gap::Unknown).count();
    assert_eq!(unknown, 0);
}

#[test]
fn every_loss_is_followed_by_a_return() {
    let (mut world, ada) = live(Settings::default());
    for _ in 0..5 {
        world.cut(ada);
        world.run_for(Duration::from_secs(30));
    }
    let told: Vec<_> = world
        .of(ada)
        .kinds()
        .filter_map(|kind| match kind {
            EventKind::Disconnected { .. } => Some("lost"),
            EventKind::Reconnected { .. } => Some("back"),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["lost", "back"].repeat(5));
}
