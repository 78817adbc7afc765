//! What needs access to the inside: a later schema, a full disk, a fork.

use std::path::PathBuf;

use rusqlite::Connection;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("secondme-avatar-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("avatar.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn avatar() -> AvatarRef {
    AvatarRef::of_namespace("store")
}

fn visitor(number: usize) -> VisitorId {
    secondme_avatar_protocol::Visitor::for_user("web", &number.to_string()).unwrap().id().clone()
}

fn record(number: usize) -> Change {
    let visitor_id = visitor(number);
    Change::SaveRecord(Record {
        visitor_id,
        credentials: None,
        context: None,
        avatar_id: None,
        session: None,
        visitor: None,
        visitor_chat: None,
    })
}

fn with_connection<T>(store: &SqliteStore, act: impl FnOnce(&Connection) -> T) -> T {
    store.file.exclusively(|connection| Ok(act(connection.sqlite()))).unwrap()
}

fn number_of(store: &SqliteStore, query: &str) -> i64 {
    with_connection(store, |connection| connection.query_row(query, (), |row| row.get(0)).unwrap())
}

const NEXT: &str = "ALTER TABLE records ADD COLUMN seen INTEGER NOT NULL DEFAULT 7";

#[test]
fn a_store_of_an_earlier_version_is_brought_up_to_date_once() {
    let folder = Folder::new("migration");
    SqliteStore::open(folder.file()).unwrap().save(&avatar(), &[record(1)]).unwrap();
    let next = [schema::MIGRATIONS, &[NEXT]].concat();
    for _ in 0..2 {
        let store = SqliteStore::open_with(&folder.file(), &next).unwrap();
        assert_eq!(number_of(&store, "PRAGMA user_version"), schema::MIGRATIONS.len() as i64 + 1);
        assert_eq!(number_of(&store, "SELECT seen FROM records"), 7);
        assert!(store.load(&avatar(), &visitor(1)).unwrap().is_some());
    }
    let before = std::fs::read(folder.file()).unwrap();
    let error = SqliteStore::open(folder.file()).unwrap_err().to_string();
    assert!(error.contains("later version of this library (schema 4, this one knows up to 3)"), "{error}");
    assert_eq!(std::fs::read(folder.file()).unwrap(), before);
}

#[test]
fn a_migration_that_fails_leaves_the_store_at_its_earlier_version() {
    let folder = Folder::new("failed-migration");
    SqliteStore::open(folder.file()).unwrap().save(&avatar(), &[record(1)]).unwrap();
    let migrations = [schema::MIGRATIONS, &[NEXT, "INSERT INTO nothing VALUES (1)"]].concat();
    let error = SqliteStore::open_with(&folder.file(), &migrations).unwrap_err().to_string();
    assert!(error.contains("cannot be opened"), "{error}");
    let store = SqliteStore::open(folder.file()).unwrap();
    assert_eq!(number_of(&store, "PRAGMA user_version"), schema::MIGRATIONS.len() as i64);
    assert!(store.load(&avatar(), &visitor(1)).unwrap().is_some());
}

#[test]
fn a_full_disk_saves_nothing_of_a_batch_and_spoils_nothing() {
    let folder = Folder::new("full-disk");
    let store = SqliteStore::open(folder.file()).unwrap();
    store.save(&avatar(), &[record(0)]).unwrap();
    let limit = |pages: i64| {
        with_connection(&store, |connection| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        });
    };
    limit(number_of(&store, "PRAGMA page_count") + 2);
    let batch: Vec<_> = (1..500).map(record).collect();
    let error = store.save(&avatar(), &batch).unwrap_err().to_string();
    assert!(error.contains("nothing of this was saved: there is no space left: free some"), "{error}");
    let kept =
        || (0..500).filter(|number| store.load(&avatar(), &visitor(*number)).unwrap().is_some()).count();
    assert_eq!(kept(), 1);
    limit(1_000_000);
    store.save(&avatar(), &batch).unwrap();
    assert_eq!(kept(), 500);
}

#[test]
fn a_forked_child_may_not_use_what_its_parent_opened() {
    let folder = Folder::new("fork");
    let mut store = SqliteStore::open(folder.file()).unwrap();
    store.save(&avatar(), &[record(1)]).unwrap();
    let names = || std::fs::read_dir(&folder.0).unwrap().count();
    let before = names();
    // As a child sees it: another process has opened the store.
    store.process += 1;
    for error in [
        store.load(&avatar(), &visitor(1)).unwrap_err(),
        store.save(&avatar(), &[record(2)]).unwrap_err(),
        store.adopt(&avatar()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("forked off"), "{error}");
    }
    drop(store);
    assert_eq!(names(), before, "what the parent still uses is gone");
}
