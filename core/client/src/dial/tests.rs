use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use futures_util::future::join_all;
use secondme_avatar_emulator::Emulator;
use secondme_avatar_protocol::{KnownSecrets, Secret, Visitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::client::AvatarClient;
use crate::proxy::ProxyChoice;
use crate::testing::BlackHole;
use crate::tls::Trust;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Resolves a host to an address that drops everything, and then to this machine.
fn half_dead(dead: IpAddr) -> Resolver {
    Resolver::asking(move |_| Ok(vec![dead, HERE]))
}

/// Much sooner than the connection to the dead address is given up: calls have 8 s for it, sockets 10 s.
const SOON: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_host_whose_first_address_swallows_everything_is_reached_by_calls_and_by_the_socket() {
    let dead = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let emulator = Emulator::builder().start().await.unwrap();
    let place = format!("avatar.test:{}", emulator.address().port());
    let _hole = BlackHole::at((dead, emulator.address().port()).into());
    emulator.configure(|settings| settings.socket_base = Some(format!("ws://{place}")));
    let mut builder = AvatarClient::builder(emulator.api_key()).unwrap().no_proxy().allow_insecure(true);
    builder = builder.base_url(format!("http://{place}/gate/in").parse().unwrap());
    builder.resolver = half_dead(dead);
    let client = builder.build().unwrap();
    let began = Instant::now();
    let chat = client.open(Visitor::for_user("test", "ada").unwrap()).await.unwrap();
    assert!(chat.ask("Hello").await.unwrap().text.contains("Hello"));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_socket_s_host_is_reached_though_the_dead_address_is_of_the_same_family() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let dead = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let _hole = BlackHole::at((dead, address.port()).into());
    let url = format!("ws://avatar.test:{}", address.port()).parse().unwrap();
    let dialer = dialer(dead, ProxyChoice::Direct);
    tokio::time::timeout(SOON, dialer.dial(&url)).await.unwrap().unwrap();
    assert!(listener.accept().await.is_ok());
}

fn dialer(dead: IpAddr, proxy: ProxyChoice) -> Dialer {
    Dialer {
        resolver: half_dead(dead),
        tls: Tls::new(Trust::default(), Vec::new()),
        proxies: Proxies::new(&proxy).unwrap(),
        user_agent: "agent/1".to_owned(),
        secrets: KnownSecrets::default(),
    }
}

#[tokio::test]
async fn a_proxy_whose_first_address_swallows_everything_is_reached_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dead = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let _hole = BlackHole::at((dead, port).into());
    let proxy = Secret::from(format!("http://proxy.test:{port}"));
    let dialer = dialer(dead, ProxyChoice::Url(proxy));
    let answers = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 24];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"CONNECT service.test:80 ");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        stream
    };
    let url = "ws://service.test".parse().unwrap();
    let dialed = async { tokio::join!(dialer.dial(&url), answers).0 };
    tokio::time::timeout(SOON, dialed).await.unwrap().unwrap();
}

#[tokio::test]
async fn while_a_name_server_hangs_all_give_up_in_time_and_a_few_lookups_wait() {
    let (let_go, asked) = (Arc::new((Mutex::new(false), Condvar::new())), Arc::new(AtomicUsize::new(0)));
    let (lets_go, counted) = (Arc::clone(&let_go), Arc::clone(&asked));
    let mut builder = AvatarClient::builder("sk-0123456789abcdef").unwrap().no_proxy().allow_insecure(true);
    builder = builder.base_url("http://avatar.test/gate/in".parse().unwrap()).quota(1000);
    builder.resolver = Resolver::asking(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let (answers, changed) = &*lets_go;
        drop(changed.wait_while(answers.lock().unwrap(), |answers| !*answers).unwrap());
        Ok(vec![HERE])
    });
    let client = builder.build().unwrap();
    let opens = (0..300).map(|user| {
        let visitor = Visitor::for_user("test", &user.to_string()).unwrap();
        client.open(visitor).deadline(Duration::from_secs(2)).into_future()
    });
    let began = Instant::now();
    for opened in join_all(opens).await {
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Deadline);
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    *let_go.0.lock().unwrap() = true;
    let_go.1.notify_all();
}
