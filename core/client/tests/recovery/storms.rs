//! The service is gone, and back: who comes when, and that nothing is left running.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secondme_avatar::{AvatarClient, EventKind, Step};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{CloseHow, Effect, Fault, InjectionPoint, QuotaScope};
use tokio::runtime::Builder;

use crate::support::{Stage, next, soon, visitor};

const VISITORS: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_of_the_service_not_all_visitors_come_back_in_the_same_moment() {
    let no_quota = |settings: &mut secondme_avatar_emulator::Settings| {
        settings.quota_per_minute = 10_000;
        settings.quota_scope = QuotaScope::All;
    };
    let emulator = Emulator::builder().configure(no_quota).start().await.unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&asked);
    let builder = AvatarClient::builder(emulator.api_key()).unwrap().quota(10_000);
    let builder = builder.on_call(move |call| {
        if call.step == Step::CreateSocket {
            list.lock().unwrap().push((call.started, call.started + call.took));
        }
    });
    let client = builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
    let openings = (0..VISITORS).map(|user| client.open(visitor(&user.to_string())).into_future());
    for opened in soon(futures_util::future::join_all(openings)).await {
        opened.unwrap();
    }
    asked.lock().unwrap().clear();
    let restart = CloseHow::Clean { code: 1012, reason: "service restart".to_owned() };
    let cut = Instant::now();
    assert_eq!(emulator.close_sockets(None, &restart), VISITORS);
    soon(emulator.wait_until(|state| state.sockets.len() == VISITORS)).await;
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), VISITORS, "one attempt for each");
    // Ten at once, then one every ten milliseconds: never more in a window than that makes.
    let window = Duration::from_millis(250);
    for (from, _) in &asked {
        let within = asked.iter().filter(|(at, _)| *at >= *from && *at < *from + window).count();
        assert!(within <= 10 + 25 + 15, "{within} attempts within {window:?}");
    }
    let at_a_time = |(from, _): &(Instant, Instant)| {
        asked.iter().filter(|(start, end)| start <= from && from < end).count()
    };
    assert!(asked.iter().map(at_a_time).max() <= Some(32));
    assert!(cut.elapsed() >= Duration::from_millis(10 * (VISITORS as u64 - 10)), "{:?}", cut.elapsed());
}

#[tokio::test]
async fn a_call_does_not_wait_for_those_who_are_spread() {
    let stage = Stage::new().await;
    let mut chats = Vec::new();
    for user in 0..50 {
        chats.push(stage.open(&user.to_string()).await);
    }
    let restart = CloseHow::Clean { code: 1012, reason: "service restart".to_owned() };
    stage.emulator.close_sockets(None, &restart);
    let asks = chats.iter().map(|chat| chat.ask("Hello").into_future());
    let asked = Instant::now();
    for answer in soon(futures_util::future::join_all(asks)).await {
        answer.unwrap();
    }
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_client_that_is_closed_during_a_back_off_asks_nothing_more_and_leaves_nothing_running() {
    let emulator = Emulator::builder().start().await.unwrap();
    // A runtime of its own, so that all that runs there is the client's.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = {
        let _within = runtime.enter();
        crate::support::client_of(&emulator)
    };
    let chat = client.open(visitor("ada")).await.unwrap();
    let events = client.events();
    emulator.fault(Fault::new(InjectionPoint::WsCreate, Effect::CutBefore).times(1000)).unwrap();
    emulator.close_sockets(None, &CloseHow::Clean { code: 1000, reason: String::new() });
    for _ in 0..6 {
        let wait = next(&events, |event| match event.kind {
            EventKind::Disconnected { retry_in, .. } => Some(retry_in),
            _ => None,
        })
        .await;
        client.advance_clock(wait).await;
    }
    soon(client.close()).await;
    let asked = emulator.state().calls.clone();
    client.advance_clock(Duration::from_secs(120)).await;
    drop((chat, client));
    soon(async {
        while runtime.metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(emulator.state().calls, asked, "nothing is asked any more");
    while let Some(event) = soon(events.next()).await {
        drop(event);
    }
    runtime.shutdown_background();
}

#[tokio::test]
async fn a_clean_close_after_each_open_ends_with_one_socket() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    let mut passed = Duration::ZERO;
    let mut losses = 0;
    while passed < Duration::from_secs(5) {
        stage.until(|state| state.sockets.len() == 1).await;
        stage.emulator.close_sockets(None, &CloseHow::Clean { code: 1000, reason: String::new() });
        losses += 1;
        let wait = next(&events, |event| match event.kind {
            EventKind::Disconnected { retry_in, .. } => Some(retry_in),
            _ => None,
        })
        .await;
        stage.client.advance_clock(wait).await;
        passed += wait;
        next(&events, |event| matches!(event.kind, EventKind::Reconnected { .. }).then_some(())).await;
    }
    soon(chat.ask("Hello").into_future()).await.unwrap();
    let state = stage.emulator.state();
    assert_eq!(
        (state.sockets.len(), state.calls["connect"], state.calls["ws/create"]),
        (1, losses + 1, losses + 1)
    );
    assert!(losses <= 6, "{losses} attempts in five seconds");
}
