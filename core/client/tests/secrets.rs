//! No key, token, socket address or text of a message reaches a log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "it/support.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod support;

#[path = "quoted/logged.rs"]
mod logged;

use logged::Everything;
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::CloseHow;
use support::{Stage, soon, visitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SEED: u64 = 7;

const SAID: &str = "the-visitor-s-secret";

/// The token that the service gives first: the same seed gives the same.
async fn token_of_a_twin() -> String {
    let twin = Emulator::builder().api_key("sk-a-secret-key").seed(SEED).start().await.unwrap();
    let body = format!(r#"{{"visitorId":"{}"}}"#, visitor("ada").id());
    let request = format!(
        "POST /gate/in/rest/open/avatar/auth HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer sk-a-secret-key\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        twin.address(),
        body.len()
    );
    let mut stream = TcpStream::connect(twin.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, rest) = answer.split_once("\"visitorToken\":\"").expect("a token");
    let (token, _) = rest.split_once('"').unwrap();
    assert!(token.len() >= 16);
    token.to_owned()
}

#[tokio::test]
async fn no_log_line_of_any_crate_at_any_level_holds_a_secret() {
    let logged = Everything::listen();

    let token = token_of_a_twin().await;
    assert_eq!(token, token_of_a_twin().await, "the seed decides");
    let stage = Stage::with(|emulator| emulator.api_key("sk-a-secret-key").seed(SEED)).await;
    let chat = stage.open("ada").await;
    soon(chat.ask(SAID).into_future()).await.unwrap();
    stage.emulator.owner().reply(chat.session_id().unwrap().as_str(), "the-owner-s-secret").unwrap();
    stage.emulator.close_sockets(None, &CloseHow::Abrupt);
    soon(chat.send(SAID).into_future()).await.unwrap();
    let debug = format!("{:?} {chat:?} {:?}", stage.client, stage.client.stats());
    soon(stage.client.close()).await;

    let record = logged.lines();
    let ours = record.iter().filter(|(target, _)| target.starts_with("secondme_avatar")).count();
    assert!(ours > 10, "the library does log: {ours} lines");
    assert!(record.len() > ours, "and so do the crates beneath");
    for secret in ["sk-a-secret-key", SAID, "the-owner-s-secret", "ticket=", &token] {
        for (target, line) in &record {
            let own_words = target.starts_with("secondme_avatar_emulator");
            assert!(own_words || !line.contains(secret), "{target} logged {secret}: {line}");
        }
        assert!(!debug.contains(secret), "Debug shows {secret}: {debug}");
    }
}
