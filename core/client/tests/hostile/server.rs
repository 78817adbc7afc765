//! A server by hand, which answers as the service would, except where it misbehaves on purpose.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secondme_avatar::{AvatarClient, ClientBuilder, Conversation, Error, Visitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) const AUTH: &str = "/rest/open/avatar/auth";
pub(crate) const SOCKET: &str = "/socket";

/// What the server heard.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Over which connection it came: they are counted from 0.
    pub(crate) connection: usize,
}

/// What it does about it.
pub(crate) enum Act {
    /// As the service would.
    Well,
    /// A success with this `data`.
    Data(String),
    /// Exactly these bytes.
    Bytes(Vec<u8>),
    /// These, and it ends the connection.
    Last(Vec<u8>),
    /// The rest of the connection is in these hands.
    Take(Hands),
}

type Hands = Box<dyn FnOnce(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
}

impl Server {
    pub(crate) async fn start(act: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Heard::default());
        let (act, counted) = (Arc::new(act), Arc::clone(&heard));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = counted.connections.fetch_add(1, Ordering::Relaxed);
                let (act, heard) = (Arc::clone(&act), Arc::clone(&counted));
                tokio::spawn(async move { serve(stream, connection, address, &*act, &heard).await });
            }
        });
        Self { address, heard }
    }

    pub(crate) fn client(&self) -> AvatarClient {
        self.builder("sk-hostile").build().unwrap()
    }

    pub(crate) fn builder(&self, key: &str) -> ClientBuilder {
        let builder = AvatarClient::builder(key).unwrap();
        builder.base_url(format!("http://{}/gate/in", self.address).parse().unwrap())
    }

    pub(crate) fn connections(&self) -> usize {
        self.heard.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.heard.requests.lock().unwrap().clone()
    }

    pub(crate) fn requests_to(&self, path: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.is_to(path)).collect()
    }
}

impl Request {
    pub(crate) fn is_to(&self, path: &str) -> bool {
        self.target.contains(path)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The visitor that all these tests have.
pub(crate) fn ada() -> Visitor {
    Visitor::for_user("test", "ada").unwrap()
}

pub(crate) async fn open(client: &AvatarClient) -> Result<Conversation, Error> {
    client.open(ada()).deadline(Duration::from_secs(4)).await
}

pub(crate) fn taking<F>(hands: impl FnOnce(TcpStream) -> F + Send + 'static) -> Act
where
    F: Future<Output = ()> + Send + 'static,
{
    Act::Take(Box::new(move |stream| Box::pin(hands(stream))))
}

/// Accepts the handshake of a socket, and gives it into these hands.
pub(crate) fn as_socket<F>(request: &Request, hands: impl FnOnce(TcpStream) -> F + Send + 'static) -> Act
where
    F: Future<Output = ()> + Send + 'static,
{
    let key = derive_accept_key(request.header("sec-websocket-key").unwrap_or_default().as_bytes());
    let accepted = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    taking(move |mut stream| async move {
        if stream.write_all(accepted.as_bytes()).await.is_ok() {
            hands(stream).await;
        }
    })
}

/// Reads whatever comes, until the other side ends it.
pub(crate) async fn listen(mut stream: TcpStream) {
    let mut heard = [0; 4096];
    while stream.read(&mut heard).await.is_ok_and(|read| read > 0) {}
}

/// Writes the same bytes again and again until the other side ends it, or so often. Says how many bytes
/// were taken.
pub(crate) async fn pour(stream: &mut TcpStream, bytes: &[u8], times: usize) -> usize {
    for round in 0..times {
        if stream.write_all(bytes).await.is_err() {
            return round * bytes.len();
        }
    }
    times * bytes.len()
}

/// A frame of a server, which has no mask.
pub(crate) fn frame(opcode: u8, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame_head(opcode, fin, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

pub(crate) fn frame_head(opcode: u8, fin: bool, length: u64) -> Vec<u8> {
    let mut bytes = vec![opcode | if fin { 0x80 } else { 0 }];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => bytes.push(short),
        (_, Ok(medium)) => {
            bytes.push(126);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes
}

pub(crate) fn text(payload: &str) -> Vec<u8> {
    frame(1, true, payload.as_bytes())
}

/// An answer with this body.
pub(crate) fn answer(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// What the service says to a request that is well.
pub(crate) fn data(target: &str, address: SocketAddr) -> String {
    let path = target.split('?').next().unwrap_or(target).trim_start_matches("/gate/in");
    match path {
        AUTH => concat!(
            r#"{"visitorToken":"t","visitorUserId":"u","visitorMindId":"487569763543990272","#,
            r#""visitorUserName":"Ada","avatarShareCode":"share","avatarName":"A","ownerUserId":"o"}"#
        )
        .to_owned(),
        "/rest/os/avatar/chat/init" => {
            r#"{"mindId":"m","avatarName":"A","ownerUserId":"o","opening":""}"#.to_owned()
        }
        "/rest/general/ws/create" => format!(r#"{{"wsId":"w","address":"ws://{address}{SOCKET}"}}"#),
        "/rest/general/session/create" => r#"{"sessionId":"s"}"#.to_owned(),
        path if path.starts_with("/rest/os/avatar/public/") => r#"{"id":7}"#.to_owned(),
        path if path.starts_with("/rest/general/message/") && !path.ends_with("send") => "[]".to_owned(),
        _ => "null".to_owned(),
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    address: SocketAddr,
    act: &(impl Fn(&Request) -> Act + Send + Sync),
    heard: &Heard,
) {
    while let Some(request) = read(&mut stream, connection).await {
        let act = act(&request);
        heard.requests.lock().unwrap().push(request.clone());
        let act = match act {
            Act::Well if request.is_to(SOCKET) => as_socket(&request, listen),
            Act::Well => Act::Data(data(&request.target, address)),
            other => other,
        };
        let written = match act {
            Act::Take(hands) => return hands(stream).await,
            Act::Data(data) => {
                stream.write_all(&answer(format!(r#"{{"code":0,"data":{data}}}"#).as_bytes())).await
            }
            Act::Bytes(bytes) => stream.write_all(&bytes).await,
            Act::Last(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Act::Well => unreachable!("said above"),
        };
        if written.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, connection: usize) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { target, headers, body: String::from_utf8_lossy(&body).into_owned(), connection })
}
