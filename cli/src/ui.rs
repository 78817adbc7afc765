//! All output: the conversation to stdout, and notes about it to stderr, unless both are a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secondme_avatar::{Author, visible};

use crate::editor::Printer;
use crate::names::Names;
use crate::screen::{Look, Screen};
use crate::style::{self, Palette};

/// How long the line editor has to print its last output.
const STILL_PRINTS: Duration = Duration::from_millis(100);

/// Cheap to clone; all clones write to the same screen.
#[derive(Clone, Debug)]
pub(crate) struct Ui(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    screen: Screen,
    /// Prints above the line that the user types.
    above: Option<Printer>,
    columns: Option<Arc<AtomicUsize>>,
    /// stdout is closed.
    broken: bool,
}

/// Whether stdout is a terminal that can do more than print lines.
pub(crate) fn watched() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether a person can read and type here.
pub(crate) fn attended() -> bool {
    watched() && io::stdin().is_terminal()
}

impl Ui {
    pub(crate) fn new(look: Look) -> Self {
        let screen = Screen::new(look, Palette::of_stdout());
        Self(Arc::new(Mutex::new(Inner { screen, above: None, columns: None, broken: false })))
    }

    pub(crate) fn look(&self) -> Look {
        self.lock().screen.look()
    }

    pub(crate) fn names(&self) -> Names {
        self.lock().screen.names()
    }

    pub(crate) fn set_names(&self, names: Names) {
        self.lock().screen.set_names(names);
    }

    /// Reads the terminal's width from there.
    pub(crate) fn measure(&self, columns: Arc<AtomicUsize>) {
        self.lock().columns = Some(columns);
    }

    pub(crate) fn begin(&self, author: Author) {
        self.write(|screen, out| screen.begin(author, out));
    }

    pub(crate) fn piece(&self, text: &str) {
        self.write(|screen, out| screen.piece(&visible(text), out));
    }

    pub(crate) fn end(&self) {
        self.write(Screen::end);
    }

    /// Writes a whole message.
    pub(crate) fn message(&self, author: Author, text: &str) {
        self.write(|screen, out| {
            screen.begin(author, out);
            screen.piece(&visible(text), out);
            screen.end(out);
        });
    }

    /// Writes a note about the conversation.
    pub(crate) fn note(&self, text: &str) {
        self.remark(text, false);
    }

    /// Writes a note about a problem.
    pub(crate) fn problem(&self, text: &str) {
        self.remark(text, true);
    }

    /// Shows a status until the next output. Only on a terminal.
    pub(crate) fn status(&self, text: &str) {
        self.write(|screen, out| screen.status(&visible(text), out));
    }

    pub(crate) fn clear_status(&self) {
        self.write(Screen::clear_status);
    }

    /// Writes a line of the log.
    pub(crate) fn log(&self, line: &str) {
        if self.look() == Look::Terminal && io::stderr().is_terminal() {
            self.write(|screen, out| screen.foreign(line, out));
        } else {
            let _ = io::stderr().lock().write_all(line.as_bytes());
        }
    }

    /// Begins the user's line, below all output. Returns the prompt.
    pub(crate) fn begin_prompt(&self, printer: Printer) -> (String, String) {
        self.write(Screen::begin_prompt);
        let mut inner = self.lock();
        inner.above = Some(printer);
        inner.screen.prompt_text()
    }

    /// Ends the user's line.
    pub(crate) fn end_prompt(&self) {
        let mut inner = self.lock();
        if let Some(printer) = inner.above.take() {
            printer.flush();
        }
        inner.screen.end_prompt();
    }

    /// Moves the cursor to the beginning of a line, whatever was being written or typed.
    pub(crate) async fn leave(&self) {
        let typing = self.lock().above.is_some();
        if typing {
            // The line editor prints asynchronously, and does not report when it is done.
            tokio::time::sleep(STILL_PRINTS).await;
            self.end_prompt();
            self.write(|_, out| out.push('\n'));
        }
        self.end();
        self.clear_status();
    }

    /// Whether stdout is closed.
    pub(crate) fn is_broken(&self) -> bool {
        self.lock().broken
    }

    fn remark(&self, text: &str, problem: bool) {
        let text = &*visible(text);
        if self.look() == Look::Terminal {
            return self.write(|screen, out| screen.note(text, problem, out));
        }
        let style = if problem { style::PROBLEM } else { style::NOTE };
        // If stderr is closed, there is no reader.
        let _ = writeln!(anstream::stderr().lock(), "{style}{text}{style:#}");
    }

    fn write(&self, compose: impl FnOnce(&mut Screen, &mut String)) {
        let mut inner = self.lock();
        if let Some(columns) = &inner.columns {
            let columns = columns.load(Ordering::Relaxed);
            inner.screen.set_columns(columns);
        }
        let mut out = String::new();
        compose(&mut inner.screen, &mut out);
        if out.is_empty() {
            return;
        }
        match &inner.above {
            Some(printer) => printer.print(&out),
            None => {
                let mut stdout = io::stdout().lock();
                inner.broken |= stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()).is_err();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
