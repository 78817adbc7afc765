//! `SECONDME_LOG`: the library's log, on stderr.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::exit::{self, Failure};
use crate::ui::Ui;

/// Starts logging if `SECONDME_LOG` is set. A level alone applies to this library, not to the crates below it.
pub(crate) fn start(ui: &Ui) -> Result<(), Failure> {
    let Some(wanted) = std::env::var_os("SECONDME_LOG").filter(|wanted| !wanted.is_empty()) else {
        return Ok(());
    };
    let wanted = wanted.to_string_lossy();
    let is_level = wanted.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let directives = if is_level { format!("secondme_avatar={wanted}") } else { wanted.clone().into_owned() };
    let filter = EnvFilter::builder().parse(directives).map_err(|error| {
        Failure::new(exit::USAGE, format!("SECONDME_LOG is neither a level nor a filter: {error}"))
            .advise("Write a level, such as `debug`, or a filter, such as `secondme_avatar::http=trace`.")
    })?;
    let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(LogWriter(ui.clone()))
        .try_init()
        .map_err(|error| Failure::new(exit::FAILURE, format!("the log cannot be started: {error}")))
}

/// Log lines go through the Ui, which keeps them apart from the line that the user types.
struct LogWriter(Ui);

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self(self.0.clone())
    }
}

impl io::Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.log(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
