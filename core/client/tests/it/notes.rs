//! Notes of a client: in memory, in its store, among several clients, and what is refused.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use secondme_avatar::{
    AvatarClient, AvatarRef, Change, ErrorKind, KeyRef, Leftover, MemoryStore, Record, Store, StoreError,
    VisitorId, new_message_id,
};
use secondme_avatar_emulator::service::{Key, State};
use secondme_avatar_emulator::{Emulator, Settings};

use crate::support::{Stage, soon, visitor};

const MINUTE: Duration = Duration::from_secs(60);

fn client_on(emulator: &Emulator, store: impl Store) -> AvatarClient {
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    builder.base_url(emulator.base_url().parse().unwrap()).store(store).build().unwrap()
}

#[tokio::test]
async fn without_a_store_notes_are_in_memory_and_nothing_is_sent() {
    let stage = Stage::new().await;
    let (client, ada) = (&stage.client, visitor("ada").name("Ada"));
    client.set_note(&ada, "address", "C1").await.unwrap();
    assert!(client.add_note(&ada, "m/1", "").lifetime(MINUTE).await.unwrap());
    assert!(!client.add_note(&ada, "m/1", "again").await.unwrap());
    assert_eq!(client.note(ada.id(), "address").await.unwrap().as_deref(), Some("C1"));
    assert_eq!(client.notes("").await.unwrap().len(), 2);
    assert_eq!(client.notes("m/").await.unwrap()[0].visitor, ada);
    client.advance_clock(MINUTE).await;
    assert_eq!(client.note(ada.id(), "m/1").await.unwrap(), None);
    assert_eq!(client.notes("").await.unwrap().len(), 1);
    assert!(client.delete_note(ada.id(), "address").await.unwrap());
    assert!(!client.delete_note(ada.id(), "address").await.unwrap());
    client.set_note(&ada, "address", "C2").await.unwrap();
    client.forget(ada.id()).await.unwrap();
    assert!(client.notes("").await.unwrap().is_empty());
    assert_eq!(stage.emulator.state().calls("auth"), 0);
    client.close().await;
    assert_eq!(client.notes("").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(client.set_note(&ada, "k", "t").await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn what_is_no_note_is_refused_before_anything_is_written_or_sent() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = client_on(&emulator, MemoryStore::new());
    let ada = visitor("ada");
    let long = "ö".repeat(101);
    let failures = [
        (client.set_note(&ada, "", "text").await, "the note's key is empty"),
        (client.set_note(&ada, long.as_str(), "text").await, "the note's key is 202 bytes long"),
        (client.set_note(&ada, "k", "x".repeat(16_385)).await, "the note's text is 16385 bytes long"),
        (client.set_note(&ada, "k", "").lifetime(Duration::ZERO).await, "lifetime is zero"),
        (client.note(ada.id(), "").await.map(drop), "the note's key is empty"),
        (client.delete_note(ada.id(), &long).await.map(drop), "the note's key is 202 bytes long"),
    ];
    for (failure, says) in failures {
        let error = failure.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains(says), "{error}");
    }
    let invalid = client.set_note(&visitor("ada").name("x".repeat(1000)), "k", "t").await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::InvalidVisitorId);
    assert!(client.notes("").await.unwrap().is_empty());
    assert_eq!(emulator.state().calls("auth"), 0);
    // The longest of each is taken.
    let (key, text) = ("ö".repeat(100), "x".repeat(16_384));
    client.set_note(&ada, key.as_str(), text.as_str()).lifetime(Duration::MAX).await.unwrap();
    assert_eq!(client.note(ada.id(), &key).await.unwrap().as_deref(), Some(text.as_str()));
}

#[tokio::test]
async fn a_store_that_does_not_know_the_key_yet_learns_it_with_the_first_note_once() {
    let emulator = Emulator::builder().start().await.unwrap();
    let store = Arc::new(MemoryStore::new());
    let client = client_on(&emulator, Arc::clone(&store));
    let ada = visitor("ada");
    // There is nothing to read in an empty store, so that no key has to be known.
    assert_eq!(client.note(ada.id(), "k").await.unwrap(), None);
    assert!(!client.delete_note(ada.id(), "k").await.unwrap());
    assert!(client.notes("").await.unwrap().is_empty());
    assert_eq!(emulator.state().calls("auth"), 0);
    client.set_note(&ada, "k", "one").await.unwrap();
    client.set_note(&visitor("bob"), "k", "two").await.unwrap();
    client.open(ada.clone()).await.unwrap();
    assert_eq!(emulator.state().calls("auth"), 1, "the opening used what was learned");
    client.close().await;
    // The next client on the store knows it.
    let client = client_on(&emulator, Arc::clone(&store));
    let texts: Vec<_> = client.notes("k").await.unwrap().into_iter().map(|note| note.text).collect();
    assert_eq!(texts, ["one", "two"]);
    let json = client.export(visitor("bob").id()).await.unwrap();
    assert!(json.contains("\"key\": \"k\"") && json.contains("\"text\": \"two\""), "{json}");
    client.forget(ada.id()).await.unwrap();
    assert_eq!(client.notes("").await.unwrap().len(), 1);
    assert_eq!(emulator.state().calls("auth"), 1);
}

#[tokio::test]
async fn a_new_key_of_the_avatar_finds_the_notes_of_a_store_that_holds_nothing_else() {
    let second = Key { key: "sk-second".to_owned(), ..Key::default() };
    let settings = |settings: &mut Settings| settings.keys.push(second);
    let emulator = Emulator::builder().configure(settings).start().await.unwrap();
    let store = Arc::new(MemoryStore::new());
    let client = client_on(&emulator, Arc::clone(&store));
    client.set_note(&visitor("ada"), "k", "one").await.unwrap();
    client.close().await;
    let builder = AvatarClient::builder("sk-second").unwrap().base_url(emulator.base_url().parse().unwrap());
    let client = builder.store(store).build().unwrap();
    assert_eq!(client.notes("").await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_hundreds_that_add_the_same_note_at_once_one_succeeds() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = client_on(&emulator, MemoryStore::new());
    let adds = (0..300).map(|number| {
        let client = client.clone();
        tokio::spawn(async move { client.add_note(&visitor("ada"), "k", number.to_string()).await.unwrap() })
    });
    let adds: Vec<_> = adds.collect();
    let mut added = 0;
    for add in adds {
        added += u32::from(soon(add).await.unwrap());
    }
    assert_eq!(added, 1);
}

/// A store of a program's own, from before there were notes.
#[derive(Debug, Default)]
struct Older(MemoryStore);

impl Store for Older {
    fn avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        self.0.avatar_of(key)
    }

    fn identify(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        self.0.identify(key, avatar)
    }

    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        self.0.load(avatar, visitor)
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        self.0.save(avatar, changes)
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        self.0.adopt(avatar)
    }
}

#[tokio::test]
async fn a_store_of_one_s_own_without_notes_says_so() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = client_on(&emulator, Older::default());
    let error = client.set_note(&visitor("ada"), "k", "text").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("keeps no notes"), "{error}");
    let error = client.note(visitor("ada").id(), "k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// What a bridge does with a message of another platform, whenever it is killed.
#[tokio::test]
async fn a_question_whose_id_was_noted_is_found_after_a_kill_and_not_asked_twice() {
    let emulator = Emulator::builder().start().await.unwrap();
    let store = Arc::new(MemoryStore::new());
    let ada = visitor("ada");
    for (text, is_asked) in [("asked and killed", true), ("killed before it was asked", false)] {
        let client = client_on(&emulator, Arc::clone(&store));
        let id = new_message_id().unwrap();
        assert!(client.add_note(&ada, "question", id.as_str()).await.unwrap());
        if is_asked {
            let chat = client.open(ada.clone()).await.unwrap();
            let asks = tokio::spawn(chat.ask(text).message_id(id).into_future());
            let taken = |state: &State| {
                let mut messages = state.sessions.iter().flat_map(|session| &session.messages);
                messages.any(|message| message.text == text)
            };
            soon(emulator.wait_until(taken)).await;
            asks.abort();
        }
        drop(client);

        let client = client_on(&emulator, Arc::clone(&store));
        let noted = client.notes("question").await.unwrap().remove(0);
        let chat = client.open(noted.visitor).await.unwrap();
        let history = chat.history(50, None).await.unwrap();
        let is_there =
            history.iter().any(|said| said.id.as_ref().is_some_and(|id| noted.text == *id.as_str()));
        assert_eq!(is_there, is_asked);
        if !is_there {
            soon(chat.ask(text).message_id(noted.text.as_str())).await.unwrap();
        }
        let sessions = emulator.state().sessions;
        let messages = sessions.iter().flat_map(|session| &session.messages);
        assert_eq!(messages.filter(|message| message.text == text).count(), 1);
        client.delete_note(ada.id(), "question").await.unwrap();
        client.close().await;
    }
}
