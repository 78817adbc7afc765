//! `Retry-After`: the service says when to come back.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use secondme_avatar::ErrorKind;
use tokio::sync::Notify;

use crate::server::{AUTH, Act, Server, ada, open};

/// An answer of a service that is overloaded, with this `Retry-After`.
fn later(status: u16, retry_after: &str) -> Act {
    let now = httpdate::fmt_http_date(SystemTime::now());
    let head = format!(
        "HTTP/1.1 {status} Later\r\nDate: {now}\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n"
    );
    Act::Bytes(head.into())
}

/// In half a minute, by the service's clock.
fn in_half_a_minute() -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30))
}

#[tokio::test]
async fn who_cannot_wait_as_long_as_the_service_says_learns_it_at_once() {
    for (status, retry_after, kind) in [
        (503, "30".to_owned(), ErrorKind::Unavailable),
        (503, in_half_a_minute(), ErrorKind::Unavailable),
        (429, "30".to_owned(), ErrorKind::RateLimited),
        (429, in_half_a_minute(), ErrorKind::RateLimited),
    ] {
        for step in [AUTH, "chat/init", "ws/create", "session/create", "avatar/public", "chat/start"] {
            let said = retry_after.clone();
            let server = Server::start(move |request| match request.is_to(step) {
                true => later(status, &said),
                false => Act::Well,
            })
            .await;
            let error = open(&server.client()).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {step}: {error}");
            let wait = error.retry_after().unwrap();
            assert!(wait > Duration::from_secs(25) && wait <= Duration::from_secs(31), "{wait:?}");
            assert_eq!(server.requests_to(step).len(), 1, "{status} {step}");
        }
    }
}

#[tokio::test]
async fn the_call_comes_again_when_the_service_said_and_not_before() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let server = Server::start(move |request| {
        match request.is_to(AUTH) && counted.fetch_add(1, Ordering::SeqCst) == 0 {
            true => later(503, "20"),
            false => Act::Well,
        }
    })
    .await;
    let refused = Arc::new(Notify::new());
    let tells = Arc::clone(&refused);
    let client = server.builder("sk-hostile").on_call(move |_| tells.notify_one()).build().unwrap();
    let opens = tokio::spawn(client.open(ada()).deadline(Duration::from_secs(60)).into_future());
    refused.notified().await;
    let mut seconds = 0;
    while calls.load(Ordering::SeqCst) == 1 {
        client.advance_clock(Duration::from_secs(1)).await;
        seconds += 1;
        tokio::task::yield_now().await;
    }
    assert!(seconds >= 19, "it came again after {seconds} s");
    opens.await.unwrap().unwrap();
}
