//! What is dropped leaves nothing behind.

use std::time::Duration;

use crate::support::{Stage, next, soon, visitor};
use futures_util::FutureExt;
use secondme_avatar::{ErrorKind, EventKind, ReplyStream, State};
use secondme_avatar_emulator::service::PingDrop;

/// Between two pieces of a reply: longer than one without an end is waited for.
const SLOWLY: Duration = Duration::from_secs(4);

#[tokio::test]
async fn an_opening_that_is_dropped_is_given_up() {
    let stage = Stage::with(|emulator| emulator.latency(Duration::from_millis(30))).await;
    let events = stage.client.events();
    let mut opening = Box::pin(stage.client.open(visitor("ada")).into_future());
    assert!(opening.as_mut().now_or_never().is_none());
    stage.until(|state| state.calls.contains_key("auth")).await;
    drop(opening);
    next(&events, |event| matches!(event.kind, EventKind::Closed { .. }).then_some(())).await;
    soon(async {
        while stage.client.stats().visitors > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(stage.emulator.state().sockets.is_empty());
}

#[tokio::test]
async fn one_of_two_who_wait_for_an_opening_may_go() {
    let stage = Stage::with(|emulator| emulator.latency(Duration::from_millis(30))).await;
    let mut gone = Box::pin(stage.client.open(visitor("ada")).into_future());
    assert!(gone.as_mut().now_or_never().is_none());
    let stays = stage.client.open(visitor("ada"));
    drop(gone);
    assert_eq!(soon(stays.into_future()).await.unwrap().state(), State::Live);
}

#[tokio::test]
async fn a_question_that_is_dropped_does_not_hold_up_the_next() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let mut dropped = Box::pin(chat.ask("never mind").into_future());
    assert!(dropped.as_mut().now_or_never().is_none());
    drop(dropped);
    drop(chat.stream("nor this"));
    let reply = soon(chat.ask("but this").into_future()).await.unwrap();
    assert!(reply.text.contains("but this"), "{}", reply.text);
}

#[tokio::test]
async fn after_a_stream_that_was_left_the_next_question_goes_out_at_once_and_gets_its_own_answer() {
    type Leave = fn(ReplyStream) -> Option<ReplyStream>;
    let stop: Leave = |pieces| {
        pieces.stop();
        Some(pieces)
    };
    let dropped: Leave = |pieces| {
        drop(pieces);
        None
    };
    for leave in [stop, dropped] {
        // By the emulator's clock, which the test puts forward.
        let stage = Stage::with(|emulator| emulator.piece_delay(SLOWLY)).await;
        stage.emulator.configure(|settings| settings.ping_drop = PingDrop::After60s);
        let chat = stage.open("ada").await;
        let events = chat.events();
        let mut pieces = chat.stream("a story told at length");
        let first = soon(pieces.next()).await.unwrap().unwrap().text;
        if let Some(mut stopped) = leave(pieces) {
            assert!(soon(stopped.next()).await.is_none() && stopped.reply().is_none());
        }
        let next_one = tokio::spawn(chat.ask("something short").into_future());
        stage
            .until(|state| state.sessions[0].messages.iter().any(|said| said.text == "something short"))
            .await;
        let replied = events.drain(usize::MAX).iter().any(|event| matches!(event.kind, EventKind::Reply(_)));
        assert!(!replied && !next_one.is_finished(), "the story is still being told");
        // Long enough for both replies, and no longer than the emulator does without a ping.
        for _ in 0..12 {
            stage.emulator.advance(SLOWLY).await;
        }
        let reply = soon(next_one).await.unwrap().unwrap();
        assert!(reply.text.contains("something short") && !reply.text.contains("story"), "{}", reply.text);
        let (story, asked) = next(&events, |event| match event.kind {
            EventKind::Reply(reply)
                if reply.text.starts_with(first.as_str()) && reply.text.contains("story") =>
            {
                Some((reply.text, reply.asked))
            }
            _ => None,
        })
        .await;
        assert!(story.contains("at length") && !asked, "an event like any: {story}");
    }
}

#[tokio::test]
async fn a_client_that_is_not_held_any_more_ends_all_its_work() {
    let Stage { emulator, client } = Stage::new().await;
    let chat = client.open(visitor("ada")).await.unwrap();
    let events = client.events();
    drop(client);
    assert!(chat.ask("the conversation keeps it").await.is_ok());
    drop(chat);
    soon(emulator.wait_until(|state| state.sockets.is_empty())).await;
    soon(async { while events.next().await.is_some() {} }).await;
}

#[test]
fn a_client_works_outside_of_any_runtime_and_under_any_executor() {
    // The emulator needs tokio; the client brings its own.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let emulator =
        runtime.block_on(async { secondme_avatar_emulator::Emulator::builder().start().await }).unwrap();
    let client = crate::support::client_of(&emulator);
    let reply = futures_util::future::FutureExt::boxed(async move {
        let chat = client.open(visitor("ada")).await.unwrap();
        let reply = chat.ask("hello").await.unwrap();
        client.close().await;
        reply
    });
    let reply = block_on(reply);
    assert!(reply.text.contains("hello"));
}

#[test]
fn a_client_whose_runtime_has_ended_says_so_and_hangs_nowhere() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (stage, chat) = runtime.block_on(async {
        let stage = Stage::new().await;
        let chat = stage.open("ada").await;
        (stage, chat)
    });
    drop(runtime);
    let later = tokio::runtime::Runtime::new().unwrap();
    later.block_on(async {
        let error = soon(chat.ask("anybody there?").into_future()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        let error = soon(stage.client.open(visitor("bob")).into_future()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        soon(stage.client.close().deadline(Duration::from_millis(10))).await;
    });
}

/// The smallest executor there is.
fn block_on<T>(mut future: std::pin::Pin<Box<dyn Future<Output = T> + Send>>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
