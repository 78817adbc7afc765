//! Stores of a program's own that are slow, or that have faults.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use secondme_avatar::{
    AvatarClient, AvatarRef, Change, ErrorKind, KeyRef, Leftover, MemoryStore, Record, Store, StoreError,
    VisitorId,
};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::State;

use crate::support::{soon, visitor};

/// A store that answers once it is let.
#[derive(Debug, Default)]
struct Slow {
    store: MemoryStore,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Slow {
    fn let_go(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
    }
}

impl Store for Slow {
    fn avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        self.store.avatar_of(key)
    }

    fn identify(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        self.store.identify(key, avatar)
    }

    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        self.wait();
        self.store.load(avatar, visitor)
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        self.store.save(avatar, changes)
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        self.wait();
        self.store.adopt(avatar)
    }
}

#[tokio::test]
async fn an_opening_that_is_given_up_while_the_store_is_slow_loses_no_message_that_was_left_behind() {
    let emulator = Emulator::builder().start().await.unwrap();
    let slow = Arc::new(Slow::default());
    slow.let_go();
    let start = || {
        let client = AvatarClient::builder(emulator.api_key()).unwrap();
        client.base_url(emulator.base_url().parse().unwrap()).store(Arc::clone(&slow)).build().unwrap()
    };
    emulator.fault(r#"{"at": "message/send", "do": "quota", "chance": 1}"#.parse().unwrap()).unwrap();
    let client = start();
    let chat = client.open(visitor("ada")).await.unwrap();
    chat.send("left behind").durable().await.unwrap();
    client.close().deadline(Duration::ZERO).await;
    emulator.clear_faults();

    *slow.open.lock().unwrap() = false;
    let client = start();
    let opening = client.open(visitor("ada")).deadline(Duration::from_millis(100));
    assert_eq!(soon(opening.into_future()).await.unwrap_err().kind(), ErrorKind::Deadline);
    slow.let_go();
    client.open(visitor("ada")).await.unwrap();
    let answered = |state: &State| {
        state.sessions.iter().flat_map(|session| &session.messages).any(|said| said.text == "left behind")
    };
    soon(emulator.wait_until(answered)).await;
}

/// A store with a fault in its code.
#[derive(Debug)]
struct Faulty;

impl Store for Faulty {
    fn avatar_of(&self, _: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        Ok(None)
    }

    fn identify(&self, _: &KeyRef, _: &AvatarRef) -> Result<(), StoreError> {
        Ok(())
    }

    fn load(&self, _: &AvatarRef, _: &VisitorId) -> Result<Option<Record>, StoreError> {
        Ok(None)
    }

    fn save(&self, _: &AvatarRef, _: &[Change]) -> Result<(), StoreError> {
        Ok(())
    }

    fn adopt(&self, _: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        panic!("a fault in a store of the caller's own")
    }
}

#[tokio::test]
async fn nothing_waits_for_a_store_that_has_panicked() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = AvatarClient::builder(emulator.api_key()).unwrap();
    let client = client.base_url(emulator.base_url().parse().unwrap()).store(Faulty).build().unwrap();
    assert_eq!(client.open(visitor("ada")).await.unwrap_err().kind(), ErrorKind::Store);
    let copied = soon(client.backup("copy.db")).await.unwrap_err();
    assert_eq!(copied.kind(), ErrorKind::Store);
    assert!(copied.to_string().contains("make another client"), "{copied}");
    assert_eq!(client.known().await.unwrap_err().kind(), ErrorKind::Store);
    soon(client.close()).await;
}

/// A store whose saves of messages panic.
#[derive(Debug)]
struct PanicsOnMessages;

impl Store for PanicsOnMessages {
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
        let is_message = |change: &Change| matches!(change, Change::SaveMessage(..));
        assert!(!changes.iter().any(is_message), "a fault in a store of the caller's own");
        Ok(())
    }

    fn adopt(&self, _: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        Ok(Vec::new())
    }
}

/// A store that saves nothing for a while, and whose files cannot be scrubbed.
#[derive(Debug, Default)]
struct Unscrubbed {
    store: MemoryStore,
    saves: AtomicBool,
}

impl Store for Unscrubbed {
    fn avatar_of(&self, key: &KeyRef) -> Result<Option<AvatarRef>, StoreError> {
        self.store.avatar_of(key)
    }

    fn identify(&self, key: &KeyRef, avatar: &AvatarRef) -> Result<(), StoreError> {
        self.store.identify(key, avatar)
    }

    fn load(&self, avatar: &AvatarRef, visitor: &VisitorId) -> Result<Option<Record>, StoreError> {
        self.store.load(avatar, visitor)
    }

    fn save(&self, avatar: &AvatarRef, changes: &[Change]) -> Result<(), StoreError> {
        let saves = self.saves.load(Ordering::Relaxed);
        if saves { self.store.save(avatar, changes) } else { Err(StoreError::new("the disk is full")) }
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        self.store.adopt(avatar)
    }

    fn forget(&self, avatars: &[AvatarRef], visitor: &VisitorId) -> Result<(), StoreError> {
        self.store.forget(avatars, visitor)
    }

    fn scrub(&self) -> Result<(), StoreError> {
        Err(StoreError::new("another program reads the file"))
    }
}

#[tokio::test]
async fn what_could_not_be_saved_is_not_saved_later_of_a_forgotten_visitor_whose_bytes_could_not_be_removed()
{
    let emulator = Emulator::builder().start().await.unwrap();
    let store = Arc::new(Unscrubbed::default());
    let client = AvatarClient::builder(emulator.api_key()).unwrap();
    let client = client.base_url(emulator.base_url().parse().unwrap());
    let client = client.store(Arc::clone(&store)).build().unwrap();
    for name in ["ada", "grace"] {
        client.open(visitor(name)).await.unwrap();
    }
    let error = soon(client.forget(visitor("ada").id())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("another program reads the file"), "{error}");
    store.saves.store(true, Ordering::Relaxed);
    soon(client.close()).await;
    let [avatar] = store.store.avatars().unwrap()[..] else { panic!("of one avatar") };
    let known = store.store.known(&avatar).unwrap();
    let known: Vec<_> = known.iter().map(|known| known.visitor.id().clone()).collect();
    assert_eq!(known, [visitor("grace").id().clone()]);
}

#[tokio::test]
async fn a_durable_send_during_which_the_store_panics_is_an_error_of_the_store_and_so_is_the_next() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = AvatarClient::builder(emulator.api_key()).unwrap();
    let client =
        client.base_url(emulator.base_url().parse().unwrap()).store(PanicsOnMessages).build().unwrap();
    let chat = client.open(visitor("ada")).await.unwrap();
    for text in ["while it panics", "after it has panicked"] {
        let error = soon(chat.send(text).durable().into_future()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{text}: {error}");
        assert!(error.to_string().contains("make another client"), "{error}");
    }
    assert!(soon(chat.ask("without the store").into_future()).await.is_ok());
    soon(client.close()).await;
}
