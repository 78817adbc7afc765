//! Servers that stand in for each other: replicas, and the sentinels that choose between them.

use std::thread;
use std::time::{Duration, Instant};

use secondme_avatar::{Change, RedisStore, Store, StoreError};

use crate::redis_server::{Server, free_port};
use crate::support::{avatar, keep, numbers, record, visitor};

/// Two servers, the second one a replica of the first. Returns their ports as well.
fn pair() -> Option<([Server; 2], [u16; 2])> {
    let ports = [free_port(), free_port()];
    let [port, replica_port] = ports.map(|port| port.to_string());
    // A replica that is new gets everything without waiting for others.
    let one = Server::start(&["--port", &port, "--repl-diskless-sync-delay", "0"])?;
    let settings =
        ["--port", &replica_port, "--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", &port];
    let two = Server::start(&settings)?;
    until(|| info(&two, "master_link_status") == "up");
    Some(([one, two], ports))
}

/// Nothing where the server ends the connection, as it does when it becomes a replica or the primary.
fn info(server: &Server, name: &str) -> String {
    let info: String = redis::cmd("INFO").arg("replication").query(&mut server.client()).unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().to_owned()
}

fn until(mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30), "it has not come about");
        thread::sleep(Duration::from_millis(10));
    }
}

/// As the client does with what it could not save.
fn again(save: impl Fn() -> Result<(), StoreError>) {
    until(|| save().is_ok());
}

#[test]
fn after_a_failover_of_sentinel_a_store_goes_on_with_the_new_primary() {
    let Some(([one, mut two], [port, _])) = pair() else { return };
    let sentinel_port = free_port();
    let _sentinel = Server::sentinel(sentinel_port, port).unwrap();
    let url = format!("redis+sentinel://127.0.0.1:{sentinel_port}/main?prefix=p");
    let mut sentinel = redis::Client::open(format!("redis://127.0.0.1:{sentinel_port}")).unwrap();
    let mut ask = |words: &[&str]| redis::cmd("SENTINEL").arg(words).query::<redis::Value>(&mut sentinel);
    // It learns of the replica from the primary, some seconds later.
    until(|| {
        ask(&["REPLICAS", "main"])
            .is_ok_and(|found| !matches!(found, redis::Value::Array(found) if found.is_empty()))
    });
    let store = RedisStore::open(&url).unwrap();
    let careful = RedisStore::open(&format!("{url}&wait=1")).unwrap();
    store.claim(&avatar(), &[visitor(1).id().clone()]).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    careful.save(&avatar(), &[keep(2, 2)]).unwrap();

    // The primary becomes a replica while it is used.
    until(|| ask(&["FAILOVER", "main"]).is_ok());
    until(|| info(&two, "role") == "master" && info(&one, "master_link_status") == "up");
    again(|| store.save(&avatar(), &[keep(1, 3)]));
    again(|| careful.save(&avatar(), &[keep(2, 4)]));

    // The new one dies.
    two.kill();
    again(|| store.save(&avatar(), &[keep(1, 5)]));
    until(|| info(&one, "role") == "master");
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 3, 5]);
    assert_eq!(careful.known(&avatar()).unwrap().len(), 2, "what only one replica had is there");
}

#[test]
fn with_wait_a_save_returns_when_the_replica_has_it_and_fails_without_one() {
    let Some(([_one, mut two], [port, _])) = pair() else { return };
    let store = RedisStore::open(&format!("redis://127.0.0.1:{port}?prefix=p&wait=1")).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    let found: u32 = redis::cmd("EXISTS")
        .arg(format!("{{p}}:{}:messages:{}", avatar(), visitor(1).id()))
        .query(&mut two.connect())
        .unwrap();
    assert_eq!(found, 1, "no moment later");
    two.kill();
    let error = store.save(&avatar(), &[keep(1, 2)]).unwrap_err().to_string();
    assert!(error.contains("has written it") && error.contains("only 0 of 1 replicas"), "{error}");
    two.resume();
    again(|| store.save(&avatar(), &[keep(1, 2)]));
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 2]);
}
