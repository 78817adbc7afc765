//! A service that only writes frames, as fast as they are read.
//!
//! It answers the calls of the vendor's API page that lead to its socket. When told to, it writes streamed
//! replies to all connections, from one thread for each, with the same bytes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;

use crate::Error;

/// The pieces of a reply; an end mark follows.
pub(crate) const PIECES: usize = 10;

/// The service, for the life of the process.
#[derive(Clone)]
pub(crate) struct Flood {
    /// The base URL of its calls.
    pub(crate) base: String,
    /// The address of its socket.
    pub(crate) socket: String,
    rounds: Arc<Rounds>,
}

/// What is to be written next.
#[derive(Default)]
struct Rounds {
    last: Mutex<Round>,
    wake: Condvar,
}

#[derive(Clone, Default)]
struct Round {
    number: usize,
    /// The replies of all rounds so far: each has its own id.
    replies: usize,
    bytes: Arc<Vec<u8>>,
}

#[derive(Deserialize)]
struct Begin {
    replies: usize,
}

impl Flood {
    pub(crate) fn start() -> Result<Self, Error> {
        let (calls, sockets) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        calls.set_nonblocking(true)?;
        let flood = Self {
            base: format!("http://{}", calls.local_addr()?),
            socket: format!("ws://{}/", sockets.local_addr()?),
            rounds: Arc::default(),
        };
        let router = flood.calls();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(calls)?, router).await?;
                Ok::<(), Error>(())
            })
        });
        let rounds = Arc::clone(&flood.rounds);
        thread::spawn(move || {
            for stream in sockets.incoming().flatten() {
                let rounds = Arc::clone(&rounds);
                // It ends when the client closes the connection.
                thread::spawn(move || rounds.write_to(stream));
            }
        });
        Ok(flood)
    }

    /// Serves until standard input ends. Prints its addresses as a line of JSON.
    #[allow(clippy::print_stdout, reason = "the line that the parent process reads")]
    pub(crate) fn serve() -> Result<(), Error> {
        let flood = Self::start()?;
        println!("{}", json!({ "base_url": flood.base, "frames_per_reply": PIECES + 1 }));
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
        Ok(())
    }

    /// Begins to write this many replies to all connections.
    pub(crate) fn begin(&self, replies: usize) {
        self.rounds.begin(replies);
    }

    fn calls(&self) -> Router {
        let auth = json!({
            "visitorToken": "t", "visitorUserId": "del3p", "visitorMindId": "487569763543990272",
            "avatarShareCode": "code", "avatarName": "Bench", "ownerUserId": "de4fh",
        });
        let answer = |data: Value| {
            let body = json!({ "code": 0, "data": data });
            move || std::future::ready(Json(body.clone()))
        };
        let begin = |State(rounds): State<Arc<Rounds>>, Json(Begin { replies }): Json<Begin>| async move {
            rounds.begin(replies);
        };
        Router::new()
            .route("/rest/open/avatar/auth", post(answer(auth)))
            .route("/rest/os/avatar/chat/init", post(answer(json!({ "mindId": "m", "opening": "" }))))
            .route("/rest/general/ws/create", post(answer(json!({ "wsId": "ws:1", "address": self.socket }))))
            .route("/rest/general/session/create", post(answer(json!({ "sessionId": "session-1" }))))
            .route("/rest/os/avatar/public/code", get(answer(json!({ "id": 67 }))))
            .route("/rest/os/avatar/chat/start", post(answer(json!(null))))
            .route("/_bench/begin", post(begin))
            .with_state(Arc::clone(&self.rounds))
    }
}

impl Rounds {
    fn begin(&self, replies: usize) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = encode(last.replies..last.replies + replies);
        *last = Round { number: last.number + 1, replies: last.replies + replies, bytes: Arc::new(bytes) };
        self.wake.notify_all();
    }

    fn write_to(&self, stream: TcpStream) -> Result<(), Error> {
        let mut seen = self.last.lock().unwrap_or_else(PoisonError::into_inner).number;
        let socket = tungstenite::accept(stream)?;
        let mut stream: &TcpStream = socket.get_ref();
        let mut reader = stream.try_clone()?;
        thread::spawn(move || {
            let mut sink = vec![0; 64 * 1024];
            while reader.read(&mut sink).is_ok_and(|read| read > 0) {}
        });
        loop {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let last = self.wake.wait_while(last, |round| round.number == seen);
            let round = last.unwrap_or_else(PoisonError::into_inner).clone();
            seen = round.number;
            stream.write_all(&round.bytes)?;
        }
    }
}

fn encode(replies: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(replies.len() * (PIECES + 1) * 360);
    for reply in replies {
        for piece in 0..=PIECES {
            let index = if piece == PIECES { -1 } else { i64::try_from(piece).unwrap_or(0) };
            let answer = if index < 0 { String::new() } else { format!("piece {piece} of a reply ") };
            let frame = json!({
                "type": "msg", "sender": "umm", "sendUserId": "de4fh", "sessionId": "session-1",
                "messageId": format!("reply-{reply}"), "seqId": format!("{reply}-{piece}_____1774580000000"),
                "index": index, "wsId": "ws:1", "timestamp": 1_774_580_000_000_u64, "dataType": "text",
                "multipleData": [{ "singleDataType": "text", "modal": { "answer": answer } }],
            })
            .to_string();
            bytes.push(0x81);
            match u8::try_from(frame.len()) {
                Ok(length) if length < 126 => bytes.push(length),
                _ => {
                    bytes.push(126);
                    bytes.extend_from_slice(&u16::try_from(frame.len()).unwrap_or(0).to_be_bytes());
                }
            }
            bytes.extend_from_slice(frame.as_bytes());
        }
    }
    bytes
}
