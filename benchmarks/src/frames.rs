//! From a frame on the wire to an event in the program, beside a bare loop that reads the same frames with
//! tokio-tungstenite and serde_json.
//!
//! Both sides run on one thread and read the same bytes from a server that only writes them. The bare loop
//! reads the fields that a bot needs to tell authors and conversations apart, and assembles replies. The
//! library also drops duplicates, routes by session, preserves unknown fields, and fills a queue. What is measured is
//! the processor time of that thread, which other programs on the machine change little.
//!
//! How far the limit is, a row without a bar shows: a bare loop with fastwebsockets and sonic-rs.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fastwebsockets::{FragmentCollector, Role, WebSocket};
use futures_util::{SinkExt, StreamExt};
use nix::time::{ClockId, clock_gettime};
use secondme_avatar::{AvatarClient, EventKind, Visitor};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::Error;
use crate::by_hand::Socket;
use crate::flood::{Flood, PIECES};
use crate::report::{Report, median};

/// Replies of ten pieces and an end mark, and how often they are read. Fewer of both go through a profiler:
/// `REPLIES=300 REPEAT=1 valgrind --tool=callgrind …`.
const REPLIES: usize = 30_000;
const RUNS: usize = 5;

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    let flood = Flood::start()?;
    let (count, runs) = (asked("REPLIES", REPLIES)?, asked("REPEAT", RUNS)?);
    let frames = (count * (PIECES + 1)) as f64;
    for (acknowledge, bar) in [(false, 1.0), (true, 1.2)] {
        let (mut ratios, mut speeds) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            let bare = bare(&flood, acknowledge, 1, count)?;
            let ours = ours(&flood, acknowledge, 1, count)?;
            ratios.push(bare.div_duration_f64(ours));
            speeds.push(frames / ours.as_secs_f64() / 1e6);
        }
        let switch = if acknowledge { "on" } else { "off" };
        let what = format!("frames to events, acknowledgements {switch}, of a bare loop");
        report.at_least(&what, median(ratios), bar, "", &format!("({:.2} M frames/s)", median(speeds)));
    }
    let mut ratios = Vec::new();
    for _ in 0..runs {
        ratios.push(fastest(&flood, count)?.div_duration_f64(ours(&flood, false, 1, count)?));
    }
    let what = "frames to events, acknowledgements off, of fastwebsockets with sonic-rs";
    report.figure(what, median(ratios), "", "");
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

/// The replies that a bare loop puts together.
#[derive(Default)]
struct Replies {
    id: String,
    text: String,
    ended: usize,
}

impl Replies {
    fn take(&mut self, frame: Frame) -> Result<(), Error> {
        let owner = frame.sender == "client" && frame.send_user_id.as_deref() != Some("del3p");
        if frame.kind != "msg" || owner || frame.session_id != "session-1" {
            return Err("a frame that was not sent".into());
        }
        if self.id != frame.message_id {
            self.id = frame.message_id;
            self.text.clear();
        }
        for entry in frame.multiple_data {
            self.text.push_str(&entry.modal.answer);
        }
        self.ended += usize::from(frame.index == -1);
        Ok(())
    }
}

fn asked(name: &str, usual: usize) -> Result<usize, Error> {
    std::env::var(name)
        .map_or(Ok(usual), |asked| asked.parse())
        .map_err(|_| format!("{name} takes a number").into())
}

/// The processor time that this thread has used so far.
fn processor_time() -> Result<Duration, Error> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// The processor time of a bare loop for each of so many sockets, each of which gets so many replies.
pub(crate) fn bare(
    flood: &Flood,
    acknowledge: bool,
    sockets: usize,
    replies: usize,
) -> Result<Duration, Error> {
    runtime()?.block_on(async {
        let (mut loops, begun) = (JoinSet::new(), Arc::new(OnceLock::new()));
        for _ in 0..sockets {
            let (socket, _) = tokio_tungstenite::connect_async(&flood.socket).await?;
            loops.spawn(read(socket, acknowledge, replies, Arc::clone(&begun)));
        }
        flood.begin(replies);
        while let Some(ended) = loops.join_next().await {
            ended??;
        }
        Ok(processor_time()? - begun.get().copied().unwrap_or_default())
    })
}

/// A bare loop.
async fn read(
    mut socket: Socket,
    acknowledge: bool,
    count: usize,
    begun: Arc<OnceLock<Duration>>,
) -> Result<(), Error> {
    let mut replies = Replies::default();
    while let Some(message) = socket.next().await {
        if begun.get().is_none() {
            let _ = begun.set(processor_time()?);
        }
        if let Message::Text(text) = message? {
            let frame: Frame = serde_json::from_str(&text)?;
            if acknowledge {
                let ack = json!({ "type": "ack", "seqId": frame.seq_id, "wsId": "ws:1" });
                socket.feed(Message::text(ack.to_string())).await?;
            }
            replies.take(frame)?;
        }
        if replies.ended == count {
            return Ok(());
        }
    }
    Err("the bare loop lost its socket".into())
}

/// The processor time of one bare loop with the fastest libraries at hand, without acknowledgements.
fn fastest(flood: &Flood, count: usize) -> Result<Duration, Error> {
    runtime()?.block_on(async {
        let (socket, _) = tokio_tungstenite::connect_async(&flood.socket).await?;
        // Before it is told to begin, the server sends nothing.
        let socket = WebSocket::after_handshake(socket.into_inner(), Role::Client);
        let mut socket = FragmentCollector::new(socket);
        flood.begin(count);
        let (mut replies, mut begun) = (Replies::default(), None);
        while replies.ended < count {
            let frame = socket.read_frame().await?;
            if begun.is_none() {
                begun = Some(processor_time()?);
            }
            replies.take(sonic_rs::from_slice(&frame.payload)?)?;
        }
        Ok(processor_time()? - begun.unwrap_or_default())
    })
}

/// The same of the library.
pub(crate) fn ours(
    flood: &Flood,
    acknowledge: bool,
    conversations: usize,
    replies: usize,
) -> Result<Duration, Error> {
    runtime()?.block_on(async {
        let client = AvatarClient::builder("sk-benchmark")?
            .base_url(flood.base.parse()?)
            .acknowledge(acknowledge)
            .quota(1_000_000)
            .build()?;
        let events = client.events();
        for number in 0..conversations {
            client.open(Visitor::for_user("bench", &number.to_string())?).await?;
        }
        flood.begin(replies);
        let (count, mut replies, mut started) = (conversations * replies, 0, None);
        while events.ready().await {
            for event in events.drain(256) {
                match event.kind {
                    EventKind::ReplyDelta { .. } if started.is_none() => started = Some(processor_time()?),
                    EventKind::Reply(reply) => {
                        assert_eq!(reply.text.len(), PIECES * "piece 0 of a reply ".len());
                        replies += 1;
                    }
                    _ => {}
                }
            }
            if replies == count {
                return Ok(processor_time()? - started.unwrap_or_default());
            }
        }
        Err(format!("the events ended after {replies} replies").into())
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
