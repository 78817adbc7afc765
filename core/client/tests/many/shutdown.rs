//! The end: what is closed, and what is dropped.

use std::time::Duration;

use crate::stage::{stage, until};
use crate::support::{Stage, soon, visitor};
use futures_util::FutureExt;
use futures_util::future::join_all;
use secondme_avatar::{AvatarClient, ClientBuilder, Conversation, Error, ErrorKind, State};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{CloseHow, Effect, Fault, InjectionPoint};
use tokio::runtime::Handle;

const SECOND: Duration = Duration::from_secs(1);

fn always(stage: &Emulator, at: InjectionPoint, effect: Effect) {
    stage.fault(Fault::new(at, effect).times(u32::MAX)).unwrap();
}

/// Waits until the last fault has been met.
async fn met(emulator: &Emulator) {
    soon(async {
        while emulator.faults().last().unwrap().met == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits for what is done, in virtual time. Says how many seconds that took.
async fn in_time<T>(stage: &Stage, future: impl IntoFuture<Output = T>) -> (T, u32) {
    let mut future = std::pin::pin!(future.into_future());
    for passed in 0..600 {
        if let Ok(done) = tokio::time::timeout(Duration::from_millis(10), future.as_mut()).await {
            return (done, passed);
        }
        stage.emulator.advance(SECOND).await;
        stage.client.advance_clock(SECOND).await;
    }
    panic!("it should have happened by now");
}

/// A way to bring a message into a state that it does not leave by itself.
struct Stuck {
    state: &'static str,
    options: fn(ClientBuilder) -> ClientBuilder,
    prepare: fn(&Stage),
    /// Whether the service can have taken it.
    certain: bool,
}

const STUCK: [Stuck; 5] = [
    Stuck {
        state: "queued",
        options: |client| client,
        prepare: |stage| {
            always(&stage.emulator, InjectionPoint::WsCreate, Effect::HangBefore);
            stage.emulator.close_sockets(None, &CloseHow::Abrupt);
        },
        certain: true,
    },
    Stuck {
        state: "in flight",
        options: |client| client,
        prepare: |stage| always(&stage.emulator, InjectionPoint::MessageSend, Effect::HangBefore),
        certain: false,
    },
    Stuck {
        state: "unconfirmed",
        options: |client| client,
        prepare: |stage| always(&stage.emulator, InjectionPoint::MessageSend, Effect::CutBefore),
        certain: false,
    },
    Stuck {
        state: "waiting for the quota",
        options: |client| client.quota(1),
        prepare: |stage| always(&stage.emulator, InjectionPoint::MessageSend, Effect::ExpiredToken),
        certain: true,
    },
    Stuck {
        state: "waiting to be tried again",
        options: |client| client,
        prepare: |stage| always(&stage.emulator, InjectionPoint::MessageSend, Effect::Quota),
        certain: true,
    },
];

#[tokio::test]
async fn what_cannot_be_sent_by_the_deadline_of_a_close_is_handed_back() {
    for stuck in STUCK {
        let stage = stage(stuck.options).await;
        let chat = stage.open("ada").await;
        (stuck.prepare)(&stage);
        if stuck.state == "queued" {
            met(&stage.emulator).await;
        }
        let send = tokio::spawn(chat.send("my words").deadline(120 * SECOND).into_future());
        met(&stage.emulator).await;
        // It is reported to the machine before anything that follows.
        soon(chat.resume()).await.unwrap();
        let ((), passed) = in_time(&stage, stage.client.close()).await;
        assert!(passed <= 5, "{}: {passed} s", stuck.state);
        let error = soon(send).await.unwrap().unwrap_err();
        let unsent = error.unsent().unwrap_or_else(|| panic!("{}: {error:?}", stuck.state));
        assert_eq!((unsent.text.as_ref(), unsent.certain), ("my words", stuck.certain), "{}", stuck.state);
        assert_eq!(chat.state(), State::Closed, "{}", stuck.state);
        stage.until(|state| state.sockets.is_empty()).await;
    }
}

#[tokio::test]
async fn who_waits_for_a_place_gets_the_words_back_as_well() {
    let stage = stage(|client| client.max_live(1)).await;
    let (ada, bob) = (stage.open("ada").await, stage.open("bob").await);
    stage.emulator.owner().take_over(bob.session_id().unwrap().as_str()).unwrap();
    let asked = tokio::spawn(bob.ask("Anybody there?").into_future());
    stage.until(|state| state.calls("message/send") == 1).await;
    let send = tokio::spawn(ada.send("my words").deadline(120 * SECOND).into_future());
    let opening = tokio::spawn(stage.client.open(visitor("eve")).into_future());
    until(&stage.client, |stats| stats.waiting_for_slot == 2).await;
    // Bob's question has been taken, so Bob is closed at once, and Ada gets the slot in time.
    let ((), passed) = in_time(&stage, stage.client.close().deadline(3 * SECOND)).await;
    assert!(passed <= 3);
    assert_eq!(soon(asked).await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(soon(opening).await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    soon(send).await.unwrap().unwrap();
    assert_eq!(stage.client.stats().waiting_for_slot, 0);
}

#[tokio::test]
async fn what_can_be_sent_by_the_deadline_is_sent() {
    let stage = stage(|client| client).await;
    let chat = stage.open("ada").await;
    let sends: Vec<_> = (0..20).map(|n| tokio::spawn(chat.send(n.to_string()).into_future())).collect();
    stage.emulator.close_sockets(None, &CloseHow::Abrupt);
    until(&stage.client, |stats| stats.counters.calls > 7).await;
    soon(stage.client.close()).await;
    for send in sends {
        soon(send).await.unwrap().unwrap();
    }
    let said = &stage.emulator.state().sessions[0].messages;
    let said =
        said.iter().filter(|message| message.author == secondme_avatar_emulator::service::Author::Visitor);
    assert_eq!(said.count(), 20);
}

#[tokio::test]
async fn closing_twice_and_by_two_at_once_is_no_error_and_every_later_call_is() {
    let stage = stage(|client| client).await;
    let chat = stage.open("ada").await;
    let second = chat.new_session().await.unwrap();
    soon(async { tokio::join!(stage.client.close(), stage.client.close(), chat.close()) }).await.2.unwrap();
    soon(stage.client.close()).await;
    soon(chat.close()).await.unwrap();
    soon(chat.end()).await.unwrap();
    for chat in [chat, second] {
        for (call, error) in every_call(&stage.client, &chat).await {
            let error = error.unwrap_or_else(|| panic!("{call} works"));
            assert_eq!(error.kind(), ErrorKind::Closed, "{call}: {error}");
            assert!(error.to_string().contains("the client is closed"), "{call}: {error}");
        }
        assert!(soon(chat.events().next()).await.is_none());
    }
    assert!(soon(stage.client.events().next()).await.is_none());
}

#[tokio::test]
async fn nothing_new_is_begun_while_a_client_is_being_closed() {
    let stage = stage(|client| client).await;
    let chat = stage.open("ada").await;
    always(&stage.emulator, InjectionPoint::MessageSend, Effect::HangBefore);
    let send = tokio::spawn(chat.send("hangs").into_future());
    met(&stage.emulator).await;
    let mut closing = Box::pin(stage.client.close().into_future());
    assert!(closing.as_mut().now_or_never().is_none());
    for (call, error) in every_call(&stage.client, &chat).await {
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::Closed), "{call}");
    }
    in_time(&stage, closing).await;
    soon(send).await.unwrap().unwrap_err();
    assert_eq!(stage.client.stats().visitors, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openings_that_race_with_a_close_leave_nothing_open() {
    for _ in 0..10 {
        let stage = stage(|client| client).await;
        let openings =
            (0..20).map(|user| tokio::spawn(stage.client.open(visitor(&user.to_string())).into_future()));
        let openings: Vec<_> = openings.collect();
        stage.until(|state| state.calls("auth") > 3).await;
        soon(stage.client.close()).await;
        for opened in soon(join_all(openings)).await {
            if let Err(error) = opened.unwrap() {
                assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
            }
        }
        assert_eq!(stage.client.stats().visitors, 0);
        stage.until(|state| state.sockets.is_empty()).await;
    }
}

#[tokio::test]
async fn who_opens_a_visitor_that_is_being_closed_waits_no_longer_than_the_deadline() {
    let stage = stage(|client| client).await;
    let chat = stage.open("ada").await;
    always(&stage.emulator, InjectionPoint::MessageSend, Effect::HangBefore);
    let send = tokio::spawn(chat.send("hangs").into_future());
    met(&stage.emulator).await;
    let closed = chat.clone();
    let closing = tokio::spawn(async move { closed.close().await });
    until(&stage.client, |_| chat.state() == State::Closing).await;
    let opening = stage.client.open(visitor("ada")).deadline(2 * SECOND);
    let (opened, passed) = in_time(&stage, opening.into_future()).await;
    assert_eq!((opened.unwrap_err().kind(), passed), (ErrorKind::Deadline, 2));
    in_time(&stage, closing).await.0.unwrap().unwrap();
    soon(send).await.unwrap().unwrap_err();
}

async fn every_call(client: &AvatarClient, chat: &Conversation) -> Vec<(&'static str, Option<Error>)> {
    let mut stream = chat.stream("?");
    vec![
        ("open", soon(client.open(visitor("new")).into_future()).await.err()),
        ("open again", soon(client.open(visitor("ada")).into_future()).await.err()),
        ("new_session", soon(chat.new_session()).await.err()),
        ("send", soon(chat.send("?").into_future()).await.err()),
        ("ask", soon(chat.ask("?").into_future()).await.err()),
        ("stream", soon(stream.next()).await.unwrap().err()),
        ("history", soon(chat.history(1, None)).await.err()),
        ("pause", soon(chat.pause()).await.err()),
        ("resume", soon(chat.resume()).await.err()),
        ("network_changed", soon(chat.network_changed()).await.err()),
    ]
}

/// The emulator's tasks are no client's: it has a runtime of its own.
fn emulator() -> (tokio::runtime::Runtime, Emulator) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let emulator = runtime.block_on(Emulator::builder().start()).unwrap();
    (runtime, emulator)
}

/// An open conversation with a message under way that hangs.
async fn hanging(client: &AvatarClient, emulator: &Emulator, at: InjectionPoint) -> Box<dyn std::any::Any> {
    let chat = client.open(visitor("ada")).await.unwrap();
    always(emulator, at, Effect::HangBefore);
    let mut send = Box::pin(chat.send("hangs").into_future());
    assert!(send.as_mut().now_or_never().is_none());
    met(emulator).await;
    Box::new((chat, send))
}

async fn opening(client: &AvatarClient, emulator: &Emulator, at: InjectionPoint) -> Box<dyn std::any::Any> {
    always(emulator, at, Effect::HangBefore);
    let mut open = Box::pin(client.open(visitor("ada")).into_future());
    assert!(open.as_mut().now_or_never().is_none());
    met(emulator).await;
    Box::new(open)
}

#[test]
fn a_client_that_is_dropped_ends_every_task_whatever_it_was_doing() {
    const STATES: [&str; 14] = [
        "never used",
        "authenticating",
        "initialising",
        "connecting",
        "live",
        "sending",
        "asking",
        "streaming",
        "reconnecting",
        "paused",
        "closing",
        "waiting for the quota",
        "waiting for a slot",
        "not reading",
    ];
    for state in STATES {
        let (_runtime, emulator) = emulator();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tasks = || Handle::current().metrics().num_alive_tasks();
            let before = tasks();
            let builder = AvatarClient::builder(emulator.api_key()).unwrap().event_queue(2);
            let builder = builder.base_url(emulator.base_url().parse().unwrap());
            let client = match state {
                "waiting for the quota" => builder.quota(1),
                "waiting for a slot" => builder.max_live(1),
                _ => builder,
            };
            let client = client.build().unwrap();
            let held: Box<dyn std::any::Any> = match state {
                "never used" => Box::new(()),
                "authenticating" => opening(&client, &emulator, InjectionPoint::Auth).await,
                "initialising" => opening(&client, &emulator, InjectionPoint::ChatInit).await,
                "connecting" => opening(&client, &emulator, InjectionPoint::Connect).await,
                "sending" => hanging(&client, &emulator, InjectionPoint::MessageSend).await,
                "waiting for the quota" => {
                    let chat = client.open(visitor("ada")).await.unwrap();
                    let mut open = Box::pin(client.open(visitor("bob")).deadline(600 * SECOND).into_future());
                    assert!(open.as_mut().now_or_never().is_none());
                    until(&client, |stats| stats.waiting_for_quota == 1).await;
                    Box::new((chat, open))
                }
                "waiting for a slot" => {
                    let held = hanging(&client, &emulator, InjectionPoint::MessageSend).await;
                    let mut open = Box::pin(client.open(visitor("bob")).into_future());
                    assert!(open.as_mut().now_or_never().is_none());
                    until(&client, |stats| stats.waiting_for_slot == 1).await;
                    Box::new((held, open))
                }
                _ => open_and(state, &client, &emulator).await,
            };
            if state != "never used" {
                assert!(tasks() > before, "{state}: there is something to end");
            }
            drop(held);
            drop(client);
            soon(async {
                while tasks() > before {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await;
        });
    }
}

async fn open_and(state: &str, client: &AvatarClient, emulator: &Emulator) -> Box<dyn std::any::Any> {
    let chat = client.open(visitor("ada")).await.unwrap();
    match state {
        "asking" | "streaming" => {
            emulator.owner().take_over(chat.session_id().unwrap().as_str()).unwrap();
            let mut ask = Box::pin(chat.ask("?").into_future());
            let stream = chat.stream("?");
            assert!(ask.as_mut().now_or_never().is_none());
            soon(emulator.wait_until(|state| state.calls("message/send") > 0)).await;
            if state == "asking" { Box::new((chat, ask)) } else { Box::new((chat, stream)) }
        }
        "reconnecting" => {
            always(emulator, InjectionPoint::WsCreate, Effect::HangBefore);
            emulator.close_sockets(None, &CloseHow::Abrupt);
            met(emulator).await;
            Box::new(chat)
        }
        "paused" => {
            chat.pause().await.unwrap();
            Box::new(chat)
        }
        "closing" => {
            always(emulator, InjectionPoint::MessageSend, Effect::HangBefore);
            let mut send = Box::pin(chat.send("hangs").into_future());
            assert!(send.as_mut().now_or_never().is_none());
            let closed = chat.clone();
            let mut close = Box::pin(async move { closed.close().await });
            assert!(close.as_mut().now_or_never().is_none());
            met(emulator).await;
            Box::new((chat, send, close))
        }
        "not reading" => {
            let events = client.events();
            for n in 0..5 {
                drop(chat.send(n.to_string()).await);
            }
            Box::new((chat, events))
        }
        _ => Box::new(chat),
    }
}

#[tokio::test]
async fn the_sessions_of_a_visitor_share_one_socket_after_a_reconnect_too() {
    let stage = Stage::new().await;
    let first = stage.open("ada").await;
    let mut chats = vec![first.clone()];
    for _ in 0..3 {
        chats.push(first.new_session().await.unwrap());
    }
    for round in 1..=3 {
        for (n, chat) in chats.iter().enumerate() {
            let reply = soon(chat.ask(format!("{n} in {round}")).into_future()).await.unwrap();
            assert_eq!(reply.text, format!("You said: {n} in {round}").as_str());
        }
        let state = stage.emulator.state();
        assert_eq!((state.calls("connect"), state.sockets.len(), state.sessions.len()), (round, 1, 4));
        stage.emulator.close_sockets(None, &CloseHow::Abrupt);
        until(&stage.client, |stats| stats.counters.lost == round && stats.connected == 1).await;
    }
}
