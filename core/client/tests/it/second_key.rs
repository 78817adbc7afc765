//! A store that is opened under a second key of its avatar, or at another address of the same service.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use secondme_avatar::{AvatarClient, ClientBuilder, ErrorKind, SqliteStore};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{Key, State};

use crate::support::{soon, visitor};

const SECOND_KEY: &str = "sk-second";

struct Stage {
    emulator: Emulator,
    folder: PathBuf,
}

impl Stage {
    /// A store in which a client with the first key has left two messages of each of two visitors.
    async fn with_messages() -> Self {
        Self::with_messages_under(None).await
    }

    /// The same, where that client has a name for the avatar.
    async fn with_messages_under(name: Option<&str>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("secondme-avatar-second-key-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir(&folder).unwrap();
        let second = Key { key: SECOND_KEY.to_owned(), ..Key::default() };
        let settings = |settings: &mut secondme_avatar_emulator::Settings| settings.keys.push(second);
        let emulator = Emulator::builder().configure(settings).start().await.unwrap();
        let stage = Self { emulator, folder };
        let refuse = r#"{"at": "message/send", "do": "quota", "chance": 1}"#;
        stage.emulator.fault(refuse.parse().unwrap()).unwrap();
        let client = stage.named(stage.emulator.api_key(), name);
        for user in ["ada", "bob"] {
            let chat = client.open(visitor(user)).await.unwrap();
            for number in 1..=2 {
                chat.send(format!("{user} {number}")).durable().await.unwrap();
            }
        }
        client.close().deadline(Duration::ZERO).await;
        stage.emulator.clear_faults();
        stage
    }

    fn first_client(&self) -> AvatarClient {
        self.client(self.emulator.api_key(), self.emulator.base_url())
    }

    fn client(&self, key: &str, base: &str) -> AvatarClient {
        self.builder(key, base).build().unwrap()
    }

    /// A client with a name for the avatar in the store, if there is one.
    fn named(&self, key: &str, name: Option<&str>) -> AvatarClient {
        let builder = self.builder(key, self.emulator.base_url());
        match name {
            Some(name) => builder.store_namespace(name).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }

    fn builder(&self, key: &str, base: &str) -> ClientBuilder {
        let store = SqliteStore::open(self.folder.join("avatar.db")).unwrap();
        AvatarClient::builder(key).unwrap().base_url(base.parse().unwrap()).store(store)
    }

    /// Waits until all messages are taken, and checks that each is taken once, in the sessions of before.
    async fn all_are_taken_once(&self, client: AvatarClient) {
        let said = |state: &State| {
            let messages = state.sessions.iter().flat_map(|session| &session.messages);
            let mut texts: Vec<_> = messages.map(|message| message.text.clone()).collect();
            texts.retain(|text| !text.starts_with("You said: "));
            texts
        };
        soon(self.emulator.wait_until(|state| said(state).len() >= 4)).await;
        client.close().await;
        let state = self.emulator.state();
        assert_eq!(state.sessions.len(), 2, "the sessions go on");
        let mut texts = said(&state);
        texts.sort();
        assert_eq!(texts, ["ada 1", "ada 2", "bob 1", "bob 2"]);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn every_message_that_was_kept_is_sent_once_under_another_key_of_the_avatar() {
    let stage = Stage::with_messages().await;
    let client = stage.client(SECOND_KEY, stage.emulator.base_url());
    assert_eq!(soon(client.recover().into_future()).await.unwrap().len(), 2);
    stage.all_are_taken_once(client).await;
    assert_eq!(stage.emulator.state().calls["auth"], 3, "one authentication tells whose key it is");
    // From now on the store knows both.
    for key in [stage.emulator.api_key(), SECOND_KEY] {
        let client = stage.client(key, stage.emulator.base_url());
        assert_eq!(soon(client.known()).await.unwrap().len(), 2);
        assert!(soon(client.open(visitor("ada")).into_future()).await.is_ok());
        client.close().await;
    }
    assert_eq!(stage.emulator.state().calls["auth"], 3);
}

#[tokio::test]
async fn every_message_that_was_kept_is_sent_once_at_another_base_url() {
    let stage = Stage::with_messages().await;
    let base = stage.emulator.base_url().replace("127.0.0.1", "localhost");
    assert_ne!(base, stage.emulator.base_url());
    let client = stage.client(stage.emulator.api_key(), &base);
    // The visitor that is opened is the one that is authenticated, and the token is used.
    soon(client.open(visitor("bob")).into_future()).await.unwrap();
    assert_eq!(stage.emulator.state().calls["auth"], 3);
    assert_eq!(soon(client.recover().into_future()).await.unwrap().len(), 1);
    stage.all_are_taken_once(client).await;
}

#[tokio::test]
async fn a_key_that_is_refused_takes_nothing_and_says_so() {
    let stage = Stage::with_messages().await;
    let client = stage.client("sk-of-no-avatar", stage.emulator.base_url());
    let error = soon(client.recover().into_future()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    assert_eq!(soon(client.open(visitor("ada")).into_future()).await.unwrap_err().kind(), error.kind());
    client.close().await;
    let client = stage.first_client();
    assert_eq!(soon(client.recover().into_future()).await.unwrap().len(), 2);
    stage.all_are_taken_once(client).await;
}

#[tokio::test]
async fn clients_with_one_name_share_what_is_kept_whatever_their_keys_and_no_call_asks_whose_they_are() {
    let stage = Stage::with_messages_under(Some("bot")).await;
    for (key, name) in [(SECOND_KEY, Some("another-bot")), (SECOND_KEY, None)] {
        let client = stage.named(key, name);
        assert_eq!(soon(client.known()).await.unwrap(), [], "{name:?} is another name");
        client.close().await;
    }
    let asked = stage.emulator.state().calls["auth"];
    let client = stage.named(SECOND_KEY, Some("bot"));
    assert_eq!(soon(client.known()).await.unwrap().len(), 2);
    assert_eq!(soon(client.recover().into_future()).await.unwrap().len(), 2);
    stage.all_are_taken_once(client).await;
    assert_eq!(stage.emulator.state().calls["auth"], asked, "the visitors' tokens are in the store");
}

#[tokio::test]
async fn the_first_client_with_a_name_takes_over_what_its_key_had_without_one() {
    let stage = Stage::with_messages().await;
    let first = stage.named(stage.emulator.api_key(), Some("bot"));
    assert_eq!(soon(first.known()).await.unwrap().len(), 2);
    first.close().await;
    let without = stage.first_client();
    assert_eq!(soon(without.known()).await.unwrap(), [], "it has moved");
    without.close().await;
    let second = stage.named(SECOND_KEY, Some("bot"));
    assert_eq!(soon(second.recover().into_future()).await.unwrap().len(), 2);
    stage.all_are_taken_once(second).await;
}
