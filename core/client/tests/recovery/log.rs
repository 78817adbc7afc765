//! What the log says at the levels that are on by default.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secondme_avatar::{
    AvatarClient, AvatarRef, Change, ErrorKind, EventKind, MemoryStore, SqliteStore, Store,
};
use secondme_avatar_emulator::service::{CloseHow, Effect, Fault, Injection, InjectionPoint};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::{Stage, next, soon, visitor};

const SOCKET: &str = "secondme_avatar::socket";

const CONVERSATION: &str = "secondme_avatar::conversation";

/// What the library says of one thing at INFO and above.
#[derive(Clone)]
struct Lines {
    of: &'static str,
    told: Arc<Mutex<Vec<(Level, String)>>>,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == self.of && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.told.lock().unwrap().push((*event.metadata().level(), fields.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Lines {
    fn of(target: &'static str) -> Self {
        Self { of: target, told: Arc::default() }
    }

    fn at(&self, level: Level) -> Vec<String> {
        let lines = self.told.lock().unwrap();
        lines.iter().filter(|(its, _)| *its == level).map(|(_, line)| line.clone()).collect()
    }
}

#[tokio::test]
async fn refused_reconnects_are_told_from_the_third_on_then_rarely_and_so_is_the_end_of_it() {
    let lines = Lines::of(SOCKET);
    let _guard = tracing::subscriber::set_default(lines.clone());
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    stage.emulator.fault(Fault::new(InjectionPoint::WsCreate, Effect::CutBefore).times(1000)).unwrap();
    stage.emulator.close_sockets(None, &CloseHow::Abrupt);
    for failures in 1..=13 {
        let wait = next(&events, |event| match event.kind {
            EventKind::Disconnected { retry_in, .. } => Some(retry_in),
            _ => None,
        })
        .await;
        let expected = [3, 6, 12].iter().filter(|told| failures >= **told).count();
        let warned = lines.at(Level::WARN);
        assert_eq!(warned.len(), expected, "after {failures} failures: {warned:?}");
        stage.client.advance_clock(wait).await;
    }
    let warned = lines.at(Level::WARN);
    assert!(warned[0].contains("failures=3") && warned[0].contains("cause="), "{warned:?}");
    stage.emulator.clear_faults();
    stage.client.advance_clock(Duration::from_secs(20)).await;
    next(&events, |event| matches!(event.kind, EventKind::Reconnected { .. }).then_some(())).await;
    assert_eq!(lines.at(Level::INFO).len(), 1, "{:?}", lines.at(Level::INFO));
}

#[tokio::test]
async fn one_loss_is_not_worth_a_warning_and_a_connection_that_does_not_last_is() {
    let lines = Lines::of(SOCKET);
    let _guard = tracing::subscriber::set_default(lines.clone());
    let stage = Stage::new().await;
    let chat = stage.open("ada").await;
    let events = chat.events();
    let bye = CloseHow::Clean { code: 1012, reason: "restart\n\u{1b}[2J".to_owned() };
    for loss in 1..=2 {
        stage.until(|state| !state.sockets.is_empty()).await;
        stage.emulator.close_sockets(None, &bye);
        let (cause, wait) = next(&events, |event| match event.kind {
            EventKind::Disconnected { cause, retry_in, .. } => Some((cause.to_string(), retry_in)),
            _ => None,
        })
        .await;
        assert!(cause.contains("(code 1012: restart [2J)"), "{cause}");
        let warned = lines.at(Level::WARN);
        assert_eq!(warned.len(), usize::from(loss == 2), "{warned:?}");
        stage.client.advance_clock(wait).await;
        next(&events, |event| matches!(event.kind, EventKind::Reconnected { .. }).then_some(())).await;
    }
    assert!(lines.at(Level::WARN)[0].contains("another process has this visitor open"));
    soon(chat.ask("Hello").into_future()).await.unwrap();
}

#[tokio::test]
async fn a_subscription_that_holds_up_the_socket_is_named_once_until_it_is_drained() {
    const QUEUE: usize = 16;
    let lines = Lines::of(CONVERSATION);
    let _guard = tracing::subscriber::set_default(lines.clone());
    let mut stage = Stage::new().await;
    let builder = AvatarClient::builder(stage.emulator.api_key()).unwrap().event_queue(QUEUE);
    stage.client = builder.base_url(stage.emulator.base_url().parse().unwrap()).build().unwrap();
    let chat = stage.open("ada").await;
    let (events, session) = (chat.events(), chat.session_id().unwrap());
    for stall in 1..=2 {
        let all = stage.client.events();
        for _ in 0..2 * QUEUE {
            stage.emulator.inject(session.as_str(), Injection::Notice("a line".to_owned())).unwrap();
        }
        // As much has come as makes the other one full.
        for _ in 0..QUEUE {
            next(&all, |event| matches!(event.kind, EventKind::Notice { .. }).then_some(())).await;
        }
        drop(all);
        for seconds in [1, 5, 60] {
            assert_eq!(lines.at(Level::WARN).len(), stall - usize::from(seconds < 60));
            stage.client.advance_clock(Duration::from_secs(seconds)).await;
        }
        let warned = lines.at(Level::WARN);
        assert_eq!(warned.len(), stall, "{warned:?}");
        let name = format!("subscription=\"conversation 0 of {}\"", chat.visitor_id());
        assert!(warned[stall - 1].contains(&name) && warned[stall - 1].contains("waiting="), "{warned:?}");
        for _ in 0..2 * QUEUE {
            next(&events, |event| matches!(event.kind, EventKind::Notice { .. }).then_some(())).await;
        }
    }
}

#[tokio::test]
async fn a_durable_message_that_is_given_up_is_worth_a_warning() {
    let lines = Lines::of(CONVERSATION);
    let _guard = tracing::subscriber::set_default(lines.clone());
    let mut stage = Stage::new().await;
    let builder = AvatarClient::builder(stage.emulator.api_key()).unwrap().store(MemoryStore::new());
    stage.client = builder.base_url(stage.emulator.base_url().parse().unwrap()).build().unwrap();
    let chat = stage.open("ada").await;
    let events = chat.events();
    stage.emulator.fault(Fault::new(InjectionPoint::MessageSend, Effect::Refuse).times(1000)).unwrap();
    let message = soon(chat.send("what is said").durable().into_future()).await.unwrap();
    soon(async {
        while stage.emulator.faults()[0].met == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(lines.at(Level::WARN), [""; 0], "it is tried again");
    stage.client.advance_clock(Duration::from_secs(25 * 60 * 60)).await;
    let given_up = next(&events, |event| match event.kind {
        EventKind::Unsent { message, error } => Some((message.message_id, error.kind())),
        _ => None,
    })
    .await;
    assert_eq!(given_up, (message.clone(), ErrorKind::Deadline));
    let warned = lines.at(Level::WARN);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains(message.as_str()) && warned[0].contains("given up"), "{warned:?}");
    assert!(!warned[0].contains("what is said"), "{warned:?}");
}

#[test]
fn rows_of_an_avatar_that_no_client_was_opened_for_are_warned_of_and_those_of_others_are_not() {
    let folder = std::env::temp_dir().join(format!("secondme-avatar-unseen-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("avatar.db");
    let [gone, away, here] = ["gone", "away", "here"].map(AvatarRef::of_namespace);
    let store = SqliteStore::open(&path).unwrap();
    let record: secondme_avatar::Record = serde_json::from_value(serde_json::json!({
        "visitor_id": visitor("ada").id(), "credentials": null, "context": null, "avatar_id": null, "session": null,
    }))
    .unwrap();
    for avatar in [&gone, &away, &here] {
        store.save(avatar, &[Change::SaveRecord(record.clone())]).unwrap();
    }
    let lines = Lines::of("secondme_avatar::store");
    let _guard = tracing::subscriber::set_default(lines.clone());
    store.adopt(&here).unwrap();
    assert!(lines.at(Level::WARN).is_empty(), "{:?}", lines.at(Level::WARN));
    let days_ago = |avatar: &AvatarRef, days: i64| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let sql = "UPDATE records SET saved_at = saved_at - ?2 * 86400000 WHERE avatar = ?1";
        connection.execute(sql, (avatar.to_string(), days)).unwrap();
    };
    days_ago(&gone, 31);
    days_ago(&away, 29);
    store.adopt(&here).unwrap();
    let warned = lines.at(Level::WARN);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains(&gone.to_string()) && warned[0].contains("more than 30 days"), "{warned:?}");
    drop(store);
    std::fs::remove_dir_all(&folder).unwrap();
}
