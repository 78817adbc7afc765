//! The service behind the recorder: its address, and how it is reached.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, crypto::ring};
use rustls_platform_verifier::Verifier;
use secondme_avatar::{Door, Environment};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::exit::{self, Failure};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// The longest answer of a proxy to `CONNECT`.
const PROXY_ANSWER: usize = 16 * 1024;

/// A byte stream to the service.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// Scheme, host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) is_secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an address: `http` and `ws` in the open, `https` and `wss` encrypted.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let is_secure = match url.scheme() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return None,
        };
        let port = url.port().unwrap_or(if is_secure { 443 } else { 80 });
        Some(Self { is_secure, host: url.host_str()?.to_owned(), port })
    }

    /// Host and port as the `Host` header has them.
    pub(super) fn authority(&self) -> String {
        match (self.is_secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// As the `Origin` header has it.
    pub(super) fn as_header(&self) -> String {
        format!("{}://{}", if self.is_secure { "https" } else { "http" }, self.authority())
    }
}

/// Reads `--upstream`: a URL, or the name of one of the service's places.
pub(super) fn parse(text: &str) -> Result<Url, Failure> {
    let named = text.parse::<Environment>().map_or(text, |environment| environment.url(Door::AvatarOpenApi));
    let wrong = |what: &str| {
        Failure::new(exit::USAGE, format!("--upstream {what}")).advise(
            "Write it like --upstream https://mindos.mindverse.ai/gate/in, or one of the names production,\n\
             pre-release and gateway.",
        )
    };
    let url = Url::parse(named).map_err(|_| wrong("is not a valid URL"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(wrong("is not encrypted, and the API key would travel in the open: use https")),
        _ => return Err(wrong("is neither http nor https")),
    }
    if url.host().is_none() {
        return Err(wrong("names no host"));
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(wrong("holds a user name, a password, a `?` or a `#`, which a base URL does not have"));
    }
    Ok(url)
}

/// Whether an address leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Makes connections to the service.
pub(super) struct Dialer {
    proxies: Matcher,
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Dialer {
    pub(super) fn new() -> Self {
        Self { proxies: Matcher::from_env(), tls: OnceLock::new() }
    }

    pub(super) async fn dial(&self, origin: &Origin) -> io::Result<Box<dyn Wire>> {
        let connecting = self.connect(origin);
        let late =
            |_| io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {CONNECT_WITHIN:?}"));
        tokio::time::timeout(CONNECT_WITHIN, connecting).await.map_err(late)?
    }

    async fn connect(&self, origin: &Origin) -> io::Result<Box<dyn Wire>> {
        let tcp = match self.proxy(origin) {
            Some(proxy) => through(&proxy, origin).await?,
            None => TcpStream::connect((bare(&origin.host), origin.port)).await?,
        };
        tcp.set_nodelay(true)?;
        if !origin.is_secure {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(bare(&origin.host).to_owned()).map_err(io::Error::other)?;
        let tls = TlsConnector::from(self.tls()?);
        Ok(Box::new(tls.connect(name, tcp).await?))
    }

    fn proxy(&self, origin: &Origin) -> Option<Proxy> {
        let url: Uri = origin.as_header().parse().ok()?;
        let found = self.proxies.intercept(&url)?;
        let authority = found.uri().authority()?.clone();
        let port = authority.port_u16().unwrap_or(80);
        let basic = found.basic_auth().and_then(|value| value.to_str().ok()).map(str::to_owned);
        Some(Proxy { host: authority.host().to_owned(), port, basic })
    }

    fn tls(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(ring::default_provider());
        let file = std::env::var_os("SECONDME_CA_FILE").filter(|path| !path.is_empty());
        let verifier = match file {
            None => Verifier::new(Arc::clone(&provider)),
            Some(path) => {
                let certificates =
                    CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
                Verifier::new_with_extra_roots(certificates.map_err(io::Error::other)?, Arc::clone(&provider))
            }
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier.map_err(io::Error::other)?));
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}

struct Proxy {
    host: String,
    port: u16,
    basic: Option<String>,
}

/// A tunnel through a proxy (RFC 9110, `CONNECT`).
async fn through(proxy: &Proxy, origin: &Origin) -> io::Result<TcpStream> {
    let mut tcp = TcpStream::connect((bare(&proxy.host), proxy.port)).await?;
    let to = format!("{}:{}", origin.host, origin.port);
    let basic =
        proxy.basic.as_ref().map_or_else(String::new, |basic| format!("Proxy-Authorization: {basic}\r\n"));
    tcp.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{basic}\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    // A byte at a time: what follows the answer belongs to the service.
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < PROXY_ANSWER {
        answer.push(tcp.read_u8().await?);
    }
    match answer.get(9..12) {
        Some([b'2', ..]) => Ok(tcp),
        status => {
            let status = String::from_utf8_lossy(status.unwrap_or_default()).into_owned();
            Err(io::Error::other(format!(
                "the proxy {}:{} refused with status {status}",
                proxy.host, proxy.port
            )))
        }
    }
}

/// IPv6 addresses have brackets only in URLs.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_url_or_a_name() {
        for environment in Environment::ALL {
            let url = environment.url(Door::AvatarOpenApi);
            assert_eq!(parse(environment.name()).unwrap().as_str(), url);
        }
        assert_eq!(parse("http://127.0.0.1:80/gate/in").unwrap().path(), "/gate/in");
        for (wrong, says) in [
            ("mindos.mindverse.ai", "not a valid URL"),
            ("", "not a valid URL"),
            ("ftp://host", "neither http nor https"),
            ("http://example.com/gate/in", "not encrypted"),
            ("https://user:pw@host/", "a user name"),
            ("https://host/?a=1", "a user name"),
        ] {
            let failure = parse(wrong).unwrap_err();
            assert!(failure.message().contains(says), "{wrong}: {}", failure.message());
            assert_eq!(failure.code(), exit::USAGE);
        }
    }

    #[test]
    fn an_origin_names_its_port_only_where_it_is_not_the_usual_one() {
        let origin = |url: &str| Origin::of(&Url::parse(url).unwrap()).unwrap();
        assert_eq!(origin("wss://host/a?b").as_header(), "https://host");
        assert_eq!(origin("ws://[::1]:81/a").as_header(), "http://[::1]:81");
        assert_eq!(origin("https://host:8443").authority(), "host:8443");
        assert!(Origin::of(&Url::parse("ftp://host").unwrap()).is_none());
    }
}
