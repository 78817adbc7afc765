//! `make soak`: conversations come and go for minutes, and nothing may grow.

use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use secondme_avatar::{AvatarClient, Conversation, Visitor};
use secondme_avatar_chaos::number;
use secondme_avatar_emulator::Emulator;
use secondme_avatar_emulator::service::Millis;
use secondme_avatar_simulation::Chance;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many visitors come and go in parallel.
const SIDE_BY_SIDE: u64 = 20;

/// The time between two measurements.
const LOOK: Duration = Duration::from_secs(2);

/// The resources of the process while no conversation is open.
#[derive(Clone, Copy, Debug)]
struct Look {
    cycles: u64,
    /// Resident memory, in KiB.
    resident: u64,
    descriptors: usize,
    tasks: usize,
}

#[tokio::main]
#[allow(clippy::print_stdout)] // This is what it is for.
async fn main() -> Result<ExitCode, Failure> {
    if std::env::var_os("SOAK_EMULATOR").is_some() {
        return serve().await.map(|()| ExitCode::SUCCESS);
    }
    let minutes = number("MINUTES", 10);
    let (_service, base, key) = start_service().await?;
    println!("{minutes} minutes of conversations that come and go");
    let mut looks = Vec::new();
    let started = Instant::now();
    let end = started + Duration::from_secs(60 * minutes);
    let mut cycles = 0;
    let mut told = Instant::now();
    while Instant::now() < end {
        // The client comes and goes as well.
        let client = AvatarClient::builder(&key)?.base_url(base.parse()?).quota(1_000_000).build()?;
        let look = Instant::now() + LOOK;
        while Instant::now() < look {
            let lives = (0..SIDE_BY_SIDE).map(|number| {
                let (client, seed) = (client.clone(), cycles + number);
                tokio::spawn(async move { live(&client, seed).await })
            });
            for life in lives.collect::<Vec<_>>() {
                life.await??;
            }
            cycles += SIDE_BY_SIDE;
        }
        client.close().await;
        drop(client);
        looks.push(settled(cycles).await?);
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            print(started, looks.last());
        }
    }
    print(started, looks.last());
    Ok(if judge(&looks) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A visitor opens, talks, loses the connection, comes back, and leaves, in one of several ways.
async fn live(client: &AvatarClient, seed: u64) -> Result<(), Failure> {
    let mut chance = Chance::new(seed);
    let visitor = Visitor::for_user("soak", &format!("visitor {}", seed % 200))?;
    let chat = client.open(visitor).await?;
    let events = chat.events();
    match chance.below(6) {
        0 => {
            // Loses the connection and gets it back.
            chat.network_changed().await?;
            chat.ask("Are you still there?").await?;
        }
        1 => {
            let second = chat.new_session().await?;
            second.ask("In another session").await?;
            second.close().await?;
        }
        2 => {
            chat.pause().await?;
            chat.resume().await?;
            chat.send("I am back").await?;
        }
        3 => {
            // Gives up in the middle of an answer.
            let mut pieces = chat.stream("Tell me a long story about many things");
            pieces.next().await;
        }
        4 => drop(chat.history(10, None).await?),
        _ => drop(chat.ask("Hello").await?),
    }
    drop(events.drain(256));
    end(&chat, &mut chance).await
}

async fn end(chat: &Conversation, chance: &mut Chance) -> Result<(), Failure> {
    if chance.below(3) == 0 {
        chat.end().await?;
    } else {
        chat.close().await?;
    }
    Ok(())
}

/// Measures the process after everything has ended.
async fn settled(cycles: u64) -> Result<Look, Failure> {
    let mut before = look(cycles)?;
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = look(cycles)?;
        if now.tasks == before.tasks && now.descriptors == before.descriptors {
            return Ok(now);
        }
        before = now;
    }
}

fn look(cycles: u64) -> Result<Look, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let resident = resident.trim().trim_end_matches(" kB").parse()?;
    let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
    Ok(Look { cycles, resident, descriptors, tasks: Handle::current().metrics().num_alive_tasks() })
}

#[allow(clippy::print_stdout)]
fn print(started: Instant, look: Option<&Look>) {
    if let Some(Look { cycles, resident, descriptors, tasks }) = look {
        let seconds = started.elapsed().as_secs();
        println!(
            "{seconds:>5} s {cycles:>8} cycles {resident:>8} KiB {descriptors:>4} descriptors {tasks:>3} tasks"
        );
    }
}

/// Compares the first fifth after the warm-up with the last fifth.
#[allow(clippy::print_stdout)]
fn judge(looks: &[Look]) -> bool {
    let warm = &looks[looks.len() / 5..];
    let fifth = (warm.len() / 5).max(1);
    let mean = |looks: &[Look], of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / looks.len() as f64;
    let (first, last) = (&warm[..fifth], &warm[warm.len() - fifth..]);
    // There may be no tasks at all.
    let growth = |of: fn(&Look) -> f64| (mean(last, of) - mean(first, of)) / mean(first, of).max(1.0) * 100.0;
    let resident = growth(|look| look.resident as f64);
    let descriptors = growth(|look| look.descriptors as f64);
    let tasks = growth(|look| look.tasks as f64);
    println!(
        "growth after the warm-up: memory {resident:+.2} % (bar 1 %), descriptors {descriptors:+.2} %, tasks {tasks:+.2} %"
    );
    resident < 1.0 && descriptors <= 0.5 && tasks <= 0.5
}

/// The service is a process of its own, so only the client's memory is counted.
async fn serve() -> Result<(), Failure> {
    let emulator = Emulator::builder()
        .configure(|settings| {
            settings.quota_per_minute = 1_000_000;
            settings.journal = 0;
            settings.piece_delay = Millis(1);
            settings.reply_delay = Millis(1);
        })
        .start()
        .await?;
    announce(&emulator);
    std::future::pending().await
}

#[allow(clippy::print_stdout)]
fn announce(emulator: &Emulator) {
    println!("{} {}", emulator.base_url(), emulator.api_key());
}

async fn start_service() -> Result<(Child, String, String), Failure> {
    let mut service = Command::new(std::env::current_exe()?)
        .env("SOAK_EMULATOR", "yes")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(service.stdout.take().ok_or("no output")?).lines();
    let line = lines.next_line().await?.ok_or("the service has not started")?;
    let (base, key) = line.split_once(' ').ok_or("the service has said something else")?;
    Ok((service, base.to_owned(), key.to_owned()))
}
