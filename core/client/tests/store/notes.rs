//! Notes: added once among all, there after a kill, gone when they expire and when their visitor is forgotten.

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secondme_avatar::{
    Idle, Note, NoteChange, RowContent, Seal, SealError, SqliteStore, Store, Visitor, VisitorId,
};

use crate::place::{Place, each_store};
use crate::support::{Folder, Player, SAID, avatar, avatar_of, check_integrity, visitor};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_774_580_000 + seconds)
}

fn note(who: u64, key: &str, text: &str) -> Note {
    Note { visitor: visitor(who).name("Ada").tag("a tag"), key: key.to_owned(), text: text.into() }
}

pub(crate) fn set(who: u64, key: &str, text: &str) -> NoteChange {
    NoteChange::Set { note: note(who, key, text), expires_at: None }
}

pub(crate) fn add(who: u64, key: &str, text: &str, expires_at: Option<SystemTime>) -> NoteChange {
    NoteChange::Add { note: note(who, key, text), expires_at }
}

fn delete(who: u64, key: &str) -> NoteChange {
    NoteChange::Delete { visitor: visitor(who).id().clone(), key: key.to_owned() }
}

fn change(store: &dyn Store, change: NoteChange, seconds: u64) -> bool {
    store.change_notes(&avatar(), &[change], at(seconds)).unwrap()[0]
}

fn text(store: &dyn Store, who: u64, key: &str, seconds: u64) -> Option<String> {
    store.note(&avatar(), visitor(who).id(), key, at(seconds)).unwrap().map(String::from)
}

fn keys(store: &dyn Store, prefix: &str, seconds: u64) -> Vec<String> {
    let notes = store.notes(&avatar(), prefix, at(seconds)).unwrap();
    notes.into_iter().map(|note| note.key).collect()
}

fn is_in_a_file(folder: &Folder, word: &str) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(word.len()).any(|found| found == word.as_bytes());
    folder.names().iter().any(|name| holds(&std::fs::read(folder.file(name)).unwrap()))
}

#[test]
fn a_note_is_there_until_it_is_deleted_replaced_or_expired() {
    each_store(|store| {
        assert_eq!(text(store, 1, "a", 0), None);
        assert!(change(store, set(1, "a", "one"), 0));
        assert!(change(store, set(1, "a", "two"), 0));
        assert!(!change(store, add(1, "a", "three", None), 0));
        assert_eq!(text(store, 1, "a", 0).as_deref(), Some("two"));
        assert_eq!(text(store, 2, "a", 0), None);
        // It expires at this moment, and not before.
        assert!(change(store, add(2, "a", "", Some(at(10))), 0));
        assert_eq!(text(store, 2, "a", 9).as_deref(), Some(""));
        assert_eq!(text(store, 2, "a", 10), None);
        assert!(!change(store, delete(2, "a"), 10));
        assert!(change(store, add(2, "a", "again", Some(at(20))), 10));
        assert!(!change(store, add(2, "a", "once more", None), 19));
        assert!(change(store, add(2, "a", "for good", None), 20));
        assert_eq!(text(store, 2, "a", 1_000_000).as_deref(), Some("for good"));
        assert!(change(store, delete(1, "a"), 0));
        assert!(!change(store, delete(1, "a"), 0));
        // Of another avatar nothing is here.
        assert_eq!(store.note(&avatar_of("other"), visitor(2).id(), "a", at(0)).unwrap(), None);
        assert!(store.notes(&avatar_of("other"), "", at(0)).unwrap().is_empty());
    });
}

#[test]
fn notes_are_listed_by_prefix_in_the_order_in_which_they_were_first_written() {
    each_store(|store| {
        for (who, key) in [(1, "m/2"), (2, "m/1"), (1, "m"), (1, "n/1"), (1, "m/\u{10FFFF}"), (3, "M/1")] {
            assert!(change(store, set(who, key, "text"), 0));
        }
        assert!(change(store, set(1, "m/2", "replaced"), 1));
        assert!(change(store, add(3, "m/3", "expires", Some(at(5))), 1));
        assert_eq!(keys(store, "m/", 4), ["m/2", "m/1", "m/\u{10FFFF}", "m/3"]);
        assert_eq!(keys(store, "m/", 5), ["m/2", "m/1", "m/\u{10FFFF}"]);
        assert_eq!(keys(store, "", 5), ["m/2", "m/1", "m", "n/1", "m/\u{10FFFF}", "M/1"]);
        assert_eq!(keys(store, "m/%", 5), Vec::<String>::new(), "a prefix is no pattern");
        let first = store.notes(&avatar(), "m/2", at(5)).unwrap();
        assert_eq!(first, [note(1, "m/2", "replaced")], "with the visitor's name and tag");
        // One that was deleted or has expired begins anew, at the end.
        change(store, delete(1, "m/2"), 5);
        change(store, set(1, "m/2", "anew"), 5);
        assert_eq!(keys(store, "m/", 5), ["m/1", "m/\u{10FFFF}", "m/2"]);
    });
}

#[test]
fn of_a_batch_each_change_sees_those_before_it() {
    each_store(|store| {
        let changes = [add(1, "a", "1", None), add(1, "a", "2", None), delete(1, "a"), delete(1, "a"), {
            add(1, "a", "3", None)
        }];
        let changed = store.change_notes(&avatar(), &changes, at(0)).unwrap();
        assert_eq!(changed, [true, false, true, false, true]);
        assert_eq!(text(store, 1, "a", 0).as_deref(), Some("3"));
    });
}

#[test]
fn a_visitor_with_notes_only_is_known_exported_idle_and_forgotten() {
    each_store(|store| {
        change(store, add(1, "address", SAID, Some(at(60))), 0);
        change(store, set(2, "address", "bob's"), 0);
        let known: Vec<_> = store.known(&avatar()).unwrap().into_iter().map(|known| known.visitor).collect();
        assert_eq!(known.len(), 2);
        assert!(known.contains(&visitor(1).name("Ada").tag("a tag")));
        assert_eq!(store.avatars().unwrap(), [avatar()]);
        let exported = store.export(&avatar(), visitor(1).id()).unwrap();
        let expected = RowContent::Note { note: note(1, "address", SAID), expires_at: Some(at(60)) };
        assert_eq!(exported.into_iter().map(|row| row.content).collect::<Vec<_>>(), [expected]);
        // Each was written just now, whatever it is about.
        let idle = |longer_than| Idle::longer_than(longer_than);
        assert!(store.forget_idle(&[avatar()], &idle(HOUR)).unwrap().is_empty());
        store.forget(&[avatar()], visitor(1).id()).unwrap();
        assert_eq!(keys(store, "", 0).len(), 1);
        let later = Idle { before: SystemTime::now() + HOUR, ..idle(HOUR) };
        assert_eq!(store.forget_idle(&[avatar()], &later).unwrap(), [visitor(2).id().clone()]);
        assert!(keys(store, "", 0).is_empty() && store.known(&avatar()).unwrap().is_empty());
    });
}

#[test]
fn under_another_name_the_avatar_has_its_notes_and_what_is_newer_stays() {
    each_store(|store| {
        let other = avatar_of("other");
        change(store, set(1, "a", "old"), 0);
        change(store, set(1, "b", "moved"), 0);
        store.change_notes(&other, &[set(1, "a", "new")], at(0)).unwrap();
        store.rename(&avatar(), &other).unwrap();
        let notes = store.notes(&other, "", at(0)).unwrap();
        let mut texts: Vec<_> = notes.iter().map(|note| note.text.as_str()).collect();
        texts.sort_unstable();
        assert_eq!(texts, ["moved", "new"]);
        assert!(keys(store, "", 0).is_empty());
    });
}

#[test]
fn of_many_who_add_the_same_note_one_succeeds() {
    Place::each(|place| {
        let stores: Vec<_> = (0..4).map(|_| place.open()).collect();
        let start = Arc::new(Barrier::new(stores.len()));
        let threads = stores.into_iter().map(|store| {
            let start = Arc::clone(&start);
            thread::spawn(move || {
                start.wait();
                let adds = |number: &u64| change(&*store, add(1, &number.to_string(), "mine", None), 0);
                (0..50).filter(adds).collect::<Vec<_>>()
            })
        });
        let threads: Vec<_> = threads.collect();
        let mut added: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        added.sort_unstable();
        assert_eq!(added, (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn of_two_processes_that_add_the_same_notes_one_succeeds_with_each_and_a_kill_loses_none() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let mut players: Vec<_> = (0..2).map(|_| Player::start("note", &path, &[100])).collect();
    players.iter_mut().for_each(|player| assert_eq!(player.says_number(), Some(0)));
    players.iter_mut().for_each(Player::nudge);
    // One is killed somewhere, and the other goes on.
    let mut added = Vec::new();
    for _ in 0..20 {
        added.extend(players[0].says_number());
    }
    players[0].kill();
    added.extend(players[0].says_to_the_end());
    added.extend(players[1].says_to_the_end());
    players.remove(1).end();
    let said = added.len();
    added.sort_unstable();
    added.dedup();
    assert_eq!(added.len(), said, "a note was added twice");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(keys(&store, "", 0).len(), 100);
    // The one that was killed may have added a last one that it did not say.
    assert!(said >= 99, "{said}");
    check_integrity(&path);
}

/// What the other process does.
pub(crate) fn play(store: &dyn Store, many: u64, wait: impl Fn(), say: impl Fn(u64)) {
    say(0);
    wait();
    for number in 1..=many {
        if change(store, add(1, &number.to_string(), "mine", None), 0) {
            say(number);
        }
    }
}

#[test]
fn nothing_of_a_forgotten_visitor_s_notes_is_in_a_file_and_a_copy_has_them() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("avatar.db")).unwrap();
    change(&store, set(1, "the key of it", SAID), 0);
    change(&store, set(2, "kept", "bob's"), 0);
    let words = [SAID, "the key of it", "a tag", visitor(1).id().as_str()].map(str::to_owned);
    assert!(words.iter().all(|word| is_in_a_file(&folder, word)));
    store.backup(&folder.file("copy.db")).unwrap();
    let copy = SqliteStore::open(folder.file("copy.db")).unwrap();
    assert_eq!(keys(&copy, "", 0), ["the key of it", "kept"]);
    drop(copy);
    std::fs::remove_file(folder.file("copy.db")).unwrap();
    store.forget(&[avatar()], visitor(1).id()).unwrap();
    store.forget(&[avatar()], visitor(2).id()).unwrap();
    store.scrub().unwrap();
    assert!(words.iter().all(|word| !is_in_a_file(&folder, word)));
}

#[test]
fn what_has_expired_is_removed_when_the_store_is_tidied_and_not_before() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("avatar.db")).unwrap();
    let count = || -> i64 {
        let reader = rusqlite::Connection::open(folder.file("avatar.db")).unwrap();
        reader.query_row("SELECT count(*) FROM notes", (), |row| row.get(0)).unwrap()
    };
    assert_eq!(store.tidy().unwrap(), None);
    change(&store, set(1, "stays", "for good"), 0);
    change(&store, add(1, "gone", SAID, Some(SystemTime::now())), 0);
    change(&store, add(2, "lives", "a day", Some(SystemTime::now() + 24 * HOUR)), 0);
    assert_eq!(count(), 3);
    let again = store.tidy().unwrap().unwrap();
    assert!(HOUR - HOUR / 60 < again && again <= HOUR, "there is one that will expire: {again:?}");
    assert_eq!(count(), 2);
    assert!(!is_in_a_file(&folder, SAID));
    // One that expires soon is looked for soon.
    change(&store, add(1, "soon", "a minute", Some(SystemTime::now() + HOUR / 30)), 0);
    let again = store.tidy().unwrap().unwrap();
    assert!(HOUR / 60 <= again && again <= HOUR / 30, "{again:?}");
}

struct Mask(u8);

impl Seal for Mask {
    fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(std::iter::once(self.0).chain(bytes.iter().map(|byte| byte ^ 0x55)).collect())
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        match sealed.split_first() {
            Some((key, rest)) if *key == self.0 => Ok(rest.iter().map(|byte| byte ^ 0x55).collect()),
            _ => Err("it was sealed with another key".into()),
        }
    }
}

#[test]
fn a_note_is_sealed_but_for_its_key_and_without_the_seal_it_stays_where_it_is() {
    let folder = Folder::new();
    let open = |key: Option<u8>| {
        let store = SqliteStore::open(folder.file("avatar.db")).unwrap();
        if let Some(key) = key { store.seal(Mask(key)) } else { store }
    };
    let store = open(Some(1));
    change(&store, set(1, "the key of it", SAID), 0);
    assert!(!is_in_a_file(&folder, SAID) && !is_in_a_file(&folder, "a tag"));
    assert!(is_in_a_file(&folder, "the key of it"));
    assert_eq!(text(&store, 1, "the key of it", 0).as_deref(), Some(SAID));
    assert_eq!(keys(&store, "", 0).len(), 1);
    drop(store);
    for other in [open(None), open(Some(2))] {
        let error = other.note(&avatar(), visitor(1).id(), "the key of it", at(0)).unwrap_err().to_string();
        assert!(error.contains("cannot be read") && error.contains("seal"), "{error}");
        assert!(keys(&other, "", 0).is_empty(), "the others would still be listed");
        assert!(!change(&other, add(1, "the key of it", "mine", None), 0), "it is there");
        let rows = other.export(&avatar(), visitor(1).id()).unwrap();
        assert!(matches!(rows[0].content, RowContent::Unreadable(_)));
    }
    assert_eq!(text(&open(Some(1)), 1, "the key of it", 0).as_deref(), Some(SAID));
}

#[test]
fn a_row_that_was_put_in_another_s_place_is_not_taken_for_it() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    change(&store, set(1, "a", "ada's"), 0);
    change(&store, set(2, "b", "bob's"), 0);
    let row = |of: &Visitor| -> String {
        let reader = rusqlite::Connection::open(&path).unwrap();
        let id: &VisitorId = of.id();
        reader
            .query_row("SELECT note FROM notes WHERE visitor = ?1", [id.as_str()], |row| row.get(0))
            .unwrap()
    };
    let put = |path: &Path, statement: &str, row: &str| {
        rusqlite::Connection::open(path).unwrap().execute(statement, [row]).unwrap();
    };
    let of_bob = row(&visitor(2));
    put(&path, "UPDATE notes SET note = ?1 WHERE key = 'a'", &of_bob);
    let error = store.note(&avatar(), visitor(1).id(), "a", at(0)).unwrap_err().to_string();
    assert!(error.contains("it names another visitor"), "{error}");
    put(&path, "UPDATE notes SET key = 'c' WHERE note = ?1 AND key = 'b'", &of_bob);
    let error = store.note(&avatar(), visitor(2).id(), "c", at(0)).unwrap_err().to_string();
    assert!(error.contains("it names another key"), "{error}");
    assert!(keys(&store, "", 0).is_empty());
}
