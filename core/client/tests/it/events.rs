//! Subscriptions: nothing is lost, however slowly a subscriber reads.

use crate::support::{Stage, next, soon, visitor};
use futures_util::{FutureExt, StreamExt};
use secondme_avatar::{AvatarClient, Event, EventKind};
use secondme_avatar_emulator::service::Injection;

const NOTICES: usize = 700;

const QUEUE: usize = 16;

fn notice_of(event: Event) -> Option<String> {
    match event.kind {
        EventKind::Notice { text, .. } => Some(text.into_string()),
        _ => None,
    }
}

#[tokio::test]
async fn a_subscriber_who_is_slow_gets_every_event_in_order() {
    let mut stage = Stage::new().await;
    let builder = AvatarClient::builder(stage.emulator.api_key()).unwrap().event_queue(QUEUE);
    stage.client = builder.base_url(stage.emulator.base_url().parse().unwrap()).build().unwrap();
    let chat = stage.open("ada").await;
    let session = chat.session_id().unwrap();
    let (slow, quick) = (chat.events(), stage.client.events());
    for notice in 0..NOTICES {
        stage.emulator.inject(session.as_str(), Injection::Notice(notice.to_string())).unwrap();
    }
    let mut heard = Vec::new();
    while heard.len() < NOTICES {
        // Both have to read: a full queue holds up the socket, and so the other.
        assert!(soon(slow.ready()).await);
        quick.drain(usize::MAX);
        for event in slow.drain(1) {
            if let EventKind::Notice { text, .. } = event.kind {
                heard.push(text.parse::<usize>().unwrap());
            }
        }
        tokio::task::yield_now().await;
    }
    assert!(heard.into_iter().eq(0..NOTICES));
}

#[tokio::test]
async fn a_wait_for_events_that_is_given_up_loses_none() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    let asked = tokio::spawn(chat.ask("tell me something in several pieces, please").into_future());
    let mut text = String::new();
    let reply = loop {
        // Each wait is dropped, ready or not, and made anew.
        if events.ready().now_or_never().is_none() {
            tokio::task::yield_now().await;
            continue;
        }
        for event in events.drain(2) {
            match event.kind {
                EventKind::ReplyDelta { text: piece, .. } => text.push_str(&piece),
                EventKind::Reply(_) => {}
                _ => {}
            }
        }
        if asked.is_finished() && events.ready().now_or_never().is_none() {
            break soon(asked).await.unwrap().unwrap();
        }
    };
    assert_eq!(reply.text, text.as_str());
}

#[tokio::test]
async fn a_subscription_is_a_stream_and_ends_with_its_conversation() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    chat.close().await.unwrap();
    let kinds: Vec<EventKind> = soon(events.map(|event| event.kind).collect()).await;
    assert!(matches!(kinds.last(), Some(EventKind::Closed { .. })), "{kinds:?}");
    assert!(soon(chat.events().next()).await.is_none(), "one that begins later ends at once");
}

#[tokio::test]
async fn a_subscriber_that_goes_holds_up_no_other() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    drop(chat.events());
    drop(stage.client.events());
    let events = chat.events();
    for question in 0..40 {
        soon(chat.ask(question.to_string()).into_future()).await.unwrap();
        next(&events, |event| matches!(event.kind, EventKind::Reply(_)).then_some(())).await;
    }
}

#[tokio::test]
async fn a_subscription_that_is_finished_hands_out_what_has_come_then_ends() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let session = chat.session_id().unwrap();
    let (finished, all) = (chat.events(), stage.client.events());
    for notice in ["1", "2"] {
        stage.emulator.inject(session.as_str(), Injection::Notice(notice.to_owned())).unwrap();
        // Subscriptions to all get an event after those to its conversation.
        next(&all, |event| (notice_of(event)?.as_str() == notice).then_some(())).await;
        finished.finish();
    }
    let heard: Vec<String> = soon(finished.filter_map(async |event| notice_of(event)).collect()).await;
    assert_eq!(heard, ["1"]);
}

#[tokio::test]
async fn a_full_subscription_that_is_finished_holds_up_the_socket_no_longer() {
    let mut stage = Stage::new().await;
    let builder = AvatarClient::builder(stage.emulator.api_key()).unwrap().event_queue(QUEUE);
    stage.client = builder.base_url(stage.emulator.base_url().parse().unwrap()).build().unwrap();
    let chat = stage.open("ada").await;
    let session = chat.session_id().unwrap();
    let (full, all) = (chat.events(), stage.client.events());
    for notice in 0..NOTICES {
        stage.emulator.inject(session.as_str(), Injection::Notice(notice.to_string())).unwrap();
    }
    let number = |event| notice_of(event).map(|text| text.parse::<usize>().unwrap());
    let mut heard = 0;
    while heard < NOTICES {
        assert_eq!(next(&all, number).await, heard);
        heard += 1;
        if heard == QUEUE {
            full.finish();
        }
    }
    let kept: Vec<usize> = soon(full.filter_map(async |event| number(event)).collect()).await;
    assert!(kept.len() >= QUEUE && kept.len() < NOTICES, "{}", kept.len());
    assert!(kept.into_iter().enumerate().all(|(index, notice)| index == notice));
}

#[tokio::test]
async fn an_event_says_whose_it_is_and_shows_its_frame() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = stage.client.events();
    let session = chat.session_id();
    stage
        .emulator
        .inject(session.as_ref().unwrap().as_str(), Injection::Hint("a grey line".to_owned()))
        .unwrap();
    let event = next(&events, |event| matches!(event.kind, EventKind::Notice { .. }).then_some(event)).await;
    assert_eq!((event.session_id.as_ref(), &event.visitor_id), (session.as_ref(), visitor("ada").id()));
    let raw = event.raw.as_ref().expect("it came from a frame");
    assert!(raw.as_str().contains("a grey line"));
    assert!(!format!("{event:?}").contains("a grey line"), "its Debug does not tell");
}

#[tokio::test]
async fn frames_are_there_for_those_who_want_them() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let session = chat.session_id().unwrap();
    let say = |text: &str| stage.emulator.inject(session.as_str(), Injection::Hint(text.to_owned())).unwrap();
    let notice =
        |event: secondme_avatar::Event| matches!(event.kind, EventKind::Notice { .. }).then_some(event);
    let (with, without) = (chat.events(), chat.events());
    say("one that waits already");
    let has_raw = next(&with, notice).await.raw.is_some();
    let without = without.without_raw();
    say("one that comes");
    assert!(has_raw && next(&with, notice).await.raw.is_some());
    for _ in 0..2 {
        assert!(next(&without, notice).await.raw.is_none());
    }
}
