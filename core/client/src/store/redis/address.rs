//! The URL of a store: where Redis is, who asks, and under which keys.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::store::error::StoreError;

/// How all keys begin where the URL does not say otherwise.
const PREFIX: &str = "secondme-avatar";

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// The most replicas that a save can wait for.
const MOST_REPLICAS: u32 = 100;

const FORMS: &str = "write it as redis://HOST:PORT, rediss://HOST:PORT (TLS), redis+unix:///PATH/redis.sock, \
                     redis+sentinel://HOST:PORT,HOST:PORT/SERVICE or redis+cluster://HOST:PORT,HOST:PORT";

const SETTINGS: &str = "ca, db, prefix, sentinel_password, sentinel_user and wait";

/// What the URL begins with, the way that leads to Redis, and whether TLS is spoken.
const SCHEMES: [(&str, Way, bool); 12] = [
    ("redis", Way::Direct, false),
    ("rediss", Way::Direct, true),
    ("valkey", Way::Direct, false),
    ("valkeys", Way::Direct, true),
    ("redis+unix", Way::Socket, false),
    ("valkey+unix", Way::Socket, false),
    ("redis+sentinel", Way::Sentinel, false),
    ("rediss+sentinel", Way::Sentinel, true),
    ("redis+cluster", Way::Cluster, false),
    ("rediss+cluster", Way::Cluster, true),
    ("valkey+cluster", Way::Cluster, false),
    ("valkeys+cluster", Way::Cluster, true),
];

/// How Redis is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is at the address.
    Direct,
    /// Its socket is a file.
    Socket,
    /// Sentinels say which server is the primary.
    Sentinel,
    /// A node of a cluster says which of them has the keys.
    Cluster,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// A URL that was understood.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) way: Way,
    pub(super) tls: bool,
    pub(super) nodes: Vec<Node>,
    pub(super) path: PathBuf,
    pub(super) service: String,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) database: i64,
    /// How every key begins, with its hash tag.
    pub(super) prefix: String,
    /// How many replicas must have a save before it returns.
    pub(super) replicas: u32,
    pub(super) ca: Option<PathBuf>,
}

impl Address {
    /// No error quotes the URL: what is wrong with it may be its password.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let scheme = url.split_once("://");
        let known = scheme.and_then(|(scheme, rest)| {
            let known = SCHEMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(scheme));
            known.map(|(_, way, tls)| (*way, *tls, rest))
        });
        let Some((way, tls, rest)) = known else {
            return Err(StoreError::new(format!("this is not the URL of a Redis: {FORMS}")));
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut address = Self {
            way,
            tls,
            nodes: Vec::new(),
            path: PathBuf::new(),
            service: String::new(),
            login: Login::parse(login)?,
            sentinel_login: Login::default(),
            database: 0,
            prefix: key_prefix(PREFIX),
            replicas: 0,
            ca: None,
        };
        match way {
            Way::Socket if hosts.is_empty() && !path.is_empty() => {
                address.path = PathBuf::from(format!("/{}", decode(path)?));
            }
            Way::Socket => return Err(wrong("a path after three slashes: redis+unix:///PATH/redis.sock")),
            Way::Direct | Way::Sentinel | Way::Cluster => {
                let port = if way == Way::Sentinel { SENTINEL_PORT } else { PORT };
                let nodes = hosts.split(',').map(|node| Node::parse(node, port));
                address.nodes = nodes.collect::<Option<_>>().ok_or_else(|| wrong("a host and a port"))?;
                address.read_path(path)?;
            }
        }
        if way == Way::Direct && address.nodes.len() > 1 {
            return Err(wrong("one host; several belong to redis+sentinel:// and redis+cluster://"));
        }
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            address.set(setting)?;
        }
        if way == Way::Cluster && address.database != 0 {
            return Err(wrong("no database: a cluster has only the database 0"));
        }
        if address.ca.is_some() && !tls {
            return Err(wrong("rediss:// where it has a ca: without TLS no certificate is looked at"));
        }
        Ok(address)
    }

    fn read_path(&mut self, path: &str) -> Result<(), StoreError> {
        let path = path.trim_end_matches('/');
        let database = if self.way == Way::Sentinel {
            let (service, database) = path.split_once('/').unwrap_or((path, ""));
            self.service = decode(service)?;
            if self.service.is_empty() {
                return Err(wrong("the name of the service that the sentinels watch, such as /mymaster"));
            }
            database
        } else {
            path
        };
        if !database.is_empty() {
            self.database = parse_database(database)?;
        }
        Ok(())
    }

    fn set(&mut self, setting: &str) -> Result<(), StoreError> {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let value = decode(value)?;
        match name {
            "db" => self.database = parse_database(&value)?,
            "prefix" => {
                let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}');
                if value.is_empty() || value.len() > 100 || !value.bytes().all(is_plain) {
                    return Err(wrong(
                        "a prefix of 1 to 100 ASCII characters, without spaces, { and }, such as my-bot",
                    ));
                }
                self.prefix = key_prefix(&value);
            }
            "wait" => {
                let replicas = value.parse().ok().filter(|replicas| *replicas <= MOST_REPLICAS);
                self.replicas = replicas.ok_or_else(|| wrong("wait as a number of replicas, 0 to 100"))?;
            }
            "ca" => self.ca = Some(PathBuf::from(value)),
            "sentinel_user" if self.way == Way::Sentinel => self.sentinel_login.user = Some(value),
            "sentinel_password" if self.way == Way::Sentinel => self.sentinel_login.password = Some(value),
            // The name is not quoted either: it may be the rest of a password that has a question mark.
            _ => {
                return Err(StoreError::new(format!(
                    "the URL of the store has a setting that is not known, or not for such a URL: there are {SETTINGS} \
                     (and in a password, write each of ? # / @ % as its percent-encoding, such as %3F)"
                )));
            }
        }
        Ok(())
    }
}

impl Login {
    fn parse(text: &str) -> Result<Self, StoreError> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let part = |part: &str| -> Result<Option<String>, StoreError> {
            let part = decode(part)?;
            Ok(Some(part).filter(|part| !part.is_empty()))
        };
        let login = Self { user: part(user)?, password: part(password)? };
        if login.user.is_some() && login.password.is_none() {
            return Err(wrong(
                "a password after the user: USER:PASSWORD@HOST, or :PASSWORD@HOST without a user",
            ));
        }
        Ok(login)
    }
}

impl Node {
    /// Reads `host`, `host:port` or `[::1]:port`.
    pub(super) fn parse(text: &str, default: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
        if host.is_empty() || !host.bytes().all(is_plain) {
            return None;
        }
        let port = port.map_or(Some(default), |port| port.parse().ok().filter(|port| *port > 0))?;
        Some(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Without the user and the passwords.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls { "s" } else { "" };
        let way = match self.way {
            Way::Direct => "",
            Way::Socket => return write!(f, "redis+unix://{}", self.path.display()),
            Way::Sentinel => "+sentinel",
            Way::Cluster => "+cluster",
        };
        write!(f, "redis{s}{way}://")?;
        for (number, node) in self.nodes.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{node}")?;
        }
        if self.way == Way::Sentinel {
            write!(f, "/{}", self.service)?;
        }
        if self.database != 0 { write!(f, "/{}", self.database) } else { Ok(()) }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whether the text is meant as the URL of a Redis: it begins as one does.
pub(super) fn is_url(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, _)| SCHEMES.iter().any(|(name, ..)| name.eq_ignore_ascii_case(scheme)))
}

/// All keys have the same hash tag, so that they lie in the same slot and one script can change several.
fn key_prefix(prefix: &str) -> String {
    format!("{{{prefix}}}:")
}

fn parse_database(text: &str) -> Result<i64, StoreError> {
    let database = text.parse::<u16>().map_err(|_| wrong("the number of a database, such as /0"))?;
    Ok(i64::from(database))
}

fn decode(text: &str) -> Result<String, StoreError> {
    let decoded =
        percent_decode_str(text).decode_utf8().map_err(|_| wrong("UTF-8 in its percent-encoding"))?;
    Ok(decoded.into_owned())
}

fn wrong(needs: &str) -> StoreError {
    StoreError::new(format!(
        "the URL of the store needs {needs} ({FORMS}; in a password, write each of ? # / @ % as its percent-encoding, such \
         as %3F)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: u16) -> Node {
        Node { host: host.to_owned(), port }
    }

    #[test]
    fn each_form_of_a_url_leads_where_it_says() {
        let plain = Address::parse("redis://cache.example").unwrap();
        assert_eq!((plain.way, plain.tls, plain.database), (Way::Direct, false, 0));
        assert_eq!(
            (plain.nodes[0].clone(), plain.prefix.as_str()),
            (node("cache.example", 6379), "{secondme-avatar}:")
        );
        let full = Address::parse("rediss://bot:p%40ss%3A@[::1]:7000/3?prefix=my-bot&wait=2&ca=/etc/ca.pem")
            .unwrap();
        assert_eq!(
            (full.tls, full.nodes[0].clone(), full.database, full.replicas),
            (true, node("::1", 7000), 3, 2)
        );
        assert_eq!(full.login.user.as_deref(), Some("bot"));
        assert_eq!(full.login.password.as_deref(), Some("p@ss:"));
        assert_eq!((full.prefix.as_str(), full.ca), ("{my-bot}:", Some(PathBuf::from("/etc/ca.pem"))));
        let socket = Address::parse("redis+unix:///run/redis.sock?db=2").unwrap();
        assert_eq!((socket.path, socket.database), (PathBuf::from("/run/redis.sock"), 2));
        let watched =
            Address::parse("redis+sentinel://:pw@a,b:26380/mymaster/1?sentinel_password=other").unwrap();
        assert_eq!(watched.nodes, [node("a", 26_379), node("b", 26_380)]);
        assert_eq!((watched.service.as_str(), watched.database), ("mymaster", 1));
        assert_eq!(watched.sentinel_login.password.as_deref(), Some("other"));
        let cluster = Address::parse("redis+cluster://a:7000,b:7001").unwrap();
        assert_eq!((cluster.way, cluster.nodes.len()), (Way::Cluster, 2));
        assert_eq!(Address::parse("valkey://:pw@a").unwrap().to_string(), "redis://a:6379");
    }

    #[test]
    fn a_wrong_url_says_what_it_needs_and_shows_no_password() {
        for (url, expected) in [
            ("postgres://hunter2@host", "is not the URL of a Redis"),
            ("redis://", "a host and a port"),
            ("redis://:hunter2@host:port", "a host and a port"),
            ("redis://:hun/ter2hunter2@host", "a host and a port"),
            ("redis://:hunter2?hunter2@host", "a host and a port"),
            ("redis://host?hunter2", "is not known"),
            ("redis://hunter2@host", "a password after the user"),
            ("redis://:hunter2@a,b", "one host"),
            ("redis://:hunter2@a/x", "the number of a database"),
            ("redis://:hunter2@a?wait=many", "a number of replicas"),
            ("redis://:hunter2@a?prefix={x}", "without spaces, { and }"),
            ("redis://:hunter2@a?ca=/x", "rediss://"),
            ("redis+cluster://:hunter2@a/1", "only the database 0"),
            ("redis+sentinel://:hunter2@a", "the name of the service"),
            ("redis+unix://:hunter2@host/x", "three slashes"),
            ("redis://:%FFhunter2@a", "UTF-8"),
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}
