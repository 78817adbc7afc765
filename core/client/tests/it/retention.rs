//! Visitors who are idle are forgotten, and no others, whatever clocks and stores do.

use std::future::IntoFuture;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use secondme_avatar::{
    AvatarClient, AvatarRef, Change, ClientBuilder, ErrorKind, Idle, KeyRef, KnownVisitor, Leftover,
    MemoryStore, Record, Store, StoreError, VisitorId,
};
use secondme_avatar_emulator::Emulator;

use crate::support::{soon, visitor};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A store that counts how often it is to forget, and does so once it is let, if it can.
#[derive(Debug, Default)]
struct Watched {
    store: MemoryStore,
    cannot: AtomicBool,
    asked: AtomicUsize,
    held: Mutex<bool>,
    let_go: Condvar,
}

impl Watched {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.let_go.notify_all();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn is_asked(&self, times: usize) {
        soon(async {
            while self.asked() < times {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

impl Store for Watched {
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
        self.store.save(avatar, changes)
    }

    fn adopt(&self, avatar: &AvatarRef) -> Result<Vec<Leftover>, StoreError> {
        self.store.adopt(avatar)
    }

    fn known(&self, avatar: &AvatarRef) -> Result<Vec<KnownVisitor>, StoreError> {
        self.store.known(avatar)
    }

    fn forget_idle(&self, avatars: &[AvatarRef], idle: &Idle) -> Result<Vec<VisitorId>, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        drop(self.let_go.wait_while(self.held.lock().unwrap(), |held| *held).unwrap());
        if self.cannot.load(Ordering::SeqCst) {
            return Err(StoreError::unsupported("this store forgets nothing"));
        }
        self.store.forget_idle(avatars, idle)
    }
}

async fn stage(
    options: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Emulator, Arc<Watched>, AvatarClient) {
    let emulator = Emulator::builder().start().await.unwrap();
    let store = Arc::new(Watched::default());
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    let builder = builder.base_url(emulator.base_url().parse().unwrap()).store(Arc::clone(&store));
    let client = options(builder).build().unwrap();
    (emulator, store, client)
}

async fn knows(client: &AvatarClient, count: usize) {
    soon(async {
        while client.known().await.unwrap().len() != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_wall_clock_that_was_months_ahead_and_is_set_right_makes_no_visitor_idle() {
    let ahead = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&ahead);
    let wall = move || SystemTime::now() + Duration::from_secs(shown.load(Ordering::SeqCst));
    let (_emulator, store, client) = stage(|client| client.wall_clock(wall)).await;
    client.open(visitor("ada")).await.unwrap().close().await.unwrap();
    knows(&client, 1).await;
    ahead.store((100 * DAY).as_secs(), Ordering::SeqCst);
    // The client sees that clock here.
    client.open(visitor("grace")).await.unwrap().close().await.unwrap();
    ahead.store(0, Ordering::SeqCst);
    knows(&client, 2).await;
    assert_eq!(client.forget_idle(90 * DAY).await.unwrap(), 0);
    assert_eq!((client.known().await.unwrap().len(), store.asked()), (2, 1));
    // What a test adds is time.
    client.advance_clock(91 * DAY).await;
    soon(async { while client.forget_idle(90 * DAY).await.unwrap() == 0 {} }).await;
    client.close().await;
}

#[tokio::test]
async fn a_store_that_forgets_no_visitors_is_not_asked_every_hour() {
    let (_emulator, store, client) = stage(|client| client.retention(30 * DAY)).await;
    store.cannot.store(true, Ordering::SeqCst);
    client.open(visitor("ada")).await.unwrap();
    store.is_asked(1).await;
    // Waits until the round has its answer, which the clock must not overtake.
    assert_eq!(client.forget_idle(DAY).await.unwrap_err().kind(), ErrorKind::Unsupported);
    for hour in 1..=10 {
        client.advance_clock(HOUR).await;
        assert_eq!(client.forget_idle(DAY).await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(store.asked(), 2 + hour);
    }
    client.close().await;
}

#[tokio::test]
async fn forgetting_who_is_idle_has_an_end_and_an_opening_meanwhile_says_why_it_waits() {
    let (_emulator, store, client) = stage(|client| client).await;
    client.open(visitor("ada")).await.unwrap().close().await.unwrap();
    store.hold(true);
    let forgetting = tokio::spawn({
        let client = client.clone();
        async move { client.forget_idle(DAY).await }
    });
    store.is_asked(1).await;
    let opening = tokio::spawn(client.open(visitor("grace")).into_future());
    // Each has begun to wait before its time is over.
    tokio::task::yield_now().await;
    client.advance_clock(Duration::from_secs(31)).await;
    for error in
        [soon(forgetting).await.unwrap().unwrap_err(), soon(opening).await.unwrap().map(drop).unwrap_err()]
    {
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert!(error.to_string().contains("visitors were still being forgotten"), "{error}");
    }
    store.hold(false);
    client.open(visitor("grace")).await.unwrap();
    client.close().await;
}

#[test]
fn a_retention_without_a_store_is_refused() {
    let builder = AvatarClient::builder("sk-0123456789abcdef").unwrap().retention(30 * DAY);
    let error = builder.clone().build().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains("a `retention` without a `store`"), "{error}");
}
