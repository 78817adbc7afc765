//! Connecting to the socket's server: name, address, proxy, TLS. HTTP calls share these parts, but connect by
//! themselves.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use secondme_avatar_protocol::{Error, ErrorKind, KnownSecrets, one_line};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use url::Url;

use crate::proxy::{Proxies, Proxy};
use crate::resolver::Resolver;
use crate::tls::{Alpn, Tls};
use crate::{limit, race, tls, tunnel};

/// How long bytes sent over the socket may stay unacknowledged by the other side's system.
const SILENCE: Duration = Duration::from_secs(45);

/// A byte stream: TCP, or TLS over another byte stream.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

pub(crate) type Transport = Either<TcpStream, Box<dyn Wire>>;

/// What is needed to reach a server.
#[derive(Debug)]
pub(crate) struct Dialer {
    pub(crate) resolver: Resolver,
    pub(crate) tls: Tls,
    pub(crate) proxies: Proxies,
    pub(crate) user_agent: String,
    /// What no error may repeat.
    pub(crate) secrets: KnownSecrets,
}

impl Dialer {
    /// Connects to the server in the socket's URL, through a tunnel if there is a proxy.
    pub(crate) async fn dial(&self, url: &Url) -> Result<Transport, Error> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Error::new(ErrorKind::InvalidAnswer, "the address names no host"));
        };
        let stream = match self.proxies.of(url)? {
            None => Either::Left(self.reach(host, port).await.map_err(failed)?),
            Some(proxy) => {
                let mut stream = self.reach_proxy(&proxy).await?;
                tunnel::dig(&mut stream, &proxy, (host, port), &self.user_agent).await?;
                stream
            }
        };
        if url.scheme() != "wss" {
            return Ok(stream);
        }
        let why = |why: Failed| match why {
            Failed::Setup(error) => error,
            Failed::Handshake(error) => failed(error),
        };
        let stream: Box<dyn Wire> = match stream {
            Either::Left(tcp) => Box::new(self.encrypt(host, tcp).await.map_err(why)?),
            Either::Right(tls) => Box::new(self.encrypt(host, tls).await.map_err(why)?),
        };
        Ok(Either::Right(stream))
    }

    async fn reach_proxy(&self, proxy: &Proxy) -> Result<Transport, Error> {
        let (Some(host), Some(port)) = (proxy.url().host_str(), proxy.url().port_or_known_default()) else {
            return Err(proxy.unreachable("it has no host"));
        };
        let failed = |error: io::Error| {
            let whose = format!("the proxy at {}", proxy.address());
            in_words(&whose, &error).unwrap_or_else(|| proxy.unreachable(root_cause(&error)).caused_by(error))
        };
        let tcp = self.reach(host, port).await.map_err(failed)?;
        if !proxy.is_encrypted() {
            return Ok(Either::Left(tcp));
        }
        match self.encrypt(host, tcp).await {
            Ok(stream) => Ok(Either::Right(Box::new(stream))),
            Err(Failed::Setup(error)) => Err(error),
            Err(Failed::Handshake(error)) => Err(failed(error)),
        }
    }

    async fn reach(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let found = self.resolver.resolve(bare(host)).await?;
        let tcp = race::connect(found.into_iter().map(|address| (address, port).into()).collect()).await?;
        tcp.set_nodelay(true)?;
        notice_silence(&tcp);
        Ok(tcp)
    }

    async fn encrypt<S: Wire>(&self, host: &str, stream: S) -> Result<TlsStream<S>, Failed> {
        let config = self.tls.config(Alpn::Http1).map_err(Failed::Setup)?;
        let name = ServerName::try_from(bare(host).to_owned())
            .map_err(|error| Failed::Handshake(io::Error::other(error)))?;
        TlsConnector::from(config).connect(name, stream).await.map_err(Failed::Handshake)
    }
}

/// Why no TLS connection was made.
enum Failed {
    Setup(Error),
    Handshake(io::Error),
}

/// The socket's address is a secret, so the text does not repeat it.
fn failed(error: io::Error) -> Error {
    in_words("the socket's server", &error).unwrap_or_else(|| {
        let message = format!("the socket's server cannot be reached: {}", root_cause(&error));
        Error::new(ErrorKind::ConnectionFailed, message).caused_by(error)
    })
}

/// Names the proxy, for an error text.
pub(crate) fn through(proxy: Option<&Proxy>) -> String {
    proxy.map_or_else(String::new, |proxy| format!(" through {}", proxy.address()))
}

/// Returns an error with a text of its own, if this is a limit of this machine or a refused certificate.
pub(crate) fn in_words(whose: &str, error: &io::Error) -> Option<Error> {
    let said = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).cloned();
    said.or_else(|| limit::reached(error)).or_else(|| tls::refused(whose, error))
}

/// The longest part of a cause that is repeated, in characters.
const CAUSE: usize = 200;

/// The innermost cause of an error, as one line: "connection refused" says more than "error sending request". What the
/// other side has said may be in it, as with a GOAWAY of HTTP/2.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    one_line(&cause.to_string(), CAUSE)
}

/// Returns the host for a lookup. IPv6 addresses have brackets only in URLs.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Makes the system notice a network that drops everything: by unacknowledged bytes where the system supports
/// that, and by keepalive probes elsewhere. A system that supports neither notices later, so failures are
/// ignored.
fn notice_silence(tcp: &TcpStream) {
    let socket = SockRef::from(tcp);
    let probes = TcpKeepalive::new().with_time(SILENCE).with_interval(SILENCE / 3);
    let _ = socket.set_tcp_keepalive(&probes);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_user_timeout(Some(SILENCE));
}

#[cfg(test)]
mod tests;
