//! The core's log on its way to the host language.
//!
//! No thread of the core ever enters the host to log: records wait in a bounded queue, one wake says that
//! there are some, and the host takes them in batches on a thread of its own. A host that is behind loses
//! the newest records, and is told how many.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use once_cell::sync::OnceCell;
use secondme_avatar::PerProcess;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;

/// The variable that says what is logged. A level alone, such as `debug`, is about this library; anything else,
/// such as `secondme_avatar::socket=trace,hyper=info`, says what of which.
pub const VARIABLE: &str = "SECONDME_LOG";

/// Records that wait for the host before further ones are only counted.
const CAPACITY: usize = 1024;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How bad it is.
    pub level: Level,
    /// Who says it, such as `secondme_avatar::socket`.
    pub target: String,
    /// What, with its fields behind it.
    pub message: String,
}

/// What was taken at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Oldest first.
    pub records: Vec<Record>,
    /// How many were lost before them because nobody took any.
    pub lost: u64,
}

/// The process's log, once the host has asked for it.
#[derive(Debug)]
pub struct Logs {
    queue: Mutex<Queue>,
}

static LOGS: PerProcess<Logs> = PerProcess::new();

/// Changes what is let through. `None` where something else in the process collects the core's log. A forked child
/// inherits what is let through, and cannot change it: a lock of it may be held for ever there.
static FILTER: OnceCell<Option<Filter>> = OnceCell::new();

#[derive(Debug)]
struct Filter {
    process: u32,
    handle: Handle<Targets, Registry>,
}

impl Logs {
    /// Begins to collect what `SECONDME_LOG` lets through, or without it this filter. `wake` is called from
    /// any thread, whenever records have come where there were none; it must not block.
    ///
    /// There is one log in a process, and the newest call counts: its filter and its `wake` take the place of
    /// those before. A forked child has a log of its own, with its parent's filter. `None` where something else in the process collects the core's log already.
    pub fn install(filter: &str, wake: impl Fn() + Send + Sync + 'static) -> Option<&'static Self> {
        let wake = Wake(Arc::new(wake));
        let Ok(logs) = LOGS.get_or_try_init(|| Ok::<_, Infallible>(Self { queue: Mutex::default() }));
        let has_records = {
            let mut queue = logs.lock();
            queue.wake = Some(wake.clone());
            !queue.records.is_empty()
        };
        let set = std::env::var(VARIABLE).ok().filter(|wanted| !wanted.is_empty());
        let wanted = set.as_deref().and_then(parse).or_else(|| parse(filter)).unwrap_or_default();
        let mut is_new = false;
        let filter = FILTER.get_or_init(|| {
            is_new = true;
            let (filter, handle) = reload::Layer::new(wanted.clone());
            let layer = Collector.with_filter(filter);
            let is_heard = tracing_subscriber::registry().with(layer).try_init().is_ok();
            is_heard.then(|| Filter { process: std::process::id(), handle })
        });
        let filter = filter.as_ref()?;
        if filter.process == std::process::id() {
            // It fails only where the subscriber is gone, which that of a process never is.
            let _ = filter.handle.reload(wanted);
        }
        if let Some(set) = set.filter(|set| is_new && parse(set).is_none()) {
            let message =
                format!("{VARIABLE} is `{set}`, which is no filter: write a level, such as `debug`");
            let target = "secondme_avatar".to_owned();
            logs.push(Record { level: Level::WARN, target, message });
        } else if has_records {
            (wake.0)();
        }
        Some(logs)
    }

    /// The log, once something has asked for it.
    pub fn installed() -> Option<&'static Self> {
        LOGS.get().filter(|_| FILTER.get().is_some_and(Option::is_some))
    }

    /// Whether this is a filter: a level, or what `SECONDME_LOG` takes.
    pub fn understands(filter: &str) -> bool {
        parse(filter).is_some()
    }

    /// Takes at most `max` records that have come. Never waits.
    pub fn drain(&self, max: usize) -> Batch {
        let mut queue = self.lock();
        let take = max.min(queue.records.len());
        let lost = std::mem::take(&mut queue.lost);
        Batch { records: queue.records.drain(..take).collect(), lost }
    }

    fn push(&self, record: Record) {
        let mut queue = self.lock();
        let wake = queue.wake.clone().filter(|_| queue.records.is_empty());
        if queue.records.len() < CAPACITY {
            queue.records.push_back(record);
        } else {
            queue.lost += 1;
        }
        drop(queue);
        if let Some(wake) = wake {
            (wake.0)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(filter: &str) -> Option<Targets> {
    match filter.parse::<LevelFilter>() {
        Ok(level) => Some(Targets::new().with_target("secondme_avatar", level)),
        Err(_) => filter.parse().ok(),
    }
}

#[derive(Debug, Default)]
struct Queue {
    records: VecDeque<Record>,
    lost: u64,
    wake: Option<Wake>,
}

#[derive(Clone)]
struct Wake(Arc<dyn Fn() + Send + Sync>);

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake")
    }
}

struct Collector;

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // A forked child that has not asked for its log yet has none.
        let Some(logs) = LOGS.get() else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let meta = event.metadata();
        let message = line.message + &line.fields;
        logs.push(Record { level: *meta.level(), target: meta.target().to_owned(), message });
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.fields += &format!(" {}={value:?}", field.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static WAKES: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn a_level_alone_is_about_this_library() {
        let filter = parse("trace").unwrap();
        assert!(filter.would_enable("secondme_avatar::socket", &Level::TRACE));
        assert!(!filter.would_enable("tungstenite", &Level::ERROR));
        let filter = parse("secondme_avatar=info,hyper=debug").unwrap();
        assert!(filter.would_enable("hyper", &Level::DEBUG) && !filter.would_enable("h2", &Level::ERROR));
        assert!(parse("secondme_avatar=loud").is_none());
    }

    #[test]
    fn records_wait_for_one_wake_and_what_is_too_much_is_counted() {
        let wake = || {
            WAKES.fetch_add(1, Ordering::Relaxed);
        };
        // The newest call counts: neither the filter nor the wake of this one is met.
        let first = Logs::install("trace", || panic!("the wake of the first call")).unwrap();
        let logs = Logs::install("info", wake).unwrap();
        assert!(std::ptr::eq(logs, first) && std::ptr::eq(logs, Logs::installed().unwrap()));

        tracing::info!(target: "secondme_avatar::socket", attempt = 2, "connected");
        tracing::warn!(target: "secondme_avatar::store", "nothing could be written");
        tracing::debug!(target: "secondme_avatar::socket", "too fine");
        tracing::error!(target: "somebody_else", "not ours");
        assert_eq!(WAKES.load(Ordering::Relaxed), 1);
        let batch = logs.drain(10);
        let lines = batch.records.iter().map(|record| (record.level, &*record.target, &*record.message));
        let expected = [
            (Level::INFO, "secondme_avatar::socket", "connected attempt=2"),
            (Level::WARN, "secondme_avatar::store", "nothing could be written"),
        ];
        assert!(lines.eq(expected), "{batch:?}");

        for _ in 0..CAPACITY + 3 {
            tracing::info!(target: "secondme_avatar::socket", "again");
        }
        assert_eq!(WAKES.load(Ordering::Relaxed), 2);
        // What waits is for the one who asks now.
        let logs = Logs::install("warn", wake).unwrap();
        assert_eq!(WAKES.load(Ordering::Relaxed), 3);
        assert_eq!(logs.drain(CAPACITY).lost, 3);
        tracing::info!(target: "secondme_avatar::socket", "too fine now");
        assert_eq!(logs.drain(CAPACITY), Batch::default());
    }
}
