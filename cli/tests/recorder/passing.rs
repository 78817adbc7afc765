//! What passes the recorder, byte by byte.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::Recorder;
use crate::{emulator, switched};

/// A service made by hand: it answers one request with these bytes, and returns what it was asked.
async fn answers(bytes: &'static [u8]) -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/gate/in", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        // The recorder has looked whether it is there.
        drop(listener.accept().await.unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"END") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(bytes).await.unwrap();
        asked
    });
    (base, served)
}

#[tokio::test]
async fn a_request_and_its_answer_pass_as_they_are() {
    const ANSWER: &[u8] = b"HTTP/1.1 299 Odd Reason\r\nX-CaSe: Yes\r\nRetry-After: 7\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 6\r\n\r\n\x00\xff{\"a\r";
    let (base, served) = answers(ANSWER).await;
    let recorder = Recorder::start("raw", &base, &[]).await;
    let at = recorder.base.trim_start_matches("http://").trim_end_matches("/gate/in").to_owned();
    let mut stream = TcpStream::connect(&at).await.unwrap();
    let request = format!(
        "POST /gate/in/any%20thing?x=%2F&y HTTP/1.1\r\nHost: {at}\r\nX-OwN: 1\r\nOrigin: http://{at}\r\nAccept-Encoding: gzip\r\nContent-Length: 3\r\n\r\nEND"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answered = vec![0; ANSWER.len()];
    stream.read_exact(&mut answered).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answered), String::from_utf8_lossy(ANSWER));

    let asked = String::from_utf8(served.await.unwrap()).unwrap();
    let host = base.trim_start_matches("http://").trim_end_matches("/gate/in");
    let expected = request.replace(&at, host).replace("gzip", "identity");
    assert_eq!(asked, expected, "only the names of the recorder have changed");
    let (file, _) = recorder.stop().await;
    let journal = std::fs::read_to_string(file).unwrap();
    assert!(
        journal.contains(r#""accept-encoding":"gzip""#)
            && journal.contains(r#""accept-encoding":"identity""#)
    );
}

#[tokio::test]
async fn a_reset_is_passed_on_as_a_reset_and_an_end_as_an_end() {
    let emulator = emulator(|_| {}).await;
    let recorder = Recorder::start("reset", emulator.base_url(), &[]).await;
    let at = recorder.base.trim_start_matches("http://").trim_end_matches("/gate/in").to_owned();
    for (fault, is_reset) in [("refuse", true), ("cut-before", false)] {
        emulator.fault(serde_json::from_value(json!({"at": "auth", "do": fault})).unwrap()).unwrap();
        let mut stream = TcpStream::connect(&at).await.unwrap();
        let request = format!(
            "POST /gate/in/rest/open/avatar/auth HTTP/1.1\r\nHost: {at}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answered = Vec::new();
        let ended = stream.read_to_end(&mut answered).await;
        assert_eq!(
            ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
            is_reset,
            "{fault}"
        );
        assert_eq!(answered, b"");
    }
    let (file, _) = recorder.stop().await;
    let journal = std::fs::read_to_string(file).unwrap();
    assert!(
        journal.contains("the service reset the connection")
            && journal.contains("the service ended the connection")
    );
}

/// A socket's address, as a client that is made by hand asks for it, its wsId, and the visitor's token.
async fn socket_address(recorder: &Recorder) -> (String, Value, String) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let visitor = "web_6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    let post = async |path: &str, token: Option<&str>, body: Value| -> Value {
        let request =
            http.post(format!("{}{path}", recorder.base)).header("content-type", "application/json");
        let request = match token {
            Some(token) => request.header("token", token).header("Fp", visitor),
            None => request.header("authorization", "Bearer sk-emulator"),
        };
        let answer = request.body(body.to_string()).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&answer).unwrap()
    };
    let who = post("/rest/open/avatar/auth", None, json!({"visitorId": visitor})).await;
    let token = who["data"]["visitorToken"].as_str().unwrap();
    let user = who["data"]["visitorUserId"].clone();
    let create = json!({"userId": user, "channel": ["ALL"], "apiVersion": "1.3.0", "sdkVersion": "1.0.0"});
    let socket = post("/rest/general/ws/create", Some(token), create).await;
    let address = socket["data"]["address"].as_str().unwrap().to_owned();
    (address, socket["data"]["wsId"].clone(), token.to_owned())
}

fn lines(file: &str) -> Vec<Value> {
    let journal = std::fs::read_to_string(file).unwrap();
    journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn frames_close_codes_and_pings_pass_as_they_are() {
    let emulator = emulator(|_| {}).await;
    let recorder = Recorder::start("frames", emulator.base_url(), &[]).await;
    let (address, ws_id, token) = socket_address(&recorder).await;
    let here = recorder.base.trim_start_matches("http://").trim_end_matches("/gate/in");
    assert!(address.starts_with(&format!("ws://{here}/")), "{address}");

    let (mut stream, answer) = tokio_tungstenite::connect_async(address.as_str()).await.unwrap();
    assert_eq!(answer.status(), 101);
    let ping = json!({"type": "ping", "wsId": ws_id}).to_string();
    stream.send(Message::text(ping)).await.unwrap();
    let pong = stream.next().await.unwrap().unwrap();
    assert!(pong.to_text().unwrap().contains("pong"));
    stream.send(Message::Ping(vec![1, 2, 3].into())).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), Message::Pong(vec![1, 2, 3].into()));
    let close = json!({"code": 4003, "reason": "visit again, Aurelia"}).to_string();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.post(format!("{}/sockets/close", emulator.control_url())).body(close).send().await.unwrap();
    let Some(Ok(Message::Close(Some(frame)))) = stream.next().await else { panic!("no close frame") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4003, "visit again, Aurelia"));
    drop(stream);

    let (file, _) = recorder.stop().await;
    let journal = std::fs::read_to_string(&file).unwrap();
    let frames: Vec<Value> = lines(&file).into_iter().filter(|line| line["what"] == "frame").collect();
    let kinds: Vec<_> =
        frames.iter().map(|line| (line["from"].as_str().unwrap(), line["kind"].as_str().unwrap())).collect();
    assert_eq!(
        kinds[..5],
        [
            ("client", "text"),
            ("service", "text"),
            ("client", "ping"),
            ("service", "pong"),
            ("service", "close")
        ]
    );
    assert_eq!((&frames[0]["body"]["type"], &frames[1]["body"]["type"]), (&json!("ping"), &json!("pong")));
    assert_eq!(frames[4]["code"], 4003);
    assert_eq!(frames[4]["reason"].as_str().unwrap().len(), "visit again, Aurelia".len());
    assert!(!journal.contains("Aurelia") && !journal.contains(&token));
}

#[tokio::test]
async fn an_extension_that_a_client_offers_is_not_passed_on_so_that_frames_can_be_read() {
    // A service that resets what offers an extension: with it the handshake would fail.
    let emulator = emulator(switched(json!({"extensions": "reset"}))).await;
    let recorder = Recorder::start("extensions", emulator.base_url(), &[]).await;
    let (address, ws_id, _) = socket_address(&recorder).await;
    let mut request = address.into_client_request().unwrap();
    let offered = "permessage-deflate; client_max_window_bits";
    request.headers_mut().insert("sec-websocket-extensions", offered.parse().unwrap());
    let (mut stream, answer) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert!(answer.headers().get("sec-websocket-extensions").is_none());
    stream.send(Message::text(json!({"type": "ping", "wsId": ws_id}).to_string())).await.unwrap();
    assert!(stream.next().await.unwrap().unwrap().to_text().unwrap().contains("pong"));
    drop(stream);
    let (file, _) = recorder.stop().await;
    let lines = lines(&file);
    let handshake = lines.iter().find(|line| line["headers"]["upgrade"] == "websocket").unwrap();
    assert_eq!(handshake["headers"]["sec-websocket-extensions"], offered);
    assert_eq!(handshake["changed"]["sec-websocket-extensions"], "");
    assert!(lines.iter().any(|line| line["what"] == "frame" && line["body"]["type"] == "pong"));
}
