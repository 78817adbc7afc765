//! What goes wrong on purpose, as a client meets it: real HTTP and real sockets.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod wire;

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};
use wire::{Client, http};

async fn control(emulator: &Emulator, method: &str, path: &str, body: Value) -> Value {
    let url = format!("{}/{path}", emulator.control_url());
    let request = http().request(method.parse().unwrap(), url).body(body.to_string());
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

fn fault(emulator: &Emulator, rule: Value) {
    emulator.fault(serde_json::from_value(rule).unwrap()).unwrap();
}

/// Authenticates over a bare connection, and gives all that comes back.
async fn bare_auth(emulator: &Emulator) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(emulator.address()).await.unwrap();
    let body = r#"{"visitorId": "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8"}"#;
    let request = format!(
        "POST /gate/in/rest/open/avatar/auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Bearer sk-emulator\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map(|_| answer)
}

#[tokio::test]
async fn a_refused_call_is_reset_and_a_cut_one_ends_without_a_byte() {
    let emulator = Emulator::builder().start().await.unwrap();
    fault(&emulator, json!({"at": "auth", "do": "refuse"}));
    let reset = bare_auth(&emulator).await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    for (effect, calls) in [("cut-before", 0), ("cut-after", 1)] {
        fault(&emulator, json!({"at": "auth", "do": effect}));
        assert_eq!(bare_auth(&emulator).await.unwrap(), "", "{effect}");
        assert_eq!(emulator.state().calls("auth"), calls, "{effect}");
    }
    assert!(bare_auth(&emulator).await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_call_that_hangs_is_never_answered_and_the_others_are() {
    let emulator = Emulator::builder().start().await.unwrap();
    fault(&emulator, json!({"at": "auth", "do": "hang-after"}));
    let mut hanging = std::pin::pin!(bare_auth(&emulator));
    tokio::select! {
        answer = &mut hanging => panic!("{answer:?}"),
        state = emulator.wait_until(|state| state.calls("auth") == 1) => assert_eq!(state.visitors.len(), 1),
    }
    assert!(bare_auth(&emulator).await.unwrap().contains("visitorToken"));
    emulator.advance(Duration::from_secs(3_600)).await;
    assert!(hanging.as_mut().now_or_never().is_none(), "an hour later");
}

#[tokio::test]
async fn a_late_answer_comes_when_the_emulators_clock_says_so() {
    let emulator = Emulator::builder().start().await.unwrap();
    fault(&emulator, json!({"at": "auth", "do": {"delay": "10m"}}));
    let mut late = std::pin::pin!(bare_auth(&emulator));
    tokio::select! {
        answer = &mut late => panic!("{answer:?}"),
        _ = emulator.wait_until(|state| state.calls("auth") == 1) => {}
    }
    emulator.advance(Duration::from_secs(599)).await;
    assert!(late.as_mut().now_or_never().is_none());
    emulator.advance(Duration::from_secs(1)).await;
    assert!(late.await.unwrap().contains("visitorToken"));
}

#[tokio::test]
async fn a_handshake_is_reset_cut_answered_or_late() {
    let emulator = Emulator::builder().start().await.unwrap();
    let ann = Client::open(&emulator).await;
    let address = async || {
        let body =
            json!({"userId": ann.user_id, "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"});
        let ws = wire::data(ann.post("/rest/general/ws/create", body).await).await;
        ws["address"].as_str().unwrap().to_owned()
    };
    for effect in ["refuse", "cut-before", "cut-after"] {
        fault(&emulator, json!({"at": "connect", "do": effect}));
        let error = connect_async(address().await).await.unwrap_err();
        assert!(matches!(error, Error::Io(_) | Error::Protocol(_)), "{effect}: {error:?}");
    }
    fault(&emulator, json!({"at": "connect", "do": {"status": 503, "retry-after": 7}}));
    let Err(Error::Http(refused)) = connect_async(address().await).await else { panic!("taken") };
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"7".parse().unwrap()));

    fault(&emulator, json!({"at": "connect", "do": {"delay": "20s"}}));
    let address = address().await;
    let mut late = std::pin::pin!(connect_async(address));
    tokio::select! {
        answer = &mut late => panic!("{answer:?}"),
        _ = emulator.wait_until(|state| state.calls("connect") == 4) => {}
    }
    emulator.advance(Duration::from_secs(20)).await;
    late.await.unwrap();
}

#[tokio::test]
async fn nothing_passes_through_a_half_open_socket_not_even_its_end() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    fault(&emulator, json!({"at": "frame-out", "type": "pong", "do": "half-open", "skip": 1}));
    ann.ping().await;
    assert_eq!(ann.next().await["type"], "pong");
    ann.ping().await;
    emulator.wait_until(|state| state.sockets[0].pings == 2).await;
    ann.ping().await;
    // A WebSocket's own ping would be answered by any socket that still lives.
    ann.socket.send(Message::Ping("x".into())).await.unwrap();
    ann.send("Hello").await;
    emulator.advance(Duration::from_secs(60)).await;
    let state = emulator.wait_until(|state| state.sockets.is_empty()).await;
    assert_eq!(state.sessions[0].messages.len(), 2, "the service took the message and answered");
    assert!(ann.socket.next().now_or_never().is_none(), "no frame, no pong, no end");
    emulator.stop().await;
}

#[tokio::test]
async fn a_socket_is_cut_in_the_middle_of_a_reply() {
    let emulator = Emulator::builder().start().await.unwrap();
    let mut ann = Client::open(&emulator).await;
    fault(&emulator, json!({"at": "frame-out", "sender": "umm", "do": "cut", "skip": 1}));
    ann.send("Hello, tell me about yourself").await;
    assert_eq!(ann.next().await["sender"], "client");
    assert_eq!(ann.next().await["index"], 0);
    assert!(!matches!(ann.socket.next().await, Some(Ok(_))));
}

#[tokio::test]
async fn faults_are_given_listed_and_removed_over_the_control_api() {
    let emulator = Emulator::builder().start().await.unwrap();
    let one = json!({"at": "auth", "do": {"status": 503}});
    assert_eq!(control(&emulator, "POST", "faults", one.clone()).await, json!({"ids": [1]}));
    let list = json!([one, {"at": "call", "do": "malformed", "chance": 0.5}]);
    assert_eq!(control(&emulator, "POST", "faults", list).await, json!({"ids": [2, 3]}));
    assert!(bare_auth(&emulator).await.unwrap().starts_with("HTTP/1.1 503"));
    let listed = control(&emulator, "GET", "faults", Value::Null).await;
    assert_eq!(
        listed["faults"][0],
        json!({"id": 1, "at": "auth", "do": {"status": 503}, "left": 0, "met": 1})
    );
    assert_eq!(
        listed["faults"][2],
        json!({"id": 3, "at": "call", "do": "malformed", "chance": 0.5, "left": null, "met": 0})
    );
    let wrong = json!([one, {"at": "auth", "do": "explode"}]);
    let refused = control(&emulator, "POST", "faults", wrong).await;
    assert_eq!(refused["error"]["code"], "control.body");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("fault 1: there is no `explode` at `auth`; there are refuse"), "{message}");
    assert_eq!(emulator.faults().len(), 3, "none of the list is taken");
    control(&emulator, "DELETE", "faults", Value::Null).await;
    assert!(emulator.faults().is_empty());
    control(&emulator, "POST", "faults", one).await;
    control(&emulator, "POST", "faults/clear", json!({})).await;
    assert!(emulator.faults().is_empty());
}

#[tokio::test]
async fn faults_are_given_before_the_start() {
    let rule = r#"{"at": "auth", "do": {"status": 502}}"#;
    let emulator = Emulator::builder().fault(rule.parse().unwrap()).start().await.unwrap();
    assert!(bare_auth(&emulator).await.unwrap().starts_with("HTTP/1.1 502"));
}
