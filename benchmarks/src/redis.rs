//! How long a durable `send` takes with a store in Redis, beside one in a file: the same client, the same emulator, in
//! turn. The server writes its file as SQLite does, before it answers; and, as most are set up, every second.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secondme_avatar::{AvatarClient, Conversation, RedisStore, SqliteStore, Store, Visitor};
use secondme_avatar_emulator::Emulator;

use crate::Error;
use crate::report::{Report, median};
use crate::store::Folder;

const ROUNDS: usize = 5;
const SENDS: usize = 100;

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    const ROW: &str = "a durable send with Redis, of one with a file, p50";
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        report.left_out(ROW, "redis-server is not installed");
        return Ok(());
    }
    let folder = Folder::new()?;
    let (always, everysec) = (Server::start(&folder, "always")?, Server::start(&folder, "everysec")?);
    tokio::runtime::Runtime::new()?.block_on(async {
        let emulator = Emulator::builder().start().await?;
        let file = open(&emulator, SqliteStore::open(folder.file("durable.db"))?).await?;
        let chats =
            [file, open(&emulator, always.store()?).await?, open(&emulator, everysec.store()?).await?];
        let mut figures = [const { Vec::new() }; 3];
        for _ in 0..=ROUNDS {
            for (chat, figures) in chats.iter().zip(&mut figures) {
                figures.push(half_of(chat).await?.as_secs_f64() * 1e6);
            }
        }
        // The first round is there to warm up.
        let [file, always, everysec] = figures.map(|figures| median(figures[1..].to_vec()));
        let aside = format!("({always:.0} µs, {file:.0} µs with a file)");
        report.at_most(ROW, always / file, 1.5, "", &aside);
        let aside = format!("({everysec:.0} µs)");
        report.figure("the same where Redis writes its file every second", everysec / file, "", &aside);
        Ok(())
    })
}

async fn open(emulator: &Emulator, store: impl Store) -> Result<Conversation, Error> {
    let client =
        AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?).store(store);
    // The store is released with the conversation's last handle.
    Ok(client.build()?.open(Visitor::for_user("bench", "durable")?).await?)
}

/// The time within which half of the sends are saved.
async fn half_of(chat: &Conversation) -> Result<Duration, Error> {
    let mut took = Vec::with_capacity(SENDS);
    for number in 0..SENDS {
        let started = Instant::now();
        chat.send(format!("message {number} of a round")).durable().await?;
        took.push(started.elapsed());
    }
    took.sort();
    Ok(took[SENDS / 2])
}

/// A server on a free port, which ends with this.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Folder, fsync: &str) -> Result<Self, Error> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let place = folder.file(fsync);
        std::fs::create_dir(&place)?;
        let settings =
            ["--save", "", "--appendonly", "yes", "--appendfsync", fsync, "--port", &port.to_string()];
        let mut command = Command::new("redis-server");
        let mut process = command.args(settings).arg("--dir").arg(place).stdout(Stdio::piped()).spawn()?;
        let log = process.stdout.take().ok_or("the server has no log")?;
        let mut lines = BufReader::new(log).lines();
        while !lines.next().ok_or("the server did not start")??.contains("eady to accept connections") {}
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, port })
    }

    fn store(&self) -> Result<RedisStore, Error> {
        Ok(RedisStore::open(&format!("redis://127.0.0.1:{}?prefix=bench", self.port))?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
