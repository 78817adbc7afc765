//! `avatar record` between a client and the emulator: nothing changes, and nothing private is written.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.
#![allow(unreachable_pub)]

#[path = "../../core/client/tests/scenarios/client.rs"]
mod client;
#[path = "support/folder.rs"]
mod folder;
#[path = "../../core/client/tests/scenarios/json.rs"]
mod json;
#[path = "../../core/client/tests/scenarios/keeping.rs"]
mod keeping;
#[path = "../../core/client/tests/scenarios/matching.rs"]
mod matching;
mod recorder;
#[path = "../../core/client/tests/scenarios/stage.rs"]
mod stage;
mod support;

use std::time::Duration;

use recorder::Recorder;
use secondme_avatar::{AvatarClient, EventKind, Events, Visitor};
use secondme_avatar_emulator::{Brain, Emulator, Settings};
use serde_json::Value;
use support::{avatar, err, out, run};
use tokio::net::TcpListener;

/// The emulator with other answers to the open questions.
async fn emulator(configure: impl FnOnce(&mut Settings)) -> Emulator {
    // The control API is spoken to without TLS, but reqwest wants to know how it would be done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Emulator::builder().brain(Brain::demo()).configure(configure).start().await.unwrap()
}

fn switched(changes: Value) -> impl FnOnce(&mut Settings) {
    move |settings| *settings = settings.changed(changes.as_object().unwrap().clone()).unwrap()
}

/// What the events of a conversation are, without what placeholders change.
fn outline(event: &Value) -> Option<String> {
    let kind = event["type"].as_str().unwrap();
    // When a socket is up again depends on real time.
    if matches!(kind, "state_changed" | "disconnected") {
        return None;
    }
    let text = event["text"].as_str().or(event["opening"].as_str()).unwrap_or_default();
    Some(format!("{kind} {} {} {}", event["author"].as_str().unwrap_or_default(), text.len(), event["gap"]))
}

async fn until(events: &Events, heard: &mut Vec<Value>, wanted: impl Fn(&EventKind) -> bool) {
    let wait = async {
        loop {
            let event = events.next().await.expect("the client was closed");
            heard.push(json::event(&event));
            if wanted(&event.kind) {
                return;
            }
        }
    };
    tokio::time::timeout(support::DEADLINE, wait)
        .await
        .unwrap_or_else(|_| panic!("it did not come: {heard:?}"));
}

/// A conversation with everything in it; its events.
async fn talk(client: &AvatarClient, emulator: &Emulator, gap: bool) -> Vec<Value> {
    let (events, mut heard) = (client.events(), Vec::new());
    let visitor = Visitor::for_user("web", "aurelia").unwrap().name("Aurelia Vespucci");
    let chat = client.open(visitor).await.unwrap();
    let session = chat.session_id().unwrap().as_str().to_owned();
    chat.ask("Tell me about yourself, dear Babbage").await.unwrap();
    emulator.owner().reply(&session, "Hi, this is Leonardo himself").unwrap();
    until(&events, &mut heard, |event| matches!(event, EventKind::OwnerReply(_))).await;
    if gap {
        emulator.advance(Duration::from_millis(10)).await;
        let control = reqwest::Client::builder().no_proxy().build().unwrap();
        let close = control.post(format!("{}/sockets/close", emulator.control_url()));
        close.body(r#"{"code": 4001, "reason": "Leonardo says goodbye"}"#).send().await.unwrap();
        until(&events, &mut heard, |event| matches!(event, EventKind::Disconnected { .. })).await;
        emulator.owner().reply(&session, "While you were away, Aurelia").unwrap();
        until(&events, &mut heard, |event| matches!(event, EventKind::Reconnected { .. })).await;
    }
    emulator.owner().hand_back(&session).unwrap();
    chat.ask("Thank you, and adieu").await.unwrap();
    until(&events, &mut heard, |event| matches!(event, EventKind::HandedBack)).await;
    heard.extend(events.drain(usize::MAX).iter().map(json::event));
    client.close().await;
    heard
}

/// Plays a scenario; the events of its conversation.
async fn play(scenario: &str) -> Vec<Value> {
    let scenario: Value =
        serde_saphyr::from_str(scenario).unwrap_or_else(|error| panic!("{error}: {scenario}"));
    let mut stage = stage::Stage::set(&scenario).await.unwrap();
    for step in scenario["steps"].as_array().unwrap() {
        if let Err(why) = stage.play(step).await {
            panic!("{step}: {why}\n{}\n{scenario:#}", stage.log());
        }
    }
    let log = stage.log();
    stage.clear().await.unwrap();
    let events = log.lines().filter_map(|line| Some(serde_json::from_str(&line[line.find('{')?..]).unwrap()));
    events.collect()
}

/// Records a conversation, makes a scenario of it, plays that, and holds the events against each other.
async fn comes_back_as_a_scenario(name: &str, changes: Value, gap: bool) {
    comes_back_with_faults(name, changes, gap, serde_json::json!([])).await;
}

async fn comes_back_with_faults(name: &str, changes: Value, gap: bool, faults: Value) {
    let emulator = emulator(switched(changes)).await;
    for fault in faults.as_array().unwrap() {
        emulator.fault(serde_json::from_value(fault.clone()).unwrap()).unwrap();
    }
    let recorder = Recorder::start(name, emulator.base_url(), &[]).await;
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    let client = builder.base_url(recorder.base.parse().unwrap()).build().unwrap();
    let heard = talk(&client, &emulator, gap).await;
    let sockets = emulator.state();
    let (file, said) = recorder.stop().await;
    emulator.stop().await;

    let journal = std::fs::read_to_string(&file).unwrap();
    for word in ["sk-emulator", "aurelia", "vespucci", "babbage", "leonardo", "adieu", "lovelace", "goodbye"]
    {
        assert!(!journal.to_lowercase().contains(word), "{word}");
    }
    assert!(said.contains("sockets") && said.contains("to-scenario"), "{said}");
    let failed = faults.as_array().unwrap().iter().filter(|fault| fault["at"] == "auth").count() as u64;
    assert_eq!(sockets.calls("auth"), 1 + failed);

    let traced = out(&run(avatar(&["trace", &file]), "").await);
    assert!(
        traced.contains("session ") && traced.contains("waiting for the first piece after “"),
        "{traced}"
    );
    assert!(!gap || traced.contains("no socket: closed 4001 by the service"), "{traced}");

    let made = run(avatar(&["record", "to-scenario", &file]), "").await;
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let played = play(&out(&made)).await;
    let (recorded, played): (Vec<_>, Vec<_>) =
        (heard.iter().filter_map(outline).collect(), played.iter().filter_map(outline).collect());
    assert_eq!(recorded, played, "{}", out(&made));
}

#[tokio::test]
async fn a_recording_comes_back_as_a_scenario_with_the_same_events() {
    comes_back_as_a_scenario("pieces", serde_json::json!({}), true).await;
}

#[tokio::test]
async fn a_service_that_names_nothing_in_its_frames_is_recorded_as_well() {
    let changes = serde_json::json!({
        "frame-fields": "documented", "client-text": "content", "pings": "nothing", "id-form": "number",
        "failure-shape": "message", "failure-status": "fitting",
    });
    comes_back_as_a_scenario("documented", changes, false).await;
}

#[tokio::test]
async fn a_service_that_repeats_and_ends_twice_is_recorded_as_well() {
    let changes = serde_json::json!({
        "end-mark": "twice", "second-socket": "both-get", "origin": "required", "history-calls": "404",
        "redelivery": "next-connection", "failure-shape": "sub-code",
    });
    comes_back_as_a_scenario("twice", changes, false).await;
}

#[tokio::test]
async fn calls_that_fail_fail_again_in_the_scenario() {
    let faults = serde_json::json!([
        {"at": "auth", "do": {"status": 503, "retry-after": 1, "body": "<html>Leonardo is down</html>"}},
        {"at": "session/create", "do": "refuse"},
        {"at": "connect", "do": {"status": 502}},
        {"at": "message/send", "do": {"status": 502}},
    ]);
    comes_back_with_faults("failing", serde_json::json!({}), false, faults).await;
}

#[tokio::test]
async fn a_key_that_is_refused_is_refused_in_the_scenario() {
    let emulator = emulator(|_| {}).await;
    let recorder = Recorder::start("refused", emulator.base_url(), &[]).await;
    let client = AvatarClient::builder("sk-leonardo")
        .unwrap()
        .base_url(recorder.base.parse().unwrap())
        .build()
        .unwrap();
    let visitor = Visitor::for_user("web", "aurelia").unwrap();
    let refused = client.open(visitor).await.unwrap_err();
    assert_eq!(refused.code(), Some("open.api.key.not.found"));
    client.close().await;
    let (file, _) = recorder.stop().await;
    let made = run(avatar(&["record", "to-scenario", &file]), "").await;
    let scenario = out(&made);
    assert!(scenario.contains("open.api.key.not.found") && !scenario.contains("leonardo"), "{scenario}");
    // The step `await` holds the code against the error of the library.
    play(&scenario).await;
}

#[tokio::test]
async fn the_second_door_is_recorded_and_comes_back_as_well() {
    let emulator = emulator(|_| {}).await;
    let recorder = Recorder::start("visitor-chat", emulator.lab_base_url(), &[]).await;
    let heard = talk(&visitor_chat(&emulator, &recorder), &emulator, false).await;
    chat_comes_back(recorder, &heard, &[]).await;
}

#[tokio::test]
async fn a_session_that_is_replaced_is_recorded_and_comes_back_as_well() {
    let emulator = emulator(switched(serde_json::json!({
        "visitor-chat-second-init": "new", "visitor-chat-socket-url-life": "once-60s",
    })))
    .await;
    let recorder = Recorder::start("replaced", emulator.lab_base_url(), &[]).await;
    let client = visitor_chat(&emulator, &recorder);
    let (events, mut heard) = (client.events(), Vec::new());
    let visitor = Visitor::for_user("web", "aurelia").unwrap().name("Aurelia Vespucci");
    let chat = client.open(visitor).await.unwrap();
    let before = chat.session_id().unwrap();
    chat.ask("Tell me about yourself, dear Babbage").await.unwrap();
    let control = reqwest::Client::builder().no_proxy().build().unwrap();
    let close = control.post(format!("{}/sockets/close", emulator.control_url()));
    close.body(r#"{"code": 4001, "reason": "Leonardo says goodbye"}"#).send().await.unwrap();
    until(&events, &mut heard, |event| matches!(event, EventKind::SessionReplaced { .. })).await;
    until(&events, &mut heard, |event| matches!(event, EventKind::Reconnected { .. })).await;
    let session = chat.session_id().unwrap();
    assert_ne!(session, before);
    chat.ask("Thank you, and adieu").await.unwrap();
    emulator.owner().reply(session.as_str(), "Hi, this is Leonardo himself").unwrap();
    until(&events, &mut heard, |event| matches!(event, EventKind::OwnerReply(_))).await;
    heard.extend(events.drain(usize::MAX).iter().map(json::event));
    client.close().await;
    chat_comes_back(recorder, &heard, &["visitor-chat-second-init", "session_replaced"]).await;
}

fn visitor_chat(emulator: &Emulator, recorder: &Recorder) -> AvatarClient {
    let builder =
        AvatarClient::visitor_chat(&emulator.client_id(), &emulator.client_secret(), emulator.api_key());
    builder.unwrap().base_url(recorder.base.parse().unwrap()).build().unwrap()
}

/// Ends a recording of Visitor Chat; its scenario says this, and plays the events that were heard.
async fn chat_comes_back(recorder: Recorder, heard: &[Value], says: &[&str]) {
    let (file, _) = recorder.stop().await;
    let journal = std::fs::read_to_string(&file).unwrap();
    for word in ["emulator-", "aurelia", "vespucci", "babbage", "leonardo", "adieu", "lovelace"] {
        assert!(!journal.to_lowercase().contains(word), "{word}");
    }
    let made = run(avatar(&["record", "to-scenario", &file]), "").await;
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    for says in [&["door: visitor-chat"], says].concat() {
        assert!(out(&made).contains(says), "{says} in {}", out(&made));
    }
    let played = play(&out(&made)).await;
    let (recorded, played): (Vec<_>, Vec<_>) =
        (heard.iter().filter_map(outline).collect(), played.iter().filter_map(outline).collect());
    assert_eq!(recorded, played, "{}", out(&made));
}

#[tokio::test]
async fn an_error_says_what_to_do_before_anything_is_recorded() {
    let emulator = emulator(|_| {}).await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (folder, taken_at) = (folder::folder("record-errors"), taken.local_addr().unwrap().to_string());
    let there = folder.join("there.jsonl");
    std::fs::write(&there, "mine").unwrap();
    let (there, new) = (there.to_str().unwrap(), folder.join("new.jsonl"));
    let (new_path, base) = (new.to_str().unwrap(), emulator.base_url());
    let any = "127.0.0.1:0";
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/gate/in", listener.local_addr().unwrap())
    };
    let cases = [
        (vec!["--upstream", base, "--out", there, "--listen", any], 2, "exists already", "--force"),
        (
            vec!["--upstream", base, "--out", "/no/such/folder/x", "--listen", any],
            2,
            "cannot be written",
            "--out",
        ),
        (
            vec!["--upstream", base, "--out", new_path, "--listen", &taken_at],
            2,
            "is in use by another program",
            "--listen",
        ),
        (
            vec!["--upstream", "mindos", "--out", new_path, "--listen", any],
            2,
            "is not a valid URL",
            "--upstream https://",
        ),
        (
            vec!["--upstream", "http://example.com", "--out", new_path, "--listen", any],
            2,
            "is not encrypted",
            "https",
        ),
        (
            vec!["--upstream", &closed, "--out", new_path, "--listen", any],
            5,
            "cannot be reached",
            "avatar doctor",
        ),
        (vec!["--out", new_path], 2, "--upstream", "--help"),
        (vec!["to-scenario", there], 1, "it is no journal", "avatar record --out"),
        (vec!["to-scenario", new_path], 2, "cannot be read", "avatar record --out"),
    ];
    for (args, code, says, advises) in cases {
        let output = run(avatar(&[&["record"], args.as_slice()].concat()), "").await;
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", err(&output));
        assert!(err(&output).contains(says) && err(&output).contains(advises), "{args:?}: {}", err(&output));
    }
    assert_eq!(std::fs::read_to_string(there).unwrap(), "mine");
    assert!(!new.exists(), "a command that is wrong leaves no file behind");
}
