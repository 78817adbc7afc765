//! Files that are no stores, or not any more: each is refused with a text that says what to do, and stays
//! as it is.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rusqlite::Connection;
use secondme_avatar::{
    AvatarRef, BaseUrl, Change, Door, KeyRef, KnownVisitor, SqliteStore, Store, StoreCounts,
};

use crate::support::{Folder, avatar, keep, message, numbers, record, visitor};

/// All that can be told of a file from outside.
#[derive(PartialEq)]
struct Look {
    bytes: Vec<u8>,
    mode: u32,
    modified: (i64, i64),
}

fn look(path: &Path) -> Look {
    let metadata = fs::metadata(path).unwrap();
    let bytes = fs::read(path).unwrap();
    Look { bytes, mode: metadata.mode(), modified: (metadata.mtime(), metadata.mtime_nsec()) }
}

/// That opening says this, and changes nothing.
fn refuses(path: &Path, expected: &str) {
    let before = look(path);
    let error = SqliteStore::open(path).expect_err(expected).to_string();
    assert!(error.contains(expected), "not {expected:?}: {error}");
    assert!(error.contains(path.to_str().unwrap()), "names no file: {error}");
    assert!(look(path) == before, "it was changed");
}

/// A store with something in it, closed.
fn store(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    let changes: Vec<_> =
        (0..40).flat_map(|number| [Change::SaveRecord(record(number, 0)), keep(number, number)]).collect();
    store.save(&avatar(), &changes).unwrap();
}

fn sqlite(path: &Path, statements: &str) {
    Connection::open(path).unwrap().execute_batch(statements).unwrap();
}

#[test]
fn a_file_that_is_no_sqlite_file_is_refused() {
    let folder = Folder::new();
    for (name, bytes) in [("letter.txt", &b"Dear Ada"[..]), ("zeros", &[0; 8192]), ("one", &[7])] {
        fs::write(folder.file(name), bytes).unwrap();
        refuses(&folder.file(name), "is no SQLite file");
    }
    assert_eq!(folder.names(), ["letter.txt", "one", "zeros"]);
}

#[test]
fn a_sqlite_file_of_another_program_is_refused() {
    let folder = Folder::new();
    sqlite(&folder.file("other.db"), "PRAGMA application_id = 7; CREATE TABLE records (avatar)");
    sqlite(&folder.file("unknown.db"), "CREATE TABLE records (avatar); CREATE TABLE messages (avatar)");
    sqlite(&folder.file("bare.db"), "PRAGMA user_version = 1");
    for name in ["other.db", "unknown.db", "bare.db"] {
        refuses(&folder.file(name), "of another program");
    }
    assert_eq!(folder.names(), ["bare.db", "other.db", "unknown.db"]);
}

#[test]
fn another_program_s_unfinished_work_is_left_to_it() {
    let folder = Folder::new();
    let (path, wal) = (folder.file("other.db"), folder.file("other.db-wal"));
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE letters (text)").unwrap();
    // As it would be found after a crash: a log that no process holds.
    let (file, log) = (fs::read(&path).unwrap(), fs::read(&wal).unwrap());
    drop(connection);
    fs::write(&path, file).unwrap();
    fs::write(&wal, log).unwrap();
    let before = look(&wal);
    refuses(&path, "of another program");
    assert!(look(&wal) == before, "its log was changed");
    assert_eq!(folder.names(), ["other.db", "other.db-wal"]);
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    store(&path);
    sqlite(&path, "PRAGMA user_version = 99");
    refuses(&path, "later version of this library (schema 99");
    assert_eq!(folder.names(), ["avatar.db"]);
}

/// Its version stands in the log only.
#[test]
fn a_store_that_a_later_version_left_unfinished_is_refused() {
    let folder = Folder::new();
    let (path, wal) = (folder.file("avatar.db"), folder.file("avatar.db-wal"));
    store(&path);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    let (file, log) = (fs::read(&path).unwrap(), fs::read(&wal).unwrap());
    drop(connection);
    fs::write(&path, file).unwrap();
    fs::write(&wal, log).unwrap();
    fs::set_permissions(&wal, fs::Permissions::from_mode(0o600)).unwrap();
    let before = look(&wal);
    refuses(&path, "later version of this library (schema 99");
    assert!(look(&wal) == before, "its log was changed");
}

#[test]
fn a_store_with_other_tables_is_refused() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    for damage in [
        "DROP TABLE messages",
        "CREATE UNIQUE INDEX one_a_visitor ON messages (visitor)",
        "ALTER TABLE records RENAME COLUMN record TO other",
        "DROP TABLE records; CREATE VIEW records AS SELECT 1 AS avatar, 2 AS visitor, 3 AS record",
    ] {
        store(&path);
        sqlite(&path, damage);
        refuses(&path, "is damaged");
        fs::remove_file(&path).unwrap();
    }
}

/// An index that leads to nothing: what is saved by such a one may not be found again.
#[test]
fn a_store_whose_index_has_gone_wrong_is_refused() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    store(&path);
    let changed = folder.file("changed.db");
    let whole = fs::read(&path).unwrap();
    let page: u32 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name LIKE '%autoindex_messages%'", (), |row| {
            row.get(0)
        })
        .unwrap();
    let mut bytes = whole.clone();
    // The last byte of a page is the last one of a text, or of a number beneath it.
    bytes[page as usize * 4096 - 1] ^= 1;
    fs::write(&changed, bytes).unwrap();
    fs::set_permissions(&changed, fs::Permissions::from_mode(0o600)).unwrap();
    refuses(&changed, "is damaged");
}

#[test]
fn tables_beside_a_store_s_own_are_left_alone() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    store(&path);
    sqlite(&path, "CREATE TABLE orders (text); INSERT INTO orders VALUES ('mine')");
    store(&path);
    let connection = Connection::open(&path).unwrap();
    let order: String = connection.query_row("SELECT text FROM orders", (), |row| row.get(0)).unwrap();
    assert_eq!(order, "mine");
}

#[test]
fn a_store_that_was_cut_short_is_refused() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    store(&path);
    // The file ends with a record, which no index holds a second time.
    let records: Vec<_> = (100..200).map(|number| Change::SaveRecord(record(number, 0))).collect();
    SqliteStore::open(&path).unwrap().save(&avatar(), &records).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [16, 50, 99, 100, 511, 512, 4095, 4096, 5000, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        refuses(&path, "is damaged");
    }
}

#[test]
fn a_store_with_a_page_of_rubbish_is_refused() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    store(&path);
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 5);
    for page in 0..pages {
        let mut bytes = whole.clone();
        // The header stays: without it, it is no SQLite file.
        let begin = (page * 4096).max(100);
        bytes[begin..(page + 1) * 4096].fill(0x5a);
        fs::write(&path, bytes).unwrap();
        refuses(&path, "is damaged");
    }
}

#[test]
fn what_is_no_ordinary_file_is_refused() {
    let folder = Folder::new();
    let error = |path: &Path| SqliteStore::open(path).unwrap_err().to_string();
    assert!(error(folder.path()).contains("is a folder: name a file in it"));
    assert!(error(Path::new("/")).contains("is a folder"));
    assert!(error(Path::new("..")).contains("is a folder"));
    assert!(error(&folder.file("none/avatar.db")).contains("its folder does not exist: make it first"));
    assert!(error(Path::new("")).contains("is empty: name a file"), "{}", error(Path::new("")));

    fs::write(folder.file("letter.txt"), "Dear Ada").unwrap();
    let beneath = error(&folder.file("letter.txt/avatar.db"));
    assert!(beneath.contains("is no folder"), "{beneath}");

    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(error(Path::new("/dev/null")).contains("is no ordinary file"));
    assert_eq!(folder.names(), ["letter.txt"]);
}

#[test]
fn symbolic_links_are_followed_and_hard_links_are_not() {
    let folder = Folder::new();
    let (path, link) = (folder.file("avatar.db"), folder.file("link.db"));
    symlink(&path, &link).unwrap();
    let error = SqliteStore::open(&link).unwrap_err().to_string();
    assert!(error.contains("leads nowhere"), "{error}");
    assert_eq!(folder.names(), ["link.db"]);

    store(&path);
    let through = SqliteStore::open(&link).unwrap();
    assert_eq!(through.path(), path);
    let direct = SqliteStore::open(&path).unwrap();
    through.save(&avatar(), &[keep(1, 99)]).unwrap();
    assert!(!numbers(&direct.adopt(&avatar()).unwrap()).contains(&99), "it is one store by two names");
    drop((through, direct));

    fs::hard_link(&path, folder.file("twin.db")).unwrap();
    refuses(&path, "several names (hard links)");
    refuses(&folder.file("twin.db"), "several names (hard links)");
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    fs::write(&path, "").unwrap();
    store(&path);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert!(SqliteStore::open(&path).unwrap().load(&avatar(), visitor(3).id()).unwrap().is_some());
}

/// What the first release wrote can be read for ever.
#[test]
fn a_file_of_version_1_is_read() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    sqlite(&path, include_str!("version_1.sql"));
    let store = SqliteStore::open(&path).unwrap();
    // Its rows are filed under the key that it was made with, and say whose key that is.
    let key = KeyRef::new(Door::AvatarOpenApi, &"sk-store".parse().unwrap(), &BaseUrl::default());
    let avatar = || AvatarRef::of_avatar("code", "de4fh");
    assert_eq!(store.avatars().unwrap(), [AvatarRef::former(key)]);
    assert_eq!(store.avatar_of(&key).unwrap(), Some(avatar()));
    // Another key of the same avatar finds them as well.
    let other = KeyRef::new(Door::AvatarOpenApi, &"sk-other".parse().unwrap(), &BaseUrl::gateway());
    assert_eq!(store.avatar_of(&other).unwrap(), None);
    store.identify(&other, &avatar()).unwrap();
    assert_eq!(store.avatars().unwrap(), [avatar()]);
    assert_eq!(store.avatar_of(&other).unwrap(), Some(avatar()));
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 9)));
    assert_eq!(store.count(&avatar()).unwrap(), StoreCounts { visitors: 1, messages: 2 });
    let known = KnownVisitor { visitor: visitor(1), resumable: true };
    assert_eq!(store.known(&avatar()).unwrap(), [known]);
    let left = store.adopt(&avatar()).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].visitor, visitor(1).name("Ada").channel("web"));
    assert_eq!(left[0].messages, [message(1), message(2)]);
}
