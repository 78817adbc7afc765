//! The cost of the emulator's console: what a message costs the emulator, and its memory, with a reader of the
//! live feed and without one. With `BASE` each is compared with another emulator in the same run.
//!
//! The emulators run at the same time and take turns with small batches, so that whatever else the machine does
//! disturbs all of them alike. A batch's cost is processor time, not time on the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Client;
use secondme_avatar::Visitor;
use serde_json::Value;
use tokio::sync::Notify;

use crate::Error;
use crate::by_hand::{self, Opened};
use crate::program::{self, Program};
use crate::report::{Report, median};

/// Conversations that speak at the same time.
const CONVERSATIONS: usize = 16;

/// Messages of each conversation in a batch.
const MESSAGES: usize = 40;

/// Batches that each emulator has, and those before them that are not counted: the allocator and the journal
/// are full after these.
const BATCHES: usize = 24;
const WARM_UP: usize = 4;

/// The bar: at most this many times the cost of the base.
const BAR: f64 = 1.05;

/// An emulator that is measured.
struct Measured {
    program: Program,
    visitors: Vec<Opened>,
    reader: Option<Arc<Reader>>,
    /// The microseconds of processor time that a message cost, for each batch.
    costs: Vec<f64>,
}

/// A reader of the live feed, as the console's page is one.
#[derive(Default)]
struct Reader {
    /// The number of the journal's entry that it wants next.
    next: AtomicU64,
    read: Notify,
}

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    tokio::runtime::Runtime::new()?.block_on(run(report))
}

async fn run(report: &mut Report) -> Result<(), Error> {
    let http = by_hand::http()?;
    let current = program::current()?;
    let mut all = vec![Measured::start(&http, &current).await?, Measured::start(&http, &current).await?];
    all[1].read_along(&http).await?;
    if let Some(base) = program::base()? {
        all.push(Measured::start(&http, &base).await?);
    }
    let count = all.len();
    for batch in 0..WARM_UP + BATCHES {
        for place in 0..count {
            let one = &mut all[(place + batch) % count];
            let cost = one.batch(&http).await?;
            if batch >= WARM_UP {
                one.costs.push(cost);
            }
        }
    }
    let figure = |one: &Measured| Ok::<_, Error>((median(one.costs.clone()), one.program.resident_mib()?));
    let figures = all.iter().map(figure).collect::<Result<Vec<_>, _>>()?;
    let names = ["console closed", "console open"];
    let to_compare = match count {
        3 => vec![(0, 2, "the base"), (1, 2, "the base")],
        _ => vec![(1, 0, "closed")],
    };
    for (one, other, than) in to_compare {
        let ratios: Vec<_> = all[one].costs.iter().zip(&all[other].costs).map(|(a, b)| a / b).collect();
        let ((cost, mib), (other_cost, other_mib)) = (figures[one], figures[other]);
        let (low, high) = quartiles(ratios.clone());
        let aside = format!(
            "× {than} ({cost:.1} µs, {than} {other_cost:.1}; half of {} pairs between {low:.3} and {high:.3})",
            ratios.len()
        );
        let what = |of: &str| format!("emulator, {}: {of}", names[one]);
        report.at_most(&what("processor time of a message"), median(ratios), BAR, " ", &aside);
        let messages = CONVERSATIONS * MESSAGES * (WARM_UP + BATCHES);
        let aside = format!("× {than} ({mib:.1} MiB, {than} {other_mib:.1})");
        let what = what(&format!("resident memory after {messages} messages"));
        report.at_most(&what, mib / other_mib, BAR, " ", &aside);
    }
    for one in all {
        one.program.end().await?;
    }
    Ok(())
}

impl Measured {
    async fn start(http: &Client, path: &std::path::Path) -> Result<Self, Error> {
        let program = Program::start(path).await?;
        let mut visitors = Vec::new();
        for number in 0..CONVERSATIONS {
            let visitor = Visitor::for_user("bench", &number.to_string())?;
            let (base, key) = (&program.base_url, &program.api_key);
            visitors.push(by_hand::open_to_talk(http, base, key, visitor.id().as_str(), None).await?);
        }
        Ok(Self { program, visitors, reader: None, costs: Vec::new() })
    }

    /// Has a reader from now on, who has opened the first conversation.
    async fn read_along(&mut self, http: &Client) -> Result<(), Error> {
        let path = format!("live?session={}", self.visitors[0].session_id);
        let answer = self.program.control(http, "GET", &path).send().await?.error_for_status()?;
        let reader = Arc::<Reader>::default();
        self.reader = Some(Arc::clone(&reader));
        tokio::spawn(async move {
            let (mut answer, mut text) = (answer, Vec::new());
            while let Ok(Some(chunk)) = answer.chunk().await {
                text.extend_from_slice(&chunk);
                while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                    let event: Vec<u8> = text.drain(..end + 2).collect();
                    reader.take(&event);
                }
            }
        });
        Ok(())
    }

    /// One batch: the microseconds of processor time that each of its messages cost.
    async fn batch(&mut self, http: &Client) -> Result<f64, Error> {
        let before = self.program.cpu_time()?;
        let talks = self.visitors.iter_mut().map(|visitor| async {
            visitor.ping().await?;
            for number in 0..MESSAGES {
                visitor.ask(&format!("message {number}: what can you tell me about yourself?")).await?;
            }
            Ok::<_, Error>(())
        });
        futures_util::future::try_join_all(talks).await?;
        // What a reader is told of this batch belongs to it.
        let path = format!("journal?since={}", i64::MAX);
        let answer = self.program.control(http, "GET", &path).send().await?.error_for_status()?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let next = answer["next"].as_u64().ok_or("the journal does not say what comes next")?;
        if let Some(reader) = &self.reader {
            tokio::time::timeout(Duration::from_secs(20), reader.reaches(next)).await?;
        }
        let used = self.program.cpu_time()? - before;
        Ok(used.as_secs_f64() * 1e6 / (CONVERSATIONS * MESSAGES) as f64)
    }
}

impl Reader {
    /// An event of the feed: what the page does, which is to parse it.
    fn take(&self, event: &[u8]) {
        let text = String::from_utf8_lossy(event);
        let data = text.lines().find_map(|line| line.strip_prefix("data: "));
        let Some(Ok(data)) = data.map(serde_json::from_str::<Value>) else { return };
        if let Some(next) = data["next"].as_u64() {
            self.next.store(next, Ordering::Release);
            self.read.notify_waiters();
        }
    }

    /// Waits until all entries before this one have been told.
    async fn reaches(&self, next: u64) {
        loop {
            let read = self.read.notified();
            tokio::pin!(read);
            read.as_mut().enable();
            if self.next.load(Ordering::Acquire) >= next {
                return;
            }
            read.await;
        }
    }
}

/// What a quarter of the values is below, and above.
fn quartiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 4], values[values.len() * 3 / 4])
}
