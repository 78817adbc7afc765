//! A program that ends, in good order or not, and starts again on the same store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secondme_avatar::{
    AvatarClient, AvatarRef, Change, ClientBuilder, Delivery, ErrorKind, Event, EventKind, KeptMessage,
    KeyRef, Leftover, MemoryStore, Record, Store, StoreError, UnsentMessage, VisitorId,
};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{FaultState, HistoryCalls, InjectionPoint, State};

use crate::support::{next, owner_reply, soon, visitor};

/// A store of which a process that is killed leaves behind what it had then.
#[derive(Debug, Default)]
struct Disk {
    store: MemoryStore,
    full: AtomicBool,
}

impl Store for Disk {
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
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::new("the disk is full: make room on it"));
        }
        self.store.save(avatar, changes)
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        self.store.adopt(avatar)
    }
}

struct Stage {
    emulator: Emulator,
    disk: Arc<Disk>,
}

impl Stage {
    async fn new() -> Self {
        Self { emulator: Emulator::builder().start().await.unwrap(), disk: Arc::default() }
    }

    /// A process.
    fn start(&self) -> AvatarClient {
        self.start_with(|client| client)
    }

    fn start_with(&self, options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> AvatarClient {
        let builder = AvatarClient::builder(self.emulator.api_key()).unwrap();
        let builder = builder.base_url(self.emulator.base_url().parse().unwrap());
        options(builder.store(Arc::clone(&self.disk))).build().unwrap()
    }

    fn owner_says(&self, text: &str) {
        let session_id = self.emulator.state().sessions[0].session_id.clone();
        self.emulator.owner().reply(&session_id, text).unwrap();
    }

    /// How often the service has taken each text of the visitor.
    fn taken(&self, text: &str) -> usize {
        let sessions = self.emulator.state().sessions;
        sessions.iter().flat_map(|session| &session.messages).filter(|message| message.text == text).count()
    }

    /// No message is taken any more, and the service says so.
    fn refuses_messages(&self) {
        self.fault(r#"{"at": "message/send", "do": "quota", "chance": 1}"#);
    }

    fn fault(&self, fault: &str) {
        self.emulator.fault(fault.parse().unwrap()).unwrap();
    }

    /// The texts of the messages on the disk.
    fn kept(&self) -> Vec<String> {
        self.leftovers().into_iter().map(|kept| kept.text.into_string()).collect()
    }

    fn leftovers(&self) -> Vec<KeptMessage> {
        let avatars = self.disk.store.avatars().unwrap();
        let leftovers = avatars.iter().flat_map(|avatar| self.disk.adopt(avatar).unwrap());
        leftovers.flat_map(|left| left.messages).collect()
    }
}

#[tokio::test]
async fn the_same_session_goes_on_and_what_was_said_in_between_is_heard() {
    let stage = Stage::new().await;
    let client = stage.start();
    let chat = client.open(visitor("ada")).await.unwrap();
    chat.ask("Hello").await.unwrap();
    let session = chat.session_id();
    client.close().await;

    stage.owner_says("Are you still there?");
    let client = stage.start();
    let events = client.events();
    let chat = client.open(visitor("ada")).await.unwrap();
    assert_eq!(chat.session_id(), session);
    assert_eq!(next(&events, owner_reply).await, "Are you still there?");
    assert_eq!(stage.emulator.state().calls["auth"], 1, "the token was kept");
}

#[tokio::test]
async fn what_was_not_taken_from_the_events_is_heard_again() {
    let stage = Stage::new().await;
    let client = stage.start();
    let events = client.events();
    let chat = client.open(visitor("ada")).await.unwrap();
    chat.ask("Hello").await.unwrap();
    while !events.drain(64).is_empty() {}
    client.close().await; // All of that is on the disk.

    let client = stage.start();
    let events = client.events();
    client.open(visitor("ada")).await.unwrap();
    stage.owner_says("one");
    assert_eq!(next(&events, owner_reply).await, "one");
    assert!(events.drain(1).is_empty(), "a caller that asks for more has dealt with it");
    stage.owner_says("two");
    soon(events.ready()).await;
    // Killed with the second one in the queue: it has come, and was not taken.
    let shown = std::mem::ManuallyDrop::new(client);

    let client = stage.start();
    let events = client.events();
    client.open(visitor("ada")).await.unwrap();
    assert_eq!(next(&events, owner_reply).await, "two");
    drop(std::mem::ManuallyDrop::into_inner(shown));
}

#[tokio::test]
async fn a_message_that_is_kept_goes_out_when_the_service_is_there_again() {
    let stage = Stage::new().await;
    let client = stage.start();
    let chat = client.open(visitor("ada")).await.unwrap();
    stage.refuses_messages();
    let message = soon(chat.send("Remember me").durable().into_future()).await.unwrap();
    let refused = |state: &State| state.failures.contains_key("open.api.rate.limited");
    soon(stage.emulator.wait_until(refused)).await;
    // That it has certainly not been taken is on the disk as well.
    soon(async {
        while stage.leftovers().iter().any(|kept| kept.left) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(stage.kept(), ["Remember me"]);
    drop((chat, client));

    stage.emulator.clear_faults();
    let client = stage.start();
    let events = client.events();
    assert_eq!(client.recover().await.unwrap(), [visitor("ada").id().clone()]);
    let delivered = next(&events, |event| match event.kind {
        EventKind::Delivered { message_id, .. } => message_id,
        _ => None,
    });
    assert_eq!(delivered.await, message);
    assert_eq!(stage.taken("Remember me"), 1);
    client.close().await;
    assert!(stage.kept().is_empty());
}

/// The process ends while a message is unconfirmed.
async fn ends_in_doubt(stage: &Stage, fault: &str) {
    let client = stage.start();
    let chat = client.open(visitor("ada")).await.unwrap();
    stage.fault(r#"{"at": "frame-out", "do": "drop", "chance": 1}"#);
    stage.fault(fault);
    chat.send("Remember me").durable().await.unwrap();
    soon(async {
        let met = |fault: &FaultState| fault.fault.at == InjectionPoint::MessageSend && fault.met > 0;
        while !stage.emulator.faults().iter().any(met) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // It ends before it has looked.
    drop((chat, client));
    stage.emulator.clear_faults();
}

/// That it was delivered, or that it is handed back.
fn told_of_a_message(event: Event) -> Option<Option<UnsentMessage>> {
    match event.kind {
        EventKind::Unsent { message, .. } => Some(Some(*message)),
        EventKind::Delivered { .. } => Some(None),
        _ => None,
    }
}

#[tokio::test]
async fn a_message_that_had_been_taken_is_found_and_not_sent_again() {
    let stage = Stage::new().await;
    ends_in_doubt(&stage, r#"{"at": "message/send", "do": "hang-after"}"#).await;
    let client = stage.start();
    let events = client.events();
    client.recover().await.unwrap();
    next(&events, |event| matches!(event.kind, EventKind::Delivered { .. }).then_some(())).await;
    client.close().await;
    assert_eq!((stage.taken("Remember me"), stage.kept().len()), (1, 0));
}

#[tokio::test]
async fn an_unconfirmed_message_is_handed_back_or_sent_again_as_the_caller_wants() {
    for delivery in [Delivery::Checked, Delivery::AtMostOnce, Delivery::AtLeastOnce] {
        let stage = Stage::new().await;
        // Where the service can be asked, the client looks for the message. Without that it stays unconfirmed.
        stage.emulator.configure(|settings| settings.history_calls = HistoryCalls::NotFound);
        ends_in_doubt(&stage, r#"{"at": "message/send", "do": "hang-before"}"#).await;
        let client = stage.start_with(|client| client.delivery(delivery));
        let events = client.events();
        client.recover().await.unwrap();
        next(&events, |event| matches!(event.kind, EventKind::Reconnected { .. }).then_some(())).await;
        let told = soon(async {
            // It looks for the message, and then waits for its echo a while.
            loop {
                client.advance_clock(Duration::from_secs(1)).await;
                if let Some(told) = events.drain(1).pop().and_then(told_of_a_message) {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        });
        let told = told.await;
        match delivery {
            Delivery::Checked | Delivery::AtMostOnce => {
                let unsent = told.expect("it is handed back");
                assert_eq!((unsent.text.as_str(), unsent.certain), ("Remember me", false));
                assert_eq!(stage.taken("Remember me"), 0);
            }
            Delivery::AtLeastOnce => assert!(told.is_none() && stage.taken("Remember me") == 1),
        }
        assert!(events.drain(64).len() < 64);
        client.close().await;
        assert!(stage.kept().is_empty());
    }
}

#[tokio::test]
async fn closing_leaves_a_kept_message_for_the_next_opening() {
    let stage = Stage::new().await;
    let client = stage.start();
    let chat = client.open(visitor("ada")).await.unwrap();
    stage.refuses_messages();
    chat.send("Later").durable().await.unwrap();
    let closing = tokio::spawn({
        let chat = chat.clone();
        async move { chat.close().await }
    });
    while !closing.is_finished() {
        client.advance_clock(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.kept(), ["Later"]);
    stage.emulator.clear_faults();
    client.open(visitor("ada")).await.unwrap();
    soon(stage.emulator.wait_until(|state| state.sessions[0].messages.iter().any(|one| one.text == "Later")))
        .await;
    assert_eq!(stage.taken("Later"), 1);
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_says_so_and_nothing_is_sent() {
    let stage = Stage::new().await;
    let client = stage.start();
    let chat = client.open(visitor("ada")).await.unwrap();
    stage.disk.full.store(true, Ordering::Relaxed);
    let error = soon(chat.send("Hello").durable().into_future()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("make room"), "{error}");
    assert_eq!(error.unsent().unwrap().text, "Hello");
    assert_eq!(stage.taken("Hello"), 0);
    // What need not be kept goes on.
    chat.ask("And without?").await.unwrap();
    stage.disk.full.store(false, Ordering::Relaxed);
    client.close().await;
}

#[tokio::test]
async fn a_kept_message_whose_time_is_over_is_handed_back() {
    let stage = Stage::new().await;
    let client = stage.start();
    let events = client.events();
    let chat = client.open(visitor("ada")).await.unwrap();
    stage.refuses_messages();
    let in_time = Duration::from_secs(600);
    // The deadline may be set before or after.
    let sends = [
        chat.send("Too late").durable().deadline(in_time),
        chat.send("Too late").deadline(in_time).durable(),
    ];
    for send in sends {
        let message = send.await.unwrap();
        client.advance_clock(Duration::from_secs(601)).await;
        let given_up = next(&events, |event| match event.kind {
            EventKind::Unsent { message, error } => Some((message, error)),
            _ => None,
        });
        let (unsent, error) = soon(given_up).await;
        assert_eq!(unsent.text, "Too late");
        assert_eq!(unsent.message_id, message);
        assert!(matches!(error.kind(), ErrorKind::Deadline | ErrorKind::RateLimited), "{error}");
    }
    assert!(events.drain(64).len() < 64);
    client.close().await;
    assert!(stage.kept().is_empty(), "it was handed back");
}

#[tokio::test]
async fn a_closed_client_gives_its_store_up_though_handles_remain() {
    let stage = Stage::new().await;
    let client = stage.start();
    let chat = client.open(visitor("ada")).await.unwrap();
    assert!(Arc::strong_count(&stage.disk) > 1);
    tokio::join!(client.close(), client.close());
    assert_eq!(Arc::strong_count(&stage.disk), 1, "another client has it to itself");
    let late = [chat.send("too late").durable().await.unwrap_err(), client.recover().await.unwrap_err()];
    assert!(late.iter().all(|error| error.kind() == ErrorKind::Closed), "{late:?}");
    client.close().await;
}

#[tokio::test]
async fn without_a_store_nothing_can_be_kept() {
    let emulator = Emulator::builder().start().await.unwrap();
    let client = crate::support::client_of(&emulator);
    let chat = client.open(visitor("ada")).await.unwrap();
    let error = chat.send("Hello").durable().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains("option `store`"), "{error}");
    assert!(client.recover().await.unwrap().is_empty());
}
