//! Many live conversations in one process: the memory of each, the processor time at rest with all heartbeats, the widest
//! gap between two pings of one, and the time to open them all without the quota. The emulator is another process, which
//! is counted nowhere.
//!
//! An emulator has at most ten thousand of them, on an address of the loopback range of its own: neither its descriptors
//! nor the ports of an address would suffice for fifty thousand.

use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::stream::{self, TryStreamExt};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_gettime};
use secondme_avatar::{AvatarClient, Visitor};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::memory::{HEARTBEATS, by_hand_small, resident_kib};
use crate::program::{self, Program};
use crate::report::Report;
use crate::{Error, by_hand};

/// How many conversations are live, and whether the row watches them at rest; of the others it takes the memory alone.
const SIZES: [(usize, Watched); 5] = [
    (1_000, Watched::AtRest),
    (2_500, Watched::Opened),
    (5_000, Watched::Opened),
    (10_000, Watched::AtRest),
    (50_000, Watched::AtRest),
];

/// Opened before the measurement, as many at a time as later: the runtime, the connections of the HTTP client and the
/// allocator warm up.
const WARM_UP: usize = 200;

/// How many of them are opened at a time.
const AT_ONCE: usize = 64;

/// The most conversations of one emulator.
const OF_AN_EMULATOR: usize = 10_000;

/// Descriptors that a process needs beside its sockets.
const SPARE: usize = 400;

/// How long the conversations are watched at rest: four heartbeats of each.
const REST: Duration = Duration::from_secs(60);
const BEATS: u64 = 4;

/// The bars: KiB a conversation, percent of a core of ten thousand, and seconds between two pings.
const MEMORY_BAR: f64 = 6.5;
const PROCESSOR_BAR: f64 = 3.0;
const GAP_BAR: f64 = 16.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    Opened,
    AtRest,
}

/// What the measured process prints.
#[derive(Serialize, Deserialize)]
struct Figures {
    opening: f64,
    kib: f64,
    /// Percent of a core, where the conversations were watched at rest.
    processor: Option<f64>,
}

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    let most = allow_descriptors()?;
    for (count, watched) in SIZES {
        let of = format!("{} live conversations in one process", grouped(count));
        let needed = count + WARM_UP + SPARE;
        if needed > most {
            let reason =
                format!("they need {} open files, and the system allows {}", grouped(needed), grouped(most));
            report.left_out(&of, &reason);
            continue;
        }
        let (figures, gap) = tokio::runtime::Runtime::new()?.block_on(run(count, watched))?;
        let hand = match watched {
            Watched::AtRest if count <= OF_AN_EMULATOR => {
                Some(tokio::runtime::Runtime::new()?.block_on(run_by_hand(count))?)
            }
            _ => None,
        };
        let what = format!("{of}, memory each");
        match watched {
            Watched::AtRest => report.at_most(&what, figures.kib, MEMORY_BAR, " KiB", ""),
            Watched::Opened => report.figure(&what, figures.kib, " KiB", ""),
        }
        report.on_curve("memory", "library", count as f64);
        if let Some(kib) = hand {
            let what = format!("{} live sockets by hand, memory each", grouped(count));
            report.figure(&what, kib, " KiB", "(with small buffers and heartbeats)");
            report.on_curve("memory", "by hand", count as f64);
        }
        let speed = format!("({:.0} a second, {AT_ONCE} at a time)", count as f64 / figures.opening);
        report.figure(&format!("{of}, to open them without the quota"), figures.opening, " s", &speed);
        if let Some(processor) = figures.processor {
            let what = format!("{of}, processor at rest with all heartbeats");
            match count {
                10_000 => report.at_most(&what, processor, PROCESSOR_BAR, " % of a core", ""),
                _ => report.figure(&what, processor, " % of a core", ""),
            }
            let what = format!("{of}, widest gap between two pings of one");
            report.at_most(&what, gap, GAP_BAR, " s", "(as the emulators saw it)");
        }
    }
    Ok(())
}

/// The figures of a fresh process, and the widest gap between two pings, in seconds.
async fn run(count: usize, watched: Watched) -> Result<(Figures, f64), Error> {
    let mut emulators = Vec::new();
    for number in 0..count.div_ceil(OF_AN_EMULATOR) {
        let host = format!("127.0.0.{}", number + 1);
        emulators.push(Program::start_on(&program::current()?, &host).await?);
    }
    let key = emulators.first().ok_or("there is no emulator")?.api_key.clone();
    let rest = if watched == Watched::AtRest { REST.as_secs() } else { 0 };
    let mut arguments = vec![count.to_string(), rest.to_string(), key];
    arguments.extend(emulators.iter().map(|emulator| emulator.base_url.clone()));
    let (child, figures) = start("scale-of", &arguments).await?;

    // The conversations are live until the process is told to end.
    let http = by_hand::http()?;
    let (mut live, mut longest) = (0, 0);
    for emulator in &emulators {
        let sockets = emulator.state(&http).await?.sockets;
        live += sockets.len();
        longest = sockets.iter().map(|socket| socket.longest_silence).fold(longest, u64::max);
    }
    drop(child);
    if live != count + WARM_UP {
        return Err(format!("only {live} of {} sockets are live", count + WARM_UP).into());
    }
    for emulator in emulators {
        emulator.end().await?;
    }
    Ok((serde_json::from_str(&figures)?, longest as f64 / 1_000.0))
}

async fn run_by_hand(count: usize) -> Result<f64, Error> {
    let emulator = Program::start(&program::current()?).await?;
    let arguments = [count.to_string(), emulator.api_key.clone(), emulator.base_url.clone()];
    let (child, kib) = start("scale-by-hand", &arguments).await?;
    drop(child);
    emulator.end().await?;
    Ok(kib.parse()?)
}

/// Starts this program for a measurement, and waits for its line. It runs until the child is dropped.
async fn start(what: &str, arguments: &[String]) -> Result<(Child, String), Error> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(what)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().ok_or("the measured process has no standard output")?;
    let line = BufReader::new(stdout).lines().next_line().await?;
    Ok((child, line.ok_or_else(|| format!("the measurement {what} has failed"))?))
}

/// The measured process: opens, waits, prints its figures, and ends with standard input.
pub(crate) fn measure_one(arguments: &[String]) -> Result<(), Error> {
    let [count, rest, key, bases @ ..] = arguments else {
        return Err("scale-of takes a number, seconds, a key and base URLs".into());
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let (count, rest) = (count.parse()?, Duration::from_secs(rest.parse()?));
        let client = |base: &String| -> Result<_, Error> {
            Ok(AvatarClient::builder(key)?.base_url(base.parse()?).quota(1_000_000).build()?)
        };
        let clients = bases.iter().map(client).collect::<Result<Vec<_>, _>>()?;
        println!("{}", serde_json::to_string(&many(&clients, count, rest).await?)?);
        until_stdin_ends().await
    })
}

pub(crate) fn measure_by_hand(arguments: &[String]) -> Result<(), Error> {
    let [count, key, base] = arguments else {
        return Err("scale-by-hand takes a number, a key and a base URL".into());
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        println!("{}", by_hand_small(base, key, count.parse()?).await?);
        until_stdin_ends().await
    })
}

/// What was opened stays live meanwhile.
async fn until_stdin_ends() -> Result<(), Error> {
    let ended = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(ended).await??;
    Ok(())
}

async fn many(clients: &[AvatarClient], count: usize, rest: Duration) -> Result<Figures, Error> {
    open(clients, 0..WARM_UP).await?;
    let before = resident_kib()?;
    let started = Instant::now();
    open(clients, WARM_UP..WARM_UP + count).await?;
    let opening = started.elapsed().as_secs_f64();
    tokio::time::sleep(HEARTBEATS).await;
    let kib = (resident_kib()? - before) / count as f64;
    let processor = if rest.is_zero() { None } else { Some(at_rest(clients, count, rest).await?) };
    let live: usize = clients.iter().map(|client| client.stats().connected).sum();
    match live == count + WARM_UP {
        true => Ok(Figures { opening, kib, processor }),
        false => Err(format!("only {live} conversations are live").into()),
    }
}

/// The percent of a core that the process takes for so long.
async fn at_rest(clients: &[AvatarClient], count: usize, rest: Duration) -> Result<f64, Error> {
    let pings = || clients.iter().map(|client| client.stats().counters.pings).sum::<u64>();
    let (before, pings_before, started) = (processor_time()?, pings(), Instant::now());
    tokio::time::sleep(rest).await;
    let percent = (processor_time()? - before).div_duration_f64(started.elapsed()) * 100.0;
    let beats = pings() - pings_before;
    // At least one less than there is time for, of each.
    match beats >= (BEATS - 1) * count as u64 {
        true => Ok(percent),
        false => Err(format!("there were only {beats} heartbeats of {count} conversations").into()),
    }
}

async fn open(clients: &[AvatarClient], numbers: std::ops::Range<usize>) -> Result<(), Error> {
    let open = |number: usize| async move {
        let client = &clients[number % clients.len()];
        client.open(Visitor::for_user("bench", &number.to_string())?).await?;
        Ok::<_, Error>(())
    };
    stream::iter(numbers.map(Ok)).try_for_each_concurrent(AT_ONCE, open).await
}

/// The processor time that this process has used so far.
fn processor_time() -> Result<Duration, Error> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// Raises the limit of open files as far as the system allows, for this process and those it starts. Returns the limit.
pub(crate) fn allow_descriptors() -> Result<usize, Error> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}
