//! Forgetting a visitor: whatever goes on meanwhile, nothing is left, and no call is left waiting.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use secondme_avatar::{AvatarClient, ClientBuilder, ErrorKind, MemoryStore, SqliteStore, State, Visitor};
use secondme_avatar_emulator::{Emulator, EmulatorBuilder};

use crate::support::{client_of, soon, visitor};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Stage {
    emulator: Emulator,
    folder: PathBuf,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|emulator| emulator).await
    }

    async fn with(options: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("secondme-avatar-forget-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        Self { emulator: options(Emulator::builder()).start().await.unwrap(), folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("avatar.db")
    }

    fn start(&self) -> AvatarClient {
        self.start_with(|client| client)
    }

    fn start_with(&self, options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> AvatarClient {
        let builder = AvatarClient::builder(self.emulator.api_key()).unwrap();
        let builder = builder.base_url(self.emulator.base_url().parse().unwrap());
        options(builder.store(SqliteStore::open(self.path()).unwrap())).build().unwrap()
    }

    fn fault(&self, fault: &str) {
        self.emulator.fault(fault.parse().unwrap()).unwrap();
    }

    /// Whether one of the files beside the store, or the store, holds the text.
    fn holds(&self, text: &str) -> bool {
        let files = std::fs::read_dir(&self.folder).unwrap();
        let holds = |path: &Path| {
            let bytes = std::fs::read(path).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        files.flatten().any(|file| holds(&file.path()))
    }

    /// Waits until the visitor has a record in the file.
    async fn saved(&self, visitor: &Visitor) {
        soon(async {
            while !self.holds(visitor.id().as_str()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn a_forgotten_visitor_is_in_no_file_and_begins_anew() {
    let stage = Stage::new().await;
    let client = stage.start();
    let ada = visitor("ada").name("Ada of Lovelace").tag("ou_of_ada");
    let chat = client.open(ada.clone()).await.unwrap();
    chat.ask("Hello").await.unwrap();
    let session = chat.session_id();
    stage.saved(&ada).await;
    assert!(stage.holds("Ada of Lovelace") && stage.holds("ou_of_ada"));
    let grace = client.open(visitor("grace")).await.unwrap();

    client.forget(ada.id()).await.unwrap();
    assert_eq!(chat.state(), State::Closed);
    assert_eq!(chat.send("too late").await.unwrap_err().kind(), ErrorKind::Closed);
    let words = [ada.id().as_str(), "Ada of Lovelace", "ou_of_ada"];
    assert!(!words.iter().any(|word| stage.holds(word)));
    assert_eq!(grace.state(), State::Live, "no other conversation is touched");
    client.forget(ada.id()).await.unwrap();

    let again = client.open(visitor("ada")).await.unwrap();
    assert_ne!(again.session_id(), session);
    assert_eq!(stage.emulator.state().calls["auth"], 3, "its token was forgotten");
    client.close().await;
}

#[tokio::test]
async fn what_was_still_to_be_said_is_not_sent_by_this_process_nor_by_the_next() {
    let stage = Stage::new().await;
    let client = stage.start();
    let ada = visitor("ada");
    let chat = client.open(ada.clone()).await.unwrap();
    stage.fault(r#"{"at": "message/send", "do": "quota", "chance": 1}"#);
    chat.send("Remember me").durable().await.unwrap();
    assert!(stage.holds("Remember me"));
    client.forget(ada.id()).await.unwrap();
    assert!(!stage.holds("Remember me"));
    stage.emulator.clear_faults();
    client.open(ada.clone()).await.unwrap().ask("Who am I?").await.unwrap();
    client.close().await;
    let client = stage.start();
    assert!(client.recover().await.unwrap().is_empty());
    client.close().await;
    let sessions = stage.emulator.state().sessions;
    let said: Vec<_> = sessions.iter().flat_map(|session| &session.messages).map(|said| &said.text).collect();
    assert!(said.iter().all(|said| *said != "Remember me"), "{said:?}");
}

#[tokio::test]
async fn a_visitor_is_forgotten_in_the_middle_of_a_reply_of_an_ask_and_of_an_opening() {
    let stage = Stage::new().await;
    let client = stage.start();
    let ada = visitor("ada").name("Ada of Lovelace");
    let chat = client.open(ada.clone()).await.unwrap();
    stage.fault(r#"{"at": "frame-out", "do": "drop", "chance": 1}"#);
    let asked = tokio::spawn({
        let chat = chat.clone();
        async move { chat.ask("Hello").await }
    });
    let sent = tokio::spawn({
        let chat = chat.clone();
        async move { chat.send("Good day").durable().await }
    });
    soon(stage.emulator.wait_until(|state| state.sessions.iter().any(|one| !one.messages.is_empty()))).await;
    soon(client.forget(ada.id())).await.unwrap();
    assert_eq!(soon(asked).await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    drop(soon(sent).await.unwrap());
    assert!(!stage.holds(ada.id().as_str()) && !stage.holds("Good day"));
    stage.emulator.clear_faults();

    // Opened and forgotten at the same time, by several: each call has an end, and a conversation that is not open
    // afterwards has left nothing.
    for _ in 0..5 {
        let open = client.open(ada.clone()).into_future();
        let (forget, twice) = (client.forget(ada.id()), client.forget(ada.id()));
        let (opened, one, two) = soon(async { tokio::join!(open, forget, twice) }).await;
        one.unwrap();
        two.unwrap();
        match opened {
            Ok(chat) if chat.state() != State::Closed => client.forget(ada.id()).await.unwrap(),
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Closed, "{error}"),
        }
        assert!(!stage.holds(ada.id().as_str()));
    }
    client.forget(ada.id()).await.unwrap();
    assert!(!stage.holds(ada.id().as_str()));
    client.close().await;
    assert!(!stage.holds(ada.id().as_str()), "closing writes nothing of the visitor");
}

#[tokio::test]
async fn a_visitor_whom_another_client_has_open_is_not_forgotten() {
    let stage = Stage::new().await;
    let (one, other) = (stage.start(), stage.start());
    let ada = visitor("ada");
    one.open(ada.clone()).await.unwrap();
    stage.saved(&ada).await;
    let error = other.forget(ada.id()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("in use by another client"), "{error}");
    assert!(stage.holds(ada.id().as_str()));
    one.close().await;
    other.forget(ada.id()).await.unwrap();
    assert!(!stage.holds(ada.id().as_str()));
}

#[tokio::test]
async fn an_export_has_everything_but_the_token() {
    let stage = Stage::new().await;
    let client = stage.start();
    let ada = visitor("ada").name("Ada of Lovelace").tag("ou_of_ada").channel("web");
    let nothing: serde_json::Value = serde_json::from_str(&client.export(ada.id()).await.unwrap()).unwrap();
    assert_eq!(nothing["holds_data"], false);
    let chat = client.open(ada.clone()).await.unwrap();
    stage.fault(r#"{"at": "message/send", "do": "quota", "chance": 1}"#);
    chat.send("Remember me").durable().await.unwrap();
    stage.saved(&ada).await;
    let text = client.export(ada.id()).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["visitor_id"], &json["holds_data"]), (&ada.id().as_str().into(), &true.into()));
    assert_eq!(json["messages"][0]["text"], "Remember me");
    assert!(json["messages"][0]["given_up_at"].as_str().unwrap().ends_with('Z'));
    let record = &json["records"][0]["record"];
    assert_eq!(record["visitor"]["name"], "Ada of Lovelace");
    assert_eq!(record["visitor"]["tag"], "ou_of_ada");
    assert_eq!(record["session"]["id"], chat.session_id().unwrap().as_str());
    assert_eq!(record["credentials"]["token"], "(left out)");
    assert!(record["credentials"]["mind_id"].is_string());
    assert!(json["unreadable"].as_array().unwrap().is_empty());
    assert_eq!(json["open_conversations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_is_idle_is_forgotten_by_itself_for_as_long_as_the_client_lives() {
    let stage = Stage::new().await;
    let store = Arc::new(MemoryStore::new());
    let retaining = |client: ClientBuilder| client.store(Arc::clone(&store)).retention(30 * DAY);
    let client = stage.start_with(retaining);
    client.open(visitor("ada")).await.unwrap().close().await.unwrap();
    client.open(visitor("grace")).await.unwrap();
    let known = || async { client.known().await.unwrap().len() };
    let are_known = async |count: usize| {
        soon(async {
            while known().await != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    are_known(2).await;
    client.advance_clock(31 * DAY).await;
    are_known(1).await;
    assert_eq!(client.known().await.unwrap()[0].id(), visitor("grace").id(), "hers is open");
    // Months later, the next one.
    client.open(visitor("ada")).await.unwrap().close().await.unwrap();
    are_known(2).await;
    client.advance_clock(60 * DAY).await;
    are_known(1).await;
    assert_eq!(client.forget_idle(Duration::ZERO).await.unwrap(), 0);
    client.close().await;
}

#[tokio::test]
async fn a_client_without_a_store_forgets_what_it_has_in_memory() {
    let stage = Stage::new().await;
    let client = client_of(&stage.emulator);
    let ada = visitor("ada");
    let open = async || client.open(ada.clone()).await.unwrap();
    let session = open().await.session_id();
    open().await.close().await.unwrap();
    assert_eq!(open().await.session_id(), session, "its session is remembered");
    // Closed, and open.
    for _ in 0..2 {
        let chat = open().await;
        let session = chat.session_id();
        client.forget(ada.id()).await.unwrap();
        assert_eq!(chat.state(), State::Closed);
        assert_ne!(open().await.session_id(), session);
        open().await.close().await.unwrap();
    }
    assert_eq!(stage.emulator.state().calls["auth"], 3, "its token was forgotten");
    client.close().await;
    assert_eq!(client.forget(ada.id()).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_client_without_a_store_and_a_retention_of_seconds_are_refused() {
    let stage = Stage::new().await;
    let client = client_of(&stage.emulator);
    let ada = visitor("ada");
    for error in [client.export(ada.id()).await.unwrap_err(), client.forget_idle(DAY).await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("`store`"), "{error}");
    }
    let builder = AvatarClient::builder("sk-0123456789abcdef").unwrap();
    let error = builder.retention(Duration::from_secs(30)).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains("a `retention` of 30s is too short"), "{error}");
}

#[tokio::test]
async fn a_visitor_who_is_forgotten_while_it_is_recovered_does_not_come_back() {
    let stage = Stage::new().await;
    let ada = visitor("ada");
    let client = stage.start();
    client.open(ada.clone()).await.unwrap();
    client.close().await;
    assert!(stage.holds(ada.id().as_str()));
    let (tell, mut occupied) = tokio::sync::mpsc::unbounded_channel();
    let client = stage.start_with(|client| {
        client.on_occupied(move |occupied| {
            let _ = tell.send(occupied);
        })
    });
    assert_eq!(client.recover().all().await.unwrap(), [ada.id().clone()]);
    client.forget(ada.id()).await.unwrap();
    // Until its opening has ended.
    assert_eq!(soon(occupied.recv()).await, Some(true));
    while soon(occupied.recv()).await != Some(false) {}
    assert!(!stage.holds(ada.id().as_str()));
    client.close().await;
    assert!(!stage.holds(ada.id().as_str()));
}

/// Several tasks do everything at once with the same visitors.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_goes_on_when_visitors_are_forgotten_nothing_is_left_and_no_call_hangs() {
    let stage =
        Stage::with(|emulator| emulator.configure(|settings| settings.quota_per_minute = 100_000)).await;
    let client = stage.start_with(|client| client.quota(100_000));
    let visitors: Vec<_> = (0..3).map(|number| visitor(&format!("user {number}")).name("Ada of L")).collect();
    let tasks = (0..4_usize).map(|task| {
        let (client, visitors) = (client.clone(), visitors.clone());
        tokio::spawn(async move {
            for round in 0..12_usize {
                let visitor = &visitors[(task + round) % visitors.len()];
                match (task * 5 + round * 3) % 4 {
                    0 => client.forget(visitor.id()).await.unwrap(),
                    1 => drop(client.export(visitor.id()).await.unwrap()),
                    _ => {
                        let Ok(chat) = client.open(visitor.clone()).await else { continue };
                        let durable = chat.send("a durable word").durable().into_future();
                        let (asked, sent) = tokio::join!(chat.ask("a word").into_future(), durable);
                        for error in asked.err().into_iter().chain(sent.err()) {
                            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                        }
                    }
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        tokio::time::timeout(Duration::from_secs(60), task).await.expect("a call hangs").unwrap();
    }
    for visitor in &visitors {
        client.forget(visitor.id()).await.unwrap();
    }
    let is_clean = || {
        let ids = visitors.iter().map(|visitor| visitor.id().as_str());
        !ids.chain(["Ada of L", "a durable word"]).any(|text| stage.holds(text))
    };
    assert!(is_clean());
    client.close().await;
    assert!(is_clean(), "closing writes nothing of them");
}

#[tokio::test]
async fn a_client_that_had_the_visitor_before_does_not_bring_back_what_another_has_forgotten() {
    let stage = Stage::new().await;
    let (one, other) = (stage.start(), stage.start());
    let ada = visitor("ada");
    let chat = one.open(ada.clone()).await.unwrap();
    chat.ask("Hello").await.unwrap();
    let session = chat.session_id();
    chat.close().await.unwrap();
    stage.saved(&ada).await;
    soon(async {
        // The claim is given up a moment after the conversation is closed.
        while other.forget(ada.id()).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!stage.holds(ada.id().as_str()));
    assert_ne!(one.open(ada.clone()).await.unwrap().session_id(), session);
    one.close().await;
    other.close().await;
}
