//! What a seal hides, and what becomes of rows without it, with another one, and with one that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secondme_avatar::{Change, Seal, SealError, SqliteStore, Store};

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
