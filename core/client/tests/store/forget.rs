//! What is deleted is nowhere any more, and what is in use is not deleted.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use secondme_avatar::{
    AvatarRef, BaseUrl, Change, Door, Idle, KeyRef, Record, RowContent, SqliteStore, Store, StoredRow,
    Visitor,
};
use secondme_avatar_protocol::Millis;

use crate::place::Place;
use crate::support::{Folder, avatar, avatar_of, check_integrity, keep, message, record, settle, visitor};

const NAME: &str = "Ada of Lovelace";
const TAG: &str = "ou_of_ada";

/// A visitor with a name, a tag, a token, and something said.
fn ada() -> Visitor {
    Visitor::for_user("web", "ada").unwrap().name(NAME).tag(TAG)
}

fn record_of(visitor: Visitor) -> Record {
    let number = 1;
    Record { visitor_id: visitor.id().clone(), visitor: Some(visitor), ..record(number, number) }
}

fn said(words: &str) -> Change {
    let mut said = message(1);
    said.text = words.into();
    Change::SaveMessage(ada(), said)
}

/// Which of these are in one of the files beside the store, or in the store.
fn found<'a>(folder: &Folder, words: &[&'a str]) -> Vec<&'a str> {
    let files: Vec<_> = folder.names().iter().map(|name| std::fs::read(folder.file(name)).unwrap()).collect();
    let is_in = |word: &str, file: &[u8]| file.windows(word.len()).any(|bytes| bytes == word.as_bytes());
    words.iter().copied().filter(|word| files.iter().any(|file| is_in(word, file))).collect()
}

/// As if it had been written so long ago.
fn age(path: &Path, visitor: &Visitor, millis: i64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    for table in ["records", "messages"] {
        let statement = format!("UPDATE {table} SET saved_at = ?2 WHERE visitor = ?1");
        connection.execute(&statement, (visitor.id().as_str(), millis)).unwrap();
    }
}

#[test]
fn nothing_of_a_forgotten_visitor_is_in_a_file_of_the_store() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("avatar.db")).unwrap();
    let id = ada().id().clone();
    let words = [id.as_str(), NAME, TAG, "a word of Ada's"];
    store.claim(&avatar(), std::slice::from_ref(&id)).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record_of(ada())), said("a word of Ada's")]).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(2, 1))]).unwrap();
    assert_eq!(found(&folder, &words), words);
    store.forget(&[avatar()], &id).unwrap();
    store.scrub().unwrap();
    assert!(found(&folder, &words).is_empty());
    assert_eq!(store.export(&avatar(), &id).unwrap(), []);
    assert_eq!(store.load(&avatar(), visitor(2).id()).unwrap(), Some(record(2, 1)));
    // It is no error to say so twice, nor of a visitor who never was.
    store.forget(&[avatar()], &id).unwrap();
    store.forget(&[avatar_of("other")], visitor(9).id()).unwrap();
    drop(store);
    check_integrity(&folder.file("avatar.db"));
}

/// SQLite moves rows from page to page when rows of other lengths come between them, and leaves copies behind, which
/// stay when the rows themselves are replaced.
#[test]
fn copies_that_were_left_behind_in_pages_go_too() {
    const MARK: &str = "((version ";
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("avatar.db")).unwrap();
    let mut random = 7_u64;
    let mut draw = |most: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    let mut versions = HashMap::new();
    let mut version = 0;
    let mut change = || {
        let (number, length) = (draw(200), 200 + draw(900));
        version += 1;
        versions.insert(number, version);
        let padding = "y".repeat(usize::try_from(length).unwrap());
        let name = format!("{MARK}{version})){padding}");
        let short = Record { credentials: None, context: None, ..record_of(visitor(number).name(name)) };
        (Change::SaveRecord(short), versions.clone())
    };
    let replaced = |present: &HashMap<u64, u64>| {
        let file = std::fs::read(folder.file("avatar.db")).unwrap();
        let text = String::from_utf8_lossy(&file).into_owned();
        let numbers = text.split(MARK).skip(1).filter_map(|rest| rest.split_once("))")?.0.parse().ok());
        let present: HashSet<u64> = present.values().copied().collect();
        numbers.filter(|number| !present.contains(number)).count()
    };
    let left = (0..400).find_map(|_| {
        let (changes, mut present): (Vec<_>, Vec<_>) = (0..100).map(|_| change()).unzip();
        store.save(&avatar(), &changes).unwrap();
        store.tidy().unwrap();
        let present = present.pop().unwrap();
        (replaced(&present) > 0).then_some(present)
    });
    let present = left.expect("SQLite left no copy: this test needs other rows");
    store.forget(&[avatar()], visitor(1000).id()).unwrap();
    store.scrub().unwrap();
    assert_eq!(replaced(&present), 0);
    assert_eq!(store.count(&avatar()).unwrap().visitors, present.len() as u64);
    drop(store);
    check_integrity(&folder.file("avatar.db"));
}

#[test]
fn what_is_settled_or_replaced_leaves_the_log_when_the_store_is_tidied() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("avatar.db")).unwrap();
    let named = |name: &str| Change::SaveRecord(record_of(ada().name(name)));
    store.save(&avatar(), &[named("an earlier name"), said("a settled word")]).unwrap();
    let settled = Change::ForgetMessage(ada().id().clone(), message(1).message_id);
    store.save(&avatar(), &[named("a later name"), settled]).unwrap();
    let words = ["an earlier name", "a settled word"];
    assert_eq!(found(&folder, &words), words);
    store.tidy().unwrap();
    assert!(found(&folder, &words).is_empty());
    assert_eq!(std::fs::metadata(folder.file("avatar.db-wal")).unwrap().len(), 0);
}

#[test]
fn a_visitor_in_use_by_another_store_is_not_deleted_and_the_error_says_what_to_do() {
    Place::each(|place| {
        let store = place.open();
        let (one, two) = (visitor(1).id().clone(), visitor(2).id().clone());
        store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), Change::SaveRecord(record(2, 1))]).unwrap();
        let mut other = place.start("claim", &[1]);
        assert_eq!(other.player.says_number(), Some(1));
        let sends = place.open();
        sends.save(&avatar(), &[keep(2, 1)]).unwrap();
        place.age(&visitor(1), 1);
        place.age(&visitor(2), 1);
        for id in [&one, &two] {
            let error = store.forget(&[avatar()], id).unwrap_err().to_string();
            assert!(error.contains(id.as_str()) && error.contains("close the conversation there"), "{error}");
        }
        assert!(store.forget_idle(&[avatar()], &Idle::longer_than(Duration::ZERO)).unwrap().is_empty());
        assert_eq!(store.count(&avatar()).unwrap().visitors, 2);
        place.kill(&mut other);
        drop(sends);
        store.forget(&[avatar()], &one).unwrap();
        store.forget(&[avatar()], &two).unwrap();
        assert_eq!(store.count(&avatar()).unwrap().visitors, 0);
    });
}

#[test]
fn of_several_names_all_are_deleted_or_nothing_is() {
    Place::each(|place| {
        let [store, other] = [(); 2].map(|()| place.open());
        let names = [avatar_of("a"), avatar_of("b"), avatar_of("c")];
        let id = visitor(1).id().clone();
        for name in &names {
            store.save(name, &[Change::SaveRecord(record(1, 1))]).unwrap();
        }
        place.age(&visitor(1), 1);
        let rows = || names.iter().map(|name| store.export(name, &id).unwrap().len()).sum::<usize>();
        for name in &names {
            other.claim(name, std::slice::from_ref(&id)).unwrap();
            assert!(store.forget(&names, &id).is_err());
            assert!(store.forget_idle(&names, &Idle::longer_than(Duration::ZERO)).unwrap().is_empty());
            assert_eq!(rows(), 4);
            other.release(name, std::slice::from_ref(&id)).unwrap();
        }
        assert_eq!(
            store.forget_idle(&names, &Idle::longer_than(Duration::ZERO)).unwrap(),
            std::slice::from_ref(&id)
        );
        assert_eq!(rows(), 0);
    });
}

#[test]
fn a_store_that_has_the_visitor_open_keeps_it_from_being_forgotten_though_another_one_opened_it_since() {
    Place::each(|place| {
        let [first, second] = [(); 2].map(|()| place.open());
        let id = visitor(1).id().clone();
        let ids = std::slice::from_ref(&id);
        first.claim(&avatar(), ids).unwrap();
        first.save(&avatar(), &[Change::SaveRecord(record(1, 1))]).unwrap();
        second.claim(&avatar(), ids).unwrap();
        second.release(&avatar(), ids).unwrap();
        place.age(&visitor(1), 1);
        assert!(second.forget(&[avatar()], &id).is_err());
        assert!(second.forget_idle(&[avatar()], &Idle::longer_than(Duration::ZERO)).unwrap().is_empty());
        first.release(&avatar(), ids).unwrap();
        second.forget(&[avatar()], &id).unwrap();
        second.scrub().unwrap();
        assert!(place.found(&[id.as_str()]).is_empty());
    });
}

#[test]
fn a_visitor_who_is_forgotten_between_loading_and_claiming_is_not_saved_again() {
    Place::each(|place| {
        let [opens, forgets] = [(); 2].map(|()| place.open());
        let id = visitor(1).id().clone();
        let ids = std::slice::from_ref(&id);
        forgets.save(&avatar(), &[Change::SaveRecord(record(1, 1))]).unwrap();
        assert!(opens.load(&avatar(), &id).unwrap().is_some());
        forgets.forget(&[avatar()], &id).unwrap();
        opens.claim(&avatar(), ids).unwrap();
        opens.save(&avatar(), &[Change::SaveRecord(record(1, 2))]).unwrap();
        assert_eq!(opens.load(&avatar(), &id).unwrap(), None);
        // The next opening is one of a visitor of whom there is nothing.
        opens.release(&avatar(), ids).unwrap();
        assert_eq!(opens.load(&avatar(), &id).unwrap(), None);
        opens.claim(&avatar(), ids).unwrap();
        opens.save(&avatar(), &[Change::SaveRecord(record(1, 3))]).unwrap();
        assert_eq!(opens.load(&avatar(), &id).unwrap(), Some(record(1, 3)));
    });
}

#[test]
fn only_those_who_are_idle_are_forgotten_and_nothing_of_them_stays() {
    Place::each(|place| {
        let store = place.open();
        let mut later = message(1);
        later.deadline = Millis(u64::MAX);
        let changes = (1..=8).map(|number| Change::SaveRecord(record(number, 1)));
        let messages = [
            Change::SaveMessage(visitor(2), later),
            keep(3, 1), // Its deadline has passed.
        ];
        store.save(&avatar(), &changes.chain(messages).collect::<Vec<_>>()).unwrap();
        store.claim(&avatar(), &[visitor(4).id().clone()]).unwrap();
        for number in 1..=7 {
            place.age(&visitor(number), if number == 5 { 0 } else { 1 });
        }
        let mut idle = Idle::longer_than(Duration::from_secs(60));
        idle.in_use = HashSet::from([visitor(6).id().clone()]);
        let mut forgotten = store.forget_idle(&[avatar()], &idle).unwrap();
        assert!(store.forget_idle(&[avatar()], &idle).unwrap().is_empty());
        forgotten.sort();
        let mut expected: Vec<_> = [1, 3, 7].iter().map(|number| visitor(*number).id().clone()).collect();
        expected.sort();
        assert_eq!(forgotten, expected);
        assert!(place.found(&expected.iter().map(|id| id.as_str()).collect::<Vec<_>>()).is_empty());
        assert_eq!(store.known(&avatar()).unwrap().len(), 5);
    });
}

/// Rows of earlier versions are filed under the keys, and stay there while another store uses them.
#[test]
fn what_earlier_versions_have_filed_under_the_avatar_s_keys_is_shown_and_forgotten_too() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let key_of = |text: &str| KeyRef::new(Door::AvatarOpenApi, &text.parse().unwrap(), &BaseUrl::default());
    let (known, shown, other) = (key_of("sk-known-1"), key_of("sk-shown-1"), key_of("sk-other-1"));
    // As its records name it.
    let avatar = AvatarRef::of_avatar("code", "de4fh");
    let store = SqliteStore::open(&path).unwrap();
    store.identify(&known, &avatar).unwrap();
    let nameless = Record { credentials: None, ..record(1, 1) };
    store.save(&avatar, &[keep(1, 1)]).unwrap();
    store.save(&AvatarRef::former(known), &[Change::SaveRecord(nameless.clone())]).unwrap();
    store.save(&AvatarRef::former(shown), &[Change::SaveRecord(record(2, 1)), keep(1, 2)]).unwrap();
    store.save(&AvatarRef::former(other), &[Change::SaveRecord(nameless.clone())]).unwrap();
    let id = visitor(1).id().clone();
    assert_eq!(store.export(&avatar, &id).unwrap().len(), 3);
    store.forget(&[avatar], &id).unwrap();
    assert_eq!(store.export(&avatar, &id).unwrap(), []);
    // Of whom the rows under the third key are, nothing says.
    assert_eq!(store.export(&AvatarRef::former(other), &id).unwrap().len(), 1);
    assert!(store.load(&AvatarRef::former(shown), visitor(2).id()).unwrap().is_some());
}

#[test]
fn an_export_names_what_cannot_be_read_and_forgetting_deletes_it() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    let id = visitor(1).id().clone();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1), keep(1, 2)]).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE records SET record = 'broken words'", ()).unwrap();
    connection.execute("UPDATE messages SET message = '{\"v\":9}' WHERE position = 1", ()).unwrap();
    drop(connection);
    let rows = store.export(&avatar(), &id).unwrap();
    let why = |row: &StoredRow| match &row.content {
        RowContent::Unreadable(why) => Some(why.clone()),
        _ => None,
    };
    let why: Vec<_> = rows.iter().filter_map(why).collect();
    assert_eq!((rows.len(), why.len()), (3, 2), "{why:?}");
    assert!(why[0].contains("damaged") && why[1].contains("later version"), "{why:?}");
    let json = StoredRow::to_json(&id, &rows);
    assert!(json.contains("later version") && !json.contains("broken words"), "{json}");
    let listed = store.visitors(&avatar()).unwrap();
    assert_eq!((listed[0].id.as_str(), listed[0].messages, listed[0].unreadable), (id.as_str(), 2, 2));
    // What cannot be read may be a message that is still to be sent.
    age(&path, &visitor(1), 1);
    assert!(store.forget_idle(&[avatar()], &Idle::longer_than(Duration::ZERO)).unwrap().is_empty());
    store.forget(&[avatar()], &id).unwrap();
    store.scrub().unwrap();
    assert!(found(&folder, &[id.as_str(), "broken words"]).is_empty());
}

#[test]
fn a_visitor_who_was_only_opened_by_a_process_that_is_gone_is_forgotten_with_the_idle_ones() {
    Place::each(|place| {
        let store = place.open();
        let id = visitor(1).id().clone();
        let mut other = place.start("claim", &[1]);
        assert_eq!(other.player.says_number(), Some(1));
        let idle = Idle::longer_than(Duration::from_secs(60));
        store.forget_idle(&[avatar()], &idle).unwrap();
        assert_eq!(store.export(&avatar(), &id).unwrap().len(), 1, "it is open there");
        place.kill(&mut other);
        store.forget_idle(&[avatar()], &idle).unwrap();
        assert!(place.found(&[id.as_str()]).is_empty());
    });
}

#[test]
fn a_log_that_another_program_reads_is_looked_at_again_later() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    store.save(&avatar(), &[keep(1, 1)]).unwrap();
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM messages").unwrap();
    store.save(&avatar(), &[settle(1, 1)]).unwrap();
    assert_eq!(store.tidy().unwrap(), Some(Duration::from_secs(60)));
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    let again = store.tidy().unwrap().unwrap();
    assert!(again > Duration::from_secs(60), "the file is written anew in an hour");
    assert_eq!(std::fs::metadata(folder.file("avatar.db-wal")).unwrap().len(), 0);
}

#[test]
fn a_great_many_are_forgotten_in_several_calls_and_then_nothing_of_them_is_left() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    let changes: Vec<_> = (0..1500).map(|number| Change::SaveRecord(record(number, 1))).collect();
    store.save(&avatar(), &changes).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE records SET saved_at = 1", ()).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(7, 2))]).unwrap();
    let idle = Idle::longer_than(Duration::from_secs(60));
    let calls = std::iter::from_fn(|| Some(store.forget_idle(&[avatar()], &idle).unwrap().len()));
    let calls: Vec<_> = calls.take_while(|forgotten| *forgotten > 0).collect();
    assert_eq!(calls.iter().sum::<usize>(), 1499);
    assert!(calls.len() > 1 && calls.iter().all(|forgotten| *forgotten <= 1999), "{calls:?}");
    assert_eq!(store.known(&avatar()).unwrap().len(), 1);
    let ids: Vec<_> = (0..1500).map(visitor).collect();
    let ids = ids.iter().filter(|other| other.id() != visitor(7).id()).map(|other| other.id().as_str());
    assert!(found(&folder, &ids.collect::<Vec<_>>()).is_empty());
}
