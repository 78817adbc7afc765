//! Programs that share a store's file, or come after one another: whose a visitor is, who is known, what is copied.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use secondme_avatar::{
    AvatarClient, ClientBuilder, CloseReason, ErrorKind, Event, EventKind, Events, SqliteStore, Visitor,
};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::CloseHow;

use crate::support::{next, owner_reply, soon, visitor};

struct Stage {
    emulator: Emulator,
    folder: PathBuf,
}

impl Stage {
    async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("secondme-avatar-two-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        Self { emulator: Emulator::builder().start().await.unwrap(), folder }
    }

    /// A process with a store of its own on the same file.
    fn start(&self) -> AvatarClient {
        self.start_with(|client| client)
    }

    fn start_with(&self, options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> AvatarClient {
        let store = SqliteStore::open(self.folder.join("avatar.db")).unwrap();
        let builder = AvatarClient::builder(self.emulator.api_key()).unwrap();
        let builder = builder.base_url(self.emulator.base_url().parse().unwrap());
        options(builder.store(store)).build().unwrap()
    }

    fn owner_says_to(&self, visitor: &Visitor, text: &str) {
        let sessions = self.emulator.state().sessions;
        let session = sessions.iter().find(|session| session.visitor_id == visitor.id().as_str()).unwrap();
        self.emulator.owner().reply(&session.session_id, text).unwrap();
    }

    fn taken(&self, text: &str) -> usize {
        let sessions = self.emulator.state().sessions;
        sessions.iter().flat_map(|session| &session.messages).filter(|message| message.text == text).count()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Why the conversation was closed.
async fn closed(events: &Events) -> (ErrorKind, String) {
    next(events, |event| match event.kind {
        EventKind::Closed { reason: CloseReason::Failed(error) } => Some((error.kind(), error.to_string())),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_tag_is_on_every_event_and_comes_back_after_a_restart() {
    let stage = Stage::new().await;
    let client = stage.start();
    let events = client.events();
    let chat = client.open(visitor("ada").name("Ada").tag("ou_ada")).await.unwrap();
    chat.ask("Hello").await.unwrap();
    let told = |events: &Events| events.drain(1000).iter().map(|event| event.tag.clone()).collect::<Vec<_>>();
    let tags = told(&events);
    assert!(tags.len() > 3 && tags.iter().all(|tag| tag.as_deref() == Some("ou_ada")), "{tags:?}");
    // Opened once more with another one, and without.
    client.open(visitor("ada").tag("oc_group")).await.unwrap();
    client.open(visitor("ada")).await.unwrap();
    chat.ask("Again").await.unwrap();
    let tags = told(&events);
    assert!(!tags.is_empty() && tags.iter().all(|tag| tag.as_deref() == Some("oc_group")), "{tags:?}");
    client.close().await;

    let client = stage.start();
    assert_eq!(client.known().await.unwrap(), [visitor("ada").name("Ada").tag("oc_group")]);
    let events = client.events();
    client.open(visitor("ada")).await.unwrap();
    stage.owner_says_to(&visitor("ada"), "Hello again");
    let tag =
        next(&events, |event| matches!(event.kind, EventKind::OwnerReply(_)).then_some(event.tag)).await;
    assert_eq!(tag.as_deref(), Some("oc_group"));
    client.close().await;
}

#[tokio::test]
async fn a_tag_that_is_too_long_is_refused() {
    let stage = Stage::new().await;
    let client = stage.start();
    let error = client.open(visitor("ada").tag("x".repeat(1025))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidVisitorId);
    assert!(error.to_string().contains("tag is 1025 bytes long: shorten it to 1024"), "{error}");
    client.open(visitor("ada").tag("x".repeat(1024))).await.unwrap();
    assert!(!format!("{:?}", stage.emulator.journal()).contains("xxxx"), "it was sent to the service");
}

#[tokio::test]
async fn after_a_restart_the_owner_is_heard_though_no_visitor_writes() {
    let stage = Stage::new().await;
    let client = stage.start();
    for user in ["ada", "bob"] {
        client.open(visitor(user).tag(user)).await.unwrap().ask("Hello").await.unwrap();
    }
    client.close().await;
    stage.owner_says_to(&visitor("bob"), "while no process ran");

    let client = stage.start();
    let events = client.events();
    assert!(client.recover().await.unwrap().is_empty(), "no message is still to be sent");
    let mut opened = client.recover().all().await.unwrap();
    opened.sort();
    let mut expected = [visitor("ada").id().clone(), visitor("bob").id().clone()];
    expected.sort();
    assert_eq!(opened, expected);
    let said = |event: Event| Some((event.tag.clone(), owner_reply(event)?));
    assert_eq!(next(&events, said).await, (Some("bob".into()), "while no process ran".to_owned()));
    until(|| client.stats().connected == 2).await;
    stage.owner_says_to(&visitor("ada"), "and now");
    assert_eq!(next(&events, said).await, (Some("ada".into()), "and now".to_owned()));
    client.close().await;
}

#[tokio::test]
async fn no_more_visitors_are_opened_after_a_restart_than_have_places() {
    let stage = Stage::new().await;
    let client = stage.start();
    for user in ["a", "b", "c", "d"] {
        client.open(visitor(user)).await.unwrap().close().await.unwrap();
    }
    client.close().await;
    let client = stage.start_with(|client| client.max_live(2));
    let opened = client.recover().all().await.unwrap();
    assert_eq!(opened, [visitor("d").id().clone(), visitor("c").id().clone()], "the last ones first");
    until(|| client.stats().connected == 2).await;
    assert!(client.recover().all().await.unwrap().is_empty(), "they have all the slots");
    client.close().await;
}

#[tokio::test]
async fn the_process_that_opens_a_visitor_last_has_it_and_the_other_lets_go() {
    let stage = Stage::new().await;
    let (older, newer) = (stage.start(), stage.start());
    let (of_older, of_newer) = (older.events(), newer.events());
    let before = older.open(visitor("ada")).await.unwrap();
    before.ask("Hello").await.unwrap();
    let session = before.session_id();
    // The store answers once what came before is written.
    older.known().await.unwrap();
    let after = newer.open(visitor("ada")).await.unwrap();
    let (kind, why) = closed(&of_older).await;
    assert_eq!(kind, ErrorKind::Closed);
    assert!(why.contains("another process has opened this visitor"), "{why}");
    assert!(why.contains("open the visitor again"), "{why}");
    assert_eq!(after.session_id(), session, "it goes on where the other stood");
    after.ask("Still there?").await.unwrap();
    assert_eq!(stage.emulator.state().calls["ws/create"], 2, "one socket each");
    let lost = |event: Event| matches!(event.kind, EventKind::Disconnected { .. }).then_some(());
    assert!(of_newer.drain(1000).into_iter().find_map(lost).is_none());

    // Wanted here again, it comes back.
    let again = older.open(visitor("ada")).await.unwrap();
    closed(&of_newer).await;
    again.ask("And now?").await.unwrap();
    older.close().await;
    newer.close().await;
}

#[tokio::test]
async fn one_who_has_something_to_send_sends_it_before_it_lets_go() {
    let stage = Stage::new().await;
    let (older, newer) = (stage.start(), stage.start());
    let of_older = older.events();
    let chat = older.open(visitor("ada")).await.unwrap();
    stage.emulator.fault(r#"{"at": "message/send", "do": "quota", "chance": 1}"#.parse().unwrap()).unwrap();
    chat.send("Remember me").durable().await.unwrap();
    newer.open(visitor("ada")).await.unwrap();
    stage.emulator.clear_faults();
    soon(async {
        while stage.taken("Remember me") == 0 {
            older.advance_clock(std::time::Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    let settled = async {
        while older.stats().stored_messages > 0 || older.stats().visitors > 0 {
            older.advance_clock(std::time::Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
        }
    };
    soon(settled).await;
    closed(&of_older).await;
    assert_eq!(stage.taken("Remember me"), 1);
    newer.close().await;
    older.close().await;
}

#[tokio::test]
async fn a_process_that_is_closed_leaves_its_visitors_to_the_others() {
    let stage = Stage::new().await;
    let (older, newer) = (stage.start(), stage.start());
    let of_older = older.events();
    older.open(visitor("ada")).await.unwrap();
    // It comes and goes before the other one connects again.
    newer.open(visitor("bob")).await.unwrap();
    newer.close().await;
    stage.emulator.close_sockets(None, &CloseHow::Abrupt);
    next(&of_older, |event| matches!(event.kind, EventKind::Reconnected { .. }).then_some(())).await;
    older.close().await;
}

#[tokio::test]
async fn the_stats_count_what_is_stored_and_a_copy_holds_it() {
    let stage = Stage::new().await;
    let client = stage.start();
    let chat = client.open(visitor("ada").tag("ou_ada")).await.unwrap();
    stage.emulator.fault(r#"{"at": "message/send", "do": "quota", "chance": 1}"#.parse().unwrap()).unwrap();
    chat.send("Remember me").durable().await.unwrap();
    until(|| (client.stats().stored_visitors, client.stats().stored_messages) == (1, 1)).await;
    let copy = stage.folder.join("copy.db");
    client.backup(&copy).await.unwrap();
    assert_eq!(client.backup(&stage.folder).await.unwrap_err().kind(), ErrorKind::Store);
    drop((chat, client));
    stage.emulator.clear_faults();

    let builder = AvatarClient::builder(stage.emulator.api_key()).unwrap();
    let builder = builder.base_url(stage.emulator.base_url().parse().unwrap());
    let client = builder.store(SqliteStore::open(&copy).unwrap()).build().unwrap();
    assert_eq!(client.known().await.unwrap()[0].own_tag(), Some("ou_ada"));
    client.recover().await.unwrap();
    soon(stage.emulator.wait_until(|state| {
        state.sessions.iter().flat_map(|session| &session.messages).any(|one| one.text == "Remember me")
    }))
    .await;
    client.close().await;
    assert_eq!(stage.taken("Remember me"), 1);
}

#[tokio::test]
async fn without_a_store_no_visitor_is_known_and_nothing_can_be_copied() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = crate::support::client_of(&emulator);
    client.open(visitor("ada")).await.unwrap();
    assert!(client.known().await.unwrap().is_empty());
    assert!(client.recover().all().await.unwrap().is_empty());
    let error = client.backup("copy.db").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("option `store`"), "{error}");
    assert_eq!((client.stats().stored_visitors, client.stats().stored_messages), (0, 0));
}

#[tokio::test]
async fn a_client_that_is_closed_says_so_whatever_is_asked_of_its_store() {
    let stage = Stage::new().await;
    let with_store = stage.start();
    with_store.open(visitor("ada")).await.unwrap();
    for client in [with_store, crate::support::client_of(&stage.emulator)] {
        client.close().await;
        let copied = client.backup(stage.folder.join("copy.db")).await.unwrap_err();
        let known = client.known().await.unwrap_err();
        let recovered = client.recover().all().await.unwrap_err();
        for error in [copied, known, recovered] {
            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
        }
    }
    assert!(!stage.folder.join("copy.db").exists());
}

#[tokio::test]
async fn what_is_asked_of_a_store_while_the_client_closes_is_answered_or_says_so() {
    let stage = Stage::new().await;
    for name in ["ada", "bob", "cyd"] {
        let client = stage.start();
        client.open(visitor(name)).await.unwrap();
        client.close().await;
    }
    let client = stage.start();
    let (recovered, known, ()) =
        tokio::join!(async { client.recover().all().await }, client.known(), client.close());
    for failed in [recovered.map(drop), known.map(drop)].into_iter().filter_map(Result::err) {
        assert_eq!(failed.kind(), ErrorKind::Closed, "{failed}");
    }
}
