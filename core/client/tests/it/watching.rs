//! What a client lets others see and turn: its calls, and its clock.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use secondme_avatar::{AvatarClient, CallReport, EventKind, State, Step};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Key, Pings};

use crate::support::{Stage, next, soon, visitor};

async fn watched(emulator: &Emulator) -> (AvatarClient, Arc<Mutex<Vec<CallReport>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    let client = AvatarClient::builder(emulator.api_key())
        .unwrap()
        .base_url(emulator.base_url().parse().unwrap())
        .on_call(move |call| list.lock().unwrap().push(call.clone()))
        .build()
        .unwrap();
    (client, told)
}

#[tokio::test]
async fn every_call_of_an_opening_is_told() {
    let emulator = Emulator::builder().latency(Duration::from_millis(20)).start().await.unwrap();
    let (client, told) = watched(&emulator).await;
    client.open(visitor("ada")).await.unwrap();
    let told = told.lock().unwrap();
    let mut steps: Vec<_> = told.iter().map(|call| call.step).collect();
    steps.sort();
    let expected = [
        Step::Authenticate,
        Step::InitChat,
        Step::CreateSocket,
        Step::CreateSession,
        Step::ResolveAvatar,
        Step::BindSession,
        Step::Connect,
    ];
    assert_eq!(steps, expected);
    for call in told.iter() {
        assert!(call.error.is_none() && call.took >= Duration::from_millis(20), "{call:?}");
        assert_eq!(call.visitor_id, *visitor("ada").id());
        // The handshake's answer is read by the WebSocket library, which keeps its headers to itself.
        assert_eq!(call.server_time.is_some(), call.step != Step::Connect);
    }
    let skew = told[0].server_time.unwrap().duration_since(SystemTime::now()).unwrap_or_default();
    assert!(skew < Duration::from_secs(2));
}

#[tokio::test]
async fn a_refusal_is_told_with_its_code() {
    let disabled = vec![Key { disabled: true, ..Key::default() }];
    let emulator = Emulator::builder().configure(|settings| settings.keys = disabled).start().await.unwrap();
    let (client, told) = watched(&emulator).await;
    client.open(visitor("ada")).await.unwrap_err();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    let error = told[0].error.as_ref().unwrap();
    assert_eq!((error.code(), error.step()), (Some("open.api.key.disabled"), Some(Step::Authenticate)));
}

#[tokio::test]
async fn who_watches_and_panics_does_no_harm() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = AvatarClient::builder(emulator.api_key())
        .unwrap()
        .base_url(emulator.base_url().parse().unwrap())
        .on_call(|_| panic!("of the caller's making"))
        .build()
        .unwrap();
    let chat = client.open(visitor("ada")).await.unwrap();
    assert_eq!(chat.ask("Hello").await.unwrap().text, "You said: Hello");
}

#[tokio::test]
async fn whether_there_are_visitors_is_told_when_the_first_comes_and_when_the_last_has_gone() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let client = AvatarClient::builder(emulator.api_key())
        .unwrap()
        .base_url(emulator.base_url().parse().unwrap())
        .on_occupied(move |is_occupied| tell.send(is_occupied).unwrap())
        .build()
        .unwrap();
    let ada = client.open(visitor("ada")).await.unwrap();
    assert_eq!(told.recv().await, Some(true));
    let bob = client.open(visitor("bob")).await.unwrap();
    ada.close().await.unwrap();
    client.open(visitor("ada")).await.unwrap().close().await.unwrap();
    bob.close().await.unwrap();
    assert_eq!(told.recv().await, Some(false));

    let fault = r#"{"at": "auth", "do": {"fail": "open.api.key.disabled"}}"#;
    emulator.fault(serde_json::from_str(fault).unwrap()).unwrap();
    client.open(visitor("eve")).await.unwrap_err();
    assert_eq!((told.recv().await, told.recv().await), (Some(true), Some(false)));
}

#[tokio::test]
async fn an_hour_of_silence_passes_in_a_moment() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    for quarters in 1..=240 {
        stage.client.advance_clock(Duration::from_secs(15)).await;
        stage.until(|state| state.sockets.iter().map(|socket| socket.pings).sum::<u64>() >= quarters).await;
        stage.emulator.advance(Duration::from_secs(15)).await;
    }
    assert_eq!(chat.state(), State::Live);
    assert_eq!(chat.ask("Still there?").await.unwrap().text, "You said: Still there?");
    assert_eq!(stage.emulator.state().calls("connect"), 1);
}

#[tokio::test]
async fn a_deadline_that_the_clock_is_put_beyond_has_passed() {
    let stage = Stage::with(|emulator| emulator.configure(|settings| settings.pings = Pings::Nothing)).await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    stage.emulator.owner().take_over(&chat.session_id().unwrap().to_string()).unwrap();
    let asked = {
        let chat = chat.clone();
        tokio::spawn(async move { chat.ask("Is there an answer?").await })
    };
    next(&events, |event| matches!(event.kind, EventKind::Delivered { .. }).then_some(())).await;
    stage.client.advance_clock(Duration::from_secs(120)).await;
    let error = soon(asked).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), secondme_avatar::ErrorKind::Deadline);
}
