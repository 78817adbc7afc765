//! Finds the Redis that takes writes, and connects to it.

use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use redis::{
    Client, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates, cmd,
};

use super::address::{Address, Login, Node, Way};
use super::errors::{Operation, redis_error};
use crate::store::error::StoreError;

/// How long one attempt to connect may take, with the log-in.
const CONNECT: Duration = Duration::from_secs(2);

/// How long one answer may take.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// The oldest version that is taken: the first one with users of their own (ACL), and the oldest in a Debian that is
/// still cared for.
const OLDEST: (u32, u32) = (6, 0);

pub(super) struct Link {
    pub(super) address: Address,
    certificates: Option<TlsCertificates>,
    /// The node that a cluster has named for the keys.
    named: Mutex<Option<Node>>,
}

impl Link {
    pub(super) fn new(address: Address) -> Result<Self, StoreError> {
        let root_cert = address.ca.as_ref().map(|path| {
            fs::read(path).map_err(|error| {
                StoreError::new(format!(
                    "the certificates in {} cannot be read ({error}): name a PEM file as ca in the URL of the store",
                    path.display()
                ))
            })
        });
        let root_cert = root_cert.transpose()?;
        if address.tls {
            crate::tls::ensure_provider();
        }
        let certificates = root_cert.map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) });
        Ok(Self { address, certificates, named: Mutex::default() })
    }

    /// Connects to the server that has the keys.
    pub(super) fn connect(&self) -> Result<Connection, RedisError> {
        let Address { way, nodes, login, .. } = &self.address;
        match way {
            Way::Socket => {
                self.connect_to(ConnectionAddr::Unix(self.address.path.clone()), login, self.address.database)
            }
            Way::Direct | Way::Cluster => {
                let named = self.named().take();
                self.first_of(named.iter().chain(nodes), |node| self.connect_to_primary(node)).inspect(|_| {
                    *self.named() = named.clone();
                })
            }
            Way::Sentinel => self.first_of(nodes.iter(), |sentinel| {
                let primary = self.ask_sentinel(sentinel)?;
                self.connect_to_primary(&primary)
            }),
        }
    }

    /// A cluster has said where the keys are. Returns whether it was understood.
    pub(super) fn follow(&self, error: &RedisError) -> bool {
        let Some((place, _)) = error.redirect_node().filter(|_| error.code() == Some("MOVED")) else {
            return false;
        };
        let Some(node) = Node::parse(place, 0) else { return false };
        *self.named() = Some(node);
        true
    }

    /// Whether this server can keep a store.
    pub(super) fn check(&self, connection: &mut Connection) -> Result<(), StoreError> {
        let info: String = cmd("INFO")
            .query(connection)
            .map_err(|error| redis_error(&self.address, Operation::Open, error))?;
        let lines = info.lines().filter_map(|line| line.split_once(':'));
        self.check_info(&lines.map(|(name, value)| (name, value.trim())).collect())
    }

    fn check_info(&self, info: &HashMap<&str, &str>) -> Result<(), StoreError> {
        let address = &self.address;
        let of = |name: &str| info.get(name).copied().unwrap_or_default();
        let refuse = |why: String| Err(StoreError::new(format!("the store {address} {why}")));
        let version = of("redis_version");
        if !is_new_enough(version) {
            let (major, minor) = OLDEST;
            return refuse(format!("is a Redis {version}: version {major}.{minor} or later is needed"));
        }
        match (of("redis_mode"), address.way) {
            ("sentinel", _) => {
                return refuse(
                    "is a sentinel, and no Redis: write redis+sentinel://HOST:PORT/SERVICE".to_owned(),
                );
            }
            ("cluster", way) if way != Way::Cluster => {
                return refuse("is a node of a cluster: write redis+cluster://HOST:PORT".to_owned());
            }
            (mode, Way::Cluster) if mode != "cluster" => {
                return refuse("is no node of a cluster: write redis://HOST:PORT".to_owned());
            }
            _ => {}
        }
        if of("role") == "slave" && address.way != Way::Cluster {
            return refuse(format!(
                "is a replica, which takes no writes: name its primary ({}:{}), or use redis+sentinel://",
                of("master_host"),
                of("master_port")
            ));
        }
        let (policy, limit) = (of("maxmemory_policy"), of("maxmemory"));
        if policy.starts_with("allkeys-") && limit != "0" {
            return refuse(format!(
                "deletes keys when its memory is full (maxmemory-policy {policy}): set maxmemory-policy noeviction, or use \
                 another Redis than that of a cache"
            ));
        }
        if policy.starts_with("volatile-") && limit != "0" {
            tracing::warn!(
                target: "secondme_avatar::store", store = %address, policy,
                "Redis deletes keys with an expiry when its memory is full, and with them the leases of running \
                 clients: set maxmemory-policy noeviction"
            );
        }
        if of("aof_enabled") == "0" {
            tracing::warn!(
                target: "secondme_avatar::store", store = %address,
                "Redis keeps no append-only file: when it stops, what was saved since its last snapshot is lost; set \
                 appendonly yes"
            );
        }
        Ok(())
    }

    /// Tries one after the other. The error is that of the last one.
    fn first_of<'a>(
        &self,
        nodes: impl Iterator<Item = &'a Node>,
        connect: impl Fn(&Node) -> Result<Connection, RedisError>,
    ) -> Result<Connection, RedisError> {
        let mut last = None;
        for node in nodes {
            match connect(node) {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected).into()))
    }

    fn connect_to_primary(&self, node: &Node) -> Result<Connection, RedisError> {
        self.connect_to(self.place(node), &self.address.login, self.address.database)
    }

    fn ask_sentinel(&self, sentinel: &Node) -> Result<Node, RedisError> {
        let mut connection = self.connect_to(self.place(sentinel), &self.address.sentinel_login, 0)?;
        let mut ask = cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.address.service);
        let primary: Option<(String, u16)> = ask.query(&mut connection)?;
        let (host, port) = primary.ok_or_else(|| {
            let words = "the sentinel knows no service of this name: correct it in the URL";
            RedisError::from(std::io::Error::new(std::io::ErrorKind::NotFound, words))
        })?;
        Ok(Node { host, port })
    }

    fn connect_to(
        &self,
        place: ConnectionAddr,
        login: &Login,
        database: i64,
    ) -> Result<Connection, RedisError> {
        let mut settings = RedisConnectionInfo::default().set_db(database);
        if let Some(user) = &login.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &login.password {
            settings = settings.set_password(password);
        }
        let info: ConnectionInfo = place.into_connection_info()?.set_redis_settings(settings);
        let client = match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone())?,
            None => Client::open(info)?,
        };
        let connection = client.get_connection_with_timeout(CONNECT)?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.set_write_timeout(Some(ANSWER))?;
        Ok(connection)
    }

    fn place(&self, node: &Node) -> ConnectionAddr {
        let Node { host, port } = node.clone();
        if self.address.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }

    fn named(&self) -> std::sync::MutexGuard<'_, Option<Node>> {
        self.named.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version| version >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, info: &[(&'static str, &'static str)]) -> Result<(), String> {
        let link = Link::new(Address::parse(url).unwrap()).unwrap();
        let mut all =
            HashMap::from([("redis_version", "7.0.15"), ("redis_mode", "standalone"), ("role", "master")]);
        all.extend(info.iter().copied());
        link.check_info(&all).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_that_would_lose_what_it_is_given_is_refused_with_what_to_do() {
        let plain = "redis://:hunter2@cache";
        for (url, info, expected) in [
            (plain, ("redis_version", "5.0.14"), "version 6.0 or later"),
            (plain, ("redis_version", ""), "version 6.0 or later"),
            (plain, ("redis_mode", "sentinel"), "redis+sentinel://"),
            (plain, ("redis_mode", "cluster"), "redis+cluster://"),
            (plain, ("role", "slave"), "is a replica"),
            ("redis+cluster://cache", ("redis_mode", "standalone"), "no node of a cluster"),
            (plain, ("maxmemory_policy", "allkeys-lru"), "noeviction"),
        ] {
            let error = check(url, &[info, ("maxmemory", "1000")]).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{info:?}: {error}");
        }
        check(plain, &[]).unwrap();
        check(plain, &[("redis_version", "10.0.1")]).unwrap();
        check(plain, &[("maxmemory_policy", "allkeys-lru"), ("maxmemory", "0")]).unwrap();
        check(plain, &[("maxmemory_policy", "volatile-lru"), ("maxmemory", "1000"), ("aof_enabled", "1")])
            .unwrap();
    }
}
