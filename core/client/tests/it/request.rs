//! Calls of the service that the library does not know.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secondme_avatar::{AvatarClient, ErrorKind, MemoryStore, Step};
use secondme_avatar_emulator::Emulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Stage, client_of, soon, visitor};

/// A server that gives these answers, one to each connection, and keeps what it was asked.
async fn server(answers: &'static [(u16, &'static str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/gate/in", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        for (status, body) in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                socket.read_buf(&mut request).await.unwrap();
            }
            kept.lock().unwrap().push(String::from_utf8(request).unwrap());
            let head = format!(
                "HTTP/1.1 {status} Here\r\nContent-Length: {}\r\nLocation: http://127.0.0.1:1/\r\n\
                 Retry-After: 7\r\nConnection: close\r\n\r\n",
                body.len()
            );
            socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (base, asked)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    length.is_none_or(|length| body.len() >= length.parse::<usize>().unwrap())
}

fn client(base: &str) -> AvatarClient {
    AvatarClient::builder("sk-0123456789abcdef").unwrap().base_url(base.parse().unwrap()).build().unwrap()
}

#[tokio::test]
async fn a_call_with_the_key_goes_below_the_base_url_and_gives_the_data_as_it_was_written() {
    let (base, asked) = server(&[
        (200, r#"{"code":0,"data":{"id":123456789012345678901234567890,"x":[1.10,null]}}"#),
        (200, r#"{"code":0}"#),
    ])
    .await;
    let client = client(&base);
    let body = r#"{"n":98765432109876543210}"#;
    let data = client.request("post", "/rest/new/call?a=%2e%2e").body(body).await.unwrap();
    assert_eq!(data, r#"{"id":123456789012345678901234567890,"x":[1.10,null]}"#);
    assert_eq!(client.request("DELETE", "/rest/new").await.unwrap(), "null");
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("POST /gate/in/rest/new/call?a=%2e%2e HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].contains("authorization: Bearer sk-0123456789abcdef\r\n"), "{}", asked[0]);
    assert!(
        asked[0].contains("content-type: application/json\r\n") && asked[0].ends_with(body),
        "{}",
        asked[0]
    );
    assert!(asked[1].starts_with("DELETE /gate/in/rest/new HTTP/1.1\r\n"), "{}", asked[1]);
}

#[tokio::test]
async fn what_the_service_refuses_has_a_kind_a_code_and_no_secret() {
    let (base, asked) = server(&[
        (200, r#"{"code":1,"subCode":"some.thing.wrong","message":"no: sk-0123456789abcdef"}"#),
        (429, r#"{"code":429,"message":"slow down"}"#),
        (302, "elsewhere"),
        (200, "<html>"),
        (503, ""),
    ])
    .await;
    let client = client(&base);
    let error = client.request("GET", "/a").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, Some("some.thing.wrong")));
    assert_eq!(error.step(), Some(Step::Request));
    assert!(!format!("{error} {error:?}").contains("0123456789abcdef"), "{error}");
    let error = client.request("GET", "/a").await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::RateLimited, Some(429)));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    // The key's quota is held until then, and the call would come too late.
    let error = client.request("GET", "/a").deadline(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(asked.lock().unwrap().len(), 2);
    client.advance_clock(Duration::from_secs(8)).await;
    for (kind, status) in [
        (ErrorKind::InvalidAnswer, Some(302)),
        (ErrorKind::InvalidAnswer, None),
        (ErrorKind::Unavailable, Some(503)),
    ] {
        let error = soon(client.request("GET", "/a")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(status.is_none() || error.status() == status, "{error}");
    }
}

#[tokio::test]
async fn what_is_no_call_is_refused_and_nothing_is_sent() {
    let stage = Stage::new().await;
    for (method, path, body, says) in [
        ("FETCH", "/a", None, "the method"),
        ("GET", "https://evil.example/a", None, "it is not a whole URL"),
        ("GET", "/a/%2e%2e/b", None, "could lead to outside"),
        ("GET", "/a\r\nX: y", None, "percent-encode"),
        ("GET", "/a", Some("{}"), "a GET has no body"),
        ("POST", "/a", Some("{\"a\":1} x"), "not valid JSON"),
        ("POST", "/a", Some("NaN"), "not valid JSON"),
    ] {
        let mut request = stage.client.request(method, path);
        if let Some(body) = body {
            request = request.body(body);
        }
        let error = request.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(stage.emulator.state().calls.is_empty());
    stage.client.close().await;
    assert_eq!(stage.client.request("GET", "/a").await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_visitor_s_token_is_shown_kept_and_renewed_once_it_is_refused() {
    let emulator = Emulator::builder().start().await.unwrap();
    let store = Arc::new(MemoryStore::new());
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    let builder = builder.base_url(emulator.base_url().parse().unwrap()).store(Arc::clone(&store));
    let reported = Arc::new(Mutex::new(Vec::new()));
    let reports = Arc::clone(&reported);
    let client = builder.on_call(move |call| reports.lock().unwrap().push(call.step)).build().unwrap();
    let ada = visitor("ada");
    let credentials = client_of(&emulator).authenticate(ada.clone()).await.unwrap().to_json();
    let credentials: serde_json::Value = serde_json::from_str(&credentials).unwrap();
    let code = credentials["avatarShareCode"].as_str().unwrap();
    let path = format!("/rest/os/avatar/public/{code}");
    let look_up = || client.request("GET", path.as_str()).visitor(ada.clone());
    let first = soon(look_up()).await.unwrap();
    assert!(first.contains("\"id\""), "{first}");
    let before = emulator.state().calls("auth");
    assert_eq!(soon(look_up()).await.unwrap(), first);
    assert_eq!(emulator.state().calls("auth"), before, "the token was kept");
    emulator.fault(r#"{"at": "avatar/public", "do": {"status": 401}, "times": 1}"#.parse().unwrap()).unwrap();
    assert_eq!(soon(look_up()).await.unwrap(), first);
    assert_eq!(emulator.state().calls("auth"), before + 1, "another one was fetched");
    // One that is refused again is refused.
    emulator.fault(r#"{"at": "avatar/public", "do": {"status": 401}, "times": 2}"#.parse().unwrap()).unwrap();
    assert_eq!(soon(look_up()).await.unwrap_err().kind(), ErrorKind::Authentication);
    assert!(reported.lock().unwrap().contains(&Step::Request));
    // The conversation has a token of its own, which works.
    let chat = soon(client.open(ada.clone())).await.unwrap();
    assert_eq!(soon(chat.ask("Hello")).await.unwrap().text, "You said: Hello");
    assert_eq!(soon(look_up()).await.unwrap(), first);
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_with_its_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}/gate/in", listener.local_addr().unwrap()));
    let asked = tokio::spawn(async move { listener.accept().await });
    let error = soon(client.request("GET", "/a").deadline(Duration::from_millis(300))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(asked.await.unwrap().is_ok());
}
