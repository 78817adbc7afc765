//! Sixty authentications a minute, and more visitors than that.

use std::time::Duration;

use crate::stage::{stage, until};
use crate::support::{Stage, next, soon, visitor};
use futures_util::FutureExt;
use futures_util::future::join_all;
use secondme_avatar::{ErrorKind, EventKind, Events, State, VisitorId};
use secondme_avatar_emulator::service::{PingDrop, What};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const BURST: usize = 500;

/// Puts both clocks forward. The service's first: it must never be behind the client that counts for it.
async fn advance(stage: &Stage, by: Duration) {
    stage.emulator.advance(by).await;
    stage.client.advance_clock(by).await;
}

/// The next wait that is reported for this visitor.
async fn told(events: &Events, visitor_id: &VisitorId) -> Duration {
    next(events, |event| match event.kind {
        EventKind::WaitingForQuota { wait } if event.visitor_id == *visitor_id => Some(wait),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_burst_of_five_hundred_is_served_in_order_and_knows_its_minutes() {
    let stage = stage(|client| client.open_deadline(15 * MINUTE).event_queue(10_000)).await;
    stage.emulator.configure(|settings| settings.ping_drop = PingDrop::After60s);
    let events = stage.client.events();
    let users: Vec<String> = (0..BURST).map(|user| user.to_string()).collect();
    let mut openings =
        Box::pin(join_all(users.iter().map(|user| stage.client.open(visitor(user)).into_future())));
    assert!(openings.as_mut().now_or_never().is_none());
    assert_eq!(stage.client.stats().waiting_for_quota, BURST, "in the order in which they came");

    // The service counts the calls of the first minute before its clock goes on.
    until(&stage.client, |stats| stats.connected == 60).await;
    let mut expected = Duration::ZERO;
    let mut last_told = None;
    let mut passed = Duration::ZERO;
    let began = std::time::Instant::now();
    loop {
        // Calls that may go now go before time advances.
        let stats = until(&stage.client, |stats| stats.connected + stats.waiting_for_quota == BURST).await;
        expected = expected.max(stats.longest_quota_wait);
        while let Some(Some(event)) = events.next().now_or_never() {
            if let EventKind::WaitingForQuota { wait } = event.kind
                && event.visitor_id == *visitor(&users[BURST - 1]).id()
            {
                last_told.get_or_insert(wait);
            }
        }
        if stats.connected == BURST {
            break;
        }
        advance(&stage, 5 * SECOND).await;
        passed += 5 * SECOND;
    }
    soon(openings).await.into_iter().for_each(|opened| drop(opened.unwrap()));
    let eight = (8 * MINUTE - 5 * SECOND)..(8 * MINUTE + 5 * SECOND);
    assert!(eight.contains(&expected), "stats say {expected:?}");
    assert!(last_told.is_some_and(|told| eight.contains(&told)), "the last one was told {last_told:?}");
    // Time goes by in steps of 5 s here; on a busy machine a minute is noticed a step or two late.
    // What passes by itself meanwhile counts as well.
    let with_real = passed + began.elapsed();
    assert!(with_real >= 8 * MINUTE && passed <= 8 * (MINUTE + 15 * SECOND), "it took {passed:?}");

    let state = stage.emulator.state();
    assert_eq!(state.failures.values().sum::<u64>(), 0, "the service refused no call: {:?}", state.failures);
    assert_eq!(state.calls("auth"), BURST as u64);
    let arrived: Vec<_> = state.visitors.iter().map(|visitor| visitor.visitor_id.as_str()).collect();
    let minutes = arrived.chunks(60).zip(users.chunks(60));
    for (minute, (arrived, users)) in minutes.enumerate() {
        // Those of one minute go out at once, and the network may turn them round.
        let mut expected: Vec<_> = users.iter().map(|user| visitor(user).id().as_str().to_owned()).collect();
        let mut arrived = arrived.to_vec();
        expected.sort_unstable();
        arrived.sort_unstable();
        assert_eq!(arrived, expected, "minute {minute}");
    }
}

#[tokio::test]
async fn a_caller_that_cannot_wait_so_long_knows_as_soon_as_the_wait_is_known() {
    let stage = stage(|client| client).await;
    let users: Vec<String> = (0..61).map(|user| user.to_string()).collect();
    let openings = users.iter().map(|user| stage.client.open(visitor(user)).into_future());
    // All at once: when the last one joins the queue no call has come back, and its turn is not known.
    let mut opened = soon(join_all(openings)).await;
    let error = opened.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let wait = error.retry_after().unwrap();
    assert!(wait > 55 * SECOND && wait <= 61 * SECOND, "{wait:?}");
    opened.into_iter().for_each(|opened| drop(opened.unwrap()));
    until(&stage.client, |stats| stats.waiting_for_quota == 0 && stats.visitors == 60).await;
    assert_eq!(stage.emulator.state().calls("auth"), 60);
}

#[tokio::test]
async fn who_gives_up_frees_the_place_and_those_behind_are_told() {
    let stage = stage(|client| client.quota(1).open_deadline(10 * MINUTE)).await;
    stage.open("ada").await;
    let events = stage.client.events();
    let mut bob = Box::pin(stage.client.open(visitor("bob")).into_future());
    assert!(bob.as_mut().now_or_never().is_none());
    let eve = tokio::spawn(stage.client.open(visitor("eve")).into_future());
    let (bob_id, eve_id) = (visitor("bob").id().clone(), visitor("eve").id().clone());
    assert!(told(&events, &bob_id).await <= MINUTE);
    assert!(told(&events, &eve_id).await > MINUTE);
    assert_eq!(stage.client.stats().waiting_for_quota, 2);
    drop(bob);
    assert!(told(&events, &eve_id).await <= MINUTE, "it moves up");
    until(&stage.client, |stats| stats.waiting_for_quota == 1).await;
    advance(&stage, MINUTE).await;
    assert_eq!(soon(eve).await.unwrap().unwrap().state(), State::Live);
}

#[tokio::test]
async fn whose_token_is_kept_does_not_wait() {
    let stage = stage(|client| client.quota(1).open_deadline(10 * MINUTE)).await;
    let ada = stage.open("ada").await;
    ada.close().await.unwrap();
    let waits = tokio::spawn(stage.client.open(visitor("bob")).into_future());
    until(&stage.client, |stats| stats.waiting_for_quota == 1).await;
    let again = soon(stage.client.open(visitor("ada")).into_future()).await.unwrap();
    assert_eq!(again.session_id(), ada.session_id().or(again.session_id()));
    assert_eq!(stage.client.stats().waiting_for_quota, 1, "it has not taken another one's place");
    waits.abort();
    until(&stage.client, |stats| stats.waiting_for_quota == 0).await;
}

#[tokio::test]
async fn openings_that_are_dropped_at_once_leave_no_place_behind() {
    let stage = stage(|client| client.quota(2)).await;
    for user in 0..10 {
        let mut opening = Box::pin(stage.client.open(visitor(&user.to_string())).into_future());
        assert!(opening.as_mut().now_or_never().is_none());
    }
    until(&stage.client, |stats| stats.visitors == 0 && stats.waiting_for_quota == 0).await;
    assert_eq!(stage.emulator.state().calls("auth"), 0, "no visitor was left to ask for");
    stage.open("ada").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_order_of_arrival_whichever_thread_is_faster() {
    let stage = stage(|client| client.quota(1).open_deadline(MINUTE * 60)).await;
    stage.emulator.configure(|settings| settings.ping_drop = PingDrop::After60s);
    let users: Vec<String> = (0..20).map(|user| user.to_string()).collect();
    let mut openings =
        Box::pin(join_all(users.iter().map(|user| stage.client.open(visitor(user)).into_future())));
    assert!(openings.as_mut().now_or_never().is_none());
    for served in 1..20 {
        until(&stage.client, |stats| stats.connected == served).await;
        for _ in 0..7 {
            advance(&stage, 9 * SECOND).await;
        }
    }
    soon(openings).await.into_iter().for_each(|opened| drop(opened.unwrap()));
    let journal = stage.emulator.journal();
    let auths = journal.iter().filter(|entry| matches!(entry.what, What::Request { call: Some("auth"), .. }));
    assert_eq!(auths.count(), 20);
    let arrived: Vec<_> = stage.emulator.state().visitors.into_iter().map(|one| one.visitor_id).collect();
    let expected: Vec<_> = users.iter().map(|user| visitor(user).id().as_str().to_owned()).collect();
    assert_eq!(arrived, expected);
}
