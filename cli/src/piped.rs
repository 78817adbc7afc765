//! A conversation with questions from a pipe.

use std::io::{self, BufRead as _};
use std::thread;

use tokio::sync::mpsc;

use crate::exit::{self, Failure};
use crate::session::Session;

/// Asks line by line. The first failure ends it.
pub(crate) async fn run(session: &mut Session) -> Result<(), Failure> {
    let mut lines = lines()?;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            event = session.event() => {
                session.show(event?, false)?;
                continue;
            }
        };
        let Some(line) = line else {
            return Ok(());
        };
        let line =
            line.map_err(|error| Failure::new(exit::FAILURE, format!("stdin cannot be read: {error}")))?;
        let question = line.trim_end_matches(['\r', '\n']);
        if !question.trim().is_empty() {
            let ask = session.chat.ask(question);
            session.ask(ask).await?;
        }
    }
}

/// The lines of stdin. A line that is not UTF-8 is converted as far as possible.
fn lines() -> Result<mpsc::Receiver<io::Result<String>>, Failure> {
    let (sender, lines) = mpsc::channel(1);
    let read = move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let line = match stdin.read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => Ok(String::from_utf8_lossy(&line).into_owned()),
                Err(error) => Err(error),
            };
            let failed = line.is_err();
            if sender.blocking_send(line).is_err() || failed {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(read)
        .map_err(|error| Failure::new(exit::FAILURE, format!("no thread can be started: {error}")))?;
    Ok(lines)
}
