//! Opening: what it costs, who joins it, what it survives.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::{CloseHow, Injection, OwnerAction};
use secondme_avatar_protocol::{CloseReason, Command, ErrorKind, EventKind, Gap, Outcome, Step, limits};
use secondme_avatar_simulation::{Delay, Fate, Settings, World};

use support::{FIRST, ROUND_TRIP, SECOND, live, reconnections, steps, times};

#[test]
fn a_cold_open_costs_four_round_trips_on_its_longest_path() {
    let mut world = World::new(Settings::default(), 1);
    let ada = world.client("ada");
    let began = world.now();
    world.opened(ada);
    assert_eq!(world.now().since(began), 4 * ROUND_TRIP);
    let expected = [
        Step::Authenticate,
        Step::InitChat,
        Step::ResolveAvatar,
        Step::CreateSocket,
        Step::CreateSession,
        Step::BindSession,
    ];
    assert_eq!(steps(&world, ada), expected);
    assert!(world.of(ada).machine.is_connected());
}

#[test]
fn a_resumed_open_costs_two_round_trips_and_goes_on_with_its_session() {
    let (mut world, ada) = live(Settings::default());
    let session = world.session(ada);
    let again = world.restart(ada);
    let began = world.now();
    let open = world.open(again);
    let Ok(Outcome::Opened { opening, resumed }) = world.answer(again, open) else { panic!("not open") };
    assert_eq!(world.now().since(began), 2 * ROUND_TRIP);
    assert_eq!((opening.as_str(), resumed), ("Hello! 👋", true));
    // What was said meanwhile is asked for once it is open.
    assert_eq!(steps(&world, again), [Step::CreateSocket, Step::QueryMessages]);
    assert_eq!(world.session(again), session);
}

#[test]
fn a_session_resumed_after_an_hour_has_all_that_was_said_meanwhile() {
    let (mut world, ada) = live(Settings::default());
    let ask = world.ask(ada, "Hello");
    world.reply(ada, ask);
    let session_id = world.session(ada);
    let again = world.restart(ada);
    world.run_for(Duration::from_secs(3600));
    for text in ["Are you there?", "Write to me"] {
        let reply = OwnerAction::Reply { session_id: session_id.clone(), text: text.to_owned() };
        world.with_service(|service, now| service.owner(now, reply)).unwrap();
    }
    world.opened(again);
    world.run_for(Duration::from_secs(5));
    let texts: Vec<_> = world.of(again).replies().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["Are you there?", "Write to me"]);
    assert_eq!(reconnections(&world, again), [Gap::Filled { frames: 2 }]);
    assert!(matches!(world.of(again).kinds().next(), Some(EventKind::Opened { resumed: true, .. })));
}

#[test]
fn a_second_session_costs_two_round_trips_and_shares_the_socket() {
    let (mut world, ada) = live(Settings::default());
    let began = world.now();
    let open = world.open_beside(ada, SECOND);
    assert!(matches!(world.answer(ada, open), Ok(Outcome::Opened { resumed: false, .. })));
    assert_eq!(world.now().since(began), 2 * ROUND_TRIP);
    assert_eq!(world.of(ada).log.connects.len(), 1);
    let (one, two) = (world.ask_in(ada, FIRST, "one"), world.ask_in(ada, SECOND, "two"));
    assert_eq!(world.reply(ada, two), "You said: two");
    assert_eq!(world.reply(ada, one), "You said: one");
}

#[test]
fn concurrent_opens_join_and_are_answered_together() {
    let mut world = World::new(Settings::default(), 1);
    let ada = world.client("ada");
    let first = world.open(ada);
    world.run_for(Duration::from_millis(30));
    let second = world.open(ada);
    world.answer(ada, first).unwrap();
    world.answer(ada, second).unwrap();
    let answers = &world.of(ada).log.answers;
    assert_eq!(answers[&first].0, answers[&second].0);
    assert_eq!(world.state().calls("auth"), 1);
}

#[test]
fn each_step_may_fail_once_in_any_way_and_the_opening_comes_through() {
    let steps = [
        Step::Authenticate,
        Step::InitChat,
        Step::ResolveAvatar,
        Step::CreateSocket,
        Step::CreateSession,
        Step::BindSession,
        Step::Connect,
    ];
    let fates = [
        Fate::Refused,
        Fate::LostBefore,
        Fate::LostAfter,
        Fate::SilentBefore,
        Fate::SilentAfter,
        Fate::Late(Duration::from_secs(7)),
        Fate::Answered(503, "<html>".to_owned()),
        Fate::Answered(500, r#"{"code":"internal.error"}"#.to_owned()),
        Fate::Answered(200, "<html>".to_owned()),
        Fate::Answered(200, r#"{"code":0,"data":{}}"#.to_owned()),
        Fate::Answered(408, String::new()),
        Fate::Answered(429, String::new()),
    ];
    for step in steps {
        for fate in &fates {
            // The binding is told by its code alone, and 200 is no answer to a handshake.
            let takes_any_data = matches!(step, Step::BindSession | Step::Connect);
            if takes_any_data && matches!(fate, Fate::Answered(200, _)) {
                continue;
            }
            let mut world = World::new(Settings::default(), 1);
            world.network.next(step, fate.clone());
            let ada = world.client("ada");
            let open = world.open(ada);
            let result = world.answer(ada, open);
            assert!(matches!(result, Ok(Outcome::Opened { .. })), "{step} {fate:?}: {result:?}");
        }
    }
}

#[test]
fn a_payload_older_than_ten_minutes_is_loaded_again_before_a_session_is_created() {
    let (mut world, ada) = live(Settings::default());
    world.run_for(Duration::from_secs(11 * 60));
    let open = world.open_beside(ada, SECOND);
    world.answer(ada, open).unwrap();
    assert_eq!(times(&world, ada, Step::InitChat), 2);
    assert!(world.state().failures.is_empty());
}

#[test]
fn a_payload_about_to_expire_is_not_trusted_to_the_last_moment() {
    for before in [14, 16] {
        let (mut world, ada) = live(Settings::default());
        let asked = world.asked.iter().find(|asked| asked.step == Step::InitChat).unwrap().at;
        let left = (asked + Duration::from_secs(600 - before)).since(world.now());
        world.run_for(left);
        let open = world.open_beside(ada, SECOND);
        world.answer(ada, open).unwrap();
        assert_eq!(times(&world, ada, Step::InitChat), if before == 14 { 2 } else { 1 });
        assert!(world.state().failures.is_empty());
    }
}

#[test]
fn an_address_older_than_a_minute_is_never_used() {
    let mut world = World::new(Settings::default(), 1);
    world.network.delay = Delay::Constant(Duration::from_secs(3));
    // The answer with the address is on its way for longer than it lives.
    world.network.next(Step::CreateSocket, Fate::Late(Duration::from_secs(70)));
    let ada = world.client("ada");
    let deadline = Duration::from_secs(180);
    let open = world.command(ada, Command::Open { conversation: FIRST, deadline });
    world.answer(ada, open).unwrap();
    assert!(world.state().failures.is_empty(), "{:?}", world.state().failures);
}

#[test]
fn an_opening_that_cannot_succeed_fails_at_its_deadline_to_the_millisecond() {
    let mut world = World::new(Settings::default(), 1);
    world.network.lost_before = 1000;
    let ada = world.client("ada");
    let (began, open) = (world.now(), world.open(ada));
    let error = world.answer(ada, open).unwrap_err();
    assert_eq!(world.now().since(began), limits::OPEN_DEADLINE);
    assert_eq!((error.kind(), error.step()), (ErrorKind::Deadline, Some(Step::Authenticate)));
    assert!(error.is_retryable() && world.of(ada).machine.is_closed());
}

#[test]
fn a_service_that_was_reset_has_forgotten_the_session_and_the_next_open_makes_a_new_one() {
    let (mut world, ada) = live(Settings::default());
    world.with_service(|service, now| service.reset(now));
    world.run_for(Duration::from_secs(30));
    // The token was fetched again; the session is gone for good.
    assert_eq!(times(&world, ada, Step::Authenticate), 2);
    let ended = |kind: &EventKind| matches!(kind, EventKind::Closed { reason: CloseReason::SessionEnded });
    assert!(world.of(ada).kinds().any(ended) && world.of(ada).machine.is_closed());

    let again = world.restart(ada);
    world.opened(again);
    let ask = world.ask(again, "Hello");
    assert_eq!(world.reply(again, ask), "You said: Hello");
    assert_eq!(times(&world, again, Step::Authenticate), 0);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed| {
        let mut world = World::new(Settings::default(), seed);
        world.network.delay = Delay::Between(Duration::from_millis(1), Duration::from_millis(400));
        world.network.lost_after = 100;
        let ada = world.client("ada");
        world.opened(ada);
        world.inject(ada, Injection::Hint("psst".to_owned()));
        world.with_service(|service, now| service.close_sockets(now, None, &CloseHow::Abrupt));
        world.run_for(Duration::from_secs(60));
        let ask = world.ask(ada, "Hello");
        let _ = world.answer(ada, ask);
        let log = &world.of(ada).log;
        format!("{:?} {:?} {:?}", world.asked, log.frames, log.events)
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}
