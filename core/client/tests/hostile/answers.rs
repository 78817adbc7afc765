//! HTTP answers: where they lead, how long they are, and what stands in them.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use secondme_avatar::ErrorKind;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::server::{AUTH, Act, Server, ada, answer, open, pour, taking};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_redirect_is_not_followed_and_neither_key_nor_token_goes_along() {
    let elsewhere = Server::start(|_| Act::Well).await;
    for (status, step) in [(301, AUTH), (302, "chat/init"), (307, AUTH), (308, "session/create")] {
        let location = format!("http://{}/gate/in{AUTH}", elsewhere.address);
        let server = Server::start(move |request| match request.is_to(step) {
            true => Act::Bytes(
                format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
                    .into(),
            ),
            false => Act::Well,
        })
        .await;
        let error = open(&server.client()).await.unwrap_err();
        // Once the service has answered, a redirect is something in between, and passes perhaps.
        let kind = if step == AUTH { ErrorKind::InvalidAnswer } else { ErrorKind::Deadline };
        assert_eq!(error.kind(), kind);
        assert!(chain(&error).contains("redirects elsewhere"), "{error}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// The error's text and those of what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Nested lists, or objects, so deep.
fn nested(depth: usize) -> String {
    format!(r#"{{"code":0,"data":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error_and_no_more() {
    let well = r#"{"code":0,"data":{"visitorToken":"t","visitorUserId":"u","visitorMindId":"1","avatarShareCode":"s","ownerUserId":"o"}}"#;
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"<html><body>502 Bad Gateway</body></html>".to_vec(),
        well.as_bytes()[..well.len() - 5].to_vec(),
        format!("\u{feff}{well}").into(),
        b"\0".to_vec(),
        well.replace("\"t\"", "\"\0\"").into(),
        [b"{\"code\":0,\"data\":\"".as_slice(), &[0xff, 0xfe, 0xc0], b"\"}"].concat(),
        [&well.as_bytes()[..well.len() - 2], b",\"more\":\"", &[0xff], b"\"}}"].concat(),
        nested(10_000).into(),
        nested(1_000_000).into(),
        "{\"code\":".repeat(10_000).into(),
        "[".repeat(4_000_000).into(),
        well.replace("\"1\"", "1e999").into(),
        well.replace("\"1\"", "-1").into(),
        well.replace("\"1\"", "123456789012345678901234567890").into(),
        well.replace("\"code\":0", "\"code\":0,\"code\":0").into(),
        well.replace("\"code\":0", "\"code\":1e999").into(),
        well.replace("\"ownerUserId\"", "\"visitorToken\":\"t2\",\"ownerUserId\"").into(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"0".to_vec(),
        br#"{"code":0}"#.to_vec(),
        br#"{"code":0,"data":[[[]]]}"#.to_vec(),
    ];
    join_all(bodies.into_iter().map(|body| async move {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let server = Server::start(move |_| Act::Bytes(answer(&body))).await;
        let error = open(&server.client()).await.expect_err(&shown);
        assert_eq!(error.kind(), ErrorKind::InvalidAnswer, "{shown}: {error}");
        assert!(server.requests().len() <= 3, "{shown}: a wrong base URL must not look like a slow one");
    }))
    .await;
}

/// Says how many bytes the client took before it hung up.
async fn taken_of(head: &'static str, piece: &'static [u8]) -> (usize, ErrorKind, String) {
    let (told, mut taken) = mpsc::unbounded_channel();
    let server = Server::start(move |_| {
        let told = told.clone();
        taking(move |mut stream| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = told.send(pour(&mut stream, piece, 1024 * MIB / piece.len()).await);
        })
    })
    .await;
    let error = open(&server.client()).await.unwrap_err();
    (taken.recv().await.unwrap(), error.kind(), error.to_string())
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_however_it_is_sent() {
    static ZEROS: [u8; 65_536] = [b'0'; 65_536];
    let mut chunk = b"8000\r\n".to_vec();
    chunk.extend_from_slice(&[b'x'; 0x8000]);
    chunk.extend_from_slice(b"\r\n");
    let chunk: &'static [u8] = Vec::leak(chunk);
    let cases = [
        // Compressed or not: nothing is unpacked, so nothing grows.
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", &ZEROS[..], "longer than 8 MiB"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", &ZEROS, "longer than 8 MiB"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, "longer than 8 MiB"),
        // Headers without end, one or many.
        ("HTTP/1.1 200 OK\r\nX: ", &ZEROS, "too large"),
        ("HTTP/1.1 200 OK\r\n", b"X: y\r\n", ""),
        ("", &ZEROS, ""),
    ];
    join_all(cases.map(|(head, piece, says)| async move {
        let (taken, kind, text) = taken_of(head, piece).await;
        // What the sockets' buffers hold is taken, though it is never read.
        assert!(taken < 32 * MIB, "{head}: {taken} bytes were taken; {text}");
        assert!(matches!(kind, ErrorKind::InvalidAnswer | ErrorKind::Deadline | ErrorKind::ConnectionFailed));
        assert!(text.contains(says), "{head}: {text}");
    }))
    .await;
}

#[tokio::test]
async fn announcements_without_end_last_no_longer_than_the_deadline() {
    const HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\n\r\n";
    let server = Server::start(|_| {
        taking(|mut stream| async move {
            // They are dropped as they come, so there is nothing to bound but the time.
            while stream.write_all(HINTS).await.is_ok() {}
        })
    })
    .await;
    let opening = server.client().open(ada()).deadline(Duration::from_millis(500)).into_future();
    let error = tokio::time::timeout(Duration::from_secs(10), opening).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
}

#[tokio::test]
async fn a_past_of_endless_pages_is_gathered_no_further_than_memory_allows() {
    let said = "x".repeat(3 * MIB);
    let server = Server::start(move |request| {
        if !request.is_to("/message/query") && !request.is_to("/message/latest") {
            return Act::Well;
        }
        // Each page is older than the one that ends where it begins.
        let before = request.target.rsplit_once("seqId=q").map_or(1_000_000, |(_, seq)| seq.parse().unwrap());
        let frame = |seq: u32| {
            format!(
                r#"{{"sender":"umm","sessionId":"s","messageId":"m{seq}","seqId":"q{seq}","timestamp":{seq},"data":{{"content":"{said}"}}}}"#
            )
        };
        Act::Data(format!("[{},{}]", frame(before - 2), frame(before - 1)))
    })
    .await;
    let chat = open(&server.client()).await.unwrap();
    let history = chat.history(1000, None).await.unwrap();
    let pages = server.requests_to("/message/").len();
    assert!((10..=12).contains(&pages), "{pages} pages of 6 MiB");
    assert!(history.len() >= 20, "{}", history.len());
    let last = std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(999_999);
    assert_eq!(history.last().unwrap().timestamp, Some(last));
}

#[tokio::test]
async fn a_length_that_is_a_lie_is_found_out() {
    for length in ["5", "100000"] {
        let server = Server::start(move |_| {
            let body = r#"{"code":0,"data":{"visitorToken":"t"}}"#;
            Act::Last(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").into())
        })
        .await;
        let client = server.client();
        let error = client.open(ada()).deadline(Duration::from_secs(1)).await.unwrap_err();
        let broke = matches!(error.kind(), ErrorKind::InvalidAnswer | ErrorKind::Deadline);
        assert!(broke, "{length}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_a_byte_at_a_time_does_not_hold_up_the_deadline() {
    let server = Server::start(|_| {
        taking(|mut stream| async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
            // A byte for each that the client is seen to take would be as good; it takes them at once.
            let mut slowly = tokio::time::interval(Duration::from_millis(50));
            while stream.write_all(b" ").await.is_ok() {
                slowly.tick().await;
            }
        })
    })
    .await;
    let began = Instant::now();
    let error = server.client().open(ada()).deadline(Duration::from_millis(800)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
