//! What others say is repeated without the secrets that it holds: in errors and in what lies beneath them, in events,
//! in reports and in the log, over each path by which something is heard.
//!
//! The secrets here look like plain words, so that only knowing them helps. Each path has a leak planted in it:
//!
//! | leak | who repeats which secret |
//! | --- | --- |
//! | 1 | an answer over HTTP/1.1, the API key as a message |
//! | 2 | an answer over HTTP/1.1, the API key as a code of 100,000 characters |
//! | 3 | an answer of a wrong form, the API key in the place of its data |
//! | 4 | an answer's head, the visitor's token in each header that is read |
//! | 5 | the GOAWAY of HTTP/2, the API key |
//! | 6 | a frame of the socket, the visitor's token as code and as reason |
//! | 7 | the socket's Close frame, the ticket of its address |
//! | 8 | a refused handshake, the ticket in its status line and its headers |
//! | 9 | a proxy, its password |
//! | 10 | a store of the caller's own, the visitor's token |
//! | 11 | the answer to an app, its secret |
//!
//! Leaks 12 to 14 are those of printing, and are planted elsewhere: a constructor of Python that fails, with the key, the
//! app's secret and the proxy's password in its variables (`python/tests/test_secrets.py`); the words of a function of the
//! caller that gives tokens (`core/bridge/src/tokens.rs`); and what a terminal shows (`cli/tests/scripts.rs`). What Python
//! and Node themselves meet is planted in `python/tests/test_secrets.py` and `node/test/secrets.test.mjs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod logged;
#[path = "../hostile/server.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod server;
#[path = "../proxy/tls.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod tls;

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use secondme_avatar::{
    AvatarClient, AvatarRef, Change, ClientBuilder, Error, EventKind, KeyRef, Leftover, Record, Store,
    StoreError, VisitorId,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use self::logged::Everything;
use self::server::{Act, SOCKET, Server, ada, answer, as_socket, data, frame, listen, text};
use self::tls::{Ca, certificate};

const KEY: &str = "sk-horse";
const TOKEN: &str = "battery-staple";
const TICKET: &str = "purple-monkey";
const PASSWORD: &str = "open sesame";
const APP_SECRET: &str = "dish-washer";

/// What makes a terminal do things.
const ESCAPE: char = '\u{1b}';

/// Everything that a program can get to see.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, shown: String) {
        self.0.lock().unwrap().push(shown);
    }

    fn error(&self, error: &Error) {
        let chain = std::iter::successors(Some(error as &dyn StdError), |&error| error.source());
        chain.for_each(|error| self.note(error.to_string()));
        self.note(format!("{error:?} {:?} {:?}", error.code(), error.close_reason()));
        assert!(error.code().unwrap_or_default().len() <= 128, "{:?}", error.code());
    }

    fn event(&self, event: &secondme_avatar::Event) {
        match &event.kind {
            EventKind::ServiceError(failure) => {
                assert!(failure.code.len() <= 128, "{}", failure.code);
                // What the service says to a person may have more than one line.
                let reason = failure.reason.as_ref().map_or("", |reason| reason.as_str());
                assert!(!reason.contains(TOKEN), "{reason}");
                self.note(failure.code.clone());
            }
            EventKind::Disconnected { cause, .. } => self.error(cause),
            EventKind::Unsent { error, .. } => self.error(error),
            _ => {}
        }
        self.note(format!("{event:?}"));
    }

    /// Whether the path was gone at all, and nothing secret came over it.
    fn assert_quoted(&self, quoted: &str) {
        static LOGGED: OnceLock<Everything> = OnceLock::new();
        let logged = LOGGED.get_or_init(Everything::listen).lines();
        let own = logged.into_iter().filter(|(target, _)| target.starts_with("secondme_avatar"));
        let seen = self.0.lock().unwrap().clone();
        assert!(seen.iter().any(|shown| shown.contains(quoted)), "no {quoted:?} in {seen:#?}");
        for shown in seen.into_iter().chain(own.map(|(_, line)| line)) {
            for secret in [KEY, TOKEN, TICKET, PASSWORD, "open%20sesame", "b3BlbiBzZXNhbWU", APP_SECRET] {
                assert!(!shown.contains(secret), "{secret} in {shown}");
            }
            assert!(!shown.contains(ESCAPE), "{shown:?}");
            assert!(shown.len() < 4000, "{shown}");
        }
    }
}

/// Opens, says something, listens to what comes of it, and looks at all of it.
async fn use_of(builder: ClientBuilder, quoted: &str) {
    let seen = Seen::default();
    let (reported, heard) = (seen.clone(), seen.clone());
    let builder = builder.on_call(move |call| {
        if let Some(error) = &call.error {
            reported.error(error);
        }
    });
    // The log is listened to from the beginning.
    Seen(Arc::new(Mutex::new(vec![quoted.to_owned()]))).assert_quoted(quoted);
    let client = builder.build().unwrap();
    let events = client.events();
    let listening = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            heard.event(&event);
        }
    });
    match client.open(ada()).deadline(Duration::from_secs(2)).await {
        Ok(chat) => {
            if let Err(error) = chat.ask("Hello").deadline(Duration::from_secs(2)).await {
                seen.error(&error);
            }
        }
        Err(error) => seen.error(&error),
    }
    client.close().await;
    listening.await.unwrap();
    seen.assert_quoted(quoted);
}

/// The service as it should be, except where it misbehaves. Its token and its ticket are the ones above.
async fn service(act: impl Fn(&server::Request) -> Act + Send + Sync + 'static) -> Server {
    Server::start(move |request| match act(request) {
        Act::Well if request.is_to(SOCKET) => Act::Well,
        Act::Well => {
            let address = request.header("host").unwrap_or_default().parse().unwrap();
            let data = data(&request.target, address).replace("\"t\"", &format!("{TOKEN:?}"));
            Act::Data(data.replace(SOCKET, &format!("{SOCKET}?ticket={TICKET}")))
        }
        other => other,
    })
    .await
}

fn refusal(fields: &serde_json::Value) -> Act {
    Act::Bytes(answer(fields.to_string().as_bytes()))
}

#[tokio::test]
async fn an_answer_that_repeats_the_key_as_a_message() {
    for field in ["message", "msg", "detail"] {
        let said = format!("{ESCAPE}]0;the key\n{KEY} is unknown");
        let body = serde_json::json!({"code": 418, field: said});
        let server = service(move |_| refusal(&body)).await;
        use_of(server.builder(KEY), "the key … is unknown").await;
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_key_as_a_code() {
    for field in ["code", "subCode", "error_code"] {
        for (code, quoted) in [
            (format!("open.{KEY}.unknown"), "open.….unknown"),
            (format!("{KEY}\n{ESCAPE}{}", "so ".repeat(33_000)), "… so so"),
        ] {
            let body = serde_json::json!({"message": "no", field: code});
            let server = service(move |_| refusal(&body)).await;
            use_of(server.builder(KEY), quoted).await;
        }
    }
}

#[tokio::test]
async fn an_answer_of_a_wrong_form() {
    let wrong = [format!("{KEY:?}"), format!(r#"{{"visitorToken":{{"of":{KEY:?}}}}}"#), format!("[{KEY:?}]")];
    for data in wrong {
        let server = service(move |_| Act::Data(data.clone())).await;
        use_of(server.builder(KEY), "lacks what this step needs").await;
    }
}

#[tokio::test]
async fn an_answer_s_head() {
    let server = service(|request| match request.is_to("chat/init") {
        true => Act::Last(
            format!(
                "HTTP/1.1 503 {TOKEN} {ESCAPE}[2J\r\nRetry-After: {TOKEN}\r\nDate: {TOKEN}\r\nServer: {TOKEN}\r\n\
                 Location: http://{TOKEN}/\r\nContent-Length: 0\r\n\r\n"
            )
            .into(),
        ),
        false => Act::Well,
    })
    .await;
    use_of(server.builder(KEY), "init_chat").await;
}

/// A frame of HTTP/2 for the whole connection.
#[cfg(feature = "http2")]
fn http2(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, 0, 0, 0, 0, 0], payload].concat()
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn the_goaway_of_http2() {
    let (ca, listener) = (Ca::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    let mut config = ca.server(certificate());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let said = format!("{KEY} is no key of ours");
            let enhance_your_calm = [0, 0, 0, 0, 0, 0, 0, 0xb];
            let goaway = http2(7, &[&enhance_your_calm, said.as_bytes()].concat());
            let mut heard = [0; 4096];
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(&[http2(4, b""), goaway].concat()).await;
            while stream.read(&mut heard).await.is_ok_and(|read| read > 0) {}
        }
    });
    let builder = AvatarClient::builder(KEY).unwrap().no_proxy().ca_file(&ca.file);
    let builder = builder.base_url(format!("https://127.0.0.1:{port}/gate/in").parse().unwrap());
    use_of(builder, "is no key of ours").await;
}

#[tokio::test]
async fn a_frame_of_the_socket() {
    for code in [TOKEN.to_owned(), format!("{ESCAPE}[31m{TOKEN}{}", "so ".repeat(66_000))] {
        let frame = serde_json::json!({
            "type": "sys", "sender": "umm", "sessionId": "s", "subCode": code,
            "subCodeReason": format!("{TOKEN} is no token"),
        });
        let frame = text(&frame.to_string());
        let server = service(move |request| match request.is_to(SOCKET) {
            true => {
                let frame = frame.clone();
                as_socket(request, move |mut stream| async move {
                    let _ = stream.write_all(&frame).await;
                    listen(stream).await;
                })
            }
            false => Act::Well,
        })
        .await;
        use_of(server.builder(KEY), "…").await;
    }
}

#[tokio::test]
async fn the_close_frame_of_the_socket() {
    let server = service(|request| match request.is_to(SOCKET) {
        true => as_socket(request, |mut stream| async move {
            let reason = format!("no {TICKET} {ESCAPE}[2J");
            let close = frame(8, true, &[&4001_u16.to_be_bytes(), reason.as_bytes()].concat());
            let _ = stream.write_all(&close).await;
            listen(stream).await;
        }),
        false => Act::Well,
    })
    .await;
    use_of(server.builder(KEY), "code 4001: no … [2J").await;
}

#[tokio::test]
async fn a_refused_handshake() {
    for status in ["403 Forbidden", "101 Switching Protocols"] {
        let refused = format!(
            "HTTP/1.1 {status} {TICKET}\r\nUpgrade: {TICKET}\r\nSec-WebSocket-Accept: {TICKET}\r\n\
             Location: ws://{TICKET}/\r\nContent-Length: 0\r\n\r\n"
        );
        let server = service(move |request| match request.is_to(SOCKET) {
            true => Act::Last(refused.clone().into()),
            false => Act::Well,
        })
        .await;
        use_of(server.builder(KEY), "handshake").await;
    }
}

#[tokio::test]
async fn a_proxy() {
    let written = PASSWORD.replace(' ', "%20");
    for head in ["407 {}", "502 {}", "200 OK\r\nX-{}", "{}"] {
        let head = format!("HTTP/1.1 {}\r\nVia: {written}\r\n\r\n{PASSWORD}", head.replace("{}", PASSWORD));
        let proxy = Server::start(move |_| Act::Last(head.clone().into())).await;
        let url = format!("http://ada:{written}@{}", proxy.address);
        for base in ["https://service.invalid/gate/in", "http://service.invalid/gate/in"] {
            let builder = AvatarClient::builder(KEY).unwrap().allow_insecure(true).proxy(&url);
            use_of(builder.base_url(base.parse().unwrap()), "authenticate").await;
        }
    }
}

/// A store that quotes what it could not write.
#[derive(Debug)]
struct Talkative;

impl Store for Talkative {
    fn avatar_of(&self, _: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        Ok(None)
    }

    fn identify(&self, _: &KeyRef, _: &AvatarRef) -> Result<(), StoreError> {
        Ok(())
    }

    fn load(&self, _: &AvatarRef, _: &VisitorId) -> Result<Option<Record>, StoreError> {
        Ok(None)
    }

    fn save(&self, _: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        let written: Vec<_> = changes
            .iter()
            .filter_map(|change| match change {
                Change::SaveRecord(record) => serde_json::to_string(record).ok(),
                _ => None,
            })
            .collect();
        Err(StoreError::new(format!("no room for {written:?}")))
    }

    fn adopt(&self, _: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_store_of_the_caller_s_own() {
    let server = service(|_| Act::Well).await;
    let client = server.builder(KEY).store(Talkative).build().unwrap();
    let seen = Seen::default();
    seen.note("opened".to_owned());
    seen.assert_quoted("opened");
    let chat = client.open(ada()).await.unwrap();
    seen.error(&chat.send("Hello").durable().await.unwrap_err());
    client.close().await;
    seen.assert_quoted("no room for");
}

#[tokio::test]
async fn an_answer_to_an_app() {
    let said = format!("{APP_SECRET} is no secret of ours");
    let body = serde_json::json!({"code": 418, "message": said, "subCode": APP_SECRET});
    let server = service(move |_| refusal(&body)).await;
    let builder = AvatarClient::visitor_chat("app", APP_SECRET, KEY).unwrap();
    let builder = builder.base_url(format!("http://{}/gate/lab", server.address).parse().unwrap());
    use_of(builder, "… is no secret of ours").await;
}

#[test]
fn the_paths_of_the_table_are_those_that_are_gone() {
    let own = include_str!("main.rs");
    let rows = own.lines().filter(|line| line.starts_with("//! |")).count() - 2;
    let paths = own.matches("\n#[tokio::test]\n").count();
    assert_eq!(rows, paths, "one leak is planted by each test");
}
