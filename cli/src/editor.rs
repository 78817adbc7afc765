//! The user's line editor: rustyline on a thread of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{ExternalPrinter as _, Result};
use tokio::sync::mpsc as channel;

use crate::exit::{self, Failure};

/// How long a pending print may take before the conversation continues.
const PRINTED_WITHIN: Duration = Duration::from_millis(100);

/// A prompt, plain and with colours.
pub(crate) type Prompt = (String, String);

/// The result of a prompt.
#[derive(Debug)]
pub(crate) enum Line {
    Text(String),
    /// Ctrl-D.
    End,
    /// Ctrl-C.
    Interrupted,
    Failed(String),
}

/// Reads one line for each prompt.
#[derive(Debug)]
pub(crate) struct Editor {
    prompts: mpsc::Sender<Prompt>,
    lines: channel::UnboundedReceiver<Line>,
    printer: Printer,
    columns: Arc<AtomicUsize>,
}

impl Editor {
    /// Starts the editor. Does not touch the terminal yet.
    pub(crate) async fn start() -> std::result::Result<Self, Failure> {
        let (prompts, asked) = mpsc::channel();
        let (answers, lines) = channel::unbounded_channel();
        let (ready, started) = tokio::sync::oneshot::channel();
        let columns = Arc::new(AtomicUsize::new(0));
        let width = Arc::clone(&columns);
        let reader = move || match open() {
            Ok((mut editor, printer)) => {
                measure(&mut editor, &width);
                // The receiver is gone if the start was cancelled.
                let _ = ready.send(Ok(printer));
                read(&mut editor, &asked, &answers, &width);
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(exit::FAILURE, format!("this terminal cannot be typed on: {error}"))
        };
        thread::Builder::new().name("keyboard".to_owned()).spawn(reader).map_err(|error| failed(&error))?;
        match started.await {
            Ok(Ok(printer)) => Ok(Self { prompts, lines, printer, columns }),
            Ok(Err(error)) => Err(failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Shows a prompt. [`line`](Self::line) returns its result.
    pub(crate) fn prompt(&self, prompt: Prompt) {
        // A thread that has ended has reported that as a line.
        let _ = self.prompts.send(prompt);
    }

    /// Waits for what the user types at the prompt. Cancelling this loses nothing.
    pub(crate) async fn line(&mut self) -> Line {
        self.lines.recv().await.unwrap_or(Line::End)
    }

    /// Prints above the prompt.
    pub(crate) fn printer(&self) -> Printer {
        self.printer.clone()
    }

    /// The terminal's columns, measured at every prompt.
    pub(crate) fn columns(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.columns)
    }
}

type Rustyline = rustyline::Editor<(), MemHistory>;

fn open() -> Result<(Rustyline, Printer)> {
    let config = rustyline::Config::builder().bell_style(rustyline::config::BellStyle::None).build();
    let history = MemHistory::with_config(&config);
    let mut editor = Rustyline::with_history(config, history)?;
    let mut above = editor.create_external_printer()?;
    let (printer, printed) = mpsc::channel();
    // rustyline's printer may block; the conversation must not.
    thread::Builder::new().name("screen".to_owned()).spawn(move || {
        for print in printed {
            match print {
                // A terminal that is gone shows nothing.
                Print::Text(text) => drop(above.print(text)),
                Print::Flush(done) => drop(done.send(())),
            }
        }
    })?;
    Ok((editor, Printer(printer)))
}

fn read(
    editor: &mut Rustyline,
    prompts: &mpsc::Receiver<Prompt>,
    lines: &channel::UnboundedSender<Line>,
    columns: &AtomicUsize,
) {
    for prompt in prompts {
        measure(editor, columns);
        let line = match editor.readline(&prompt) {
            Ok(text) => {
                if !text.trim().is_empty() {
                    // The line counts even if the history is full.
                    let _ = editor.add_history_entry(text.as_str());
                }
                Line::Text(text)
            }
            Err(ReadlineError::Eof) => Line::End,
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(error) => Line::Failed(error.to_string()),
        };
        if lines.send(line).is_err() {
            return;
        }
    }
}

fn measure(editor: &mut Rustyline, columns: &AtomicUsize) {
    if let Some((wide, _)) = editor.dimensions() {
        columns.store(usize::from(wide), Ordering::Relaxed);
    }
}

/// Prints above the prompt, in order, without waiting.
#[derive(Clone, Debug)]
pub(crate) struct Printer(mpsc::Sender<Print>);

#[derive(Debug)]
enum Print {
    Text(String),
    Flush(mpsc::SyncSender<()>),
}

impl Printer {
    pub(crate) fn print(&self, text: &str) {
        // The thread lives as long as its printers.
        let _ = self.0.send(Print::Text(text.to_owned()));
    }

    /// Waits until everything printed is on the screen, so that it comes before what is written without a
    /// prompt.
    pub(crate) fn flush(&self) {
        let (done, flushed) = mpsc::sync_channel(1);
        if self.0.send(Print::Flush(done)).is_ok() {
            // Pending text appears at the next prompt.
            let _ = flushed.recv_timeout(PRINTED_WITHIN);
        }
    }
}
