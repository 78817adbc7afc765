//! A machine that is suspended: its monotonic clock stands, the wall clock goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use secondme_avatar::{AvatarClient, ErrorKind, EventKind, MemoryStore, State};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Effect, Fault, InjectionPoint};

use crate::support::{Stage, next, soon, visitor};

const HOUR: u64 = 60 * 60;

/// A client whose wall clock goes on by hand, in seconds.
async fn stage() -> (Stage, Arc<AtomicU64>) {
    let emulator = Emulator::builder().opening("Hello!").start().await.unwrap();
    let seconds = Arc::new(AtomicU64::new(1_800_000_000));
    let shown = Arc::clone(&seconds);
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    let builder = builder.base_url(emulator.base_url().parse().unwrap()).store(MemoryStore::new());
    let builder = builder.wall_clock(move || UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::Relaxed)));
    (Stage { emulator, client: builder.build().unwrap() }, seconds)
}

#[tokio::test]
async fn what_was_to_be_sent_within_a_day_is_not_sent_after_a_day_of_sleep() {
    let (stage, seconds) = stage().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    stage.emulator.fault(Fault::new(InjectionPoint::MessageSend, Effect::Refuse).times(1000)).unwrap();
    let message = soon(chat.send("pay now").durable().into_future()).await.unwrap();
    seconds.fetch_add(25 * HOUR, Ordering::Relaxed);
    // It is noticed at the next look at the clock, whatever it is for.
    chat.resume().await.unwrap();
    let (unsent, error) = next(&events, |event| match event.kind {
        EventKind::Unsent { message, error } => Some((message, error)),
        _ => None,
    })
    .await;
    assert_eq!((unsent.message_id, error.kind()), (message, ErrorKind::Deadline));
    stage.emulator.clear_faults();
    soon(chat.ask("after").into_future()).await.unwrap();
    let state = stage.emulator.state();
    let said = state.sessions[0].messages.iter().any(|message| message.text == "pay now");
    assert!(!said, "it must not be sent any more");
}

#[tokio::test]
async fn a_connection_from_before_the_sleep_is_made_anew_and_the_answer_that_lay_in_it_is_not_lost() {
    let (stage, seconds) = stage().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    seconds.fetch_add(HOUR, Ordering::Relaxed);
    stage.emulator.owner().reply(chat.session_id().unwrap().as_str(), "good morning").unwrap();
    let heard = next(&events, |event| match event.kind {
        EventKind::OwnerReply(reply) => Some(reply.text.into_string()),
        EventKind::Disconnected { .. } => Some("lost before it was read".to_owned()),
        _ => None,
    })
    .await;
    assert_eq!(heard, "good morning");
    let cause = next(&events, |event| match event.kind {
        EventKind::Disconnected { cause, .. } => Some(cause.to_string()),
        _ => None,
    })
    .await;
    assert!(cause.contains("the network has changed"), "{cause}");
    next(&events, |event| matches!(event.kind, EventKind::Reconnected { .. }).then_some(())).await;
    assert_eq!((chat.state(), stage.client.stats().counters.lost), (State::Live, 1));
}

#[tokio::test]
async fn a_clock_that_is_put_right_changes_nothing() {
    let (stage, seconds) = stage().await;
    let chat = stage.open("ada").await;
    for _ in 0..20 {
        seconds.fetch_add(2, Ordering::Relaxed);
        soon(chat.send("Hello").into_future()).await.unwrap();
    }
    seconds.fetch_sub(HOUR, Ordering::Relaxed);
    soon(chat.ask("Hello").into_future()).await.unwrap();
    assert_eq!(stage.client.stats().counters.lost, 0);
    let unknown = visitor("bob");
    soon(stage.client.open(unknown).into_future()).await.unwrap();
}
