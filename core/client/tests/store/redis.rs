//! What is Redis's own: addresses that are wrong, servers that are of no use, and a server that goes away.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use redis::Commands;
use secondme_avatar::{Change, RedisStore, Seal, SealError, Store};

use crate::place::{Place, open};
use crate::proxy::Proxy;
use crate::redis_server::{Server, free_port};
use crate::support::{Player, SAID, TOKEN, avatar, keep, numbers, record, settle, visitor};

const PASSWORD: &str = "hunter2";

/// The longest that a claim outlives its process.
const LEASE: Duration = Duration::from_secs(10);

fn refusal(url: &str) -> String {
    let started = Instant::now();
    let error = RedisStore::open(url).unwrap_err().to_string();
    assert!(started.elapsed() < LEASE, "it took too long to say: {error}");
    assert!(!error.contains(PASSWORD), "{error}");
    error
}

#[test]
fn what_cannot_keep_a_store_is_refused_when_it_is_opened() {
    let nothing = format!("redis://:{PASSWORD}@127.0.0.1:{}", free_port());
    let error = refusal(&nothing);
    assert!(error.contains("cannot be opened") && error.contains("Is a Redis running there"), "{error}");
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let error = refusal(&format!("redis://127.0.0.1:{}", silent.local_addr().unwrap().port()));
    assert!(error.contains("did not answer in time"), "{error}");
    let error = refusal("redis+unix:///no/such/redis.sock");
    assert!(
        error.contains("/no/such/redis.sock") && error.contains("may this program use its socket"),
        "{error}"
    );

    let Some(server) = Server::start(&["--requirepass", PASSWORD]) else { return };
    let socket = server.socket();
    let error = refusal(&format!("redis+unix://{}", socket.display()));
    assert!(error.contains("asks for a password"), "{error}");
    let error = refusal(&format!("redis+unix://:wrong{PASSWORD}@{}", socket.display()));
    assert!(error.contains("does not accept the user or the password"), "{error}");
    let store = RedisStore::open(&format!("redis+unix://:{PASSWORD}@{}", socket.display())).unwrap();
    assert!(!format!("{store:?}").contains(PASSWORD));

    let replica = Server::start(&["--replicaof", "127.0.0.1", "1"]).unwrap();
    assert!(refusal(&replica.url("p")).contains("is a replica"));
    let cache = Server::start(&["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]).unwrap();
    assert!(refusal(&cache.url("p")).contains("noeviction"));
}

#[test]
fn while_redis_cannot_be_reached_calls_fail_in_bounded_time_and_afterwards_all_is_there() {
    let Some(server) = Server::start(&[]) else { return };
    let proxy = Proxy::start(&server.socket());
    let store = RedisStore::open(&proxy.url("cut")).unwrap();
    store.claim(&avatar(), &[visitor(1).id().clone()]).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    proxy.cut();
    let started = Instant::now();
    let error = store.save(&avatar(), &[keep(1, 2)]).unwrap_err().to_string();
    assert!(error.contains("cannot be written") && error.contains("Is a Redis running there"), "{error}");
    assert!(started.elapsed() < LEASE);
    // After one that failed, the next one does not wait.
    store.load(&avatar(), visitor(1).id()).unwrap_err();
    proxy.mend();
    store.save(&avatar(), &[keep(1, 2), Change::SaveRecord(record(1, 2))]).unwrap();
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 2]);
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 2)));
    // A connection that was lost in between is made anew without a word.
    proxy.cut();
    proxy.mend();
    store.save(&avatar(), &[keep(1, 3)]).unwrap();
}

#[test]
fn a_redis_that_is_killed_has_what_was_saved_when_it_is_started_again_with_its_file() {
    let Some(mut server) = Server::start(&[]) else { return };
    let store = open(&server.url("file"));
    store.claim(&avatar(), &[visitor(1).id().clone()]).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    server.kill();
    server.resume();
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
    store.save(&avatar(), &[Change::SaveRecord(record(1, 2)), keep(1, 2)]).unwrap();
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 2]);
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 2)));
}

#[test]
fn with_a_redis_that_has_lost_everything_an_open_store_goes_on_and_has_its_visitors() {
    let Some(mut server) = Server::start(&[]) else { return };
    let (store, other) = (open(&server.url("empty")), open(&server.url("empty")));
    let ada = visitor(1).id().clone();
    store.claim(&avatar(), std::slice::from_ref(&ada)).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    server.kill();
    server.resume_empty();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 2)), keep(1, 2)]).unwrap();
    assert!(other.is_claimed_elsewhere(&avatar(), &ada).unwrap(), "the visitor is still the first one's");
    assert_eq!(other.load(&avatar(), &ada).unwrap(), Some(record(1, 2)));
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [2], "what Redis has lost is lost");
}

#[test]
fn a_redis_without_memory_refuses_a_save_as_a_whole() {
    let Some(server) = Server::start(&[]) else { return };
    let store = open(&server.url("full"));
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1), keep(2, 2)]).unwrap();
    let limit = |bytes: &str| {
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).exec(&mut server.connect()).unwrap();
    };
    limit("1mb");
    let changes = [settle(1, 1), keep(3, 3), Change::SaveRecord(record(1, 2))];
    let error = store.save(&avatar(), &changes).unwrap_err().to_string();
    assert!(error.contains("no memory left"), "{error}");
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 2], "the first change was not made either");
    // What makes room is let through.
    store.save(&avatar(), &[settle(2, 2)]).unwrap();
    store.forget(&[avatar()], visitor(9).id()).unwrap();
    limit("0");
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1]);
    store.save(&avatar(), &changes).unwrap();
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [3]);
}

#[test]
fn a_holder_that_dies_loses_its_visitors_in_time_and_one_that_was_stopped_writes_nothing_afterwards() {
    let Some(server) = Server::shared() else { return };
    let place = Place::of(server);
    // One after the other, for messages are adopted in the order in which they were kept.
    let [mut stopped, mut killed] = [1, 2].map(|who| {
        let mut holder = Player::start("hold", &place.address(), &[who]);
        assert_eq!(holder.says_number(), Some(0));
        holder
    });
    let store = place.open();
    let is_held = |who: u64| store.is_claimed_elsewhere(&avatar(), visitor(who).id()).unwrap();
    assert!(is_held(1) && is_held(2));
    stopped.signal("STOP");
    killed.kill();
    let gone = Instant::now();
    while is_held(1) || is_held(2) {
        assert!(gone.elapsed() < LEASE, "a holder that is gone still holds its visitor");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 2]);
    store.claim(&avatar(), &[visitor(1).id().clone()]).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 50))]).unwrap();
    stopped.signal("CONT");
    stopped.nudge();
    assert_eq!(stopped.says_number(), Some(1), "it is told that another one has the visitor");
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 50)));
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 2], "the message is the other one's to settle");
    stopped.end();
}

#[test]
fn a_store_whose_lease_ran_out_keeps_what_no_other_one_has_taken() {
    let Some(server) = Server::shared() else { return };
    let place = Place::of(server);
    let store = place.open();
    let (ada, bob) = (visitor(1).id().clone(), visitor(2).id().clone());
    store.claim(&avatar(), &[ada.clone(), bob.clone()]).unwrap();
    store.save(&avatar(), &[keep(1, 1), keep(2, 2)]).unwrap();
    let leases = place.leases();
    let other = place.open();
    other.claim(&avatar(), std::slice::from_ref(&bob)).unwrap();
    other.release(&avatar(), std::slice::from_ref(&bob)).unwrap();
    place.end_leases(&leases);
    let records = [Change::SaveRecord(record(1, 3)), Change::SaveRecord(record(2, 3)), keep(1, 4)];
    store.save(&avatar(), &records).unwrap();
    assert_eq!(store.load(&avatar(), &ada).unwrap(), Some(record(1, 3)));
    assert_eq!(store.load(&avatar(), &bob).unwrap(), None, "another one has had the visitor since");
    assert!(numbers(&other.adopt(&avatar()).unwrap()).is_empty());
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 4, 2], "each visitor's together");
    // Before it connects, it asks, and has the visitor again.
    assert!(!store.is_claimed_elsewhere(&avatar(), &bob).unwrap());
    store.save(&avatar(), &[Change::SaveRecord(record(2, 3))]).unwrap();
    assert_eq!(store.load(&avatar(), &bob).unwrap(), Some(record(2, 3)));
}

#[test]
fn a_cluster_is_asked_where_the_keys_are() {
    let [port, other] = [free_port(), free_port()].map(|port| (port % 20_000 + 20_000).to_string());
    let node = |port: &str| Server::start(&["--cluster-enabled", "yes", "--port", port]);
    let (Some(one), Some(two)) = (node(&port), node(&other)) else { return };
    let ask = |server: &Server, words: &[&str]| -> String {
        redis::cmd("CLUSTER").arg(words).query(&mut server.connect()).unwrap()
    };
    assert!(RedisStore::open(&one.url("p")).unwrap_err().to_string().contains("redis+cluster://"));
    ask(&two, &["ADDSLOTSRANGE", "0", "16383"]);
    ask(&one, &["MEET", "127.0.0.1", &other]);
    while [&one, &two].iter().any(|node| !ask(node, &["INFO"]).contains("cluster_state:ok")) {
        thread::sleep(Duration::from_millis(20));
    }
    // The first one has no keys, and says so.
    let store = RedisStore::open(&format!("redis+cluster://127.0.0.1:{port}?prefix=p")).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1]);
    let keys: u32 = redis::cmd("DBSIZE").query(&mut two.connect()).unwrap();
    assert!(keys > 0);
}

struct Mask;

impl Seal for Mask {
    fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(bytes.iter().map(|byte| byte ^ 0x55).collect())
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal(sealed)
    }
}

#[test]
fn what_is_sealed_cannot_be_read_in_redis_and_what_cannot_be_read_stays() {
    let Some(server) = Server::shared() else { return };
    let place = Place::of(server);
    let store = RedisStore::open(&place.address()).unwrap().seal(Mask);
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
    assert!(place.found(&[TOKEN, SAID]).is_empty());
    drop(store);
    let plain = place.open();
    let error = plain.load(&avatar(), visitor(1).id()).unwrap_err().to_string();
    assert!(error.contains("open the store with the seal that it was written with"), "{error}");
    assert!(plain.adopt(&avatar()).unwrap().is_empty());
    drop(plain);
    let sealed = RedisStore::open(&place.address()).unwrap().seal(Mask);
    assert_eq!(numbers(&sealed.adopt(&avatar()).unwrap()), [1]);
    sealed.save(&avatar(), &[keep(2, 2)]).unwrap();
    let open = place.open();
    open.save(&avatar(), &[keep(3, 3)]).unwrap();
    assert_eq!(place.found(&[TOKEN, SAID]), [SAID], "the search finds what is not sealed");
}

#[test]
fn keys_that_a_later_version_has_written_are_refused() {
    let Some(server) = Server::shared() else { return };
    let place = Place::of(server);
    let Place::Redis { prefix, .. } = &place else { return };
    let () = server.connect().set(format!("{{{prefix}}}:store"), "2 of-a-later-version").unwrap();
    let error = RedisStore::open(&place.address()).unwrap_err().to_string();
    assert!(error.contains("later version of this library"), "{error}");
}
