//! Several processes on one file: real ones, which may be killed at any instant.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use secondme_avatar::{Change, SqliteStore, Store};

use crate::place::{Guest, Place};
use crate::support::{
    Folder, Player, ROLE, avatar, avatar_of, check_integrity, keep, numbers, record, settle, visitor,
};

/// A message is settled when so many have come after it.
const OPEN: u64 = 5;

const KILLS: u64 = 200;

#[test]
fn what_was_acknowledged_is_there_after_every_kill() {
    Place::each(|place| {
        // A file's lock, log and owner make more moments to be killed in than one script does.
        let kills = if matches!(place, Place::File(_)) { KILLS } else { KILLS / 10 };
        let next = (0..kills).fold(OPEN, |next, kill| killed_while_it_saves(place, next, kill));
        assert!(next > kills, "only {next} saves");
        if let Place::File(folder) = place {
            check_integrity(&folder.file("avatar.db"));
            assert_eq!(folder.names(), ["avatar.db"], "the files of those that were killed are gone");
        }
    });
}

/// Returns the number of the next save.
fn killed_while_it_saves(place: &Place, from: u64, kill: u64) -> u64 {
    let mut guest = place.start("save", &[from]);
    // Any number of saves, and any moment within one.
    let saves = kill * 7 % 23;
    let mut last = None;
    for _ in 0..saves {
        last = guest.player.says_number();
    }
    for _ in 0..kill * 7919 % 40_000 {
        std::hint::spin_loop();
    }
    place.kill(&mut guest);
    last = guest.player.says_to_the_end().last().copied().or(last);
    // Killed before it said the first one.
    let acknowledged = last.map_or(from, |last| last + 1);

    let store = place.open();
    let kept: BTreeSet<_> = numbers(&store.adopt(&avatar()).unwrap()).into_iter().collect();
    let there = |number| store.load(&avatar(), visitor(number).id()).unwrap().is_some();
    let end = (acknowledged..).find(|number| !there(*number)).unwrap();
    assert!(end <= acknowledged + 1, "saved was {end}, and said {acknowledged}");
    assert!((from..acknowledged).all(there), "acknowledged records are lost after kill {kill}");
    // Each save is whole: a record with its message, and without the one it settled.
    let expected: BTreeSet<_> = (end.saturating_sub(OPEN).max(OPEN)..end).collect();
    assert_eq!(kept, expected, "after kill {kill}");
    end
}

#[test]
fn two_processes_that_write_at_once_lose_nothing_of_each_other() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let mut one = Player::start("write", &path, &[0, 1000]);
    let mut other = Player::start("write", &path, &[1000, 1000]);
    assert_eq!((one.says_number(), other.says_number()), (Some(0), Some(1000)));
    one.nudge();
    other.nudge();
    assert_eq!(one.says().as_deref(), Some("1000"));
    assert_eq!(other.says().as_deref(), Some("1000"));
    one.end();
    other.end();
    let store = SqliteStore::open(&path).unwrap();
    for number in 0..2000 {
        assert_eq!(store.load(&avatar(), visitor(number).id()).unwrap(), Some(record(number, number)));
    }
    let left: BTreeSet<_> = numbers(&store.adopt(&avatar()).unwrap()).into_iter().collect();
    assert_eq!(left, (0..2000).collect());
    check_integrity(&path);
}

#[test]
fn of_four_processes_that_adopt_at_once_each_message_goes_to_one() {
    Place::each(|place| (0..10).for_each(|round| adopted_at_once(place, round)));
}

fn adopted_at_once(place: &Place, round: u64) {
    let mut gone = Vec::new();
    for n in 0..5 {
        let mut guest = place.start("keep", &[round * 100 + n * 10, 10]);
        assert_eq!(guest.player.says().as_deref(), Some("10"));
        gone.push((place.leases(), guest));
    }
    let leases = gone.last().map(|(leases, _)| leases.clone()).unwrap();
    let mut heirs: Vec<_> = (0..4).map(|_| Player::start("adopt", &place.address(), &[])).collect();
    heirs.iter_mut().for_each(|heir| assert_eq!(heir.says().as_deref(), Some("0")));
    // Some are dead before, some die meanwhile.
    let kill = |(_, guest): &mut (Vec<String>, Guest)| guest.player.kill();
    gone.iter_mut().take(3).for_each(kill);
    place.end_leases(&gone[2].0);
    heirs.iter_mut().for_each(Player::nudge);
    gone.iter_mut().skip(3).for_each(kill);
    place.end_leases(&leases);
    let mut adopted = Vec::new();
    for heir in &mut heirs {
        let many = heir.says_number().unwrap();
        adopted.extend((0..many).map(|_| heir.says_number().unwrap()));
    }
    let last = place.open();
    adopted.extend(numbers(&last.adopt(&avatar()).unwrap()));
    adopted.sort_unstable();
    let expected: Vec<_> = (0..50).map(|n| round * 100 + n).collect();
    assert_eq!(adopted, expected);
    drop((last, heirs));
    place.end_leases(&place.leases());
    let store = place.open();
    store.adopt(&avatar()).unwrap();
    let settled: Vec<_> = adopted.iter().map(|number| settle(*number, *number)).collect();
    store.save(&avatar(), &settled).unwrap();
}

#[test]
fn the_messages_of_a_killed_process_are_free_though_a_child_of_its_own_lives_on() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let mut parent = Player::start("keep with a child", &path, &[7, 1]);
    assert_eq!(parent.says().as_deref(), Some("1"));
    let store = SqliteStore::open(&path).unwrap();
    assert!(numbers(&store.adopt(&avatar()).unwrap()).is_empty());
    parent.kill();
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [7]);
}

/// Two may look at the same moment, for different avatars: neither must take the other for the owner.
#[test]
fn one_who_looks_whether_an_owner_is_gone_hides_it_from_no_other() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let mut gone = Player::start("keep", &path, &[0, 3]);
    assert_eq!(gone.says().as_deref(), Some("3"));
    gone.kill();
    let lock = folder.names().into_iter().find(|name| name.contains("-owner-")).unwrap();
    let looks = std::fs::File::open(folder.file(&lock)).unwrap();
    looks.try_lock_shared().unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [0, 1, 2]);
}

#[test]
fn the_messages_of_another_avatar_stay_for_it() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let mut gone = Player::start("keep", &path, &[0, 3]);
    assert_eq!(gone.says().as_deref(), Some("3"));
    gone.kill();
    let store = SqliteStore::open(&path).unwrap();
    assert!(numbers(&store.adopt(&avatar_of("sk-other")).unwrap()).is_empty());
    // The file by which its owner is known to be gone may have been swept away by now.
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [0, 1, 2]);
}

/// What one store of a process does leaves the locks of its other stores alone. (POSIX drops all locks that
/// a process has on a file as soon as it closes the file once.)
#[test]
fn opening_and_closing_once_more_leaves_the_locks_alone() {
    let folder = Folder::new();
    let path = folder.file("avatar.db");
    let first = SqliteStore::open(&path).unwrap();
    first.save(&avatar(), &[Change::SaveRecord(record(0, 0))]).unwrap();
    assert!(has_locked(&path));
    let second = SqliteStore::open(&path).unwrap();
    assert!(has_locked(&path));
    drop(second);
    assert!(has_locked(&path));
    // Were the locks lost, this process would take itself for the last one, and remove the log.
    let mut other = Player::start("write", &path, &[1, 1]);
    assert_eq!(other.says_number(), Some(1));
    other.nudge();
    assert_eq!(other.says().as_deref(), Some("1"));
    other.end();
    assert!(folder.names().contains(&"avatar.db-wal".to_owned()), "{:?}", folder.names());
    first.save(&avatar(), &[Change::SaveRecord(record(2, 2))]).unwrap();
    let second = SqliteStore::open(&path).unwrap();
    for number in 0..3 {
        assert!(second.load(&avatar(), visitor(number).id()).unwrap().is_some(), "{number} is lost");
    }
}

#[test]
fn many_processes_may_make_the_same_store_at_once() {
    for _ in 0..10 {
        let folder = Folder::new();
        let path = folder.file("avatar.db");
        let mut makers: Vec<_> = (0..4).map(|n| Player::start("write", &path, &[n, 1])).collect();
        makers.iter_mut().for_each(Player::nudge);
        for (number, maker) in (0..).zip(&mut makers) {
            assert_eq!((maker.says_number(), maker.says_number()), (Some(number), Some(1)));
        }
        makers.into_iter().for_each(Player::end);
        let store = SqliteStore::open(&path).unwrap();
        assert!((0..4).all(|number| store.load(&avatar(), visitor(number).id()).unwrap().is_some()));
    }
}

/// Not a test: what another process does, when a test starts this program once more.
#[test]
#[ignore = "the part of a child"]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut parts = role.split('\n');
    let (role, path) = (parts.next().unwrap(), Path::new(parts.next().unwrap()));
    let arguments: Vec<u64> =
        parts.next().unwrap().split_whitespace().map(|argument| argument.parse().unwrap()).collect();
    if role == "refused" {
        println!("says {}", SqliteStore::open(path).unwrap_err());
        return;
    }
    if role == "look" {
        let connection = rusqlite::Connection::open(path).unwrap();
        let count = connection.query_row("SELECT count(*) FROM messages", (), |row| row.get::<_, i64>(0));
        println!("says {}", count.unwrap());
        return;
    }
    if role == "has a visitor" {
        return crate::calls::play(path, wait, |said| println!("says {said}"));
    }
    let store = crate::place::open(path.to_str().unwrap());
    match role {
        "find" => {
            let there = |number: &u64| store.load(&avatar(), visitor(*number).id()).unwrap().is_some();
            (0..1000).filter(there).for_each(|number| println!("says {number}"));
        }
        "claim" => {
            store.claim(&avatar(), &[visitor(arguments[0]).id().clone()]).unwrap();
            println!("says {}", arguments[0]);
            wait();
        }
        "save" => {
            for number in arguments[0].. {
                let settled = settle(number - OPEN, number - OPEN);
                store
                    .save(
                        &avatar(),
                        &[Change::SaveRecord(record(number, number)), keep(number, number), settled],
                    )
                    .unwrap();
                println!("says {number}");
            }
        }
        "write" | "write and copy" => {
            println!("says {}", arguments[0]);
            wait();
            for number in arguments[0]..arguments[0] + arguments[1] {
                store
                    .save(&avatar(), &[Change::SaveRecord(record(number, number)), keep(number, number)])
                    .unwrap();
                if role == "write and copy" && number % 7 == 0 {
                    crate::foreign::copy_files(path);
                }
            }
            println!("says {}", arguments[1]);
            if role == "write and copy" {
                wait();
            }
        }
        "keep" | "keep with a child" => {
            let kept: Vec<_> = (arguments[0]..arguments[0] + arguments[1]).map(|n| keep(n, n)).collect();
            store.save(&avatar(), &kept).unwrap();
            let mut child = std::process::Command::new("cat");
            let child = (role == "keep with a child").then(|| {
                child.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap()
            });
            println!("says {}", arguments[1]);
            wait();
            drop(child);
        }
        "adopt" => {
            println!("says 0");
            wait();
            let adopted = numbers(&store.adopt(&avatar()).unwrap());
            println!("says {}", adopted.len());
            adopted.iter().for_each(|number| println!("says {number}"));
            // A process that ends leaves them to the next.
            wait();
        }
        "hold" => {
            let id = visitor(arguments[0]).id().clone();
            store.claim(&avatar(), std::slice::from_ref(&id)).unwrap();
            let kept = [Change::SaveRecord(record(arguments[0], 1)), keep(arguments[0], arguments[0])];
            store.save(&avatar(), &kept).unwrap();
            println!("says 0");
            wait();
            let late = [Change::SaveRecord(record(arguments[0], 99)), settle(arguments[0], arguments[0])];
            store.save(&avatar(), &late).unwrap();
            println!("says {}", u8::from(store.is_claimed_elsewhere(&avatar(), &id).unwrap()));
            wait();
        }
        "note" => {
            crate::notes::play(&*store, arguments[0], wait, |number| println!("says {number}"));
        }
        other => panic!("no player plays {other}"),
    }
}

/// Whether an open file handle has a lock on this file, which closing another one does not drop.
fn has_locked(path: &Path) -> bool {
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else {
        return true; // Only Linux tells.
    };
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    let file = format!(":{inode} ");
    locks.lines().any(|lock| lock.contains("OFDLCK") && lock.contains(&file))
}

/// Until the test says so, or has ended.
fn wait() {
    let _ = std::io::stdin().read(&mut [0]).unwrap();
}
