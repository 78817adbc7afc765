//! What a seal hides, and what becomes of rows without it, with another one, and with one that fails.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use secondme_avatar::{
    Change, Error, ErrorKind, Idle, RowContent, Seal, SealError, SealUnavailable, SqliteStore, Store,
};

use crate::support::{Folder, SAID, TOKEN, avatar, keep, message, record, visitor};

/// A toy: it hides the words, and knows its own.
#[derive(Clone, Default)]
struct Mask {
    key: u8,
    fails: Arc<AtomicBool>,
}

impl Mask {
    fn check(&self) -> Result<(), SealError> {
        if self.fails.load(Ordering::Relaxed) { Err("the keychain is locked".into()) } else { Ok(()) }
    }
}

impl Seal for Mask {
    fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        self.check()?;
        Ok(std::iter::once(self.key).chain(bytes.iter().map(|byte| byte ^ 0x55)).collect())
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        self.check()?;
        match sealed.split_first() {
            Some((key, rest)) if *key == self.key => Ok(rest.iter().map(|byte| byte ^ 0x55).collect()),
            _ => Err("it was sealed with another key".into()),
        }
    }
}

/// Whether the text stands in any file of the folder: the store's own, its log and those beside them.
fn is_in_the_files(folder: &Folder, text: &str) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    folder.names().iter().any(|name| holds(&std::fs::read(folder.file(name)).unwrap()))
}

#[test]
fn what_is_sealed_cannot_be_read_in_the_file() {
    let folder = Folder::new();
    let changes = [Change::SaveRecord(record(1, 1)), keep(1, 1)];
    let store = SqliteStore::open(folder.file("avatar.db")).unwrap().seal(Mask::default());
    store.save(&avatar(), &changes).unwrap();
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
    assert_eq!(store.adopt(&avatar()).unwrap()[0].messages, [message(1)]);
    assert_eq!(store.known(&avatar()).unwrap().len(), 1);
    assert!(!is_in_the_files(&folder, TOKEN) && !is_in_the_files(&folder, SAID));
    drop(store);
    assert!(!is_in_the_files(&folder, TOKEN) && !is_in_the_files(&folder, SAID));

    let open = SqliteStore::open(folder.file("open.db")).unwrap();
    open.save(&avatar(), &changes).unwrap();
    assert!(is_in_the_files(&folder, TOKEN) && is_in_the_files(&folder, SAID), "the search finds them");
}

#[test]
fn what_was_written_before_there_was_a_seal_is_read_and_sealed_when_it_is_written_again() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let changes = [Change::SaveRecord(record(1, 1)), keep(1, 1)];
    SqliteStore::open(&path).unwrap().save(&avatar(), &changes).unwrap();
    assert!(is_in_the_files(&folder, TOKEN));
    let sealed = SqliteStore::open(&path).unwrap().seal(Mask::default());
    assert_eq!(sealed.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
    assert_eq!(sealed.adopt(&avatar()).unwrap()[0].messages, [message(1)]);
    sealed.save(&avatar(), &changes).unwrap();
    drop(sealed);
    assert!(!is_in_the_files(&folder, TOKEN) && !is_in_the_files(&folder, SAID));
}

#[test]
fn a_seal_that_fails_says_so_and_nothing_is_lost() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let mask = Mask::default();
    let store = SqliteStore::open(&path).unwrap().seal(mask.clone());
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    mask.fails.store(true, Ordering::Relaxed);
    let error = store.save(&avatar(), &[Change::SaveRecord(record(1, 2)), keep(1, 2)]).unwrap_err();
    assert!(error.to_string().contains("nothing was written: the keychain is locked"), "{error}");
    let error = store.load(&avatar(), visitor(1).id()).unwrap_err();
    assert!(error.to_string().contains("the keychain is locked; it is left as it is"), "{error}");
    assert!(store.adopt(&avatar()).unwrap().is_empty());
    mask.fails.store(false, Ordering::Relaxed);
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
    assert_eq!(store.adopt(&avatar()).unwrap()[0].messages, [message(1)]);
}

#[test]
fn without_the_right_seal_a_row_stays_where_it_is() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let sealed = SqliteStore::open(&path).unwrap().seal(Mask::default());
    sealed.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    drop(sealed);
    let plain = SqliteStore::open(&path).unwrap();
    let error = plain.load(&avatar(), visitor(1).id()).unwrap_err().to_string();
    assert!(error.contains("open the store with the seal that it was written with"), "{error}");
    assert!(plain.adopt(&avatar()).unwrap().is_empty());
    drop(plain);
    let other = SqliteStore::open(&path).unwrap().seal(Mask { key: 7, ..Mask::default() });
    let error = other.load(&avatar(), visitor(1).id()).unwrap_err().to_string();
    assert!(error.contains("it was sealed with another key"), "{error}");
    drop(other);
    let again = SqliteStore::open(&path).unwrap().seal(Mask::default());
    assert_eq!(again.adopt(&avatar()).unwrap()[0].messages, [message(1)]);
}

/// It can unseal nothing, and says how often it was asked. Meanwhile, another store uses the file.
struct Away {
    asked: Arc<AtomicUsize>,
    other: Arc<SqliteStore>,
}

impl Seal for Away {
    fn seal(&self, _: &[u8]) -> Result<Vec<u8>, SealError> {
        Err(SealUnavailable::new("the key service does not answer").into())
    }

    fn unseal(&self, _: &[u8]) -> Result<Vec<u8>, SealError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (counted, count) = mpsc::channel();
        let other = Arc::clone(&self.other);
        std::thread::spawn(move || counted.send(other.count(&avatar()).unwrap().visitors));
        // The other store has to wait where the file is locked.
        let count = count.recv_timeout(Duration::from_secs(5));
        assert_eq!(count, Ok(3), "the file is locked while a row is unsealed");
        Err(SealUnavailable::new("the key service does not answer").into())
    }
}

#[test]
fn a_seal_that_is_not_available_is_asked_once_fails_the_call_and_does_not_keep_the_file_locked() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let sealed = SqliteStore::open(&path).unwrap().seal(Mask::default());
    let changes = (1..4).flat_map(|number| [Change::SaveRecord(record(number, 1)), keep(number, number)]);
    sealed.save(&avatar(), &changes.collect::<Vec<_>>()).unwrap();
    drop(sealed);
    let other = Arc::new(SqliteStore::open(&path).unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let away = Away { asked: Arc::clone(&asked), other: Arc::clone(&other) };
    let store = SqliteStore::open(&path).unwrap().seal(away);
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE messages SET saved_at = 1", ()).unwrap();
    let idle = Idle::longer_than(Duration::ZERO);
    for error in [
        store.known(&avatar()).unwrap_err(),
        store.visitors(&avatar()).unwrap_err(),
        store.export(&avatar(), visitor(1).id()).unwrap_err(),
        store.adopt(&avatar()).unwrap_err(),
        store.forget_idle(&[avatar()], &idle).unwrap_err(),
    ] {
        assert!(error.to_string().contains("the key service does not answer"), "{error}");
        assert_eq!(Error::from(error).kind(), ErrorKind::Store);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 5, "once for each call");
    drop(store);
    let again = SqliteStore::open(&path).unwrap().seal(Mask::default());
    assert_eq!(again.adopt(&avatar()).unwrap().len(), 3);
    assert_eq!(again.known(&avatar()).unwrap().len(), 3);
}

#[test]
fn a_sealed_visitor_is_shown_with_the_seal_and_forgotten_without_it() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let (id, changes) = (visitor(1).id().clone(), [Change::SaveRecord(record(1, 1)), keep(1, 1)]);
    let store = SqliteStore::open(&path).unwrap().seal(Mask::default());
    store.save(&avatar(), &changes).unwrap();
    let contents = |store: &SqliteStore| -> Vec<_> {
        store.export(&avatar(), &id).unwrap().into_iter().map(|row| row.content).collect()
    };
    let expected = [RowContent::Record(Box::new(record(1, 1))), RowContent::Message(visitor(1), message(1))];
    assert_eq!(contents(&store), expected);
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    let sealed =
        |row: &RowContent| matches!(row, RowContent::Unreadable(why) if why.contains("it is sealed"));
    assert_eq!(contents(&store).iter().filter(|row| sealed(row)).count(), 2);
    assert_eq!(store.visitors(&avatar()).unwrap()[0].unreadable, 2);
    store.forget(&[avatar()], &id).unwrap();
    store.scrub().unwrap();
    assert!(!is_in_the_files(&folder, id.as_str()));
}
