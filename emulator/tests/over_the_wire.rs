//! The emulator over real HTTP and real sockets.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use secondme_avatar_emulator::brain::{Reply, Step};
use secondme_avatar_emulator::service::{
    Author, Avatar, CloseHow, FailureStatus, Injection, Key, Millis, PingDrop,
};
use secondme_avatar_emulator::{Brain, Emulator, StartError};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};
use wire::{Client, VISITOR, auth, http};

#[tokio::test]
async fn the_pages_seven_steps_hold_a_conversation() {
    let emulator = Emulator::builder().brain(Brain::demo()).start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    ann.ping().await;
    assert_eq!(ann.next().await, json!({"type": "pong", "wsId": ann.ws_id}));
    ann.send("Hello, tell me about yourself").await;
    let echo = ann.next().await;
    assert_eq!((&echo["sender"], &echo["sendUserId"]), (&json!("client"), &ann.user_id));
    assert!(ann.reply().await.starts_with("I'm the avatar of Ada Lovelace"));

    emulator.owner().reply(&ann.session, "Hi, this is the real me...").unwrap();
    let owner = ann.next().await;
    assert_eq!((&owner["sender"], &owner["sendUserId"]), (&json!("client"), &ann.owner));
    let state = emulator.state();
    let session = state.session(&ann.session).unwrap();
    assert_eq!(session.texts(Author::Owner), ["Hi, this is the real me..."]);
    assert_eq!(state.calls("message/send"), 1);
    emulator.stop().await;
    assert!(ann.socket.next().await.is_none_or(|end| end.is_err()));
}

#[tokio::test]
async fn every_answer_and_the_handshake_take_the_latency() {
    let latency = Duration::from_millis(60);
    let emulator = Emulator::builder().latency(latency).start().await.unwrap();
    let started = Instant::now();
    let mut ann = Client::open(&emulator).await;
    assert!(started.elapsed() >= 7 * latency, "six calls and a handshake: {:?}", started.elapsed());
    emulator.configure(|settings| settings.latency = Millis::ZERO);
    let started = Instant::now();
    ann.send("Hello").await;
    assert!(started.elapsed() < latency);
}

#[tokio::test]
async fn the_clock_moves_on_and_timers_happen_in_order() {
    let builder = Emulator::builder().piece_delay(Duration::from_secs(1));
    let builder = builder.configure(|settings| {
        settings.reply_delay = Millis::seconds(20);
        settings.ping_drop = PingDrop::After60s;
    });
    let emulator = builder.start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let before = emulator.now();
    ann.send("Hello, tell me about yourself").await;
    emulator.advance(Duration::from_secs(50)).await;
    assert!(emulator.now() >= before + Millis::seconds(50));
    let echo = ann.next().await;
    assert_eq!(ann.reply().await, "You said: Hello, tell me about yourself");
    let state = emulator.state();
    let reply = &state.session(&ann.session).unwrap().messages[1];
    let took = reply.timestamp - echo["timestamp"].as_u64().unwrap();
    assert!((22_000..40_000).contains(&took), "each at its own moment: {took}");

    emulator.advance(Duration::from_secs(60)).await;
    assert!(ann.socket.next().await.is_none_or(|end| end.is_err()), "no ping came");
    assert_eq!(emulator.state().sockets, []);
}

#[tokio::test]
async fn a_client_that_goes_away_is_noticed() {
    let emulator = Emulator::builder().start().await.unwrap();
    let ann = Client::open(&emulator).await;
    assert_eq!(emulator.state().sockets.len(), 1);
    drop(ann);
    emulator.wait_until(|state| state.sockets.is_empty()).await;
}

#[tokio::test]
async fn a_client_that_gives_up_during_the_handshake_leaves_no_socket_behind() {
    let emulator = Emulator::builder().start().await.unwrap();
    let ann = Client::open(&emulator).await;
    let body =
        json!({"userId": ann.user_id, "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"});
    let ws = wire::data(ann.post("/rest/general/ws/create", body).await).await;
    emulator.configure(|settings| settings.latency = Millis::minutes(10));
    let address = ws["address"].as_str().unwrap().to_owned();
    let trying = tokio::spawn(async move { connect_async(address).await.map(drop) });
    let ws_id = ws["wsId"].clone();
    emulator.wait_until(|state| state.sockets.iter().any(|socket| ws_id == *socket.ws_id)).await;
    trying.abort();
    emulator.wait_until(|state| state.sockets.is_empty()).await;
}

#[tokio::test]
async fn sockets_are_closed_with_a_close_frame_or_cut() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    let how = CloseHow::Clean { code: 1012, reason: "restart".into() };
    assert_eq!(emulator.close_sockets(None, &how), 1);
    let Some(Ok(Message::Close(Some(close)))) = ann.socket.next().await else { panic!("no close") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1012, "restart"));

    let mut ann = Client::open(&emulator).await;
    assert_eq!(emulator.close_sockets(ann.ws_id.as_str(), &CloseHow::Abrupt), 1);
    let end = ann.socket.next().await;
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_and_the_others_go_on() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut deaf = Client::open(&emulator).await;
    let line = "x".repeat(16 * 1024);
    let mut written = 0;
    while !emulator.state().sockets.is_empty() && written < 20_000 {
        emulator.inject(&deaf.session, Injection::Hint(line.clone())).unwrap();
        written += 1;
        if written % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert!(emulator.state().sockets.is_empty(), "after {written} frames");
    assert!(deaf.next().await["type"] == "hint", "what was written before is there");
    let mut ann = Client::open(&emulator).await;
    ann.send("Hello").await;
    assert_eq!(ann.reply().await, "You said: Hello");
}

#[tokio::test]
async fn a_refused_handshake_says_why() {
    let emulator = Emulator::builder().start().await.unwrap();
    let address = format!("ws://{}/gate/ws?ticket=made-up", emulator.address());
    let Err(Error::Http(refused)) = connect_async(address.as_str()).await else { panic!("taken") };
    assert_eq!(refused.status(), 404);
    let body: Value = serde_json::from_slice(refused.body().as_deref().unwrap()).unwrap();
    assert_eq!(body["code"], "ws.address.unknown");
    let plain = http().get(address.replacen("ws", "http", 1)).send().await.unwrap();
    assert_eq!(plain.status(), 426);
}

#[tokio::test]
async fn a_body_beyond_all_measure_is_refused() {
    let builder = Emulator::builder();
    let builder = builder.configure(|settings| settings.failure_status = FailureStatus::Fitting);
    let emulator = builder.start().await.unwrap();
    let request = http().post(format!("{}/rest/open/avatar/auth", emulator.base_url()));
    let answer = request.body(vec![b'x'; 3 * 1024 * 1024]).send().await.unwrap();
    assert_eq!(answer.status(), 413);
}

#[tokio::test]
async fn a_function_may_answer_in_place_of_a_script() {
    let builder = Emulator::builder().answer_with(|question| async move {
        tokio::task::yield_now().await;
        vec![Step::Reply(Reply::text(format!("{} asks: {}", question.visitor_id, question.text)))]
    });
    let emulator = builder.start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    ann.send("Who am I?").await;
    assert_eq!(ann.reply().await, format!("{VISITOR} asks: Who am I?"));
}

#[tokio::test]
async fn emulators_run_side_by_side_and_know_nothing_of_each_other() {
    let one = Emulator::builder().opening("One").start().await.unwrap();
    let avatar = Avatar { share_code: "second".into(), id: 68, ..Avatar::default() };
    let key = Key { key: "sk-second".into(), share_code: "second".into(), disabled: false };
    let two = Emulator::builder().api_key("sk-two").avatar(avatar).key(key).seed(9);
    let two = two.start().await.unwrap();
    assert_ne!(one.base_url(), two.base_url());
    assert_eq!((one.api_key(), two.api_key()), ("sk-emulator", "sk-two"));
    let (of_one, of_two) = (auth(&http(), &one).await, auth(&http(), &two).await);
    assert_ne!(of_one["visitorUserId"], of_two["visitorUserId"], "another seed, other ids");
    assert_eq!((one.state().calls("auth"), two.state().calls("auth")), (1, 1));
    one.reset();
    assert_eq!((one.state().calls("auth"), two.state().calls("auth")), (0, 1));
}

#[tokio::test]
async fn a_stopped_or_dropped_emulator_frees_its_port_and_ends_its_sockets() {
    for drop_it in [false, true] {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut ann = Client::open(&emulator).await;
        let address = emulator.address();
        if drop_it {
            drop(emulator);
        } else {
            emulator.stop().await;
            // Nothing holds the port any more.
            Emulator::builder().port(address.port()).start().await.unwrap();
        }
        assert!(ann.socket.next().await.is_none_or(|end| end.is_err()));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_and_settings_that_cannot_be_are_refused() {
    let emulator = Emulator::builder().start().await.unwrap();
    let taken = Emulator::builder().port(emulator.address().port()).start().await.unwrap_err();
    assert!(matches!(taken, StartError::Listen { .. }));
    assert!(taken.to_string().contains("or port 0 for any"), "{taken}");
    let keyless = Emulator::builder().api_key("no").start().await.unwrap_err();
    assert!(keyless.to_string().contains("must begin with `sk-`"), "{keyless}");
}
