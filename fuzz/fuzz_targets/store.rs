//! Any bytes as the store's file, and a store with bytes changed or cut off: nothing panics, and a file that
//! is refused stays as it is.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use secondme_avatar::{AvatarRef, Change, KeptMessage, Record, SqliteStore, Store, Visitor};
use serde_json::json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let file = if how % 4 == 0 { rest.to_vec() } else { changed(rest, how % 4 == 1) };
    let path = folder().join("avatar.db");
    fs::write(&path, &file).unwrap();
    try_all(&path, &file);
    clear();
});

/// Opens it, and does all that a client does.
fn try_all(path: &Path, file: &[u8]) {
    let Ok(store) = SqliteStore::open(path) else {
        assert!(fs::read(path).unwrap() == file, "a file that is refused was changed");
        return;
    };
    let ada = visitor();
    let _ = store.load(&avatar(), ada.id());
    let _ = store.adopt(&avatar());
    if store.save(&avatar(), &changes()).is_ok() {
        assert_eq!(store.load(&avatar(), ada.id()).unwrap(), Some(record()));
        let adopted = store.adopt(&avatar()).unwrap();
        let mut kept = adopted.iter().flat_map(|left| &left.messages);
        assert!(kept.any(|kept| *kept == message("fresh")), "what was saved is not there");
    }
}

/// A store in which three bytes each change one, and the first three may say where it ends.
fn changed(bytes: &[u8], cut: bool) -> Vec<u8> {
    let mut file = template().to_vec();
    for (number, change) in bytes.chunks_exact(3).enumerate() {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len();
        if cut && number == 0 {
            file.truncate(at);
            if at == 0 {
                break;
            }
        } else {
            file[at] = change[2];
        }
    }
    file
}

fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let path = folder().join("avatar.db");
        let store = SqliteStore::open(&path).unwrap();
        let kept = (0..10).map(|number| Change::SaveMessage(visitor(), message(&number.to_string())));
        store.save(&avatar(), &[Change::SaveRecord(record())]).unwrap();
        store.save(&avatar(), &kept.collect::<Vec<_>>()).unwrap();
        drop(store);
        fs::read(path).unwrap()
    })
}

/// In memory where that can be had: the disk is not what is tried.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = base.join(format!("secondme-avatar-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    })
}

fn clear() {
    for entry in fs::read_dir(folder()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

fn avatar() -> AvatarRef {
    AvatarRef::of_namespace("fuzz")
}

fn visitor() -> Visitor {
    Visitor::for_user("web", "ada").unwrap()
}

fn changes() -> [Change; 3] {
    let settled = Change::ForgetMessage(visitor().id().clone(), message("1").message_id);
    [Change::SaveRecord(record()), Change::SaveMessage(visitor(), message("fresh")), settled]
}

fn record() -> Record {
    let record = json!({
        "visitor_id": visitor().id(), "credentials": null, "context": null, "avatar_id": 67,
        "session": { "id": "session-1", "bound": true, "last_seq": "9", "heard": [] },
    });
    serde_json::from_value(record).unwrap()
}

fn message(id: &str) -> KeptMessage {
    let message = json!({
        "message_id": id, "text": "hello", "session": null, "since": 1, "deadline": 2, "left": false,
    });
    serde_json::from_value(message).unwrap()
}
