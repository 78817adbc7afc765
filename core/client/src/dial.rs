//! The way to a server, the same for HTTP and for the socket: name, address, proxy, TLS.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use url::Url;

use crate::base_url::origin;
use crate::proxy::{Proxies, Proxy};
use crate::resolver::Resolver;
use crate::tls::{Offer, Tls};
use crate::{Error, ErrorKind, limit, race, tls, tunnel};

/// How long bytes sent over the socket may stay unacknowledged by the other side's system.
const SOCKET_SILENCE: Duration = Duration::from_secs(45);

/// The same for calls: within the time that one has for its answer.
const CALL_SILENCE: Duration = Duration::from_secs(9);

/// Bytes both ways: TCP, or TLS over another of these.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

pub(crate) type Transport = Either<TcpStream, Box<dyn Wire>>;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Calls,
    Socket,
}

/// What it takes to reach a server.
#[derive(Debug)]
pub(crate) struct Dialer {
    pub(crate) resolver: Resolver,
    pub(crate) tls: Tls,
    pub(crate) proxies: Proxies,
    pub(crate) user_agent: String,
}

/// A connection to a server.
pub(crate) struct Dialed {
    pub(crate) stream: Transport,
    /// HTTP/2 was agreed on.
    pub(crate) is_http2: bool,
    /// A proxy is at the other end, which passes requests on.
    pub(crate) is_proxy: bool,
}

impl Dialer {
    /// Connects to the server that the URL names. Where a proxy stands in between, calls without TLS are for the
    /// proxy to pass on; all else goes through a tunnel.
    pub(crate) async fn dial(&self, url: &Url, purpose: Purpose) -> Result<Dialed, Error> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Error::new(ErrorKind::InvalidAnswer, "the address names no host"));
        };
        let proxy = self.proxies.of(url)?;
        let place = Place::new(purpose, url, proxy.as_deref());
        let is_secure = matches!(url.scheme(), "https" | "wss");
        let (stream, is_proxy) = match proxy {
            None => (
                Either::Left(self.reach(host, port, purpose).await.map_err(|error| place.failed(error))?),
                false,
            ),
            Some(proxy) => {
                let mut stream = self.reach_proxy(&proxy, purpose).await?;
                let passes_on = purpose == Purpose::Calls && !is_secure;
                if !passes_on {
                    tunnel::dig(&mut stream, &proxy, (host, port), &self.user_agent).await?;
                }
                (stream, passes_on)
            }
        };
        if !is_secure {
            return Ok(Dialed { stream, is_http2: false, is_proxy });
        }
        let offer = match purpose {
            Purpose::Calls => Offer::Http2,
            Purpose::Socket => Offer::Http1,
        };
        let failed = |failed: Failed| match failed {
            Failed::Setup(error) => error,
            Failed::Handshake(error) => place.failed(error),
        };
        let (stream, is_http2): (Box<dyn Wire>, _) = match stream {
            Either::Left(tcp) => boxed(self.encrypt(host, tcp, offer).await.map_err(failed)?),
            Either::Right(tls) => boxed(self.encrypt(host, tls, offer).await.map_err(failed)?),
        };
        Ok(Dialed { stream: Either::Right(stream), is_http2, is_proxy })
    }

    async fn reach_proxy(&self, proxy: &Proxy, purpose: Purpose) -> Result<Transport, Error> {
        let (Some(host), Some(port)) = (proxy.url().host_str(), proxy.url().port_or_known_default()) else {
            return Err(proxy.unreachable("it has no host"));
        };
        let failed = |error: io::Error| {
            let whose = format!("the proxy at {}", proxy.place());
            in_words(&whose, &error).unwrap_or_else(|| proxy.unreachable(root_cause(&error)).caused_by(error))
        };
        let tcp = self.reach(host, port, purpose).await.map_err(failed)?;
        if !proxy.is_encrypted() {
            return Ok(Either::Left(tcp));
        }
        match self.encrypt(host, tcp, Offer::Http1).await {
            Ok(stream) => Ok(Either::Right(Box::new(stream))),
            Err(Failed::Setup(error)) => Err(error),
            Err(Failed::Handshake(error)) => Err(failed(error)),
        }
    }

    async fn reach(&self, host: &str, port: u16, purpose: Purpose) -> io::Result<TcpStream> {
        let found = self.resolver.resolve(bare(host)).await;
        let found = found.map_err(|error| match limit::reached_by_lookup(&error) {
            Some(limit) => io::Error::other(limit),
            None => error,
        })?;
        let tcp = race::connect(found.into_iter().map(|address| (address, port).into()).collect()).await?;
        tcp.set_nodelay(true)?;
        notice_silence(&tcp, purpose);
        Ok(tcp)
    }

    async fn encrypt<S: Wire>(&self, host: &str, stream: S, offer: Offer) -> Result<TlsStream<S>, Failed> {
        let config = self.tls.config(offer).map_err(Failed::Setup)?;
        let name = ServerName::try_from(bare(host).to_owned())
            .map_err(|error| Failed::Handshake(io::Error::other(error)))?;
        TlsConnector::from(config).connect(name, stream).await.map_err(Failed::Handshake)
    }
}

/// Why nothing is encrypted.
enum Failed {
    Setup(Error),
    Handshake(io::Error),
}

fn boxed<S: Wire + 'static>(stream: TlsStream<S>) -> (Box<dyn Wire>, bool) {
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    (Box::new(stream), is_http2)
}

/// Who is spoken to, for people.
struct Place {
    whose: String,
    unreachable: String,
}

impl Place {
    /// The socket's address is a secret, and not repeated.
    fn new(purpose: Purpose, url: &Url, proxy: Option<&Proxy>) -> Self {
        match purpose {
            Purpose::Calls => {
                let (origin, way) = (origin(url), through(proxy));
                let whose = format!("the service at {origin}");
                Self { whose, unreachable: format!("the service cannot be reached at {origin}{way}") }
            }
            Purpose::Socket => {
                let whose = "the socket's server".to_owned();
                Self { unreachable: format!("{whose} cannot be reached"), whose }
            }
        }
    }

    fn failed(&self, error: io::Error) -> Error {
        in_words(&self.whose, &error).unwrap_or_else(|| {
            let message = format!("{}: {}", self.unreachable, root_cause(&error));
            Error::new(ErrorKind::ConnectionFailed, message).caused_by(error)
        })
    }
}

/// The proxy in between, for an error text.
pub(crate) fn through(proxy: Option<&Proxy>) -> String {
    proxy.map_or_else(String::new, |proxy| format!(" through {}", proxy.place()))
}

/// What has words of its own: a limit of this machine, or a certificate that is refused.
fn in_words(whose: &str, error: &io::Error) -> Option<Error> {
    let said = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).cloned();
    said.or_else(|| limit::reached(error)).or_else(|| tls::refused(whose, error))
}

/// What lies at the bottom of an error: "connection refused" says more than "error sending request".
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// A host as it is looked up: an IPv6 address stands in brackets only in URLs.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// A network that swallows everything is noticed though the service says nothing: by bytes that nothing
/// acknowledges where the system tells, and by probes of its own otherwise. A system that can do neither notices
/// later, so a failure here is none.
fn notice_silence(tcp: &TcpStream, purpose: Purpose) {
    let silence = match purpose {
        Purpose::Calls => CALL_SILENCE,
        Purpose::Socket => SOCKET_SILENCE,
    };
    let socket = SockRef::from(tcp);
    let probes = TcpKeepalive::new().with_time(silence).with_interval(silence / 3);
    let _ = socket.set_tcp_keepalive(&probes);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_user_timeout(Some(silence));
}

#[cfg(test)]
mod tests;
