//! Whether a question may be put that costs messages.

use std::io::{BufRead as _, Write as _};

/// Who decides.
#[derive(Debug)]
pub(super) enum Asker {
    /// `--yes` has said so for all.
    Always,
    /// The person at the keyboard, before each.
    Person,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Yes,
    No,
}

impl Asker {
    /// Asks whether a question may be put. The end of the input means no.
    pub(super) async fn may(&self, question: &str, messages: u32) -> Decision {
        if matches!(self, Self::Always) {
            return Decision::Yes;
        }
        let cost = match messages {
            1 => "1 message".to_owned(),
            many => format!("up to {many} messages"),
        };
        let prompt = format!("  {question} This costs {cost}. Ask it? [Y/n] ");
        // On a thread of its own: a read from the keyboard cannot be cancelled.
        let answer = tokio::task::spawn_blocking(move || {
            // If stderr is closed, the answer counts all the same.
            let mut err = anstream::stderr().lock();
            let _ = err.write_all(prompt.as_bytes()).and_then(|()| err.flush());
            drop(err);
            let mut line = String::new();
            match std::io::stdin().lock().read_line(&mut line) {
                Ok(1..) => line,
                Ok(0) | Err(_) => "n".to_owned(),
            }
        });
        let answer = answer.await.unwrap_or_default();
        match answer.trim().to_ascii_lowercase().as_str() {
            "" | "y" | "yes" => Decision::Yes,
            _ => Decision::No,
        }
    }
}
