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
    assert!(error.contains("later version of this library (schema 6, this one knows up to 5)"), "{error}");
    assert_eq!(std::fs::read(folder.file()).unwrap(), before);
}

#[test]
fn a_store_from_before_there_were_notes_gets_a_place_for_them_and_keeps_all_else() {
    let folder = Folder::new("before-notes");
    let before = schema::MIGRATIONS.split_last().unwrap().1;
    {
        let store = SqliteStore::open_with(&folder.file(), before).unwrap();
        store.save(&avatar(), &[record(1)]).unwrap();
        assert_eq!(number_of(&store, "SELECT count(*) FROM sqlite_schema WHERE name = 'notes'"), 0);
    }
    let store = SqliteStore::open(folder.file()).unwrap();
    assert!(store.load(&avatar(), &visitor(1)).unwrap().is_some());
    let of = secondme_avatar_protocol::Visitor::for_user("web", "1").unwrap();
    let note = Note { visitor: of, key: "key".to_owned(), text: "text".into() };
    let set = NoteChange::Set { note: note.clone(), expires_at: None };
    assert_eq!(store.change_notes(&avatar(), &[set], SystemTime::now()).unwrap(), [true]);
    assert_eq!(store.notes(&avatar(), "", SystemTime::now()).unwrap(), [note]);
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
fn a_short_file_is_written_anew_an_hour_after_a_text_was_settled() {
    let folder = Folder::new("tidy");
    let store = SqliteStore::open(folder.file()).unwrap();
    store.save(&avatar(), &[record(1)]).unwrap();
    assert_eq!(store.tidy().unwrap(), None, "nothing was settled");
    // As SQLite leaves a page behind.
    with_connection(&store, |connection| {
        connection.execute_batch("CREATE TABLE other (x); DROP TABLE other").unwrap();
    });
    let pages = || number_of(&store, "PRAGMA freelist_count");
    assert!(pages() > 0);
    store.note_deleted();
    assert!(store.tidy().unwrap().is_some() && pages() > 0);
    let idle = Idle::longer_than(Duration::from_secs(60));
    assert!(store.forget_idle(&[avatar()], &idle).unwrap().is_empty() && pages() > 0, "nothing to do");
    let an_hour_ago = Instant::now().checked_sub(Duration::from_secs(60 * 60)).unwrap();
    *store.deleted.lock().unwrap() = Some(an_hour_ago);
    assert_eq!(store.tidy().unwrap(), None);
    assert_eq!(pages(), 0);
}

#[test]
fn a_file_that_cannot_be_scrubbed_is_an_error_that_says_so_and_the_next_call_does_it() {
    let folder = Folder::new("not-scrubbed");
    let store = SqliteStore::open(folder.file()).unwrap();
    store.save(&avatar(), &[record(1), record(2)]).unwrap();
    let each = |statement: &str| {
        (0..10).for_each(|number| {
            let statement = statement.replace('N', &number.to_string());
            with_connection(&store, |connection| connection.execute_batch(&statement).unwrap());
        });
    };
    // SQLite writes the file anew into an attached one, and attaches ten at most.
    each("ATTACH ':memory:' AS otherN");
    store.forget(&[avatar()], &visitor(1)).unwrap();
    let idle = Idle::longer_than(Duration::ZERO);
    with_connection(&store, |connection| connection.execute("UPDATE records SET saved_at = 1", ()).unwrap());
    assert_eq!(store.forget_idle(&[avatar()], &idle).unwrap(), [visitor(2)], "who is deleted is not lost");
    for error in [store.scrub().unwrap_err(), store.forget_idle(&[avatar()], &idle).unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains("has deleted the rows, but their bytes may still be in its files"), "{error}");
    }
    each("DETACH otherN");
    assert!(store.forget_idle(&[avatar()], &idle).unwrap().is_empty());
    assert_eq!(number_of(&store, "PRAGMA freelist_count"), 0);
}

#[test]
fn a_file_that_another_program_reads_is_written_anew_once_and_its_log_does_not_grow() {
    let folder = Folder::new("read");
    let store = SqliteStore::open(folder.file()).unwrap();
    store.save(&avatar(), &(0..500).map(record).collect::<Vec<_>>()).unwrap();
    let log = || std::fs::metadata(files::beside(&folder.file(), "-wal")).unwrap().len();
    let reader = Connection::open(folder.file()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM records").unwrap();
    store.forget(&[avatar()], &visitor(1)).unwrap();
    let before = log();
    for _ in 0..3 {
        assert!(!store.file.scrub_once().unwrap());
        assert_eq!(log(), before);
    }
    reader.execute_batch("COMMIT").unwrap();
    assert!(store.file.scrub_once().unwrap());
    assert_eq!(log(), 0);
    assert!(store.file.scrub_once().unwrap(), "nothing was written since");
    assert_eq!(log(), 0);
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
