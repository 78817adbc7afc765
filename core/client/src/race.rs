//! Connects to the first of a host's addresses that answers (Happy Eyeballs, RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

/// The time before the next address is tried in parallel, as RFC 8305 recommends.
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to the first address that answers. The next address is tried after [`STAGGER`], or at once if one
/// fails. If all fail, returns the last failure, or an earlier one that says more.
pub(crate) async fn connect(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = interleave(addresses).into_iter();
    let mut attempts = FuturesUnordered::new();
    attempts.extend(waiting.next().map(TcpStream::connect));
    let mut failure: Option<io::Error> = None;
    loop {
        let stagger = async {
            match waiting.len() {
                0 => std::future::pending().await,
                _ => tokio::time::sleep(STAGGER).await,
            }
        };
        tokio::select! {
            biased;
            attempt = attempts.next() => match attempt {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) if failure.as_ref().is_none_or(|earlier| says_more(&error, earlier)) => {
                    failure = Some(error);
                }
                Some(Err(_)) => {}
                None => {
                    let none = || io::Error::new(io::ErrorKind::NotFound, "the host's name has no address");
                    return Err(failure.unwrap_or_else(none));
                }
            },
            () = stagger => {}
        }
        attempts.extend(waiting.next().map(TcpStream::connect));
    }
}

/// Alternates the address families, beginning with that of the first address. Keeps the order within each
/// family.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().copied() else {
        return addresses;
    };
    let (own, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first.is_ipv6());
    let mut ordered = Vec::with_capacity(own.len() + other.len());
    let (mut own, mut other) = (own.into_iter(), other.into_iter());
    loop {
        let before = ordered.len();
        ordered.extend(own.next());
        ordered.extend(other.next());
        if ordered.len() == before {
            return ordered;
        }
    }
}

/// "No route" says little: a machine without IPv6 has no route to half of the addresses.
fn says_more(error: &io::Error, earlier: &io::Error) -> bool {
    let is_no_way = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable)
    };
    is_no_way(earlier) || !is_no_way(error)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener as Listener};
    use std::time::Instant;

    use tokio::net::TcpListener;

    use super::*;
    use crate::testing::BlackHole;

    #[test]
    fn the_families_take_turns() {
        let order = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            interleave(addresses).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let (a, b, c) = ("[::1]:1", "[::2]:1", "[::3]:1");
        let (x, y) = ("1.1.1.1:1", "2.2.2.2:1");
        assert_eq!(order(&[a, b, c, x, y]), [a, x, b, y, c]);
        assert_eq!(order(&[x, y, a]), [x, a, y]);
        assert_eq!(order(&[x]), [x]);
        assert!(order(&[]).is_empty());
    }

    #[tokio::test]
    async fn an_address_that_swallows_everything_costs_a_quarter_of_a_second() {
        let hole = BlackHole::open();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let began = Instant::now();
        let stream = connect(vec![hole.address, listener.local_addr().unwrap()]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        assert!(began.elapsed() >= STAGGER, "the first address had its time");
        assert!(began.elapsed() < 8 * STAGGER, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn an_address_that_refuses_costs_nothing_and_the_failure_is_said_once_all_have_failed() {
        let refusing = Listener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(connect(vec![refusing, address]).await.unwrap().peer_addr().unwrap(), address);
        let error = connect(vec![refusing, refusing]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(connect(Vec::new()).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_has_no_way_says_less_than_what_refuses() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let no_way = io::Error::from(io::ErrorKind::NetworkUnreachable);
        assert!(says_more(&refused, &no_way) && !says_more(&no_way, &refused));
    }
}
