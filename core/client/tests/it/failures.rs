//! What goes wrong, and how it is said.

use std::error::Error as _;
use std::time::Duration;

use crate::support::{Stage, next, owner_reply, soon, visitor};
use secondme_avatar::{AvatarClient, CloseReason, Error, ErrorKind, EventKind, Gap, Step, Visitor};
use secondme_avatar_emulator::service::{CloseHow, HistoryCalls, Key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_key_that_is_unknown_or_disabled_is_said_to_be_so() {
    let disabled = |mut key: Key| {
        key.disabled = true;
        key
    };
    let stage = Stage::with(|emulator| {
        emulator.configure(|settings| settings.keys = settings.keys.drain(..).map(disabled).collect())
    })
    .await;
    let error = stage.client.open(visitor("ada")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert_eq!(error.code(), Some("open.api.key.disabled"));
    assert_eq!(error.step(), Some(Step::Authenticate));
    assert!(!error.is_retryable());

    let client = client("sk-unknown", stage.emulator.base_url());
    let error = client.open(visitor("ada")).await.unwrap_err();
    assert_eq!(error.code(), Some("open.api.key.not.found"));
    assert!(!format!("{error} {error:?}").contains("sk-unknown"));
}

#[tokio::test]
async fn bad_input_is_refused_before_anything_is_sent() {
    let stage = Stage::new().await;
    for key in ["", "pk-1", "sk-", "sk-with space"] {
        assert_eq!(AvatarClient::new(key).unwrap_err().kind(), ErrorKind::Misuse, "{key}");
    }
    let error: Error = Visitor::parse("Ada").unwrap_err().into();
    assert_eq!(error.kind(), ErrorKind::InvalidVisitorId);
    let long = visitor("ada").name("x".repeat(10_000));
    assert_eq!(stage.client.open(long).await.unwrap_err().kind(), ErrorKind::InvalidVisitorId);
    let slow = AvatarClient::builder("sk-1").unwrap().heartbeat(Duration::from_secs(60)).build();
    assert!(slow.unwrap_err().to_string().contains("5 to 15 s"));
    let open = AvatarClient::builder("sk-1").unwrap().base_url("http://10.0.0.1/x".parse().unwrap()).build();
    assert!(open.unwrap_err().to_string().contains("allow_insecure"));
    assert!(stage.emulator.state().calls.is_empty());

    let chat = stage.open("ada").await;
    assert_eq!(chat.send("").await.unwrap_err().kind(), ErrorKind::Misuse);
    assert_eq!(chat.ask("x".repeat(300_000)).await.unwrap_err().kind(), ErrorKind::Misuse);
    assert_eq!(stage.emulator.state().calls.get("message/send"), None);
}

#[tokio::test]
async fn an_opening_keeps_its_deadline_and_says_what_was_in_the_way() {
    let client = client("sk-1", "http://127.0.0.1:1/gate/in");
    let error = soon(client.open(visitor("ada")).deadline(Duration::from_millis(400)).into_future())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(error.to_string().contains("refused"), "{error}");
    let source = error.source().and_then(|source| source.downcast_ref::<Error>());
    assert_eq!(source.map(Error::kind), Some(ErrorKind::ConnectionFailed));
    assert_eq!(client.stats().visitors, 0, "nothing is left behind");
}

#[tokio::test]
async fn a_base_url_that_is_not_the_service_is_recognised_at_once() {
    let page = "HTTP/1.1 404 Not Found\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>";
    let error = soon(open_against(page)).await;
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
    assert!(error.to_string().contains("no such call under this base URL"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_goes_nowhere_else() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let error = soon(open_against(redirect)).await;
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
    assert!(error.to_string().contains("redirects"), "{error}");
}

#[tokio::test]
async fn a_socket_address_that_leads_out_of_this_machine_unencrypted_is_refused() {
    let stage = Stage::with(|emulator| {
        emulator.configure(|settings| settings.socket_base = Some("ws://10.0.0.1:9".to_owned()))
    })
    .await;
    let error = soon(stage.client.open(visitor("ada")).into_future()).await.unwrap_err();
    assert_eq!((error.kind(), error.step()), (ErrorKind::InvalidAnswer, Some(Step::Connect)));
    assert!(!error.to_string().contains("10.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_lost_socket_comes_back_and_nothing_is_missed() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    soon(chat.ask("one").into_future()).await.unwrap();
    let events = chat.events();
    stage.emulator.close_sockets(None, &CloseHow::Abrupt);
    stage.emulator.owner().reply(chat.session_id().unwrap().as_str(), "in between").unwrap();
    next(&events, |event| matches!(event.kind, EventKind::Disconnected { .. }).then_some(())).await;
    assert_eq!(next(&events, owner_reply).await, "in between");
    let gap = next(&events, |event| match event.kind {
        EventKind::Reconnected { gap } => Some(gap),
        _ => None,
    })
    .await;
    assert_eq!(gap, Gap::Filled { frames: 1 });
}

#[tokio::test]
async fn a_message_that_is_sent_while_the_socket_is_down_goes_out_when_it_is_back() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    stage.emulator.owner().take_over(chat.session_id().unwrap().as_str()).unwrap();
    for round in 0..5 {
        stage.emulator.close_sockets(None, &CloseHow::Abrupt);
        soon(chat.send(format!("message {round}")).into_future()).await.unwrap();
    }
    let state = stage.emulator.state();
    let texts: Vec<&str> = state.sessions[0].messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["message 0", "message 1", "message 2", "message 3", "message 4"]);
}

#[tokio::test]
async fn a_history_that_the_service_does_not_offer_is_unsupported() {
    let stage = Stage::with(|emulator| {
        emulator.configure(|settings| settings.history_calls = HistoryCalls::NotFound)
    })
    .await;
    let error = stage.open("ada").await.history(10, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn the_quota_is_waited_for_and_an_opening_that_cannot_wait_so_long_knows_at_once() {
    let stage = Stage::new().await;
    let events = stage.client.events();
    let openings = (0..60).map(|user| stage.client.open(visitor(&user.to_string())).into_future());
    for opened in soon(futures_util::future::join_all(openings)).await {
        opened.unwrap();
    }
    let error = soon(stage.client.open(visitor("one more")).into_future()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let wait = error.retry_after().expect("it says how long");
    assert!(wait > Duration::from_secs(30) && wait <= Duration::from_secs(61), "{wait:?}");
    next(&events, |event| matches!(event.kind, EventKind::WaitingForQuota { .. }).then_some(())).await;
    assert_eq!(stage.emulator.state().calls.get("auth"), Some(&60), "the service was not asked");
}

#[tokio::test]
async fn a_client_that_is_closed_closes_its_conversations_and_opens_no_more() {
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = stage.client.events();
    soon(stage.client.close()).await;
    let reason = next(&events, |event| match event.kind {
        EventKind::Closed { reason } => Some(reason),
        _ => None,
    })
    .await;
    assert!(matches!(reason, CloseReason::Requested));
    assert!(soon(events.next()).await.is_none(), "no event follows");
    stage.until(|state| state.sockets.is_empty()).await;
    assert_eq!(chat.ask("?").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(stage.client.open(visitor("bob")).await.unwrap_err().kind(), ErrorKind::Closed);
}

fn client(key: &str, base: &str) -> AvatarClient {
    AvatarClient::builder(key).unwrap().base_url(base.parse().unwrap()).build().unwrap()
}

/// Opens against a server that always says the same; hands back the error.
async fn open_against(answer: &'static str) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    client("sk-1", &format!("http://{address}/gate/in")).open(visitor("ada")).await.unwrap_err()
}
