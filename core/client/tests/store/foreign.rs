//! Other programs at the file while it is open: what they do to locks and logs loses nothing that was saved.
//!
//! Closing a file drops all POSIX locks that the process has on it, whichever code closes it: a copy of the
//! files does it, and so does another copy of SQLite in the same process.

use std::fs;
use std::path::{Path, PathBuf};

use secondme_avatar::{Change, SqliteStore, Store};

use crate::support::{Folder, Player, avatar, check_integrity, keep, numbers, record, visitor};

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What `cp` does, and a backup that copies files.
pub(crate) fn copy_files(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::read(beside(path, suffix)));
    }
}

/// A program that looks into the file and ends, all by itself as far as it can tell.
fn look(path: &Path) {
    let mut other = Player::start("look", path, &[]);
    assert!(other.says_number().is_some());
    other.end();
}

/// What another process finds in the file.
fn found(path: &Path) -> Vec<u64> {
    let mut other = Player::start("find", path, &[]);
    other.says_to_the_end()
}

fn save(store: &SqliteStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.save(&avatar(), &[Change::SaveRecord(record(number, number)), keep(number, number)]).unwrap();
    }
}

#[test]
fn what_is_saved_after_the_files_were_copied_is_there_for_the_next_process() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    save(&store, 0..3);
    copy_files(&path);
    look(&path);
    save(&store, 3..6);
    copy_files(&path);
    look(&path);
    save(&store, 6..9);
    // As it is found after a kill: the store is not closed.
    assert_eq!(found(&path), (0..9).collect::<Vec<_>>());
    drop(store);
    check_integrity(&path);
    assert_eq!(folder.names(), ["avatar.db"]);
}

#[test]
fn two_processes_and_many_looks_lose_nothing_and_damage_nothing() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let mut one = Player::start("write and copy", &path, &[0, 300]);
    let mut other = Player::start("write and copy", &path, &[300, 300]);
    assert_eq!((one.says_number(), other.says_number()), (Some(0), Some(300)));
    one.nudge();
    other.nudge();
    for _ in 0..20 {
        look(&path);
        // One who comes and goes: it must not take itself for the last one either.
        drop(SqliteStore::open(&path).unwrap());
    }
    assert_eq!((one.says_number(), other.says_number()), (Some(300), Some(300)));
    // Both are killed, in effect: what they have confirmed is in the file and its log.
    one.kill();
    other.kill();
    assert_eq!(found(&path), (0..600).collect::<Vec<_>>());
    check_integrity(&path);
}

#[test]
fn a_log_that_is_removed_by_hand_is_noticed_and_what_stood_in_it_is_saved() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    for round in 0..3 {
        save(&store, round * 4..round * 4 + 2);
        fs::remove_file(beside(&path, "-wal")).unwrap();
        fs::remove_file(beside(&path, "-shm")).unwrap();
        save(&store, round * 4 + 2..round * 4 + 4);
        assert_eq!(found(&path), (0..round * 4 + 4).collect::<Vec<_>>());
    }
    drop(store);
    check_integrity(&path);
}

/// What stood in the old log alone cannot be had back: another has written since. What is saved from then on is.
#[test]
fn a_log_that_is_replaced_is_noticed_and_the_file_stays_sound() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    save(&store, 0..2);
    fs::remove_file(beside(&path, "-wal")).unwrap();
    fs::remove_file(beside(&path, "-shm")).unwrap();
    let mut other = Player::start("write and copy", &path, &[2, 2]);
    assert_eq!(other.says_number(), Some(2));
    other.nudge();
    assert_eq!(other.says_number(), Some(2));
    save(&store, 4..6);
    other.nudge();
    other.end();
    save(&store, 6..8);
    let found = found(&path);
    assert!((2..8).all(|number| found.contains(&number)), "{found:?}");
    drop(store);
    check_integrity(&path);
}

/// A reader is no reason to wait, and reads what was there when it began.
#[test]
fn one_who_reads_for_long_neither_stops_the_store_nor_sees_half_of_it() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    save(&store, 0..10);
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let count = || reader.query_row("SELECT count(*) FROM records", (), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(), 10);
    // Far more than the log may hold before it goes into the file.
    let many: Vec<_> = (10..2000).map(|number| Change::SaveRecord(record(number, number))).collect();
    for _ in 0..6 {
        store.save(&avatar(), &many).unwrap();
    }
    assert_eq!(count(), 10);
    drop(reader);
    assert!(store.load(&avatar(), visitor(1999).id()).unwrap().is_some());
    drop(store);
    check_integrity(&path);
}

#[test]
fn the_log_does_not_grow_without_end() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let store = SqliteStore::open(&path).unwrap();
    let many: Vec<_> = (0..1000).map(|number| Change::SaveRecord(record(number, number))).collect();
    for _ in 0..20 {
        store.save(&avatar(), &many).unwrap();
    }
    let log = fs::metadata(beside(&path, "-wal")).unwrap().len();
    assert!(log < 12 << 20, "{log} bytes");
}

#[test]
fn a_store_is_one_turn_after_the_other_though_one_who_held_it_was_killed() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    for round in 0..3 {
        let mut gone = Player::start("write and copy", &path, &[round * 1000, 1000]);
        assert_eq!(gone.says_number(), Some(round * 1000));
        gone.nudge();
        let store = SqliteStore::open(&path).unwrap();
        while !store.count(&avatar()).is_ok_and(|stored| stored.visitors > round) {
            std::thread::yield_now();
        }
        gone.kill();
        save(&store, round..round + 1);
        assert!(numbers(&store.adopt(&avatar()).unwrap()).contains(&round));
    }
    check_integrity(&path);
}
