//! Host lookups, for HTTP, for the socket and for a proxy.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::limit;

/// The number of lookups at a time. A client needs one or two hosts, unless the service names many for its
/// sockets.
const LOOKUPS: usize = 4;

/// How long later callers share a running lookup of the same host. After that the name server or the network
/// may have changed, so a new lookup begins in parallel.
const JOINED: Duration = Duration::from_secs(5);

type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

type PendingAddresses = watch::Receiver<Option<Result<Vec<IpAddr>, Arc<io::Error>>>>;

/// Asks the system for the addresses of hosts.
///
/// The system's lookup blocks and cannot be cancelled. So each lookup runs on a thread of its own, at most
/// [`LOOKUPS`] at a time, and a caller can stop waiting. A blocking task of the runtime would delay the
/// runtime's shutdown.
#[derive(Clone)]
pub(crate) struct Resolver {
    lookup: Arc<Lookup>,
    under_way: Arc<Mutex<Vec<UnderWay>>>,
    permits: Arc<Semaphore>,
}

struct UnderWay {
    host: String,
    began: Instant,
    answer: PendingAddresses,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::asking(|host| {
            // The port does not matter here.
            Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
        })
    }
}

impl Resolver {
    /// Calls this function instead of the system. It may block.
    pub(crate) fn asking(lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self {
            lookup: Arc::new(lookup),
            under_way: Arc::default(),
            permits: Arc::new(Semaphore::new(LOOKUPS)),
        }
    }

    /// Returns the addresses of a host, in the system's order of preference. IPv6 has no brackets.
    pub(crate) async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.look_up(host).await.map_err(|error| match limit::reached_by_lookup(&error) {
            Some(limit) => io::Error::other(limit),
            None => error,
        })
    }

    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let mut answer = self.answer(host).await?;
        let ended = |_| io::Error::other("the lookup of the host's name has panicked");
        let found = answer.wait_for(Option::is_some).await.map_err(ended)?.clone();
        match found {
            Some(Ok(addresses)) if addresses.is_empty() => {
                Err(io::Error::new(io::ErrorKind::NotFound, "the host's name has no address"))
            }
            Some(Ok(addresses)) => Ok(addresses),
            Some(Err(error)) => Err(again(&error)),
            None => Err(io::Error::other("the lookup of the host's name has no answer")),
        }
    }

    /// Returns the answer of the running lookup, or of a new one.
    async fn answer(&self, host: &str) -> io::Result<PendingAddresses> {
        if let Some(answer) = self.under_way(host, JOINED) {
            return Ok(answer);
        }
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match self.under_way(host, Duration::MAX) {
                Some(answer) => return Ok(answer),
                None => Arc::clone(&self.permits).acquire_owned().await.map_err(io::Error::other)?,
            },
        };
        self.begin(host, permit)
    }

    fn under_way(&self, host: &str, joined: Duration) -> Option<PendingAddresses> {
        let mut lookups = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        lookups.retain(UnderWay::goes_on);
        let found = lookups.iter().rev().find(|one| one.host == host && one.began.elapsed() < joined);
        found.map(|one| one.answer.clone())
    }

    fn begin(&self, host: &str, permit: OwnedSemaphorePermit) -> io::Result<PendingAddresses> {
        // Several callers may have come here at the same time.
        let mut lookups = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |one: &&UnderWay| one.host == host && one.goes_on() && one.began.elapsed() < JOINED;
        if let Some(one) = lookups.iter().find(is_it) {
            return Ok(one.answer.clone());
        }
        let (sender, answer) = watch::channel(None);
        let lookup = Arc::clone(&self.lookup);
        let host = host.to_owned();
        lookups.push(UnderWay { host: host.clone(), began: Instant::now(), answer: answer.clone() });
        drop(lookups);
        std::thread::Builder::new().name("secondme-avatar-lookup".to_owned()).spawn(move || {
            let found = lookup(&host).map_err(Arc::new);
            drop(permit);
            sender.send_replace(Some(found));
        })?;
        Ok(answer)
    }
}

/// For HTTP calls, which add the port.
impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.resolve(name.as_str()).await?;
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}

impl UnderWay {
    /// Whether the lookup still runs.
    fn goes_on(&self) -> bool {
        self.answer.has_changed().is_ok() && self.answer.borrow().is_none()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("free", &self.permits.available_permits()).finish_non_exhaustive()
    }
}

/// Copies the error for each caller.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    /// A name server that answers when it is told to.
    #[derive(Default)]
    struct Server {
        asked: AtomicUsize,
        answers: Mutex<bool>,
        changed: Condvar,
    }

    impl Server {
        fn resolver(self: &Arc<Self>) -> Resolver {
            let server = Arc::clone(self);
            Resolver::asking(move |host| {
                server.asked.fetch_add(1, Ordering::SeqCst);
                let answers = server.answers.lock().unwrap();
                drop(server.changed.wait_while(answers, |answers| !*answers).unwrap());
                if host == "unknown" { Err(io::Error::other("no such host")) } else { Ok(vec![ADDRESS]) }
            })
        }

        fn let_go(&self) {
            *self.answers.lock().unwrap() = true;
            self.changed.notify_all();
        }
    }

    #[tokio::test]
    async fn who_wants_the_same_host_at_the_same_time_shares_one_lookup() {
        let server = Arc::new(Server::default());
        let resolver = server.resolver();
        let all = join_all((0..300).map(|_| resolver.resolve("service")));
        let let_go = async {
            // All others have been polled once: they are polled in order.
            server.let_go();
        };
        let (found, ()) = tokio::join!(all, let_go);
        assert!(found.iter().all(|found| *found.as_ref().unwrap() == [ADDRESS]));
        assert_eq!(server.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_server_that_hangs_costs_a_few_threads_and_no_caller_waits_past_its_deadline() {
        let server = Arc::new(Server::default());
        let resolver = server.resolver();
        let hosts: Vec<String> = (0..100).map(|host| format!("host-{host}")).collect();
        let waits = hosts
            .iter()
            .chain(&hosts)
            .map(|host| tokio::time::timeout(Duration::from_secs(1), resolver.resolve(host)));
        assert!(join_all(waits).await.iter().all(Result::is_err), "each has given up in time");
        server.let_go();
        // The threads are free again.
        assert_eq!(resolver.resolve("host-7").await.unwrap(), [ADDRESS]);
        assert!(server.asked.load(Ordering::SeqCst) <= LOOKUPS + 1);
    }

    #[tokio::test]
    async fn an_address_is_not_looked_up_and_a_failure_reaches_all_who_wait() {
        let server = Arc::new(Server::default());
        server.let_go();
        let resolver = server.resolver();
        assert_eq!(resolver.resolve("::1").await.unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
        assert_eq!(server.asked.load(Ordering::SeqCst), 0);
        for failed in join_all((0..3).map(|_| resolver.resolve("unknown"))).await {
            assert_eq!(failed.unwrap_err().to_string(), "no such host");
        }
    }
}
