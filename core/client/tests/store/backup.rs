//! A copy that is made while the store is in use.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use secondme_avatar::{Change, MemoryStore, SqliteStore, Store};

use crate::support::{Folder, SAID, avatar, check_integrity, keep, numbers, record, settle, visitor};

#[test]
fn a_copy_is_a_store_of_its_own_with_all_that_was_saved_before_it() {
    let folder = Folder::new();
    let (path, copy) = (folder.file("avatar.db"), folder.file("copy.db"));
    let store = SqliteStore::open(&path).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 7)), keep(1, 1), keep(2, 2)]).unwrap();
    store.backup(&copy).unwrap();
    store.save(&avatar(), &[keep(3, 3), settle(1, 1)]).unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o600);
    assert!(!folder.names().iter().any(|name| name.contains("part")), "{:?}", folder.names());

    let opened = SqliteStore::open(&copy).unwrap();
    assert_eq!(opened.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 7)));
    assert_eq!(numbers(&opened.adopt(&avatar()).unwrap()), [1, 2], "their owner is no owner there");
    drop(opened);
    check_integrity(&copy);
    // The store itself is as it was.
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [2, 3]);
}

#[test]
fn a_later_copy_takes_the_place_of_an_earlier_one() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("avatar.db")).unwrap();
    let copy = folder.file("copy.db");
    for number in 0..4 {
        store.save(&avatar(), &[keep(1, number)]).unwrap();
        store.backup(&copy).unwrap();
        let opened = SqliteStore::open(&copy).unwrap();
        assert_eq!(numbers(&opened.adopt(&avatar()).unwrap()), (0..=number).collect::<Vec<_>>());
    }
}

#[test]
fn what_a_copy_that_was_killed_has_left_goes_with_the_next_one() {
    let folder = Folder::new();
    let [store, other] = [(); 2].map(|()| SqliteStore::open(folder.file("avatar.db")).unwrap());
    let owners: Vec<_> =
        folder.names().iter().filter_map(|name| Some(name.split_once("-owner-")?.1.to_owned())).collect();
    assert_eq!(owners.len(), 2);
    let part = |owner: &str| format!("copy.db-part-{owner}");
    let dead = [part("00000000000000ff"), "copy.db-part-00000000000000fe-journal".to_owned()];
    for name in dead.iter().cloned().chain(owners.iter().map(|owner| part(owner))) {
        fs::write(folder.file(&name), SAID).unwrap();
    }
    store.backup(&folder.file("copy.db")).unwrap();
    let left: Vec<_> = folder.names().into_iter().filter(|name| name.contains("-part-")).collect();
    assert_eq!(left.len(), 1, "that of the other store, which may be copying: {left:?}");
    drop(other);
    store.backup(&folder.file("copy.db")).unwrap();
    assert!(!folder.names().iter().any(|name| name.contains("-part-")), "{:?}", folder.names());
}

#[test]
fn what_is_no_store_or_in_use_is_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    store.save(&avatar(), &[keep(1, 1)]).unwrap();
    fs::write(folder.file("letter.txt"), "Dear Ada").unwrap();
    symlink(&path, folder.file("link.db")).unwrap();
    let used = SqliteStore::open(folder.file("used.db")).unwrap();
    used.save(&avatar(), &[keep(9, 9)]).unwrap();
    let names = folder.names();
    for (name, expected) in [
        ("letter.txt", "is no SQLite file, and is left as it is: name another file"),
        ("avatar.db", "is the store itself: name another file"),
        ("link.db", "is the store itself: name another file"),
        ("used.db", "is in use as a store"),
        (".", "is a folder: name a file in it"),
        ("none/copy.db", "its folder does not exist: make it first"),
    ] {
        let error = store.backup(&folder.file(name)).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    for refused in [store.backup("".as_ref()).unwrap_err(), SqliteStore::open("").unwrap_err()] {
        assert!(refused.to_string().contains("is empty: name a file"), "{refused}");
    }
    assert_eq!(folder.names(), names);
    assert_eq!(fs::read_to_string(folder.file("letter.txt")).unwrap(), "Dear Ada");
    assert_eq!(numbers(&used.adopt(&avatar()).unwrap()), [9]);
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1]);
}

#[test]
fn a_store_in_memory_says_that_it_makes_no_copies() {
    let folder = Folder::new();
    let error = MemoryStore::new().backup(&folder.file("copy.db")).unwrap_err();
    let error = secondme_avatar::Error::from(error);
    assert_eq!(error.kind(), secondme_avatar::ErrorKind::Unsupported);
}
