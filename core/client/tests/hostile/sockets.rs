//! Sockets: which host they lead to, how long frames are, and a server that does not close.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secondme_avatar::{AvatarClient, EventKind, State};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::server::{Act, SOCKET, Server, as_socket, frame, frame_head, listen, open, pour, taking, text};
use crate::tls::Ca;

const MIB: usize = 1024 * 1024;

async fn soon<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have happened by now")
}

/// A service behind TLS that gives this socket address (`{front}` is its own), and what opening comes to.
async fn opened_at(address: &'static str) -> (Server, Result<(), String>) {
    let front = Arc::new(std::sync::Mutex::new(String::new()));
    let known = Arc::clone(&front);
    let server = Server::start(move |request| match request.is_to("ws/create") {
        true => {
            let address = address.replace("{front}", &known.lock().unwrap());
            Act::Data(format!(r#"{{"wsId":"w","address":"{address}"}}"#))
        }
        false => Act::Well,
    })
    .await;
    let ca = Ca::new();
    let port = ca.front(server.address).await.port();
    *front.lock().unwrap() = port.to_string();
    let builder = AvatarClient::builder("sk-hostile").unwrap().no_proxy().ca_file(&ca.file);
    let client =
        builder.base_url(format!("https://127.0.0.1:{port}/gate/in").parse().unwrap()).build().unwrap();
    let result = open(&client).await;
    (server, result.map(drop).map_err(|error| error.to_string()))
}

#[tokio::test]
async fn an_address_that_leads_out_of_the_encryption_is_refused() {
    for address in ["ws://127.0.0.1:{front}/socket", "WS://localhost:{front}/socket"] {
        let (server, result) = opened_at(address).await;
        let error = result.unwrap_err();
        assert!(error.contains("not encrypted (ws) though the base URL is (https)"), "{error}");
        assert!(!error.contains("/socket"), "the address is a secret: {error}");
        assert!(server.requests_to(SOCKET).is_empty());
    }
    for (address, why) in [
        ("http://127.0.0.1:{front}/socket", "is neither ws nor wss"),
        ("file:///etc/passwd", "is neither ws nor wss"),
        ("wss://", "is not a valid URL"),
        ("nonsense", "is not a valid URL"),
        ("", ""),
    ] {
        let (_, result) = opened_at(address).await;
        let error = result.unwrap_err();
        assert!(
            error.contains(&format!("the socket address that the service gave {why}")),
            "{address}: {error}"
        );
    }
}

#[tokio::test]
async fn an_encrypted_address_on_another_host_is_taken_and_learns_neither_key_nor_token() {
    let (server, result) = opened_at("wss://localhost:{front}/socket").await;
    result.unwrap();
    let handshake = &server.requests_to(SOCKET)[0];
    for name in ["authorization", "token", "fp", "cookie"] {
        assert_eq!(handshake.header(name), None);
    }
}

/// How many bytes of this a client takes over a socket before it hangs up.
async fn taken_of(first: Vec<u8>, again: Vec<u8>) -> usize {
    let (told, mut taken) = mpsc::unbounded_channel();
    let server = Server::start(move |request| {
        if !request.is_to(SOCKET) {
            return Act::Well;
        }
        let (first, again, told) = (first.clone(), again.clone(), told.clone());
        as_socket(request, move |mut stream| async move {
            let _ = stream.write_all(&first).await;
            let _ = told.send(pour(&mut stream, &again, 1024 * MIB / again.len()).await);
        })
    })
    .await;
    let client = server.client();
    let _ = open(&client).await;
    soon(taken.recv()).await.unwrap()
}

#[tokio::test]
async fn frames_and_messages_are_bounded_whole_or_in_pieces() {
    let kib = vec![b'x'; 1024];
    for (first, again) in [
        // A text that goes on and on.
        (frame(1, false, &kib), frame(0, false, &kib)),
        // One frame, longer than anything.
        (frame_head(1, true, u64::MAX >> 1), kib.clone()),
        (frame_head(2, true, 5 * MIB as u64), kib.clone()),
    ] {
        let taken = taken_of(first, again).await;
        // Four of its own, and what the two systems hold between them.
        assert!(taken < 24 * MIB, "{taken} bytes were taken");
    }
}

#[tokio::test]
async fn a_message_of_empty_pieces_without_end_stops_nothing_else() {
    let server = Server::start(|request| match request.is_to(SOCKET) {
        true => as_socket(request, |mut stream| async move {
            let pieces = frame(0, false, b"").repeat(1000);
            let _ = stream.write_all(&frame(1, false, b"x")).await;
            // Until the client hangs up. It reads nothing else, so its pings stay unanswered.
            while stream.write_all(&pieces).await.is_ok() {}
        }),
        false => Act::Well,
    })
    .await;
    let client = server.client();
    let events = client.events();
    let chat = open(&client).await.unwrap();
    // It can still do all that goes over HTTP, and close: nothing hogs it.
    soon(chat.send("Hello").into_future()).await.unwrap();
    soon(client.close()).await;
    while soon(events.next()).await.is_some() {}
}

#[tokio::test]
async fn a_frame_that_makes_no_sense_is_handed_on_and_harms_nothing() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let template = serde_json::to_string(&deep_objects).unwrap();
    let odd: Vec<Vec<u8>> = vec![
        text(&deep),
        text(&deep_objects),
        text(&format!(r#"{{"sender":"umm","sessionId":"s","sources":{deep}}}"#)),
        text(&format!(r#"{{"sender":"umm","sessionId":"s","data":{deep_objects}}}"#)),
        text(&format!(
            r#"{{"sender":"umm","sessionId":"s","multipleData":[{{"modal":{{"template":{template}}}}}]}}"#
        )),
        text(r#"{"sender":"umm","sender":"client","sessionId":"s"}"#),
        text(r#"{"sender":"umm","sessionId":"s","index":1e999,"timestamp":-1e999}"#),
        text("\u{feff}{\"sender\":\"umm\"}"),
        text("{\"sender\":\"umm\0\",\"sessionId\":\"s\"}"),
        text(""),
        frame(2, true, &[0xff, 0xfe, 0x00]),
        frame(2, true, &[]),
        frame(9, true, b"ping"),
        frame(10, true, b"pong"),
    ];
    let count = odd.len();
    let last = text(r#"{"sender":"umm","sessionId":"s","multipleData":[{"modal":{"answer":"still here"}}]}"#);
    let server = Server::start(move |request| {
        if !request.is_to(SOCKET) {
            return Act::Well;
        }
        let bytes = [odd.concat(), last.clone()].concat();
        as_socket(request, move |mut stream| async move {
            let _ = stream.write_all(&bytes).await;
            listen(stream).await;
        })
    })
    .await;
    let client = server.client();
    let events = client.events();
    let chat = open(&client).await.unwrap();
    let mut unknown = 0;
    loop {
        match soon(events.next()).await.unwrap().kind {
            EventKind::Unknown => unknown += 1,
            EventKind::Reply(reply) if reply.text.as_str() == "still here" => break,
            EventKind::Disconnected { .. } => panic!("the link was lost"),
            _ => {}
        }
    }
    assert!(unknown >= 6 && unknown < count, "{unknown} of {count}");
    assert_eq!(chat.state(), State::Live);
}

#[tokio::test]
async fn a_text_that_is_none_ends_the_link_and_another_is_made() {
    let server = Server::start(|request| match request.is_to(SOCKET) {
        true => as_socket(request, |mut stream| async move {
            let _ = stream.write_all(&frame(1, true, &[0xff, 0xfe])).await;
            listen(stream).await;
        }),
        false => Act::Well,
    })
    .await;
    let client = server.client();
    let events = client.events();
    let _chat = open(&client).await.unwrap();
    loop {
        if let EventKind::Disconnected { .. } = soon(events.next()).await.unwrap().kind {
            break;
        }
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up_and_tried_again() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let (told, mut begun) = mpsc::unbounded_channel();
    let counted = Arc::clone(&attempts);
    let server = Server::start(move |request| match request.is_to(SOCKET) {
        true => {
            let attempt = counted.fetch_add(1, Ordering::Relaxed);
            let told = told.clone();
            match attempt {
                // A byte, and nothing more; then headers a byte at a time; then as it should be.
                0 => taking(move |mut stream| async move {
                    let _ = stream.write_all(b"H").await;
                    let _ = told.send(());
                    listen(stream).await;
                }),
                1 => taking(move |mut stream| async move {
                    let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX: ").await;
                    let _ = told.send(());
                    let mut slowly = tokio::time::interval(Duration::from_millis(5));
                    while stream.write_all(b"x").await.is_ok() {
                        slowly.tick().await;
                    }
                }),
                _ => Act::Well,
            }
        }
        false => Act::Well,
    })
    .await;
    let client = server.client();
    let opening = client.open(crate::server::ada()).deadline(Duration::from_secs(120));
    let opening = tokio::spawn(async move { opening.await.map(|chat| chat.state()) });
    for _ in 0..2 {
        soon(begun.recv()).await.unwrap();
        // The handshake has 10 s, and the next attempt a wait of a second at most.
        client.advance_clock(Duration::from_secs(11)).await;
    }
    let done = async {
        let mut looking = tokio::time::interval(Duration::from_millis(20));
        while !opening.is_finished() {
            looking.tick().await;
            client.advance_clock(Duration::from_millis(500)).await;
        }
    };
    soon(done).await;
    assert_eq!(opening.await.unwrap().unwrap(), State::Live);
    assert_eq!(attempts.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_server_that_accepts_and_drops_for_ever_is_not_hammered() {
    const LOSSES: usize = 40;
    let server = Server::start(|request| match request.is_to(SOCKET) {
        true => as_socket(request, |stream| async move { drop(stream) }),
        false => Act::Well,
    })
    .await;
    let client = server.client();
    let events = client.events();
    let opening = client.open(crate::server::ada());
    let opening = tokio::spawn(async move { opening.await });
    let (mut losses, mut waited) = (0, Duration::ZERO);
    while losses < LOSSES {
        if let EventKind::Disconnected { retry_in, .. } = soon(events.next()).await.unwrap().kind {
            losses += 1;
            waited += retry_in;
            client.advance_clock(retry_in).await;
        }
    }
    // After six losses each wait is drawn from 20 s: 34 of them come to 340 s, give or take 34.
    assert!(waited > Duration::from_secs(150), "{LOSSES} connections in {waited:?}");
    let handshakes = server.requests_to(SOCKET).len();
    assert!(handshakes <= LOSSES + 2, "{handshakes} handshakes");
    assert!(server.requests_to("ws/create").len() <= LOSSES + 2);
    drop(opening);
}
