//! Changes the terminal, restores it at the end, and catches the signals that end the program.

use std::io;
#[cfg(unix)]
use std::io::Write as _;

use crate::exit::{self, Failure};

/// While it lives, keys are not echoed between two prompts: what the user types while the avatar speaks waits
/// for the next prompt. Dropping it restores the terminal, whatever the line editor was doing.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Quiet {
    before: nix::sys::termios::Termios,
}

#[cfg(unix)]
impl Quiet {
    /// Does nothing if stdin is not a terminal.
    pub(crate) fn start() -> Option<Self> {
        use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok()?;
        let mut quiet = before.clone();
        // Ctrl-C stays a signal.
        quiet.local_flags &= !(LocalFlags::ECHO | LocalFlags::ICANON);
        quiet.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        quiet.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(io::stdin(), SetArg::TCSANOW, &quiet).ok()?;
        Some(Self { before })
    }

    /// Discards what was typed and not read yet.
    pub(crate) fn forget_typed(&self) {
        use nix::sys::termios::{FlushArg, tcflush};
        // At worst a typed line is not discarded.
        let _ = tcflush(io::stdin(), FlushArg::TCIFLUSH);
    }
}

#[cfg(unix)]
impl Drop for Quiet {
    fn drop(&mut self) {
        use nix::sys::termios::{SetArg, tcsetattr};
        // A terminal that is gone needs no restoring. The line editor may have been interrupted in a line, with
        // bracketed paste turned on.
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
        let mut out = io::stdout().lock();
        let _ = out.write_all(b"\x1b[?2004l").and_then(|()| out.flush());
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Quiet;

#[cfg(not(unix))]
impl Quiet {
    pub(crate) fn start() -> Option<Self> {
        None
    }

    pub(crate) fn forget_typed(&self) {}
}

/// Ctrl-C and its like.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [(tokio::signal::unix::Signal, u8); 3],
}

impl Stop {
    /// From here on the signals no longer kill the program.
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind, code| signal(kind).map(|signal| (signal, code)).map_err(unheard);
        Ok(Self {
            signals: [
                listen(SignalKind::interrupt(), exit::INTERRUPTED)?,
                listen(SignalKind::terminate(), exit::TERMINATED)?,
                listen(SignalKind::hangup(), exit::TERMINATED)?,
            ],
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Waits for a signal.
    #[cfg(unix)]
    pub(crate) async fn wait(&mut self) -> Failure {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let code = tokio::select! {
            _ = interrupt.0.recv() => interrupt.1,
            _ = terminate.0.recv() => terminate.1,
            _ = hangup.0.recv() => hangup.1,
        };
        Failure::stopped(code)
    }

    #[cfg(not(unix))]
    pub(crate) async fn wait(&mut self) -> Failure {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Failure::stopped(exit::INTERRUPTED),
            Err(error) => unheard(error),
        }
    }
}

fn unheard(error: io::Error) -> Failure {
    Failure::new(exit::FAILURE, format!("Ctrl-C cannot be listened for: {error}"))
}
