//! From a frame on the wire to an event in the program's hands, beside a bare loop that reads the same
//! frames with tokio-tungstenite and serde_json.
//!
//! Both sides run on one thread and read the same bytes from a server that does nothing but write
//! them. The bare loop reads the fields that a bot needs to tell who speaks in which conversation, and
//! puts replies together; the library also drops what comes twice, routes by session, keeps what it
//! does not know, and fills a queue.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use futures_util::{SinkExt, StreamExt};
use secondme_avatar::{AvatarClient, EventKind, Visitor};
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::Error;
use crate::report::{Report, median};

/// Replies of ten pieces and an end mark.
const REPLIES: usize = 30_000;
const PIECES: usize = 10;
const FRAMES: usize = REPLIES * (PIECES + 1);

const RUNS: usize = 5;

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    for (acknowledge, bar) in [(false, 0.6), (true, 0.7)] {
        let (mut ratios, mut speeds) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let bare = bare(acknowledge)?;
            let ours = ours(acknowledge)?;
            ratios.push(bare.div_duration_f64(ours));
            speeds.push(FRAMES as f64 / ours.as_secs_f64() / 1e6);
        }
        let switch = if acknowledge { "on" } else { "off" };
        let what = format!("frames to events, acknowledgements {switch}, of a bare loop");
        report.at_least(&what, median(ratios), bar, "", &format!("({:.2} M frames/s)", median(speeds)));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    sender: String,
    send_user_id: Option<String>,
    session_id: String,
    message_id: String,
    seq_id: String,
    index: i64,
    multiple_data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    modal: Modal,
}

#[derive(Deserialize)]
struct Modal {
    answer: String,
}

fn bare(acknowledge: bool) -> Result<Duration, Error> {
    let (address, begin) = serve_frames()?;
    runtime()?.block_on(async {
        let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/")).await?;
        begin.send(())?;
        let (mut reply_id, mut reply, mut replies, mut started) = (String::new(), String::new(), 0, None);
        while replies < REPLIES {
            let Some(message) = socket.next().await else {
                return Err("the bare loop lost its socket".into());
            };
            let started = started.get_or_insert_with(Instant::now);
            if let Message::Text(text) = message? {
                let frame: Frame = serde_json::from_str(&text)?;
                if acknowledge {
                    let ack = json!({ "type": "ack", "seqId": frame.seq_id, "wsId": "ws:1" });
                    socket.feed(Message::text(ack.to_string())).await?;
                }
                let owner = frame.sender == "client" && frame.send_user_id.as_deref() != Some("del3p");
                if frame.kind != "msg" || owner || frame.session_id != "session-1" {
                    return Err("a frame that was not sent".into());
                }
                if reply_id != frame.message_id {
                    reply_id = frame.message_id;
                    reply.clear();
                }
                for entry in frame.multiple_data {
                    reply.push_str(&entry.modal.answer);
                }
                if frame.index == -1 {
                    replies += 1;
                }
            }
            if replies == REPLIES {
                return Ok(started.elapsed());
            }
        }
        Err("no frames came".into())
    })
}

fn ours(acknowledge: bool) -> Result<Duration, Error> {
    let (address, begin) = serve_frames()?;
    let base = serve_calls(address)?;
    runtime()?.block_on(async {
        let client = AvatarClient::builder("sk-benchmark")?
            .base_url(format!("http://{base}").parse()?)
            .acknowledge(acknowledge)
            .build()?;
        let events = client.events();
        let _chat = client.open(Visitor::for_user("bench", "frames")?).await?;
        begin.send(())?;
        let (mut replies, mut started) = (0, None);
        while events.ready().await {
            for event in events.drain(256) {
                match event.kind {
                    EventKind::ReplyDelta { .. } => {
                        started.get_or_insert_with(Instant::now);
                    }
                    EventKind::Reply(reply) => {
                        assert_eq!(reply.text.len(), PIECES * "piece 0 of a reply ".len());
                        replies += 1;
                    }
                    _ => {}
                }
            }
            if replies == REPLIES {
                return Ok(started.map(|started| started.elapsed()).unwrap_or_default());
            }
        }
        Err(format!("the events ended after {replies} replies").into())
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A WebSocket server that writes all frames as fast as they are read, from a thread of its own, once
/// it is told to begin.
fn serve_frames() -> Result<(String, Sender<()>), Error> {
    let (begin, told) = channel();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let bytes = encoded_frames();
    thread::spawn(move || {
        // The client going away is how it ends.
        let _ = write_frames(&listener, &told, bytes);
    });
    Ok((address, begin))
}

fn write_frames(listener: &TcpListener, told: &Receiver<()>, bytes: &[u8]) -> Result<(), Error> {
    let (stream, _) = listener.accept()?;
    let socket = tungstenite::accept(stream)?;
    let mut stream: &TcpStream = socket.get_ref();
    let mut reader = stream.try_clone()?;
    thread::spawn(move || {
        let mut sink = vec![0; 64 * 1024];
        while reader.read(&mut sink).is_ok_and(|read| read > 0) {}
    });
    told.recv()?;
    stream.write_all(bytes)?;
    // Held until the client has read all and left.
    Ok(told.recv()?)
}

/// All frames, made once for all runs.
fn encoded_frames() -> &'static [u8] {
    static FRAMES: OnceLock<Vec<u8>> = OnceLock::new();
    FRAMES.get_or_init(encode_frames)
}

fn encode_frames() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAMES * 360);
    for reply in 0..REPLIES {
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

/// The page's calls, with the answers that lead to that server.
fn serve_calls(frames: String) -> Result<String, Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?.to_string();
    let answer = |data: serde_json::Value| {
        let body = json!({ "code": 0, "data": data }).to_string();
        move || std::future::ready(body.clone())
    };
    let auth = json!({
        "visitorToken": "t", "visitorUserId": "del3p", "visitorMindId": "487569763543990272",
        "avatarShareCode": "code", "avatarName": "Bench", "ownerUserId": "de4fh",
    });
    let router = Router::new()
        .route("/rest/open/avatar/auth", post(answer(auth)))
        .route("/rest/os/avatar/chat/init", post(answer(json!({ "mindId": "m", "opening": "" }))))
        .route(
            "/rest/general/ws/create",
            post(answer(json!({ "wsId": "ws:1", "address": format!("ws://{frames}/") }))),
        )
        .route("/rest/general/session/create", post(answer(json!({ "sessionId": "session-1" }))))
        .route("/rest/os/avatar/public/code", get(answer(json!({ "id": 67 }))))
        .route("/rest/os/avatar/chat/start", post(answer(json!(null))));
    thread::spawn(move || {
        let runtime = runtime()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await?;
            Ok::<(), Error>(())
        })
    });
    Ok(address)
}
