//! One quota for the API key, over several clients with stores of their own, as processes have them.

use std::future::IntoFuture;
use std::time::Duration;

use futures_util::future::join_all;
use secondme_avatar::{AvatarClient, Error, ErrorKind, EventKind, RedisStore, Visitor};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::{RetryAfter, Settings, What};

use crate::place::Place;
use crate::proxy::Proxy;
use crate::redis_server::Server;

/// In place of a minute. All other times are in proportion.
const WINDOW: Duration = Duration::from_millis(900);

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(60);

/// A service that counts nothing, so that the clients alone decide.
async fn service() -> Emulator {
    Emulator::builder().configure(|settings| settings.quota_per_minute = 1_000_000).start().await.unwrap()
}

fn client(emulator: &Emulator, url: &str, quota: usize) -> AvatarClient {
    let builder = AvatarClient::builder(emulator.api_key()).unwrap();
    let builder =
        builder.base_url(emulator.base_url().parse().unwrap()).store(RedisStore::open(url).unwrap());
    builder.quota(quota).quota_window(WINDOW).open_deadline(LONG).build().unwrap()
}

fn visitor(client: usize, number: usize) -> Visitor {
    Visitor::for_user("web", &format!("{client}-{number}")).unwrap()
}

/// When authentications arrived, in milliseconds.
fn arrivals(emulator: &Emulator) -> Vec<u64> {
    let is_auth = |what: &What| matches!(what, What::Request { call: Some("auth"), .. });
    emulator.journal().iter().filter(|entry| is_auth(&entry.what)).map(|entry| entry.at_ms).collect()
}

/// In no window more came than the quota has.
fn check(arrivals: &[u64], quota: usize) {
    for (first, last) in arrivals.iter().zip(arrivals.iter().skip(quota)) {
        assert!(
            u128::from(last - first) >= WINDOW.as_millis(),
            "{} within {} ms: {arrivals:?}",
            quota + 1,
            last - first
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_visitors_of_all_clients_together_wait_for_one_quota() {
    const QUOTA: usize = 6;
    let Some(server) = Server::shared() else { return };
    let (emulator, url) = (service().await, Place::of(server).address());
    let clients: Vec<_> = (0..3).map(|_| client(&emulator, &url, QUOTA)).collect();
    let events = clients[0].events();
    let open = |number: usize| clients[number % 3].open(visitor(number % 3, number)).into_future();
    let opening = tokio::spawn(join_all((0..24).map(open)));
    let (mut waits, mut longest) = (0, Duration::ZERO);
    while !opening.is_finished() {
        let stats = clients[0].stats();
        (waits, longest) = (waits.max(stats.waiting_for_quota), longest.max(stats.longest_quota_wait));
        tokio::task::yield_now().await;
    }
    for opened in opening.await.unwrap() {
        opened.unwrap();
    }
    let arrived = arrivals(&emulator);
    check(&arrived, QUOTA);
    assert_eq!(arrived.len(), 24);
    let took = Duration::from_millis(arrived[23] - arrived[0]);
    assert!(took < WINDOW * 6, "a quota that is there is used: {took:?}");
    assert!(waits > 0 && longest > WINDOW, "{waits} waited, the last one for {longest:?}");
    clients[0].close().await;
    let told = std::iter::from_fn(|| futures_util::FutureExt::now_or_never(events.next()).flatten());
    assert!(told.into_iter().any(|event| matches!(event.kind, EventKind::WaitingForQuota { .. })));
}

/// Clients, each with a way to Redis of its own, and visitors who wait in each of them for as long as this lives.
struct Crowd {
    emulator: Emulator,
    proxies: Vec<Proxy>,
    clients: Vec<AvatarClient>,
    waiting: Vec<tokio::task::JoinHandle<Result<(), Error>>>,
}

impl Crowd {
    async fn start(server: &Server, clients: usize, quota: usize) -> Self {
        let emulator = service().await;
        let proxies: Vec<_> = (0..clients).map(|_| Proxy::start(&server.socket())).collect();
        let prefix = Place::prefix();
        let one = |proxy: &Proxy| client(&emulator, &proxy.url(&prefix), quota);
        let clients: Vec<_> = proxies.iter().map(one).collect();
        Self { emulator, proxies, clients, waiting: Vec::new() }
    }

    /// So many visitors more are to be authenticated in each.
    fn want(&mut self, each: usize) {
        for (number, client) in self.clients.iter().enumerate() {
            for one in 0..each {
                let call = client.authenticate(visitor(number, one)).deadline(LONG).into_future();
                self.waiting.push(tokio::spawn(async move { call.await.map(drop) }));
            }
        }
    }

    /// Waits until so many have arrived.
    async fn arrived(&self, many: usize) -> Vec<u64> {
        let state = self.emulator.wait_until(|state| state.calls("auth") >= u64::try_from(many).unwrap());
        tokio::time::timeout(LONG, state).await.unwrap();
        arrivals(&self.emulator)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_client_goes_by_its_share_and_afterwards_the_quota_is_one_again() {
    const QUOTA: usize = 8;
    let Some(server) = Server::shared() else { return };
    let mut crowd = Crowd::start(server, 2, QUOTA).await;
    crowd.want(30);
    crowd.arrived(QUOTA + 1).await;
    crowd.proxies.iter().for_each(Proxy::cut);
    // What is under way at that moment may still come.
    let before = arrivals(&crowd.emulator).len() + QUOTA;
    let alone = crowd.arrived(before + 6).await;
    let [.., first, _, _, _, _, _] = alone.as_slice() else { panic!("{alone:?}") };
    // Half of the quota, over both.
    assert!(u128::from(alone[alone.len() - 1] - first) >= WINDOW.as_millis(), "{alone:?}");
    crowd.proxies.iter().for_each(Proxy::mend);
    let all = crowd.arrived(alone.len() + 3 * QUOTA).await;
    check(&all, QUOTA);
    let (start, end) = (alone[alone.len() - 1], all[alone.len() + 3 * QUOTA - 1]);
    assert!(Duration::from_millis(end - start) < WINDOW * 6, "the whole quota is there again: {all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_that_is_cut_off_and_one_that_is_not_have_no_more_together() {
    const QUOTA: usize = 8;
    let Some(server) = Server::shared() else { return };
    let mut crowd = Crowd::start(server, 2, QUOTA).await;
    crowd.want(40);
    crowd.arrived(QUOTA).await;
    crowd.proxies[0].cut();
    let waiting = crowd.clients[0].stats().waiting_for_quota;
    let mut many = arrivals(&crowd.emulator).len();
    // Four may have been given to it before. The others go by its share.
    while crowd.clients[0].stats().waiting_for_quota + 6 > waiting {
        many += 1;
        crowd.arrived(many).await;
    }
    crowd.proxies[0].mend();
    let many = arrivals(&crowd.emulator).len();
    check(&crowd.arrived(many + 2 * QUOTA).await, QUOTA);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refusal_of_one_client_s_call_holds_the_other_client() {
    let Some(server) = Server::shared() else { return };
    let counts = |settings: &mut Settings| {
        (settings.quota_per_minute, settings.retry_after) = (1, RetryAfter::Seconds);
    };
    let emulator = Emulator::builder().configure(counts).start().await.unwrap();
    let prefix = Place::prefix();
    let url = server.url(&prefix);
    let [one, other] = [0, 1].map(|_| client(&emulator, &url, 60));
    one.open(visitor(0, 0)).await.unwrap();
    let refused = tokio::spawn(one.open(visitor(0, 1)).into_future());
    emulator.wait_until(|state| state.calls("auth") == 2).await;
    let mut redis = server.connect();
    let told = |redis: &mut redis::Connection| -> bool {
        let keys: Vec<String> =
            redis::cmd("KEYS").arg(format!("{{{prefix}}}:quota:*:state")).query(redis).unwrap();
        redis::cmd("HEXISTS").arg(&keys[0]).arg("refused").query(redis).unwrap()
    };
    while !told(&mut redis) {
        tokio::task::yield_now().await;
    }
    let error = other.open(visitor(1, 0)).deadline(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
    assert!(error.retry_after().is_some_and(|wait| wait > Duration::from_secs(30)), "{error:?}");
    assert_eq!(emulator.state().calls("auth"), 2);
    refused.abort();
}
