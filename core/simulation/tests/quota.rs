//! Sixty authentications a minute for a key, however many visitors there are.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::RetryAfter;
use secondme_avatar_protocol::{Command, ErrorKind, EventKind, Millis, Outcome, Step, Ticket};
use secondme_avatar_simulation::{ClientId, Delay, Settings, World};

use support::{FIRST, times};

const MINUTE: Duration = Duration::from_secs(60);

fn open_all(world: &mut World, visitors: usize, deadline: Duration) -> Vec<(ClientId, Ticket)> {
    let clients: Vec<_> = (0..visitors).map(|number| world.client(&number.to_string())).collect();
    let open = |client| (client, Command::Open { conversation: FIRST, deadline });
    let opens: Vec<_> = clients.into_iter().map(open).collect();
    opens.into_iter().map(|(client, open)| (client, world.command(client, open))).collect()
}

fn authentications(world: &World) -> Vec<(Millis, ClientId)> {
    let asked = world.asked.iter().filter(|asked| asked.step == Step::Authenticate);
    asked.map(|asked| (asked.at, asked.client)).collect()
}

#[test]
fn sixty_one_visitors_never_exceed_sixty_a_minute_and_are_served_in_order() {
    let mut world = World::new(Settings::default(), 1);
    world.network.delay = Delay::Between(Duration::from_millis(1), Duration::from_millis(300));
    let opens = open_all(&mut world, 61, Duration::from_secs(120));
    for (client, open) in &opens {
        assert!(matches!(world.answer(*client, *open), Ok(Outcome::Opened { .. })));
    }
    let asked = authentications(&world);
    let order: Vec<_> = asked.iter().map(|(_, client)| *client).collect();
    assert_eq!(order, opens.iter().map(|(client, _)| *client).collect::<Vec<_>>());
    assert!(asked[60].0.since(asked[0].0) >= MINUTE);
    assert!(world.state().failures.is_empty(), "the service never had to refuse");
    assert!(world.of(opens[60].0).kinds().any(|kind| matches!(kind, EventKind::WaitingForQuota { .. })));
}

#[test]
fn three_hundred_visitors_take_five_minutes_and_no_call_is_refused() {
    let mut world = World::new(Settings::default(), 3);
    world.network.delay = Delay::Between(Duration::from_millis(1), Duration::from_millis(300));
    let opens = open_all(&mut world, 300, Duration::from_secs(600));
    for (client, open) in opens {
        world.answer(client, open).unwrap();
    }
    let asked = authentications(&world);
    for window in asked.windows(61) {
        assert!(window[60].0.since(window[0].0) >= MINUTE, "61 within a minute");
    }
    assert!(world.state().failures.is_empty());
}

#[test]
fn a_caller_that_cannot_wait_that_long_knows_at_once_and_holds_up_no_other() {
    let mut world = World::new(Settings::default(), 1);
    let opens = open_all(&mut world, 61, Duration::from_secs(30));
    let (late, ticket) = opens[60];
    world.run_for(Duration::from_secs(1));
    let (at, result) = &world.of(late).log.answers[&ticket];
    let error = result.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(error.retry_after().unwrap() > Duration::from_secs(55) && error.is_retryable());
    assert!(at.since(world.asked[0].at) < Duration::from_secs(1));
    assert_eq!(times(&world, late, Step::Authenticate), 0);
    let next = world.client("next");
    let open = Command::Open { conversation: FIRST, deadline: Duration::from_secs(90) };
    let open = world.command(next, open);
    world.answer(next, open).unwrap();
}

#[test]
fn a_rate_limit_that_others_have_used_up_is_waited_for() {
    for retry_after in RetryAfter::ALL {
        let settings = Settings::default().quota_per_minute(2).retry_after(*retry_after);
        let mut world = World::new(settings, 1);
        let opens = open_all(&mut world, 3, Duration::from_secs(120));
        for (client, open) in &opens {
            world.answer(*client, *open).unwrap();
        }
        let refused = world.state().failures.values().sum::<u64>();
        let said = *retry_after != RetryAfter::Absent;
        assert!(refused >= 1 && (refused == 1) == said, "{retry_after}: {refused}");
    }
}

#[test]
fn a_rate_limit_beyond_the_deadline_fails_now_and_says_how_long() {
    let settings = Settings::default().quota_per_minute(2).retry_after(RetryAfter::Seconds);
    let mut world = World::new(settings, 1);
    let opens = open_all(&mut world, 3, Duration::from_secs(30));
    let (client, open) = opens[2];
    let error = world.answer(client, open).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::RateLimited, Some("open.api.rate.limited")));
    assert_eq!(error.retry_after(), Some(MINUTE));
    assert!(world.now().since(world.asked[0].at) < Duration::from_secs(1));
}

#[test]
fn an_opening_given_up_in_the_queue_leaves_its_place() {
    let mut world = World::new(Settings::default(), 1);
    let opens = open_all(&mut world, 62, Duration::from_secs(120));
    let (gone, ticket) = opens[60];
    world.run_for(Duration::from_secs(1));
    world.with_machine(gone, |machine, now| machine.cancel(now, ticket));
    let (last, open) = opens[61];
    world.answer(last, open).unwrap();
    assert_eq!(times(&world, gone, Step::Authenticate), 0);
    assert!(world.now().since(world.asked[0].at) < Duration::from_secs(62));
}
