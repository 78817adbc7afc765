//! A process with a store on disk, killed at random moments and started again.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secondme_avatar::{AvatarClient, Delivery, SqliteStore, Visitor};
use secondme_avatar_emulator::Emulator;
use secondme_avatar_simulation::Chance;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::accounts::Verdict;
use crate::diary::{self, Diary};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long the last process may take to become idle.
const REST: Duration = Duration::from_secs(120);

/// How often a process is killed, and how many visitors it has.
#[derive(Clone, Debug)]
pub struct Crash {
    /// Decides the moments.
    pub seed: u64,
    /// How many kills.
    pub kills: u64,
    /// Visitors of each process.
    pub visitors: usize,
    /// What happens to unconfirmed messages.
    pub delivery: Delivery,
}

/// The result.
#[derive(Debug)]
pub struct CrashReport {
    /// The comparison of the two sides.
    pub verdict: Verdict,
    /// Messages that processes reported as stored.
    pub kept: usize,
    /// Kills of a process that was already at work.
    pub at_work: u64,
    /// How often another program opened and closed the store's file.
    pub looks: u64,
    /// Processes that were frozen for a while before.
    pub frozen: u64,
}

impl Crash {
    /// Starts and kills processes, lets the last one become idle, and counts. `child` is the program whose
    /// `main` calls [`work`].
    pub async fn run(&self, child: &Path, folder: &Path) -> Result<CrashReport, Failure> {
        let emulator = Emulator::builder()
            .seed(self.seed)
            .configure(|settings| {
                settings.quota_per_minute = 100_000;
                settings.journal = 0;
                settings.piece_delay = secondme_avatar_emulator::service::Millis(5);
            })
            .start()
            .await?;
        let mut chance = Chance::new(self.seed);
        let (mut at_work, mut looks, mut frozen) = (0, 0, 0);
        for process in 0..self.kills {
            let mut running = self.start(&emulator, child, folder, process, false)?;
            let mut lines = BufReader::new(running.stdout.take().ok_or("no output")?).lines();
            // Most processes are at work when they are killed; some have hardly begun.
            if !chance.per_mille(100) {
                lines.next_line().await?.ok_or("the process has ended too early")?;
                at_work += 1;
            }
            let moment = chance.below(120);
            looks += look(&store_of(folder), chance.below(3))?;
            tokio::time::sleep(Duration::from_millis(moment)).await;
            looks += look(&store_of(folder), chance.below(3))?;
            if chance.per_mille(80) {
                frozen += u64::from(freeze(&running, chance.millis(&[300, 1_500, 4_000])).await?);
            }
            if chance.below(2) == 0 {
                owner_speaks(&mut chance, &emulator, process);
            }
            tokio::time::sleep(Duration::from_millis(chance.below(40))).await;
            running.start_kill()?;
            running.wait().await?;
            if chance.below(3) == 0 {
                owner_speaks(&mut chance, &emulator, process); // While no process runs.
            }
        }
        let mut last = self.start(&emulator, child, folder, self.kills, true)?;
        let ended =
            tokio::time::timeout(REST, last.wait()).await.map_err(|_| "it does not become idle")??;
        if !ended.success() {
            return Err(format!("the last process has failed: {ended}").into());
        }
        let account = diary::read(&diary_of(folder))?;
        let verdict = account.against(&emulator.state());
        let kept = account.sent.len();
        emulator.stop().await;
        if looks == 0 {
            return Err("no program has opened the store".into());
        }
        Ok(CrashReport { verdict, kept, at_work, looks, frozen })
    }

    fn start(
        &self,
        emulator: &Emulator,
        child: &Path,
        folder: &Path,
        process: u64,
        is_last: bool,
    ) -> io::Result<Child> {
        Command::new(child)
            .env("CRASH_FOLDER", folder)
            .env("CRASH_BASE", emulator.base_url())
            .env("CRASH_KEY", emulator.api_key())
            .env("CRASH_PROCESS", process.to_string())
            .env("CRASH_VISITORS", self.visitors.to_string())
            .env("CRASH_AT_LEAST_ONCE", if self.delivery == Delivery::AtLeastOnce { "yes" } else { "no" })
            .env("CRASH_LAST", if is_last { "yes" } else { "no" })
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

fn owner_speaks(chance: &mut Chance, emulator: &Emulator, process: u64) {
    let state = emulator.state();
    let open: Vec<_> = state.sessions.iter().filter(|session| session.owner_is_member).collect();
    if open.is_empty() {
        return;
    }
    let session = &open[chance.below(open.len() as u64) as usize].session_id;
    // The owner continues, whatever happens to the process.
    let _ = emulator.owner().reply(session, &format!("owner {process}.{}", chance.any()));
    let _ = emulator.owner().hand_back(session);
}

/// Reads the store as another program would while it is in use: opens the file with SQLite, reads, and closes
/// it.
fn look(store: &Path, times: u64) -> Result<u64, Failure> {
    if !store.exists() {
        return Ok(0);
    }
    for _ in 0..times {
        let connection = rusqlite::Connection::open(store)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let tables = "SELECT count(*) FROM sqlite_schema";
        connection.query_row(tables, (), |row| row.get::<_, i64>(0))?;
    }
    Ok(times)
}

/// Copies the store's files within the process, as a backup would. Closing the files releases all of the
/// process's POSIX locks, as another copy of SQLite does.
fn copy_now_and_then(store: PathBuf) {
    std::thread::spawn(move || {
        loop {
            for suffix in ["", "-wal", "-shm"] {
                let mut file = store.clone().into_os_string();
                file.push(suffix);
                drop(std::fs::read(file));
            }
            std::thread::sleep(Duration::from_millis(7));
        }
    });
}

fn store_of(folder: &Path) -> PathBuf {
    folder.join("avatar.db")
}

/// Stops the process for a while, and continues it. Returns `false` if the system cannot.
async fn freeze(process: &Child, time: Duration) -> io::Result<bool> {
    let Some(id) = process.id().filter(|_| cfg!(unix)) else {
        return Ok(false);
    };
    let signal = async |name: &str| Command::new("kill").args([name, &id.to_string()]).status().await;
    if !signal("-STOP").await?.success() {
        return Ok(false); // It has just ended.
    }
    tokio::time::sleep(time).await;
    signal("-CONT").await?;
    Ok(true)
}

fn diary_of(folder: &Path) -> PathBuf {
    folder.join("diary.jsonl")
}

/// The work of the process that is killed. Does nothing if it was started for something else.
pub async fn work() -> Result<bool, Failure> {
    let Ok(folder) = std::env::var("CRASH_FOLDER").map(PathBuf::from) else {
        return Ok(false);
    };
    let given = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let process: u64 = given("CRASH_PROCESS")?.parse()?;
    let visitors: usize = given("CRASH_VISITORS")?.parse()?;
    let is_last = given("CRASH_LAST")? == "yes";
    let delivery =
        if given("CRASH_AT_LEAST_ONCE")? == "yes" { Delivery::AtLeastOnce } else { Delivery::Checked };
    let client = AvatarClient::builder(&given("CRASH_KEY")?)?
        .base_url(given("CRASH_BASE")?.parse()?)
        .quota(100_000)
        .delivery(delivery)
        .store(SqliteStore::open(store_of(&folder))?)
        .build()?;
    let diary = Arc::new(Mutex::new(Diary::open(&diary_of(&folder), process)?));
    copy_now_and_then(store_of(&folder));
    let events = client.events();
    let listening = tokio::spawn({
        let diary = Arc::clone(&diary);
        async move {
            while events.ready().await {
                // Events are written down before more are taken.
                for event in events.drain(64) {
                    diary.lock().unwrap_or_else(PoisonError::into_inner).event(&event)?;
                }
            }
            Ok::<(), io::Error>(())
        }
    });
    client.recover().await?;
    let talks: Vec<_> = (0..visitors)
        .map(|number| {
            let (client, diary) = (client.clone(), Arc::clone(&diary));
            tokio::spawn(async move { talk(&client, &diary, process, number, is_last).await })
        })
        .collect();
    if is_last {
        for talk in talks {
            talk.await??;
        }
        rest(&client).await;
        client.close().await;
        listening.await??;
    } else {
        for talk in talks {
            talk.await??; // It is killed before.
        }
    }
    Ok(true)
}

async fn talk(
    client: &AvatarClient,
    diary: &Mutex<Diary>,
    process: u64,
    number: usize,
    is_last: bool,
) -> Result<(), Failure> {
    let chat = client.open(Visitor::for_user("crash", &format!("visitor {number}"))?).await?;
    if number == 0 {
        announce();
    }
    if is_last {
        return Ok(());
    }
    let mut said = 0;
    loop {
        said += 1;
        let text = format!("#{process}.{number}.{said}");
        if said % 4 == 0 {
            // Also sends a message that is not stored.
            drop(chat.ask(format!("{text} not kept")).await);
            continue;
        }
        chat.send(&*text).durable().await?;
        diary.lock().unwrap_or_else(PoisonError::into_inner).kept(&text)?;
    }
}

/// Tells the parent that the process is at work.
#[allow(clippy::print_stdout)]
fn announce() {
    println!("at work");
}

/// Waits until nothing has happened for a while: all stored messages are sent and answered.
async fn rest(client: &AvatarClient) {
    let mut before = client.stats().events;
    loop {
        // An unconfirmed message takes twice three seconds.
        tokio::time::sleep(Duration::from_secs(8)).await;
        let now = client.stats().events;
        if now == before {
            return;
        }
        before = now;
    }
}

impl std::fmt::Display for CrashReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "kills at work           {:>6}", self.at_work)?;
        writeln!(f, "looks into the store    {:>6}", self.looks)?;
        writeln!(f, "processes frozen        {:>6}", self.frozen)?;
        writeln!(f, "messages kept           {:>6}", self.kept)?;
        write!(f, "{}", self.verdict)
    }
}
