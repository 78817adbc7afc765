//! How figures grow: frames to events over the number of conversations, and the latency of a question over the load. The
//! memory over the number of conversations is of the row `scale`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secondme_avatar::{AvatarClient, Visitor};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::flood::{Flood, PIECES};
use crate::program::{self, Program};
use crate::report::{Report, median};
use crate::{Error, by_hand, frames};

/// On how many conversations the same number of replies is spread, and how often each is measured.
const CONVERSATIONS: [usize; 4] = [1, 10, 100, 1_000];
const REPLIES: usize = 30_000;
const RUNS: usize = 3;

/// Questions a second, for so long, over so many conversations.
const LOADS: [u32; 6] = [50, 100, 200, 400, 800, 1_600];
const SECONDS: u32 = 5;
const SPEAKERS: usize = 100;

const QUESTION: &str = "What can you tell me about yourself?";

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    events(report)?;
    tokio::runtime::Runtime::new()?.block_on(latency(report))
}

fn events(report: &mut Report) -> Result<(), Error> {
    let flood = Flood::start()?;
    let speed = |took: Duration| (REPLIES * (PIECES + 1)) as f64 / took.as_secs_f64() / 1e6;
    for conversations in CONVERSATIONS {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            bare.push(speed(frames::bare(&flood, true, conversations, REPLIES / conversations)?));
            ours.push(speed(frames::ours(&flood, true, conversations, REPLIES / conversations)?));
        }
        for (line, speeds) in [("library", ours), ("bare loop", bare)] {
            let what = format!("frames to events, acknowledged, {conversations} conversations, {line}");
            report.figure(&what, median(speeds), " M/s of a core", "");
            report.on_curve("events", line, conversations as f64);
        }
    }
    Ok(())
}

async fn latency(report: &mut Report) -> Result<(), Error> {
    let program = Program::start(&program::current()?).await?;
    let (base, key) = (&program.base_url, &program.api_key);
    let client = AvatarClient::builder(key)?.base_url(base.parse()?).quota(1_000_000).build()?;
    let http = by_hand::http()?;
    let (mut chats, mut hands) = (Vec::new(), Vec::new());
    for number in 0..SPEAKERS {
        chats.push(client.open(Visitor::for_user("bench", &number.to_string())?).await?);
        let visitor = Visitor::for_user("hand", &number.to_string())?;
        let opened = by_hand::open_to_talk(&http, base, key, visitor.id().as_str(), None).await?;
        hands.push(Arc::new(Mutex::new(opened)));
    }
    for load in LOADS {
        let ours = at_load(load, |number| {
            let question = chats[number % SPEAKERS].ask(QUESTION);
            async move { Ok(question.await.map(drop)?) }
        });
        let ours = ours.await?;
        for hand in &hands {
            hand.lock().await.ping().await?;
        }
        let hand = at_load(load, |number| {
            let hand = Arc::clone(&hands[number % SPEAKERS]);
            async move { hand.lock().await.ask(QUESTION).await }
        });
        let hand = hand.await?;
        for (hundredth, name) in [(50, "p50"), (99, "p99")] {
            for (who, delays) in [("library", &ours), ("by hand", &hand)] {
                let delay = delays[(delays.len() - 1) * hundredth / 100];
                let what = format!("ask at {load} questions a second, {who}, {name}");
                report.figure(&what, delay.as_secs_f64() * 1_000.0, " ms", "");
                report.on_curve("latency", &format!("{who}, {name}"), load.into());
            }
        }
    }
    program.end().await
}

/// How long each question took, in order. One is asked when its time has come, whether the others are answered or not.
async fn at_load<F, A>(load: u32, ask: F) -> Result<Vec<Duration>, Error>
where
    F: Fn(usize) -> A,
    A: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (began, mut asked) = (tokio::time::Instant::now(), JoinSet::new());
    for number in 0..load * SECONDS {
        tokio::time::sleep_until(began + Duration::from_secs(1) / load * number).await;
        let question = ask(number as usize);
        asked.spawn(async move {
            let started = Instant::now();
            question.await?;
            Ok::<_, Error>(started.elapsed())
        });
    }
    let mut delays = Vec::new();
    while let Some(delay) = asked.join_next().await {
        delays.push(delay??);
    }
    delays.sort();
    Ok(delays)
}
