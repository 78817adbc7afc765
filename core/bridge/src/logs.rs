//! The core's log on its way to the host language.
//!
//! Records wait in a bounded queue like all that a host drains. A host that is behind loses the newest records, and
//! learns how many.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll};

use once_cell::sync::OnceCell;
use secondme_avatar::{Error, PerProcess};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::callsite;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::queue::HostQueue;
use crate::streams::Source;

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

/// The process's log. The caller that asked for it last gets it.
#[derive(Debug)]
pub struct Logs {
    collected: &'static Collected,
    number: u64,
    has_ended: AtomicBool,
}

#[derive(Debug)]
struct Collected {
    queue: HostQueue<Record>,
    /// The number of the newest one who asked.
    newest: AtomicU64,
}

static COLLECTED: PerProcess<Collected> = PerProcess::new();

/// Changes what is let through. `None` where something else in the process collects the core's log. A forked child
/// inherits what is let through, and cannot change it: a lock of it may be held for ever there.
static FILTER: OnceCell<Option<Filter>> = OnceCell::new();

#[derive(Debug)]
struct Filter {
    process: u32,
    targets: Arc<RwLock<Targets>>,
}

impl Logs {
    /// Begins to collect what `SECONDME_LOG` lets through, or without it this filter.
    ///
    /// There is one log in a process, and the newest call counts: its filter takes the place of the one before, and for
    /// those who asked before there will be nothing more. A forked child has a log of its own, with its parent's filter.
    /// `None` where something else in the process collects the core's log already.
    pub fn install(filter: &str) -> Option<Self> {
        let new =
            || Ok::<_, Infallible>(Collected { queue: HostQueue::new(CAPACITY), newest: AtomicU64::new(0) });
        let Ok(collected) = COLLECTED.get_or_try_init(new);
        let number = collected.newest.fetch_add(1, Ordering::AcqRel) + 1;
        collected.queue.wake();
        let set = std::env::var(VARIABLE).ok().filter(|wanted| !wanted.is_empty());
        let wanted = set.as_deref().and_then(parse).or_else(|| parse(filter)).unwrap_or_default();
        let mut is_new = false;
        let filter = FILTER.get_or_init(|| {
            is_new = true;
            let targets = Arc::new(RwLock::new(wanted.clone()));
            let collector = Collector { targets: Arc::clone(&targets) };
            let is_heard = tracing::subscriber::set_global_default(collector).is_ok();
            is_heard.then(|| Filter { process: std::process::id(), targets })
        });
        let filter = filter.as_ref()?;
        if filter.process == std::process::id() {
            *filter.targets.write().unwrap_or_else(PoisonError::into_inner) = wanted;
            callsite::rebuild_interest_cache();
        }
        if let Some(set) = set.filter(|set| is_new && parse(set).is_none()) {
            let message =
                format!("{VARIABLE} is `{set}`, which is no filter: write a level, such as `debug`");
            let target = "secondme_avatar".to_owned();
            collected.queue.offer(Record { level: Level::WARN, target, message });
        }
        Some(Self { collected, number, has_ended: AtomicBool::new(false) })
    }

    /// Whether this is a filter: a level, or what `SECONDME_LOG` takes.
    pub fn understands(filter: &str) -> bool {
        parse(filter).is_some()
    }

    /// Takes at most `max` records that have come. Never waits.
    pub fn drain(&self, max: usize) -> Vec<Record> {
        self.collected.queue.drain(max)
    }

    /// Returns how many records were dropped since the last time that this was called, because none were drained.
    pub fn take_lost(&self) -> u64 {
        self.collected.queue.take_lost()
    }
}

impl Source for Logs {
    type Item = Record;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let ready = self.collected.queue.poll_ready(cx);
        // Looked at after the waker was registered: an end in between is seen here, or wakes.
        let is_newest = self.collected.newest.load(Ordering::Acquire) == self.number;
        let has_ended = !is_newest || (ready.is_pending() && self.has_ended.load(Ordering::Acquire));
        if has_ended { Poll::Ready(false) } else { ready }
    }

    fn drain(&self, max: usize) -> Result<Vec<Record>, Error> {
        Ok(self.drain(max))
    }

    /// What has come can still be drained. Records go on being collected, for the next caller.
    fn finish(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.collected.queue.wake();
    }
}

fn parse(filter: &str) -> Option<Targets> {
    match filter.parse::<LevelFilter>() {
        Ok(level) => Some(Targets::new().with_target("secondme_avatar", level)),
        Err(_) => filter.parse().ok(),
    }
}

/// Collects events. It keeps no spans, for no line has anything of them: a registry of them would be the larger part of it.
struct Collector {
    targets: Arc<RwLock<Targets>>,
}

impl Collector {
    fn targets(&self) -> RwLockReadGuard<'_, Targets> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.targets().would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Layer::<Self>::max_level_hint(&*self.targets())
    }

    fn event(&self, event: &Event<'_>) {
        // A forked child that has not asked for its log yet has none.
        let Some(collected) = COLLECTED.get() else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let meta = event.metadata();
        let message = line.message + &line.fields;
        collected.queue.offer(Record { level: *meta.level(), target: meta.target().to_owned(), message });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &SpanRecord<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
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
    use super::*;
    use crate::calls::tests::Wakes;

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
        let wakes = Wakes::default();
        let waker = wakes.waker();
        let mut cx = Context::from_waker(&waker);
        let first = Logs::install("trace").unwrap();
        assert!(first.poll_ready(&mut cx).is_pending());
        // The newest call counts: the one before has ended, and its filter is met no more.
        let logs = Logs::install("info").unwrap();
        assert_eq!((wakes.count(), first.poll_ready(&mut cx)), (1, Poll::Ready(false)));

        assert!(logs.poll_ready(&mut cx).is_pending());
        tracing::info!(target: "secondme_avatar::socket", attempt = 2, "connected");
        tracing::warn!(target: "secondme_avatar::store", "nothing could be written");
        tracing::debug!(target: "secondme_avatar::socket", "too fine");
        tracing::error!(target: "another_library", "not ours");
        assert_eq!(wakes.count(), 2);
        let records = logs.drain(10);
        let lines = records.iter().map(|record| (record.level, &*record.target, &*record.message));
        let expected = [
            (Level::INFO, "secondme_avatar::socket", "connected attempt=2"),
            (Level::WARN, "secondme_avatar::store", "nothing could be written"),
        ];
        assert!(lines.eq(expected), "{records:?}");

        assert!(logs.poll_ready(&mut cx).is_pending());
        for _ in 0..CAPACITY + 3 {
            tracing::info!(target: "secondme_avatar::socket", "again");
        }
        assert_eq!(wakes.count(), 3);
        // What waits is for the newest caller.
        let logs = Logs::install("warn").unwrap();
        assert_eq!(logs.poll_ready(&mut cx), Poll::Ready(true));
        assert_eq!((logs.drain(CAPACITY).len(), logs.take_lost()), (CAPACITY, 3));
        tracing::info!(target: "secondme_avatar::socket", "too fine now");
        assert!(logs.poll_ready(&mut cx).is_pending());
        logs.finish();
        assert_eq!((wakes.count(), logs.poll_ready(&mut cx)), (4, Poll::Ready(false)));
    }
}
