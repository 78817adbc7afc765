//! Everything that a process logs.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// All that tracing and log bring, from every crate and at every level.
#[derive(Clone, Default)]
pub(crate) struct Everything(Arc<Mutex<Vec<(String, String)>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        self.keep(span.metadata().target(), fields.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        self.keep("record", fields.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.keep(event.metadata().target(), fields.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // A program that asks tungstenite for its TRACE asks to see frames; the crate's documentation says so.
        if !(record.target().starts_with("tungstenite") && record.level() == log::Level::Trace) {
            self.keep(record.target(), record.args().to_string());
        }
    }

    fn flush(&self) {}
}

impl Everything {
    /// Hears everything that this process logs from now on.
    pub(crate) fn listen() -> Self {
        let logged = Self::default();
        tracing::subscriber::set_global_default(logged.clone()).unwrap();
        log::set_boxed_logger(Box::new(logged.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        logged
    }

    /// The target and the text of each line.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().clone()
    }

    fn keep(&self, target: &str, line: String) {
        self.0.lock().unwrap().push((target.to_owned(), line));
    }
}
