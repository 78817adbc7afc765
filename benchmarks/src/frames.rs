//! From a frame on the wire to an event in the program, beside a bare loop that reads the same frames with
//! tokio-tungstenite and serde_json.
//!
//! Both sides run on one thread and read the same bytes from a server that only writes them. The bare loop
//! reads the fields that a bot needs to tell authors and conversations apart, and assembles replies. The
//! library also drops duplicates, routes by session, preserves unknown fields, and fills a queue.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use secondme_avatar::{AvatarClient, EventKind, Visitor};
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::Error;
use crate::flood::{Flood, PIECES};
use crate::report::{Report, median};

/// Replies of ten pieces and an end mark.
const REPLIES: usize = 30_000;
const FRAMES: usize = REPLIES * (PIECES + 1);

const RUNS: usize = 5;

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    let flood = Flood::start()?;
    for (acknowledge, bar) in [(false, 0.6), (true, 0.7)] {
        let (mut ratios, mut speeds) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let bare = bare(&flood, acknowledge)?;
            let ours = ours(&flood, acknowledge)?;
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

fn bare(flood: &Flood, acknowledge: bool) -> Result<Duration, Error> {
    runtime()?.block_on(async {
        let (mut socket, _) = tokio_tungstenite::connect_async(&flood.socket).await?;
        flood.begin(REPLIES);
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

fn ours(flood: &Flood, acknowledge: bool) -> Result<Duration, Error> {
    runtime()?.block_on(async {
        let client = AvatarClient::builder("sk-benchmark")?
            .base_url(flood.base.parse()?)
            .acknowledge(acknowledge)
            .build()?;
        let events = client.events();
        let _chat = client.open(Visitor::for_user("bench", "frames")?).await?;
        flood.begin(REPLIES);
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
