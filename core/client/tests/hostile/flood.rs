//! A server that streams for ever: memory stays flat, whether its frames are wanted or not, and whether
//! the events are taken or not.
//!
//! Alone in its process, since it measures the memory of the whole process, as Linux reports it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "shared with the other tests")]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use server::{Act, SOCKET, Server, as_socket, open, text};
use tokio::io::AsyncWriteExt;

const MIB: usize = 1024 * 1024;

/// How long each flood lasts.
const WHILE: Duration = Duration::from_secs(1);

/// What this process has in memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

struct Flooded {
    /// The most that the process grew by.
    grown: usize,
    /// What the client's system took.
    sent: usize,
}

/// Streams what this makes, over one socket, to a client whose subscriber takes what comes, or does not.
async fn flood(takes: bool, frames: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Flooded {
    let sent = Arc::new(AtomicUsize::new(0));
    let (frames, counted) = (Arc::new(frames), Arc::clone(&sent));
    let server = Server::start(move |request| {
        if !request.is_to(SOCKET) {
            return Act::Well;
        }
        let (frames, sent) = (Arc::clone(&frames), Arc::clone(&counted));
        as_socket(request, move |stream| async move {
            let (mut reader, mut writer) = stream.into_split();
            // Acknowledgements are read, or the client would rightly stop.
            let listener =
                tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
            let mut number = 0;
            loop {
                let mut bytes = Vec::new();
                while bytes.len() < 16 * 1024 {
                    bytes.extend(frames(number));
                    number += 1;
                }
                if writer.write_all(&bytes).await.is_err() {
                    break;
                }
                sent.fetch_add(bytes.len(), Ordering::Relaxed);
            }
            listener.abort();
        })
    })
    .await;
    let client = server.client();
    let (all, own) = (client.events(), client.events());
    let _chat = open(&client).await.unwrap();
    let taker = tokio::spawn(async move {
        if !takes {
            // It has subscribed all the same.
            std::future::pending::<()>().await;
        }
        while all.ready().await && own.ready().await {
            drop((all.drain(1000), own.drain(1000)));
        }
    });
    let before = resident();
    let (began, mut most) = (Instant::now(), before);
    let mut looking = tokio::time::interval(Duration::from_millis(20));
    while began.elapsed() < WHILE {
        looking.tick().await;
        most = most.max(resident());
    }
    taker.abort();
    Flooded { grown: most - before, sent: sent.load(Ordering::Relaxed) }
}

fn said(session: &str, number: usize, index: i64, content: &str) -> Vec<u8> {
    text(&format!(
        r#"{{"sender":"umm","sessionId":"{session}","messageId":"m","seqId":"q{number}","index":{index},{content}}}"#
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_flat_against_a_server_that_streams_for_ever() {
    let words = |number: usize| said("s", number, 1, r#""multipleData":[{"modal":{"answer":"word "}}]"#);
    let elsewhere = |number: usize| said("x", number, 1, r#""multipleData":[{"modal":{"answer":"word "}}]"#);
    let unknown = |number: usize| text(&format!(r#"{{"type":"odd","sessionId":"s","seqId":"q{number}"}}"#));
    let nonsense = |_: usize| text("nonsense");
    let replies = |number: usize| {
        text(&format!(
            r#"{{"sender":"umm","sessionId":"s","messageId":"m{number}","seqId":"q{number}","index":0,"multipleData":[{{"modal":{{"answer":"a"}}}}]}}"#
        ))
    };
    let some = r#""multipleData":[{"modal":{"answer":"a"}}]"#;
    let card = r#""multipleData":[{"modal":{"template":"{\"templateName\":\"t\",\"params\":{\"a\":[{},{},{},{}]}}","speech":{"a":[{},{}]}}}],"sources":[{"a":1}]"#;
    let cards = move |number: usize| said("s", number, 1, card);
    // The longest frames: of text, then of trees, which take more than their text.
    let long = "x".repeat(3 * MIB);
    let longest = move |number: usize| said("s", number, 1, &format!(r#""data":{{"content":"{long}"}}"#));
    let trees = format!(r#""sources":[{}{{}}]"#, r#"{"a":0},"#.repeat(300_000));
    let trees = move |number: usize| said("s", number, 1, &format!("{trees},{some}"));
    let small_trees = format!(r#""sources":[{}{{}}]"#, r#"{"a":0},"#.repeat(30_000));
    let small_trees = move |number: usize| said("s", number, -1, &format!("{small_trees},{some}"));
    let long_names = "x".repeat(3 * MIB);
    let names = move |number: usize| {
        text(&format!(r#"{{"type":"odd","sessionId":"s","seqId":"{long_names}{number}"}}"#))
    };

    let bound = 160 * MIB;
    let mut told = String::new();
    for takes in [true, false] {
        let mut look = |what: &str, merges: bool, flooded: Flooded| {
            let (grown, sent) = (flooded.grown / MIB, flooded.sent / MIB);
            told.push_str(&format!("{what}, taken {takes}: {sent} MiB sent, {grown} MiB grown\n"));
            assert!(flooded.grown < bound, "{told}");
            assert!(flooded.sent > MIB / 4, "it has streamed at all: {told}");
            if !takes && !merges {
                // Both systems' buffers, the queue and what is on its way.
                assert!(flooded.sent < 128 * MIB, "the socket is read no further: {told}");
            }
        };
        // The pieces of one reply are put together while they wait, as far as a reply may grow.
        look("words", true, flood(takes, words).await);
        look("cards", true, flood(takes, cards).await);
        look("another session's", false, flood(takes, elsewhere).await);
        look("unknown", false, flood(takes, unknown).await);
        look("nonsense", false, flood(takes, nonsense).await);
        look("replies", false, flood(takes, replies).await);
        look("the longest", false, flood(takes, longest.clone()).await);
        look("trees", false, flood(takes, trees.clone()).await);
        look("small trees", false, flood(takes, small_trees.clone()).await);
        look("long names", false, flood(takes, names.clone()).await);
    }
    println!("{told}");
}
