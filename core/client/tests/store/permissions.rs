//! Who may read the file, and what a user can do who may not.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use secondme_avatar::{SqliteStore, Store};

use crate::support::{Folder, Player, avatar, keep};

const UNPRIVILEGED: u32 = 65534;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The error that a user other than root gets.
fn refusal(folder: &Folder, path: &Path) -> String {
    let mut command = Player::command("refused", path, &[]);
    if folder.is_root_s() {
        command.uid(UNPRIVILEGED);
    }
    Player::of(command).says().unwrap()
}

/// Gives all in the folder to an unprivileged user, where this is root's process.
fn give_away(folder: &Folder) {
    if !folder.is_root_s() {
        return;
    }
    for name in folder.names() {
        std::os::unix::fs::chown(folder.file(&name), Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
    }
    std::os::unix::fs::chown(folder.path(), Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
}

#[test]
fn a_store_is_its_user_s_alone_and_so_is_each_file_beside_it() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("avatar.db")).unwrap();
    store.save(&avatar(), &[keep(1, 1)]).unwrap();
    let names = folder.names();
    assert_eq!(names.len(), 5, "the file, its log, the log's index, the owner's lock, the turns': {names:?}");
    for name in names {
        assert_eq!(mode(&folder.file(&name)), 0o600, "{name}");
    }
}

#[test]
fn a_store_that_others_may_read_is_closed_to_them() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let first = SqliteStore::open(&path).unwrap();
    first.save(&avatar(), &[keep(1, 1)]).unwrap();
    for name in folder.names() {
        set_mode(&folder.file(&name), 0o644);
    }
    let _second = SqliteStore::open(&path).unwrap();
    for name in ["avatar.db", "avatar.db-wal", "avatar.db-shm"] {
        assert_eq!(mode(&folder.file(name)), 0o600, "{name}");
    }
}

#[test]
fn a_file_that_is_refused_keeps_its_mode() {
    let folder = Folder::new();
    let path = folder.file("letter.txt");
    fs::write(&path, "Dear Ada").unwrap();
    set_mode(&path, 0o644);
    SqliteStore::open(&path).unwrap_err();
    assert_eq!(mode(&path), 0o644);
}

#[test]
fn a_file_that_may_not_be_written_is_refused() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    drop(SqliteStore::open(&path).unwrap());
    give_away(&folder);
    let before = fs::read(&path).unwrap();
    for closed in [0o400, 0o000] {
        set_mode(&path, closed);
        let said = refusal(&folder, &path);
        assert!(said.contains("this user may not read and write it"), "{said}");
        assert_eq!(mode(&path), closed);
    }
    set_mode(&path, 0o600);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(folder.names(), ["avatar.db"]);
}

#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    drop(SqliteStore::open(&path).unwrap());
    give_away(&folder);
    set_mode(folder.path(), 0o500);
    let old = refusal(&folder, &path);
    let new = refusal(&folder, &folder.file("new.db"));
    set_mode(folder.path(), 0o000);
    let hidden = refusal(&folder, &path);
    set_mode(folder.path(), 0o700);
    assert!(old.contains("make files in its folder"), "{old}");
    assert!(new.contains("this user may not read and write it or its folder"), "{new}");
    assert!(hidden.contains("this user may not look into its folder"), "{hidden}");
    assert_eq!(folder.names(), ["avatar.db"]);
}

#[test]
fn a_folder_into_which_every_user_may_write_is_refused() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    set_mode(folder.path(), 0o777);
    let new = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(folder.names().is_empty());
    set_mode(folder.path(), 0o700);
    drop(SqliteStore::open(&path).unwrap());
    set_mode(folder.path(), 0o702);
    let old = SqliteStore::open(&path).unwrap_err().to_string();
    for said in [new, old] {
        assert!(said.contains("may replace it") && said.contains("chmod o-w"), "{said}");
    }
    // A group's right is given on purpose, and the sticky bit keeps others from replacing the file.
    for open in [0o770, 0o1777] {
        set_mode(folder.path(), open);
        drop(SqliteStore::open(&path).unwrap());
    }
}

#[test]
fn root_opens_no_file_of_another_user() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    drop(SqliteStore::open(&path).unwrap());
    if !folder.is_root_s() {
        return;
    }
    let before = fs::read(&path).unwrap();
    for name in ["avatar.db", "avatar.db-wal"] {
        let file = folder.file(name);
        fs::OpenOptions::new().create(true).append(true).open(&file).unwrap();
        std::os::unix::fs::chown(&file, Some(UNPRIVILEGED), None).unwrap();
        let said = SqliteStore::open(&path).unwrap_err().to_string();
        assert!(said.contains(name) && said.contains("65534") && said.contains("as root"), "{said}");
        std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_symbolic_link_in_the_place_of_a_file_beside_the_store_is_not_followed() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let letter = folder.file("letter.txt");
    fs::write(&letter, "Dear Ada").unwrap();
    set_mode(&letter, 0o644);
    for suffix in ["-wal", "-shm", "-journal", "-lock"] {
        let link = folder.file(&format!("avatar.db{suffix}"));
        symlink(&letter, &link).unwrap();
        let said = SqliteStore::open(&path).unwrap_err().to_string();
        assert!(said.contains(suffix) && said.contains("no ordinary file"), "{said}");
        fs::remove_file(&link).unwrap();
    }
    assert_eq!((fs::read_to_string(&letter).unwrap().as_str(), mode(&letter)), ("Dear Ada", 0o644));
    drop(SqliteStore::open(&path).unwrap());
}
