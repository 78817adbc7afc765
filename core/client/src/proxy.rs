//! Which proxy is used for an address. HTTP and the socket share the answer.

use std::fmt;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use secondme_avatar_protocol::{Error, ErrorKind, KnownSecrets, OptionName, Secret};
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri};
use url::Url;

use crate::base_url::{BaseUrl, is_loopback};

/// The proxy setting of a client.
#[derive(Clone, Debug, Default)]
pub(crate) enum ProxyChoice {
    /// Reads the environment.
    #[default]
    Environment,
    /// Uses no proxy, whatever the environment says.
    Direct,
    /// Uses this proxy. The URL may contain a password.
    Url(Secret),
}

/// The proxies of a client. This machine's own addresses never use one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Arc<Rules>);

#[derive(Debug, Default)]
struct Rules {
    /// For `http` and `ws`. A wrong value is an error when it is needed.
    plain: Option<Result<Arc<Proxy>, Error>>,
    /// For `https` and `wss`.
    encrypted: Option<Result<Arc<Proxy>, Error>>,
    /// Hosts that are reached without a proxy.
    exceptions: Vec<Exception>,
}

impl Proxies {
    pub(crate) fn new(choice: &ProxyChoice) -> Result<Self, Error> {
        match choice {
            ProxyChoice::Environment => Ok(Self::from_env(|name| std::env::var_os(name)?.into_string().ok())),
            ProxyChoice::Direct => Ok(Self::default()),
            ProxyChoice::Url(url) => {
                let proxy = Some(Ok(Arc::new(Proxy::parse(url.expose_secret(), "the proxy's address")?)));
                Ok(Self(Arc::new(Rules { plain: proxy.clone(), encrypted: proxy, exceptions: Vec::new() })))
            }
        }
    }

    fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = lookup(name).filter(|value| !value.trim().is_empty())?;
                Some((*name, value))
            })
        };
        let proxy = |names: &[&'static str]| {
            let (name, value) = first(names)?;
            Some(Proxy::parse(value.trim(), name).map(Arc::new))
        };
        let all = proxy(&["ALL_PROXY", "all_proxy"]);
        // In a CGI program, HTTP_PROXY is the request's header `Proxy`, which anyone can set.
        let plain: &[_] = match lookup("REQUEST_METHOD") {
            Some(_) => &["http_proxy"],
            None => &["HTTP_PROXY", "http_proxy"],
        };
        let exceptions = first(&["NO_PROXY", "no_proxy"]).map(|(_, list)| Exception::list(&list));
        Self(Arc::new(Rules {
            plain: proxy(plain).or_else(|| all.clone()),
            encrypted: proxy(&["HTTPS_PROXY", "https_proxy"]).or(all),
            exceptions: exceptions.unwrap_or_default(),
        }))
    }

    /// The hosts of encrypted proxies, without the service's own.
    pub(crate) fn other_hosts(&self, service: &BaseUrl) -> Vec<String> {
        let proxies = [&self.0.plain, &self.0.encrypted].into_iter().flatten().flatten();
        let hosts = proxies.filter(|proxy| proxy.is_encrypted()).filter_map(|proxy| proxy.url.host_str());
        hosts.filter(|host| service.as_url().host_str() != Some(host)).map(str::to_owned).collect()
    }

    /// The passwords of all proxies.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let proxies = [&self.0.plain, &self.0.encrypted].into_iter().flatten().flatten();
        proxies.flat_map(|proxy| proxy.secrets.iter().cloned()).collect()
    }

    /// Returns the proxy for this address; `None` if it is reached directly.
    pub(crate) fn of(&self, url: &Url) -> Result<Option<Arc<Proxy>>, Error> {
        let rules = &self.0;
        let proxy = match url.scheme() {
            "http" | "ws" => &rules.plain,
            _ => &rules.encrypted,
        };
        let Some(proxy) = proxy else {
            return Ok(None);
        };
        if is_loopback(url) || rules.exceptions.iter().any(|exception| exception.holds(url)) {
            return Ok(None);
        }
        proxy.clone().map(Some)
    }
}

/// A proxy, `http://` or `https://`, with optional user name and password.
pub(crate) struct Proxy {
    url: Url,
    address: String,
    authorization: Option<HeaderValue>,
    /// The password, as written in the URL and as it is meant, and what the header makes of it.
    secrets: Vec<Secret>,
}

impl Proxy {
    fn parse(text: &str, name: &str) -> Result<Self, Error> {
        let misuse = |message: String| Error::new(ErrorKind::Misuse, message);
        // The text may contain a password, so the error does not repeat it.
        let invalid = || {
            misuse(format!(
                "{name} is not a valid URL: write it like http://proxy.example.com:3128, or \
                 http://user:password@proxy.example.com:3128 with percent signs for what is special in the \
                 password (%40 for @)"
            ))
        };
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).map_err(|_| invalid())?;
        match url.scheme() {
            "http" | "https" => {}
            scheme if scheme.starts_with("socks") => {
                return Err(misuse(format!(
                    "{name} names a SOCKS proxy, which is not spoken here: give an HTTP proxy, as \
                     http://host:port (most programs that offer SOCKS offer HTTP as well, at the same port or \
                     the next), or none for this host (`NO_PROXY`, or {})",
                    OptionName::NO_PROXY
                )));
            }
            _ => return Err(invalid()),
        }
        let address = match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            _ => return Err(invalid()),
        };
        let matcher = Matcher::builder().all(url.as_str()).build();
        let understood = matcher.intercept(&Uri::from_static("http://host")).ok_or_else(invalid)?;
        let authorization = understood.basic_auth().cloned();
        let secrets = secrets_in(&url, authorization.as_ref());
        Ok(Self { url, address, authorization, secrets })
    }

    /// The URL with its credentials.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Host and port, for error texts.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// No connection to the proxy.
    pub(crate) fn unreachable(&self, cause: impl fmt::Display) -> Error {
        self.failure(format_args!("cannot be reached: {cause}"))
    }

    /// The proxy wants other credentials.
    pub(crate) fn wants_credentials(&self) -> Error {
        self.failure(match self.authorization {
            None => {
                "wants a user name and a password (HTTP 407): write them into its address, \
                 http://user:password@host:port"
            }
            Some(_) => {
                "does not accept the user name and the password in its address (HTTP 407): correct them"
            }
        })
    }

    /// The proxy refused the tunnel.
    pub(crate) fn refused(&self, status: Option<u16>) -> Error {
        let status = status.map_or_else(String::new, |status| format!(" (HTTP {status})"));
        let credentials = match self.authorization {
            Some(_) => ", or does not accept the user name and the password in its address",
            None => "",
        };
        self.failure(format_args!(
            "refused to connect to the service{status}: it may not permit that host, or not reach it\
             {credentials}"
        ))
    }

    /// The proxy's answer is not valid, or the connection ended.
    pub(crate) fn broken(&self, what: impl fmt::Display) -> Error {
        self.failure(format_args!("does not connect to the service: {what}"))
    }

    fn failure(&self, what: impl fmt::Display) -> Error {
        // `avatar doctor` recognises a proxy's failure by these words.
        let error = Error::new(ErrorKind::ConnectionFailed, format!("the proxy at {} {what}", self.address));
        error.hiding(&KnownSecrets::new(&self.secrets))
    }
}

fn secrets_in(url: &Url, authorization: Option<&HeaderValue>) -> Vec<Secret> {
    let written = url.password().unwrap_or_default();
    let meant = percent_decode(written);
    let header = authorization.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let basic = header.rsplit(' ').next().unwrap_or_default();
    [written, &meant, basic].map(|text| Secret::from(text.to_owned())).into()
}

/// The text that a part of a URL stands for.
fn percent_decode(text: &str) -> String {
    // A form's value is decoded in the same way, but for the plus sign.
    let value = format!("={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(value.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

/// Hides the password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.address)
    }
}

/// An entry of `NO_PROXY`.
#[derive(Debug)]
struct Exception {
    /// `None` is every host.
    hosts: Option<Matcher>,
    /// `None` is every port.
    port: Option<u16>,
}

impl Exception {
    fn list(text: &str) -> Vec<Self> {
        let entries = text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(Self::parse).collect()
    }

    /// Reads `host`, `.domain`, `*.domain`, an address, `address/bits` or `*`, each with an optional `:port`. A
    /// host includes its subdomains.
    fn parse(entry: &str) -> Self {
        let (host, port) = match entry.rsplit_once(':') {
            // Without brackets, several colons are an IPv6 address.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (entry, None),
            },
            _ => (entry, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host == "*" {
            return Self { hosts: None, port };
        }
        let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        Self { hosts: Some(Matcher::builder().all("http://any").no(host).build()), port }
    }

    fn holds(&self, url: &Url) -> bool {
        if self.port.is_some() && self.port != url.port_or_known_default() {
            return false;
        }
        let Some(hosts) = &self.hosts else {
            return true;
        };
        let uri = url.host_str().and_then(|host| format!("http://{host}").parse::<Uri>().ok());
        uri.is_some_and(|uri| hosts.intercept(&uri).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(env: &[(&str, &str)]) -> Proxies {
        Proxies::from_env(|name| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn address_of(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.of(&url.parse().unwrap()).unwrap().map(|proxy| proxy.address().to_owned())
    }

    #[test]
    fn each_variable_counts_in_upper_and_in_lower_case_for_http_and_socket_alike() {
        for (name, plain, encrypted) in [
            ("HTTPS_PROXY", false, true),
            ("https_proxy", false, true),
            ("HTTP_PROXY", true, false),
            ("http_proxy", true, false),
            ("ALL_PROXY", true, true),
            ("all_proxy", true, true),
        ] {
            let proxies = proxies(&[(name, "http://proxy:3128")]);
            for (url, proxied) in [
                ("http://service/x", plain),
                ("ws://service/x", plain),
                ("https://service/x", encrypted),
                ("wss://service/x", encrypted),
            ] {
                let expected = proxied.then(|| "proxy:3128".to_owned());
                assert_eq!(address_of(&proxies, url), expected, "{name} for {url}");
            }
        }
    }

    #[test]
    fn the_particular_proxy_comes_before_the_one_for_all_and_an_empty_one_is_none() {
        let both = proxies(&[("HTTPS_PROXY", "one:1"), ("ALL_PROXY", "http://two:2")]);
        assert_eq!(address_of(&both, "https://service").as_deref(), Some("one:1"));
        assert_eq!(address_of(&both, "http://service").as_deref(), Some("two:2"));
        assert_eq!(address_of(&proxies(&[("HTTPS_PROXY", " ")]), "https://service"), None);
    }

    #[test]
    fn what_a_stranger_wrote_into_a_header_of_a_cgi_program_is_no_proxy() {
        let cgi = proxies(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://stranger:1")]);
        assert_eq!(address_of(&cgi, "http://service"), None);
    }

    #[test]
    fn hosts_domains_addresses_networks_and_ports_are_excepted() {
        for (list, direct, proxied) in [
            ("service.com", "https://service.com", "https://other.com"),
            ("service.com", "wss://ws.service.com", "https://notservice.com"),
            (".service.com", "https://a.service.com", "https://b.notservice.com"),
            ("*.service.com", "https://a.service.com", "https://service.org"),
            ("SERVICE.com", "https://service.com", "https://service.co"),
            ("a.com, service.com", "https://service.com", "https://b.com"),
            ("a.com service.com", "https://service.com", "https://b.com"),
            ("10.0.0.0/8", "https://10.1.2.3", "https://11.1.2.3"),
            ("10.1.2.3", "https://10.1.2.3", "https://10.1.2.4"),
            ("fd00::/8", "https://[fd00::1]", "https://[2001:db8::1]"),
            ("[fd00::1]:8443", "https://[fd00::1]:8443", "https://[fd00::1]"),
            ("service.com:8443", "wss://service.com:8443", "https://service.com"),
            ("service.com:443", "https://service.com", "https://service.com:8443"),
            ("*:8443", "https://10.1.2.3:8443", "https://10.1.2.3"),
        ] {
            let proxies = proxies(&[("ALL_PROXY", "proxy:1"), ("NO_PROXY", list)]);
            assert_eq!(address_of(&proxies, direct), None, "{list} excepts {direct}");
            assert!(address_of(&proxies, proxied).is_some(), "{list} does not except {proxied}");
        }
        let none = proxies(&[("ALL_PROXY", "proxy:1"), ("no_proxy", "*")]);
        for url in ["https://service.com", "https://10.1.2.3", "ws://[fd00::1]:80"] {
            assert_eq!(address_of(&none, url), None);
        }
    }

    #[test]
    fn this_machine_is_spoken_to_directly() {
        let explicit = Proxies::new(&ProxyChoice::Url(Secret::from("proxy:1".to_owned()))).unwrap();
        for proxies in [explicit, proxies(&[("ALL_PROXY", "proxy:1")])] {
            for url in ["http://127.0.0.1:1", "ws://localhost:1", "https://[::1]:1"] {
                assert_eq!(address_of(&proxies, url), None);
            }
            assert!(address_of(&proxies, "https://service").is_some());
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let proxies = proxies(&[("ALL_PROXY", "http://ada:p%40ss%3Aword@proxy:3128")]);
        let proxy = proxies.of(&"https://service".parse().unwrap()).unwrap().unwrap();
        // printf 'ada:p@ss:word' | base64
        assert_eq!(proxy.authorization().unwrap(), "Basic YWRhOnBAc3M6d29yZA==");
        let shown = [
            format!("{proxies:?} {proxy:?} {}", proxy.address()),
            format!("{0} {0:?}", proxy.wants_credentials()),
            format!("{0} {0:?}", proxy.refused(Some(403))),
            format!("{0} {0:?}", proxy.unreachable("timed out")),
            format!("{:?}", proxy.authorization()),
        ];
        for shown in shown {
            assert!(shown.contains("proxy:3128") || shown.contains("Sensitive"), "{shown}");
            for secret in ["ada", "p@ss", "p%40ss", "YWRh"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }

    #[test]
    fn what_is_no_proxy_for_us_is_an_error_once_it_is_needed_and_names_the_variable() {
        for (url, says) in [
            ("http://", "write it like http://proxy.example.com:3128"),
            ("http://ada:hush@", "write it like"),
            ("ftp://proxy", "write it like"),
            ("http://ada:hush@proxy:99999", "write it like"),
            ("socks5://ada:hush@proxy:1080", "give an HTTP proxy"),
            ("socks5h://proxy", "give an HTTP proxy"),
        ] {
            let proxies = proxies(&[("https_proxy", url), ("NO_PROXY", "direct.com")]);
            let error = proxies.of(&"wss://service".parse().unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse);
            let text = error.to_string();
            assert!(text.contains(says) && text.contains("https_proxy"), "{url}: {text}");
            assert!(!text.contains("hush"), "{text}");
            assert_eq!(
                address_of(&proxies, "https://direct.com"),
                None,
                "who does not need it has no trouble"
            );
        }
    }
}
