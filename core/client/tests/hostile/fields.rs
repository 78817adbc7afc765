//! What the service names, and the caller, stays in its place: in headers, paths, queries and frames.

use secondme_avatar::{AvatarClient, ErrorKind, Visitor};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use crate::server::{AUTH, Act, SOCKET, Server, ada, as_socket, data, open, text};

const NASTY: &str = "a/../b?c=d&e#f%00\r\nX-Evil: 1\r\n\r\n\"\\\u{0}é";

fn assert_unharmed(server: &Server) {
    for request in server.requests() {
        assert!(request.header("x-evil").is_none(), "{request:?}");
        assert!(request.target.starts_with("/gate/in/rest/") || request.target == SOCKET, "{request:?}");
        assert!(request.target.bytes().all(|byte| byte.is_ascii_graphic()), "{request:?}");
    }
}

#[tokio::test]
async fn a_token_with_a_line_break_is_never_sent() {
    let token = serde_json::to_string("t\r\nX-Evil: 1").unwrap();
    let server = Server::start(move |request| match request.is_to(AUTH) {
        true => Act::Data(data(&request.target, ([127, 0, 0, 1], 1).into()).replace("\"t\"", &token)),
        false => Act::Well,
    })
    .await;
    let error = open(&server.client()).await.unwrap_err();
    assert!(error.to_string().contains("fits in no header"), "{error}");
    assert!(!format!("{error:?}").contains("Evil"), "it is a secret all the same");
    assert_eq!(server.requests().len(), server.requests_to(AUTH).len());
    assert_unharmed(&server);
}

#[tokio::test]
async fn codes_and_ids_stay_in_their_places_in_paths_and_queries_and_frames() {
    let nasty = serde_json::to_string(NASTY).unwrap();
    let (told, mut frames) = mpsc::unbounded_channel();
    let server = Server::start(move |request| {
        let named = |field: &str, was: &str| format!(r#""{field}":{was}"#);
        if request.is_to(SOCKET) {
            let seq = named("seqId", &nasty);
            let frame = text(&format!(r#"{{"sender":"umm","sessionId":{nasty},{seq},"index":1}}"#));
            let told = told.clone();
            return as_socket(request, move |mut stream| async move {
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &frame).await;
                let mut heard = Vec::new();
                while stream.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {
                    let _ = told.send(heard.clone());
                }
            });
        }
        let address = request.header("host").unwrap_or_default().parse().unwrap();
        let data = data(&request.target, address);
        let data = data.replace(&named("avatarShareCode", "\"share\""), &named("avatarShareCode", &nasty));
        let data = data.replace(&named("sessionId", "\"s\""), &named("sessionId", &nasty));
        let data = data.replace(&named("wsId", "\"w\""), &named("wsId", &nasty));
        Act::Data(data)
    })
    .await;
    let client = server.client();
    let chat = open(&client).await.unwrap();
    let _ = chat.history(10, None).await;
    assert_unharmed(&server);
    let encoded = "a%2F..%2Fb%3Fc%3Dd%26e%23f%2500%0D%0AX-Evil%3A%201%0D%0A%0D%0A%22%5C%00%C3%A9";
    let public = &server.requests_to("/public/")[0].target;
    assert_eq!(*public, format!("/gate/in/rest/os/avatar/public/{encoded}"));
    let queries = server.requests_to("/message/");
    assert!(!queries.is_empty());
    for query in queries {
        assert!(query.target.contains(&format!("sessionId={encoded}")), "{query:?}");
    }
    // What is acknowledged is one JSON text, whatever the service has called it.
    let heard = loop {
        let heard: Vec<u8> = frames.recv().await.unwrap();
        if let Some(ack) = unmasked(&heard) {
            break ack;
        }
    };
    let ack: serde_json::Value = serde_json::from_slice(&heard).unwrap();
    assert_eq!((&ack["type"], &ack["seqId"], &ack["wsId"]), (&"ack".into(), &NASTY.into(), &NASTY.into()));
}

/// The payload of the first frame of a client, once it is there.
fn unmasked(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, at) = match bytes.get(1)? & 0x7f {
        126 => (usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])), 4),
        short => (usize::from(short), 2),
    };
    let mask = bytes.get(at..at + 4)?;
    let payload = bytes.get(at + 4..at + 4 + length)?;
    Some(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
}

#[tokio::test]
async fn a_code_that_leads_up_a_path_is_not_followed() {
    for code in ["..", "."] {
        let server = Server::start(move |request| match request.is_to(AUTH) {
            true => {
                let data = data(&request.target, ([127, 0, 0, 1], 1).into());
                Act::Data(data.replace("\"share\"", &format!("{code:?}")))
            }
            false => Act::Well,
        })
        .await;
        let error = open(&server.client()).await.unwrap_err();
        assert!(error.to_string().contains("fits in no URL"), "{code}: {error}");
        assert!(server.requests_to("/rest/os/avatar/").iter().all(|request| request.is_to("chat/init")));
    }
}

#[tokio::test]
async fn what_the_caller_names_stays_in_its_place() {
    for key in ["sk-a\r\nX-Evil: 1", "sk-a\n", "sk-a\0"] {
        let error = AvatarClient::builder(key).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(!format!("{error} {error:?}").contains("Evil"));
    }
    for visitor in ["web\r\nX-Evil: 1", "web/..", "web?x", ""] {
        assert!(Visitor::for_user(visitor, "ada").is_err());
        assert!(Visitor::parse(&format!("{visitor}_550e8400-e29b-41d4-a716-446655440000")).is_err());
    }
    assert!(AvatarClient::builder("sk-a").unwrap().language("x\r\nX-Evil: 1").build().is_err());

    let server = Server::start(|_| Act::Well).await;
    let visitor = ada().name(NASTY).channel(NASTY);
    let chat = server.client().open(visitor).await.unwrap();
    chat.send(NASTY).await.unwrap_or_else(|error| panic!("{error}"));
    assert_unharmed(&server);
    let said = |path: &str| -> serde_json::Value {
        serde_json::from_str(&server.requests_to(path)[0].body).unwrap()
    };
    assert_eq!(said(AUTH)["visitorName"], NASTY);
    assert_eq!(said(AUTH)["channel"], NASTY);
    assert_eq!(said("message/send")["data"]["content"], NASTY);
}
