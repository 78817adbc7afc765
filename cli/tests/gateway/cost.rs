//! What the gateway costs: `cargo test -p secondme-avatar-cli --test serve -- --ignored --nocapture cost`.
#![cfg(target_os = "linux")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secondme_avatar_emulator::brain::{Question, Reply, Step};
use secondme_avatar_emulator::{Emulator, Settings};

use crate::gateway::{Gateway, ask, until};

const STREAMS: usize = 500;

fn built() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, and not a test of what is right"]
async fn cost_of_the_first_piece() {
    let asked = Arc::new(Mutex::new(Instant::now()));
    let said = Arc::clone(&asked);
    let answer = move |_: Question| {
        let said = Arc::clone(&said);
        async move {
            let mut reply = Reply::text("one two three");
            reply.think = Some(Duration::ZERO.into());
            *said.lock().unwrap() = Instant::now();
            vec![Step::Reply(reply)]
        }
    };
    let emulator = Emulator::builder().answer_with(answer).start().await.unwrap();
    let gateway = Gateway::start(&emulator, &[]).await;
    let mut took = Vec::new();
    for number in 0..100 {
        let mut body = ask("ada", &format!("question {number}"));
        body["stream"] = true.into();
        let mut stream = gateway.open("/v1/chat/completions", Some(body)).await;
        until(&mut stream, "one").await;
        let spoken = *asked.lock().unwrap();
        took.push(spoken.elapsed());
        until(&mut stream, "[DONE]").await;
    }
    took.sort();
    let (median, last) = (took[took.len() / 2], took[took.len() - 5]);
    println!(
        "{} build: from the emulator's answer to the client's first piece {median:?}, 95th of 100 {last:?}",
        built()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, and not a test of what is right"]
async fn cost_of_many_streams() {
    let slow = |settings: &mut Settings| {
        settings.quota_per_minute = 1_000_000;
        settings.reply_delay = Duration::from_secs(10).into();
        settings.piece_delay = Duration::from_millis(200).into();
    };
    let emulator = Emulator::builder().configure(slow).start().await.unwrap();
    let gateway = Arc::new(Gateway::start(&emulator, &["--quota", "1000000"]).await);
    let before = gateway.memory("VmRSS");
    let mut streams = tokio::task::JoinSet::new();
    for person in 0..STREAMS {
        let gateway = Arc::clone(&gateway);
        streams.spawn(async move {
            let mut body = ask(&format!("person-{person}"), &"word ".repeat(20));
            body["stream"] = true.into();
            let mut stream = gateway.open("/v1/chat/completions", Some(body)).await;
            until(&mut stream, "[DONE]").await.len()
        });
    }
    let bytes: usize = streams.join_all().await.into_iter().sum();
    let peak = gateway.memory("VmHWM");
    println!(
        "{} build: {STREAMS} streams at once ({bytes} bytes): {peak:.1} MB at most, {before:.1} MB before",
        built()
    );
}
