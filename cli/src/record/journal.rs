//! The journal: what passed, as lines of JSON, written by a thread of its own.
//!
//! The exchange never waits for it. Entries wait in a bounded queue; what does not fit is counted, and said.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use serde_json::Value;

use super::body::Copy;
use super::frames::Message;
use super::lines::Lines;
use super::private::{Private, Replaced};

/// How many entries may wait to be written.
const ENTRIES: usize = 10_000;
/// How much memory they may hold together, in bytes.
const BYTES: usize = 32 * 1024 * 1024;
/// About what an entry holds beside its body.
const ENTRY_BYTES: usize = 1024;

/// Something that passed.
#[derive(Debug)]
pub(super) struct Entry {
    /// When, after the recording began.
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Request {
        number: u64,
        method: String,
        path: String,
        headers: HeaderMap,
        /// What the recorder has changed on the way to the service.
        changed: Vec<(&'static str, String)>,
        body: Copy,
    },
    Answer {
        request: u64,
        status: u16,
        headers: HeaderMap,
        /// How many socket addresses lead through the recorder now.
        addresses: usize,
        body: Copy,
    },
    /// No answer came, or the client did not wait for it.
    NoAnswer {
        request: u64,
        why: &'static str,
    },
    /// A socket is open; its handshake was this request.
    Socket {
        request: u64,
        socket: u64,
    },
    Frame {
        socket: u64,
        from: Side,
        message: Message,
    },
    /// The connection below a socket has ended.
    End {
        socket: u64,
        by: Side,
        how: &'static str,
    },
    Note(String),
    /// The recording is over.
    Finish,
}

/// Who sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Service,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Service => "service",
        }
    }
}

/// What a recording came to.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) requests: u64,
    pub(super) answers: u64,
    pub(super) sockets: u64,
    pub(super) from_client: u64,
    pub(super) from_service: u64,
    /// Frames that an extension has changed.
    pub(super) unreadable: u64,
    pub(super) replaced: Replaced,
    /// Entries that did not fit.
    pub(super) lost: u64,
    /// Why the file is not whole.
    pub(super) failed: Option<io::Error>,
}

/// Takes entries. Clones write into the same journal.
#[derive(Clone)]
pub(super) struct Journal {
    began: Instant,
    queue: SyncSender<Entry>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: AtomicUsize,
    lost: AtomicU64,
    requests: AtomicU64,
    sockets: AtomicU64,
}

impl Journal {
    /// Starts to write into a file. `upstream` is the service's base URL.
    pub(super) fn start(file: File, upstream: &str) -> io::Result<(Self, Writing)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let private = Private::new(i64::try_from(now.as_millis()).unwrap_or_default())
            .ok_or_else(|| io::Error::other("this machine has no source of randomness"))?;
        let (queue, entries) = sync_channel(ENTRIES);
        let shared = Arc::<Shared>::default();
        let mut lines = Lines::new(private);
        let first = lines.first(upstream);
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || write(BufWriter::new(file), &first, lines, &entries, &shared)
        })?;
        Ok((Self { began: Instant::now(), queue, shared }, Writing(thread)))
    }

    /// The time since the recording began.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A number for a request.
    pub(super) fn request(&self) -> u64 {
        self.shared.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A number for a socket.
    pub(super) fn socket(&self) -> u64 {
        self.shared.sockets.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes what happens now. It never waits.
    pub(super) fn note(&self, what: What) {
        self.note_at(self.now(), what);
    }

    pub(super) fn note_at(&self, at: Duration, what: What) {
        let size = what.size();
        let waiting = self.shared.waiting.fetch_add(size, Ordering::Relaxed);
        if waiting + size > BYTES || self.queue.try_send(Entry { at, what }).is_err() {
            self.shared.waiting.fetch_sub(size, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The thread that writes.
pub(super) struct Writing(JoinHandle<Summary>);

impl Writing {
    /// Writes what waits, and ends the file. It waits for the disk.
    pub(super) fn finish(self, journal: &Journal) -> Summary {
        // The thread reads on until then, so there will be room.
        let _ = journal.queue.send(Entry { at: journal.now(), what: What::Finish });
        let panicked = || Summary { failed: Some(io::Error::other("it broke off")), ..Summary::default() };
        self.0.join().unwrap_or_else(|_| panicked())
    }
}

impl What {
    /// About how much memory it holds.
    fn size(&self) -> usize {
        ENTRY_BYTES
            + match self {
                Self::Request { body, path, .. } => body.bytes.len() + path.len(),
                Self::Answer { body, .. } => body.bytes.len(),
                Self::Frame { message, .. } => message.payload.len(),
                Self::Note(text) => text.len(),
                _ => 0,
            }
    }
}

fn write(
    mut file: BufWriter<File>,
    first: &Value,
    mut lines: Lines,
    entries: &Receiver<Entry>,
    shared: &Shared,
) -> Summary {
    let mut failed = writeln!(file, "{first}").err();
    let mut told_lost = 0;
    loop {
        let entry = match entries.try_recv() {
            Ok(entry) => Ok(entry),
            Err(TryRecvError::Empty) => {
                // All that is known is in the file, should the machine stop now.
                failed = failed.or_else(|| file.flush().err());
                entries.recv()
            }
            Err(TryRecvError::Disconnected) => break,
        };
        let Ok(entry) = entry else { break };
        shared.waiting.fetch_sub(entry.what.size(), Ordering::Relaxed);
        let lost = shared.lost.load(Ordering::Relaxed);
        let mut written = Vec::new();
        if lost > told_lost {
            written.push(lines.lost(entry.at, lost - told_lost));
            told_lost = lost;
        }
        let is_end = matches!(entry.what, What::Finish);
        written.push(lines.line(entry));
        for line in written {
            failed = failed.or_else(|| writeln!(file, "{line}").err());
        }
        if is_end {
            break;
        }
    }
    failed = failed.or_else(|| file.flush().err()).or_else(|| {
        // A pipe has no disk that could be full.
        let synced = file.get_ref().sync_all().err();
        synced
            .filter(|error| !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported))
    });
    Summary { failed, lost: shared.lost.load(Ordering::Relaxed), ..lines.summary() }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn an_exchange_does_not_wait_for_a_disk_that_does_not_write() {
        // Nothing reads the pipe at first, so it takes some kilobytes and then no more.
        let (mut read, write) = io::pipe().unwrap();
        let (journal, writing) =
            Journal::start(File::from(std::os::fd::OwnedFd::from(write)), "http://localhost").unwrap();
        let text = "x".repeat(1_000);
        for _ in 0..3 * ENTRIES {
            journal.note(What::Note(text.clone()));
        }
        assert!(journal.shared.lost.load(Ordering::Relaxed) > 0);
        assert!(journal.shared.waiting.load(Ordering::Relaxed) <= BYTES);
        let reader = std::thread::spawn(move || {
            let mut all = String::new();
            read.read_to_string(&mut all).unwrap();
            all
        });
        let summary = writing.finish(&journal);
        assert!(summary.failed.is_none() && summary.lost > 0, "{summary:?}");
        let all = reader.join().unwrap();
        let told: u64 = all
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["what"] == "lost")
            .map(|line| line["entries"].as_u64().unwrap())
            .sum();
        assert_eq!(told, summary.lost);
    }
}
