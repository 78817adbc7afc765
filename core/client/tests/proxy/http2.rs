//! A service that speaks HTTP/2: one connection for all calls, and sockets as before.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use secondme_avatar::Visitor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::tls::{Ca, certificate};
use crate::{Stage, converse};

/// What a front was asked, over which connections.
#[derive(Default)]
struct Heard {
    /// What was agreed on for each connection.
    protocols: Mutex<Vec<Option<Vec<u8>>>>,
    requests: AtomicUsize,
}

impl Heard {
    fn count(&self, protocol: &[u8]) -> usize {
        let protocols = self.protocols.lock().unwrap();
        protocols.iter().filter(|agreed| agreed.as_deref() == Some(protocol)).count()
    }
}

/// Speaks HTTP/2 with clients that offer it, which it prefers, and passes all on to `behind`.
async fn front(ca: &Ca, behind: SocketAddr) -> (SocketAddr, Arc<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Heard::default());
    let mut config = ca.server(certificate());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (acceptor, hears) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&heard));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, heard) = (acceptor.clone(), Arc::clone(&hears));
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else { return };
                let protocol = near.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                let is_http2 = protocol.as_deref() == Some(b"h2");
                heard.protocols.lock().unwrap().push(protocol);
                if is_http2 {
                    let answer = service_fn(|request| pass_on(request, behind, Arc::clone(&heard)));
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(near), answer).await;
                } else if let Ok(mut far) = TcpStream::connect(behind).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    (address, heard)
}

async fn pass_on(
    request: Request<Incoming>,
    behind: SocketAddr,
    heard: Arc<Heard>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.version(), Version::HTTP_2);
    heard.requests.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().to_string();
    let mut onwards = Request::builder().method(head.method).uri(path).header("host", behind.to_string());
    onwards.headers_mut().unwrap().extend(head.headers);
    let onwards = onwards.body(Full::new(body.collect().await.unwrap().to_bytes())).unwrap();
    let stream = TokioIo::new(TcpStream::connect(behind).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender.send_request(onwards).await.unwrap().into_parts();
    let mut answer = Response::new(Full::new(body.collect().await.unwrap().to_bytes()));
    *answer.status_mut() = head.status;
    Ok(answer)
}

#[tokio::test]
async fn all_calls_go_over_one_connection_of_http2_and_the_socket_over_none_of_it() {
    let stage = Stage::new().await;
    let (service, heard) = front(&stage.ca, stage.emulator.address()).await;
    stage.emulator.configure(|settings| settings.socket_base = Some(format!("wss://{service}")));
    let builder = stage.builder().base_url(format!("https://{service}/gate/in").parse().unwrap());
    converse(&builder.build().unwrap()).await.unwrap();
    assert_eq!(heard.count(b"h2"), 1, "an opening takes one connection");
    assert_eq!(heard.count(b"http/1.1"), 1, "the socket");
    assert_eq!(heard.protocols.lock().unwrap().len(), 2);
    assert!(heard.requests.load(Ordering::SeqCst) >= 7);
}

/// Passes on to `behind` until it is told to swallow what comes over the connections that stand then.
async fn relay(behind: SocketAddr) -> (SocketAddr, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let swallow = Arc::new(Notify::new());
    let swallows = Arc::clone(&swallow);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let swallow = Arc::clone(&swallows);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(behind).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = swallow.notified() => std::future::pending().await,
                }
            });
        }
    });
    (address, swallow)
}

#[tokio::test]
async fn a_connection_of_http2_that_is_dead_is_found_out_by_pings_before_the_call_s_time_is_over() {
    let stage = Stage::new().await;
    let (service, heard) = front(&stage.ca, stage.emulator.address()).await;
    let (service, swallow) = relay(service).await;
    let failures = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&failures);
    let builder = stage.builder().base_url(format!("https://{service}/gate/in").parse().unwrap());
    let client =
        builder.on_call(move |call| told.lock().unwrap().extend(call.error.clone())).build().unwrap();
    let chat = client.open(Visitor::for_user("test", "ada").unwrap()).await.unwrap();
    assert_eq!(heard.count(b"h2"), 1);
    swallow.notify_waiters();
    chat.history(1, None).await.unwrap();
    let failures = failures.lock().unwrap();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let failure = failures[0].to_string();
    assert!(
        failure.contains("the connection to the service broke") && failure.contains("timed out"),
        "{failure}"
    );
    assert_eq!(heard.count(b"h2"), 2);
}
