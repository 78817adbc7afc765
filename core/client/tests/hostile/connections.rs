//! Connections that die without a word, and those that are kept apart.

use std::collections::HashSet;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secondme_avatar::{Conversation, EventKind, State, Visitor};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use crate::server::{AUTH, Act, SOCKET, Server, ada, as_socket, data, frame, listen, open, taking};

async fn soon<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have happened by now")
}

/// A service whose connections for calls can die: what comes over them is swallowed, as behind a NAT that has
/// forgotten them.
struct Mortal {
    server: Server,
    /// Connections before this one are dead.
    dead: Arc<AtomicUsize>,
    /// Requests that were swallowed.
    swallowed: Arc<AtomicUsize>,
    came: Arc<Notify>,
}

impl Mortal {
    async fn start() -> Self {
        let (dead, swallowed, came) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (dies, counts, tells) = (Arc::clone(&dead), Arc::clone(&swallowed), Arc::clone(&came));
        let server = Server::start(move |request| {
            if request.connection >= dies.load(Ordering::SeqCst) {
                return Act::Well;
            }
            counts.fetch_add(1, Ordering::SeqCst);
            tells.notify_one();
            taking(listen)
        })
        .await;
        Self { server, dead, swallowed, came }
    }

    /// All connections of this moment die; new ones live.
    fn kill(&self) {
        self.dead.store(self.server.connections(), Ordering::SeqCst);
    }

    fn swallowed(&self) -> usize {
        self.swallowed.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn the_first_call_without_an_answer_is_the_last_over_connections_that_are_dead() {
    let mortal = Mortal::start().await;
    let client = mortal.server.client();
    let chat = open(&client).await.unwrap();
    mortal.kill();
    let history = chat.history(1, None);
    let times_out = async {
        mortal.came.notified().await;
        client.advance_clock(Duration::from_secs(10)).await;
    };
    let (history, ()) = soon(async { tokio::join!(history, times_out) }).await;
    history.unwrap();
    for text in ["one", "two", "three"] {
        soon(chat.send(text).into_future()).await.unwrap();
    }
    assert_eq!(
        mortal.swallowed(),
        1,
        "an opening leaves several connections, and none of them was tried again"
    );
}

/// How many calls are swallowed by dead connections after this.
async fn swallowed_after(what: impl AsyncFn(&Conversation)) -> usize {
    let mortal = Mortal::start().await;
    let client = mortal.server.client();
    let chat = open(&client).await.unwrap();
    client.advance_clock(Duration::from_secs(2)).await;
    mortal.kill();
    what(&chat).await;
    soon(chat.send("Hello").into_future()).await.unwrap();
    mortal.swallowed()
}

#[tokio::test]
async fn a_change_of_the_network_and_a_return_leave_no_connection_to_be_used_again() {
    let changed = swallowed_after(async |chat| chat.network_changed().await.unwrap()).await;
    let returned = swallowed_after(async |chat| {
        chat.pause().await.unwrap();
        chat.resume().await.unwrap();
    })
    .await;
    assert_eq!((changed, returned), (0, 0));
}

#[tokio::test]
async fn a_lost_socket_leaves_no_connection_to_be_used_again() {
    let (lose, dead) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let swallowed = Arc::new(AtomicUsize::new(0));
    let (loses, dies, counts) = (Arc::clone(&lose), Arc::clone(&dead), Arc::clone(&swallowed));
    let server = Server::start(move |request| match request.connection < dies.load(Ordering::SeqCst) {
        true => {
            counts.fetch_add(1, Ordering::SeqCst);
            taking(listen)
        }
        false if request.is_to(SOCKET) => {
            let lose = Arc::clone(&loses);
            as_socket(request, move |stream| async move {
                lose.notified().await;
                drop(stream);
            })
        }
        false => Act::Well,
    })
    .await;
    let client = server.client();
    let events = client.events();
    let chat = open(&client).await.unwrap();
    client.advance_clock(Duration::from_secs(2)).await;
    dead.store(server.connections(), Ordering::SeqCst);
    lose.notify_one();
    while !matches!(soon(events.next()).await.unwrap().kind, EventKind::Reconnected { .. }) {}
    soon(chat.send("Hello").into_future()).await.unwrap();
    assert_eq!(swallowed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_close_frame_ends_the_link_though_tcp_stays_open() {
    let (close, closed) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (closes, sockets) = (Arc::clone(&close), Arc::clone(&closed));
    let server = Server::start(move |request| {
        if !request.is_to(SOCKET) || sockets.fetch_add(1, Ordering::SeqCst) > 0 {
            return Act::Well;
        }
        let close = Arc::clone(&closes);
        as_socket(request, move |mut stream| async move {
            close.notified().await;
            let going_away = [&1001_u16.to_be_bytes()[..], b"so long"].concat();
            let _ = stream.write_all(&frame(8, true, &going_away)).await;
            std::future::pending::<()>().await;
        })
    })
    .await;
    let client = server.client();
    let events = client.events();
    let chat = open(&client).await.unwrap();
    close.notify_one();
    let cause = loop {
        // Well before two pings would have to stay unanswered.
        let event = tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap();
        if let EventKind::Disconnected { cause, .. } = event.kind {
            break cause;
        }
    };
    assert!(cause.to_string().contains("1001: so long"), "{cause}");
    while !matches!(soon(events.next()).await.unwrap().kind, EventKind::Reconnected { .. }) {}
    assert_eq!(chat.state(), State::Live);
}

#[tokio::test]
async fn a_token_that_is_long_in_coming_stalls_no_other_visitor() {
    let go = Arc::new(Notify::new());
    let goes = Arc::clone(&go);
    let slow = Visitor::for_user("test", "slow").unwrap();
    let slow_id = slow.id().to_string();
    let server = Server::start(move |request| match request.is_to(AUTH) && request.body.contains(&slow_id) {
        true => {
            let (go, target) = (Arc::clone(&goes), request.target.clone());
            taking(move |mut stream| async move {
                go.notified().await;
                let address = stream.local_addr().unwrap();
                let body = format!(r#"{{"code":0,"data":{}}}"#, data(&target, address));
                let _ = stream.write_all(&crate::server::answer(body.as_bytes())).await;
                listen(stream).await;
            })
        }
        false => Act::Well,
    })
    .await;
    let client = server.client();
    let waits = tokio::spawn(client.open(slow).into_future());
    // All on one thread, and on one event loop: whatever blocked it would block this.
    let chat = open(&client).await.unwrap();
    soon(chat.send("Hello").into_future()).await.unwrap();
    chat.close().await.unwrap();
    assert!(!waits.is_finished());
    go.notify_one();
    soon(waits).await.unwrap().unwrap();
}

#[tokio::test]
async fn two_clients_of_one_process_share_neither_connections_nor_anything_else() {
    let server = Server::start(|_| Act::Well).await;
    let one = server.builder("sk-one").language("one/1").quota(1).build().unwrap();
    let other = server.builder("sk-other").language("other/1").build().unwrap();
    let chat = open(&one).await.unwrap();
    // The quota of the one is used up.
    let refused = one.open(Visitor::for_user("test", "bob").unwrap()).deadline(Duration::from_secs(1));
    refused.await.unwrap_err();
    let same = open(&other).await.unwrap();
    chat.send("from one").await.unwrap();
    one.close().await;
    same.send("from other").await.unwrap();
    other.open(ada()).await.unwrap();
    assert_eq!((one.stats().visitors, other.stats().visitors), (0, 1));

    let of = |language: &str| {
        let requests = server.requests();
        let own = requests
            .iter()
            .filter(|request| request.header("user-agent").is_some_and(|agent| agent.ends_with(language)));
        own.map(|request| request.connection).collect::<HashSet<_>>()
    };
    assert!(!of("one/1").is_empty() && !of("other/1").is_empty());
    assert!(of("one/1").is_disjoint(&of("other/1")));
    for request in server.requests_to(AUTH) {
        let is_one = request.header("user-agent").is_some_and(|agent| agent.ends_with("one/1"));
        let key = request.header("authorization").unwrap();
        assert!(key.ends_with(if is_one { "sk-one" } else { "sk-other" }));
    }
}
