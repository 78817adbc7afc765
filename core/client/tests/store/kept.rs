//! What is kept, whose it is, and what cannot be read.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use secondme_avatar::{Change, SqliteStore, Store};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::place::{Place, each_store};
use crate::support::{
    Folder, SAID, TOKEN, avatar, avatar_of, keep, message, numbers, record, settle, visitor,
};

#[test]
fn a_record_is_per_avatar_and_visitor_and_the_last_writer_wins() {
    Place::each(|place| {
        let one = place.open();
        let other = place.open();
        one.save(&avatar(), &[Change::SaveRecord(record(1, 1)), Change::SaveRecord(record(2, 1))]).unwrap();
        other.save(&avatar(), &[Change::SaveRecord(record(1, 2))]).unwrap();
        assert_eq!(one.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 2)));
        assert_eq!(other.load(&avatar(), visitor(2).id()).unwrap(), Some(record(2, 1)));
        assert_eq!(one.load(&avatar_of("sk-other"), visitor(1).id()).unwrap(), None);
    });
}

#[test]
fn messages_come_back_in_their_order_and_in_their_last_state() {
    Place::each(|place| {
        let mut sent = message(1);
        sent.left = true;
        let changes = [
            keep(1, 1),
            keep(2, 2),
            keep(1, 3),
            keep(1, 4),
            Change::SaveMessage(visitor(1).name("Ada"), sent.clone()),
            settle(1, 3),
            settle(1, 99),
        ];
        place.open().save(&avatar(), &changes).unwrap();
        let left = place.open().adopt(&avatar()).unwrap();
        assert_eq!(left[0].visitor, visitor(1), "as the last message names it");
        assert_eq!(left[0].messages, [sent, message(4)]);
        assert_eq!((left[1].visitor.clone(), left[1].messages.clone()), (visitor(2), vec![message(2)]));
        assert_eq!(left.len(), 2);
    });
}

#[test]
fn visitors_whose_messages_have_the_same_id_keep_their_own() {
    each_store(|store| {
        store.save(&avatar(), &[keep(1, 7), keep(2, 7), settle(1, 7)]).unwrap();
        let left = store.adopt(&avatar()).unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].visitor, visitor(2));
    });
}

#[test]
fn two_stores_of_one_process_do_not_take_each_other_s_messages() {
    Place::each(|place| {
        let one = place.open();
        let other = place.open();
        one.save(&avatar(), &[keep(1, 1)]).unwrap();
        other.save(&avatar(), &[keep(1, 2)]).unwrap();
        assert_eq!(numbers(&one.adopt(&avatar()).unwrap()), [1]);
        drop(other);
        assert_eq!(numbers(&one.adopt(&avatar()).unwrap()), [1, 2]);
        let third = place.open();
        assert!(numbers(&third.adopt(&avatar()).unwrap()).is_empty());
        // Who keeps a message looks after it.
        drop(one);
        third.save(&avatar(), &[keep(1, 1)]).unwrap();
        let fourth = place.open();
        assert_eq!(numbers(&fourth.adopt(&avatar()).unwrap()), [2]);
    });
}

#[test]
fn a_second_client_on_the_same_store_gets_what_the_first_one_left() {
    Place::each(|place| {
        let store = place.open();
        store.save(&avatar(), &[keep(1, 1), keep(1, 2)]).unwrap();
        assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 2]);
        store.save(&avatar(), &[settle(1, 1)]).unwrap();
        assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [2]);
    });
}

#[test]
fn closed_stores_leave_nothing_but_the_file() {
    let folder = Folder::new();
    let one = SqliteStore::open(folder.file("avatar.db")).unwrap();
    let other = SqliteStore::open(folder.file("avatar.db")).unwrap();
    one.save(&avatar(), &[keep(1, 1)]).unwrap();
    drop((one, other));
    assert_eq!(folder.names(), ["avatar.db"]);
}

#[test]
fn a_file_that_goes_away_while_it_is_open_is_noticed() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    for replace in [false, true] {
        let store = SqliteStore::open(&path).unwrap();
        store.save(&avatar(), &[keep(1, 1)]).unwrap();
        std::fs::rename(&path, folder.file("moved.db")).unwrap();
        if replace {
            std::fs::write(&path, "").unwrap();
        }
        for error in [
            store.save(&avatar(), &[keep(1, 2)]).unwrap_err(),
            store.load(&avatar(), visitor(1).id()).unwrap_err(),
            store.adopt(&avatar()).unwrap_err(),
        ] {
            assert!(error.to_string().contains("was moved, deleted or replaced"), "{error}");
        }
        std::fs::rename(folder.file("moved.db"), &path).unwrap();
        store.save(&avatar(), &[keep(1, 2)]).unwrap();
    }
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_that_names_the_visitor_and_nothing_else() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    let changes: Vec<_> = (0..6).map(|number| Change::SaveRecord(record(number, 0))).collect();
    store.save(&avatar(), &changes).unwrap();
    let another = serde_json::to_string(&record(5, 0)).unwrap();
    let rows = [
        (1, format!(r#"{{"v":2,"kept":"{TOKEN}"}}"#), "a later version of this library"),
        (2, format!(r#"{{"v":1,"kept":"{TOKEN}"}}"#), "it is damaged"),
        (3, TOKEN.to_owned(), "it is damaged"),
        (4, format!(r#"{{"v":1,"kept":{another}}}"#), "it names another visitor"),
        (0, "[".repeat(100_000), "it is damaged"),
    ];
    drop(store);
    for (number, row, _) in &rows {
        put(&path, "UPDATE records SET record = ?2 WHERE visitor = ?1", *number, row);
    }
    let store = SqliteStore::open(&path).unwrap();
    for (number, _, expected) in rows {
        let error = store.load(&avatar(), visitor(number).id()).unwrap_err();
        let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
        assert!(shown.contains(expected) && shown.contains(visitor(number).id().as_str()), "{shown}");
        assert!(!shown.contains(TOKEN) && !shown.contains(SAID), "{shown}");
    }
    assert_eq!(store.load(&avatar(), visitor(5).id()).unwrap(), Some(record(5, 0)));
}

#[test]
fn a_message_that_cannot_be_read_holds_up_no_other_and_is_spoken_of_once() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    store.save(&avatar(), &[keep(1, 1), keep(2, 2), keep(3, 3), keep(2, 4)]).unwrap();
    drop(store);
    let later = format!(r#"{{"v":2,"kept":"{SAID}"}}"#);
    put(&path, "UPDATE messages SET message = ?2 WHERE visitor = ?1 AND position = 2", 2, &later);
    put(&path, "UPDATE messages SET message = ?2 WHERE visitor = ?1", 3, SAID);
    let before = owner_of_second(&path);

    let log = Log::default();
    let adopted = tracing::subscriber::with_default(log.clone(), || {
        let store = SqliteStore::open(&path).unwrap();
        let first = numbers(&store.adopt(&avatar()).unwrap());
        assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), first);
        first
    });
    assert_eq!(adopted, [1, 4]);
    let said = log.0.lock().unwrap().clone();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains(visitor(2).id().as_str()) && said[0].contains("later version"), "{said:?}");
    assert!(said[1].contains(visitor(3).id().as_str()) && said[1].contains("damaged"), "{said:?}");
    assert!(!said.concat().contains(SAID), "{said:?}");
    assert_eq!(owner_of_second(&path), before, "a later version of the library can still adopt it");
}

#[test]
fn no_secret_shows_in_debug() {
    each_store(|store| {
        let changes = [Change::SaveRecord(record(1, 1)), keep(1, 1)];
        store.save(&avatar(), &changes).unwrap();
        let shown = format!("{store:?} {changes:?} {:?}", store.adopt(&avatar()).unwrap());
        assert!(!shown.contains(TOKEN) && !shown.contains(SAID), "{shown}");
    });
}

/// What is settled or overwritten can be found in the file no more once it is closed.
#[test]
fn what_is_settled_is_gone_from_the_disk() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    let messages: Vec<_> = (0..100).map(|number| keep(1, number)).collect();
    store.save(&avatar(), &messages).unwrap();
    drop(store);
    let holds = || String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(SAID);
    assert!(holds());
    let store = SqliteStore::open(&path).unwrap();
    let settled: Vec<_> = (0..100).map(|number| settle(1, number)).collect();
    store.save(&avatar(), &settled).unwrap();
    drop(store);
    assert!(!holds());
}

fn put(path: &Path, statement: &str, number: u64, text: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    assert_eq!(connection.execute(statement, (visitor(number).id().as_str(), text)).unwrap(), 1);
}

fn owner_of_second(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("SELECT owner FROM messages WHERE position = 2", (), |row| row.get(0)).unwrap()
}

/// What is logged at WARN.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
