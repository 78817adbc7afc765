//! A tunnel through a proxy, made with `CONNECT`.

use secondme_avatar_protocol::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::proxy::Proxy;

/// The longest head of an answer that is read.
const HEAD_BYTES: usize = 8 * 1024;

/// The most headers of an answer.
const HEADERS: usize = 64;

/// Asks the proxy at the other end to connect to `host` (IPv6 in brackets) and `port`. Afterwards the stream
/// leads there.
pub(crate) async fn dig(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    proxy: &Proxy,
    (host, port): (&str, u16),
    user_agent: &str,
) -> Result<(), Error> {
    let mut request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {user_agent}\r\n")
            .into_bytes();
    if let Some(authorization) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let broken = |error: std::io::Error| proxy.broken(&error).caused_by(error);
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;

    let mut head = Vec::with_capacity(512);
    loop {
        if head.len() >= HEAD_BYTES {
            return Err(proxy.broken("its answer has no end"));
        }
        // Never reads beyond the bound.
        let room = HEAD_BYTES - head.len();
        let read = (&mut *stream).take(room as u64).read_buf(&mut head).await.map_err(broken)?;
        if read == 0 {
            return Err(proxy.broken("it ended the connection"));
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        match answer.parse(&head) {
            Ok(httparse::Status::Partial) => {}
            Ok(httparse::Status::Complete(end)) => {
                return match answer.code.unwrap_or_default() {
                    // The service never speaks first, neither in TLS nor in a WebSocket handshake.
                    200..300 if end < head.len() => Err(proxy.broken("it speaks in the service's place")),
                    200..300 => Ok(()),
                    // Some proxies say 401 for wrong credentials.
                    401 | 407 => Err(proxy.wants_credentials()),
                    status => Err(proxy.refused(Some(status))),
                };
            }
            Err(_) => return Err(proxy.broken("what answers there is no HTTP proxy")),
        }
    }
}

#[cfg(test)]
mod tests {
    use secondme_avatar_protocol::{ErrorKind, Secret};
    use tokio::io::duplex;

    use super::*;
    use crate::proxy::{Proxies, ProxyChoice};

    fn proxy(url: &str) -> std::sync::Arc<Proxy> {
        let proxies = Proxies::new(&ProxyChoice::Url(Secret::from(url.to_owned()))).unwrap();
        proxies.of(&"wss://service:444".parse().unwrap()).unwrap().unwrap()
    }

    /// Returns the result, and what the proxy received.
    async fn dig_through(url: &str, answer: &[u8]) -> (Result<(), Error>, String) {
        let (mut near, mut far) = duplex(64 * 1024);
        let proxy = proxy(url);
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        let result = dig(&mut near, &proxy, ("[2001:db8::1]", 444), "agent/1").await;
        drop(near);
        let mut heard = String::new();
        far.read_to_string(&mut heard).await.unwrap();
        (result, heard)
    }

    #[tokio::test]
    async fn the_proxy_is_asked_for_host_and_port_with_its_credentials() {
        let answer = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
        let (result, heard) = dig_through("http://ada:pw@proxy:1", answer).await;
        result.unwrap();
        assert_eq!(
            heard,
            "CONNECT [2001:db8::1]:444 HTTP/1.1\r\nHost: [2001:db8::1]:444\r\nUser-Agent: agent/1\r\n\
             Proxy-Authorization: Basic YWRhOnB3\r\n\r\n"
        );
        let (_, heard) = dig_through("proxy:1", answer).await;
        assert!(!heard.contains("Authorization"));
    }

    #[tokio::test]
    async fn whatever_a_proxy_says_instead_is_its_fault_and_bounded() {
        let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 20_000]].concat();
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(1000));
        for (answer, says) in [
            (b"HTTP/1.1 407 No\r\n\r\n".as_slice(), "does not accept the user name"),
            (b"HTTP/1.1 401 No\r\n\r\n", "does not accept the user name"),
            (b"HTTP/1.1 403 No\r\n\r\n", "refused to connect to the service (HTTP 403)"),
            (b"HTTP/1.0 502 No\r\nA: b\r\n\r\n<html>", "(HTTP 502)"),
            (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere\r\n\r\n", "(HTTP 302)"),
            (b"SSH-2.0-OpenSSH\r\n", "no HTTP proxy"),
            (b"", "ended the connection"),
            (b"HTTP/1.1 200 OK\r\n", "ended the connection"),
            (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101", "in the service's place"),
            (&endless, "no end"),
            (many.as_bytes(), "no HTTP proxy"),
        ] {
            let error = dig_through("ada:hush@proxy:1", answer).await.0.unwrap_err();
            let text = format!("{error}");
            assert_eq!(error.kind(), ErrorKind::ConnectionFailed);
            assert!(text.starts_with("the proxy at proxy:1 ") && text.contains(says), "{says}: {text}");
            assert!(!format!("{error:?}").contains("hush"));
        }
        let error = dig_through("proxy:1", b"HTTP/1.1 407 No\r\n\r\n").await.0.unwrap_err();
        assert!(error.to_string().contains("http://user:password@host:port"), "{error}");
    }
}
