//! The cost of storing on disk, beside a plain loop over rusqlite: the same table, the same text, one row a
//! transaction, and the same promise that it is on disk afterwards.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use secondme_avatar::{AvatarRef, Change, Record, SqliteStore, Store, Visitor};
use serde_json::json;

use crate::Error;
use crate::report::{Report, median};

const SAVES: usize = 500;
const SLICE: usize = 20;
const BATCH: usize = 100;
const VISITORS: usize = 10_000;
const RUNS: usize = 5;

pub(crate) fn measure(report: &mut Report) -> Result<(), Error> {
    let folder = Folder::new()?;
    let records = (0..VISITORS).map(record).collect::<Result<Vec<_>, _>>()?;
    let (mut single, mut batched) = (Vec::new(), Vec::new());
    let (mut ours_speed, mut hand_speed, mut batch_speed) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let hand = ByHand::open(&folder.file(&format!("hand-{run}.db")))?;
        let ours = Ours::open(&folder.file(&format!("ours-{run}.db")))?;
        let (mut hand_took, mut ours_took) = (Duration::ZERO, Duration::ZERO);
        // In turn, so that a disk that is slow for a while is slow for both.
        for slice in records[..SAVES].chunks(SLICE) {
            hand_took += hand.save(slice)?;
            ours_took += ours.save(slice, 1)?;
        }
        let batches = Ours::open(&folder.file(&format!("batches-{run}.db")))?;
        let batches_took = batches.save(&records, BATCH)?;
        let speed = |many: usize, took: Duration| many as f64 / took.as_secs_f64();
        single.push(hand_took.div_duration_f64(ours_took));
        batched.push(speed(VISITORS, batches_took) / speed(SAVES, hand_took));
        ours_speed.push(speed(SAVES, ours_took));
        hand_speed.push(speed(SAVES, hand_took));
        batch_speed.push(speed(VISITORS, batches_took));
    }
    let aside = format!("({:.0}/s, by hand {:.0}/s)", median(ours_speed), median(hand_speed));
    report.at_least("records saved one by one, of a hand-written loop", median(single), 0.8, "", &aside);
    let aside = format!("({:.0}/s)", median(batch_speed));
    report.at_least("records saved by the hundred, of the same loop", median(batched), 4.0, "", &aside);

    let file = folder.file("batches-0.db");
    let size = std::fs::metadata(&file)?.len() as f64;
    let started = Instant::now();
    drop(SqliteStore::open(&file)?);
    let opening = started.elapsed().as_secs_f64() * 1000.0;
    let aside = format!("({:.1} MB for {VISITORS}, checked and opened in {opening:.0} ms)", size / 1e6);
    report.at_most("a store's size, each visitor", size / 1024.0 / VISITORS as f64, 1.5, " KiB", &aside);
    Ok(())
}

struct Ours(SqliteStore);

impl Ours {
    fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self(SqliteStore::open(path)?))
    }

    fn save(&self, records: &[Record], batch: usize) -> Result<Duration, Error> {
        let avatar = AvatarRef::of_namespace("benchmark");
        let changes: Vec<_> = records.iter().cloned().map(Change::SaveRecord).collect();
        let started = Instant::now();
        for batch in changes.chunks(batch) {
            self.0.save(&avatar, batch)?;
        }
        Ok(started.elapsed())
    }
}

struct ByHand(rusqlite::Connection);

impl ByHand {
    fn open(path: &Path) -> Result<Self, Error> {
        let connection = rusqlite::Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE records (visitor TEXT PRIMARY KEY, record TEXT NOT NULL)",
        )?;
        Ok(Self(connection))
    }

    fn save(&self, records: &[Record]) -> Result<Duration, Error> {
        let started = Instant::now();
        for record in records {
            let text = serde_json::to_string(record)?;
            let mut save = self.0.prepare_cached("INSERT OR REPLACE INTO records VALUES (?1, ?2)")?;
            save.execute((record.visitor_id.as_str(), text))?;
        }
        Ok(started.elapsed())
    }
}

/// A full record of a visitor.
fn record(number: usize) -> Result<Record, Error> {
    let heard: Vec<_> = (0..4).map(|frame| format!("{frame}{number}_____1774580000000")).collect();
    Ok(serde_json::from_value(json!({
        "visitor_id": Visitor::for_user("bench", &number.to_string())?.id(),
        "credentials": {
            "token": "t".repeat(200), "user_id": format!("del3p{number}"), "mind_id": 487_569_763_543_990_272_u64,
            "share_code": "code", "avatar_name": "Bench", "owner_user_id": "de4fh",
        },
        "context": { "mind_id": "m", "opening": "Hello! I am the avatar of Bench.", "since": 1_774_580_000_000_u64 },
        "avatar_id": 67,
        "session": { "id": format!("session-{number}"), "bound": true, "last_seq": heard[0], "heard": heard },
    }))?)
}

/// A folder on a real disk: the folder of temporary files may be in memory.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self, Error> {
        let program = std::env::current_exe()?;
        let beside = program.parent().ok_or("this program is nowhere")?;
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = beside.join(format!("store-benchmark-{}-{number}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
