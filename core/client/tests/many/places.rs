//! `max_live` and `idle_after`: which visitors hold a socket.

use std::collections::HashSet;
use std::time::Duration;

use crate::stage::{settle, stage, until, watched};
use crate::support::{Stage, next, owner_reply, soon, visitor};
use futures_util::FutureExt;
use futures_util::future::join_all;
use secondme_avatar::{
    AvatarClient, ClientBuilder, Conversation, ErrorKind, EventKind, MemoryStore, State, Stats, Step,
};
use secondme_avatar_emulator::service::{Effect, Entry, Fault, InjectionPoint, What};

const MINUTE: Duration = Duration::from_secs(60);

/// The avatar is silent: a question here waits until the owner answers.
fn silence(stage: &Stage, chat: &Conversation) {
    stage.emulator.owner().take_over(chat.session_id().unwrap().as_str()).unwrap();
}

fn answer(stage: &Stage, chat: &Conversation, text: &str) {
    stage.emulator.owner().reply(chat.session_id().unwrap().as_str(), text).unwrap();
}

/// The most sockets that were open at once, as the service saw it.
fn most_sockets(journal: &[Entry]) -> usize {
    let mut open = HashSet::new();
    let mut most = 0;
    for entry in journal {
        match &entry.what {
            What::Connect { status: 101, .. } => drop(open.insert(entry.whose.ws_id.clone())),
            What::Close { .. } => drop(open.remove(&entry.whose.ws_id)),
            _ => {}
        }
        most = most.max(open.len());
    }
    most
}

#[tokio::test]
async fn the_one_that_has_been_idle_the_longest_makes_room() {
    let stage = stage(|client| client.max_live(2)).await;
    let (ada, bob) = (stage.open("ada").await, stage.open("bob").await);
    stage.client.advance_clock(Duration::from_secs(1)).await;
    ada.ask("I am here").await.unwrap();
    let events = bob.events();
    let eve = stage.open("eve").await;
    assert_eq!((ada.state(), bob.state(), eve.state()), (State::Live, State::Paused, State::Live));
    let to = next(&events, |event| match event.kind {
        EventKind::StateChanged { to, .. } => Some(to),
        _ => None,
    });
    assert_eq!(to.await, State::Paused, "it is told so");
    let stats = stage.client.stats();
    assert_eq!((stats.visitors, stats.live, stats.paused, stats.waiting_for_slot), (3, 2, 1, 0));
    assert_eq!(most_sockets(&stage.emulator.journal()), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_visitors_share_five_places_and_all_are_answered() {
    let stage = stage(|client| client.max_live(5)).await;
    let visit = async |user: usize| {
        let chat = stage.open(&user.to_string()).await;
        for round in 0..3 {
            let reply = chat.ask(format!("{user} asks {round}")).await.unwrap();
            assert_eq!(reply.text, format!("You said: {user} asks {round}").as_str());
        }
    };
    soon(join_all((0..40).map(visit))).await;
    let stats = stage.client.stats();
    assert_eq!((stats.visitors, stats.waiting_for_slot), (40, 0));
    assert!(stats.live <= 5 && stats.paused >= 35, "{stats:?}");
    assert!(most_sockets(&stage.emulator.journal()) <= 5);
    let made: u64 =
        stage.emulator.state().calls.iter().filter(|(name, _)| *name != "connect").map(|(_, n)| n).sum();
    assert_eq!(stats.counters.calls, made, "calls that were never made are not counted");
}

#[tokio::test]
async fn where_no_visitor_is_idle_newcomers_wait_in_order() {
    let stage = stage(|client| client.max_live(1)).await;
    let ada = stage.open("ada").await;
    silence(&stage, &ada);
    let asked = tokio::spawn(ada.ask("Anybody there?").into_future());
    stage.until(|state| state.calls("message/send") == 1).await;
    let events = stage.client.events();
    let mut openings = Vec::new();
    for user in ["bob", "eve", "zoe"] {
        openings.push(tokio::spawn(stage.client.open(visitor(user)).into_future()));
        until(&stage.client, |stats| stats.waiting_for_slot == openings.len()).await;
    }
    assert_eq!(ada.state(), State::Live, "who waits for an answer is not idle");
    answer(&stage, &ada, "I am");
    assert_eq!(soon(asked).await.unwrap().unwrap().text, "I am");
    let mut opened = Vec::new();
    while opened.len() < 3 {
        opened.push(
            next(&events, |event| matches!(event.kind, EventKind::Opened { .. }).then_some(event.visitor_id))
                .await,
        );
    }
    let expected: Vec<_> = ["bob", "eve", "zoe"].map(|user| visitor(user).id().clone()).into();
    assert_eq!(opened, expected);
    for opening in openings {
        soon(opening).await.unwrap().unwrap();
    }
    assert_eq!(most_sockets(&stage.emulator.journal()), 1);
}

#[tokio::test]
async fn who_waits_in_vain_learns_at_the_deadline_which_option_to_raise() {
    let (stage, calls) = watched(|client| client.max_live(1)).await;
    let ada = stage.open("ada").await;
    let bob = stage.open("bob").await;
    silence(&stage, &bob);
    let _asked = tokio::spawn(bob.ask("Anybody there?").into_future());
    stage.until(|state| state.calls("message/send") == 1).await;

    let events = stage.client.events();
    let opening = tokio::spawn(stage.client.open(visitor("eve")).into_future());
    let sending = tokio::spawn(ada.send("So am I").into_future());
    // All but the socket is there.
    calls.until(&stage, Step::BindSession, 3).await;
    until(&stage.client, |stats| stats.waiting_for_slot == 2).await;
    stage.client.advance_clock(Duration::from_secs(14)).await;
    until(&stage.client, |stats| stats.waiting_for_slot == 2).await;
    stage.client.advance_clock(Duration::from_secs(1)).await;
    let error = soon(sending).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(error.to_string().contains("`max_live` is 1, and no connected visitor is idle"), "{error}");
    assert!(error.unsent().unwrap().certain);
    stage.client.advance_clock(Duration::from_secs(15)).await;
    let error = soon(opening).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(error.to_string().contains("`max_live` is 1"), "{error}");
    until(&stage.client, |stats| stats.visitors == 2).await;
    let mut heard = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        heard.push(event.kind);
    }
    let tries = heard.iter().filter(|kind| matches!(kind, EventKind::Disconnected { .. })).count();
    assert_eq!(tries, 0, "that the machine tries again and again is not reported: {heard:?}");
}

#[tokio::test]
async fn an_opening_that_is_dropped_gives_up_its_place_in_the_queue() {
    let stage = stage(|client| client.max_live(1)).await;
    let ada = stage.open("ada").await;
    silence(&stage, &ada);
    let asked = tokio::spawn(ada.ask("Anybody there?").into_future());
    stage.until(|state| state.calls("message/send") == 1).await;
    let mut gone = Box::pin(stage.client.open(visitor("bob")).into_future());
    assert!(gone.as_mut().now_or_never().is_none());
    until(&stage.client, |stats| stats.waiting_for_slot == 1).await;
    let stays = tokio::spawn(stage.client.open(visitor("eve")).into_future());
    until(&stage.client, |stats| stats.waiting_for_slot == 2).await;
    drop(gone);
    until(&stage.client, |stats| stats.waiting_for_slot == 1).await;
    answer(&stage, &ada, "Yes");
    soon(asked).await.unwrap().unwrap();
    soon(stays).await.unwrap().unwrap();
    assert_eq!(stage.client.stats().visitors, 2);
}

#[tokio::test]
async fn a_closed_conversation_leaves_its_place_to_the_next() {
    let stage = stage(|client| client.max_live(1)).await;
    let ada = stage.open("ada").await;
    silence(&stage, &ada);
    let asked = tokio::spawn(ada.ask("Anybody there?").into_future());
    stage.until(|state| state.calls("message/send") == 1).await;
    let opening = tokio::spawn(stage.client.open(visitor("bob")).into_future());
    until(&stage.client, |stats| stats.waiting_for_slot == 1).await;
    ada.close().await.unwrap();
    assert_eq!(soon(asked).await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(soon(opening).await.unwrap().unwrap().state(), State::Live);
    assert_eq!(most_sockets(&stage.emulator.journal()), 1);
}

#[tokio::test]
async fn a_place_is_handed_on_when_its_socket_is_closed_and_not_before() {
    let stage = stage(|client| client.max_live(1)).await;
    let ada = stage.open("ada").await;
    // Nothing gets through any more, and so no close frame either.
    stage.emulator.fault(Fault::new(InjectionPoint::FrameOut, Effect::HalfOpen)).unwrap();
    answer(&stage, &ada, "lost");
    let opening = tokio::spawn(stage.client.open(visitor("bob")).into_future());
    let waits = |stats: &Stats| (stats.paused, stats.live, stats.waiting_for_slot) == (1, 1, 1);
    until(&stage.client, waits).await;
    assert_eq!(ada.state(), State::Paused);
    assert_eq!(soon(opening).await.unwrap().unwrap().state(), State::Live);
}

#[tokio::test]
async fn an_idle_conversation_rests_and_whatever_it_is_asked_to_do_wakes_it() {
    let stage = stage(|client| client.idle_after(MINUTE)).await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    for (number, way) in ["send", "ask", "stream", "open", "history", "resume"].iter().enumerate() {
        stage.client.advance_clock(MINUTE - Duration::from_secs(1)).await;
        soon(chat.history(1, None)).await.unwrap();
        assert_eq!(chat.state(), State::Live, "{way}: it was not idle for a minute");
        stage.client.advance_clock(MINUTE).await;
        until(&stage.client, |stats| (stats.paused, stats.live) == (1, 0)).await;
        assert_eq!(chat.state(), State::Paused, "{way}");
        stage.until(|state| state.sockets.is_empty()).await;

        let text = format!("said before {way}");
        answer(&stage, &chat, &text);
        stage.emulator.owner().hand_back(chat.session_id().unwrap().as_str()).unwrap();
        match *way {
            "send" => drop(soon(chat.send("hello").into_future()).await.unwrap()),
            "ask" => drop(soon(chat.ask("hello").into_future()).await.unwrap()),
            "stream" => {
                let mut pieces = chat.stream("hello");
                while let Some(piece) = soon(pieces.next()).await {
                    piece.unwrap();
                }
            }
            "open" => drop(stage.open("ada").await),
            "history" => assert_eq!(soon(chat.history(1, None)).await.unwrap()[0].text, text.as_str()),
            _ => soon(chat.resume()).await.unwrap(),
        }
        assert_eq!(next(&events, owner_reply).await, text, "{way}: what was said meanwhile is there");
        // A plain message is owed its answer.
        if *way == "send" {
            next(&events, |event| matches!(event.kind, EventKind::Reply(_)).then_some(())).await;
        }
        until(&stage.client, |stats| stats.connected == 1).await;
        assert_eq!(stage.emulator.state().calls("connect") as usize, number + 2, "{way}");
    }
    let state = stage.emulator.state();
    assert_eq!((state.calls("auth"), state.calls("session/create")), (1, 1));
    while let Some(Some(event)) = events.next().now_or_never() {
        assert!(owner_reply(event).is_none(), "nothing comes twice");
    }
}

#[tokio::test]
async fn who_is_owed_an_answer_is_not_idle() {
    let stage = stage(|client| client.idle_after(Duration::from_secs(5))).await;
    let chat = stage.open("ada").await;
    silence(&stage, &chat);
    soon(chat.send("I listen to events").into_future()).await.unwrap();
    // The first piece of an answer may take a minute; only then is none counted on.
    for _ in 0..6 {
        stage.client.advance_clock(Duration::from_secs(9)).await;
        settle(&stage).await;
        assert_eq!(chat.state(), State::Live);
    }
    let events = chat.events();
    answer(&stage, &chat, "Here it is");
    assert_eq!(next(&events, owner_reply).await, "Here it is");
    stage.client.advance_clock(Duration::from_secs(5)).await;
    until(&stage.client, |stats| stats.paused == 1).await;
}

#[tokio::test]
async fn a_conversation_that_was_paused_stays_paused() {
    let stage = stage(|client| client.max_live(1).idle_after(MINUTE)).await;
    let ada = stage.open("ada").await;
    ada.pause().await.unwrap();
    let bob = stage.open("bob").await;
    bob.close().await.unwrap();
    for _ in 0..5 {
        stage.client.advance_clock(MINUTE).await;
        stage.emulator.advance(MINUTE).await;
    }
    let stats = stage.client.stats();
    assert_eq!((ada.state(), stats.live, stats.paused), (State::Paused, 0, 1));
    ada.resume().await.unwrap();
    until(&stage.client, |stats| stats.connected == 1).await;
}

#[tokio::test]
async fn a_conversation_with_a_message_that_is_kept_does_not_rest() {
    let options = |client: ClientBuilder| client.idle_after(Duration::from_secs(1)).store(MemoryStore::new());
    let (stage, calls) = watched(options).await;
    let chat = stage.open("ada").await;
    stage.emulator.fault(Fault::new(InjectionPoint::MessageSend, Effect::Quota).times(3)).unwrap();
    let events = chat.events();
    chat.send("It may take a while").durable().await.unwrap();
    for tries in 1..=3 {
        calls.until(&stage, Step::SendMessage, tries).await;
        stage.client.advance_clock(2 * MINUTE).await;
    }
    let last = next(&events, |event| match event.kind {
        EventKind::StateChanged { to: State::Paused, .. } => Some("rests"),
        EventKind::Reply(_) => Some("answered"),
        _ => None,
    });
    assert_eq!(last.await, "answered");
}

#[tokio::test]
async fn limits_that_make_no_sense_are_refused() {
    let builder = || AvatarClient::builder("sk-1").unwrap();
    let error = builder().max_live(0).build().unwrap_err();
    assert!(error.to_string().contains("1 or more"), "{error}");
    let error = builder().idle_after(Duration::ZERO).build().unwrap_err();
    assert!(error.to_string().contains("1 s or more"), "{error}");
}
