//! An open socket: bytes pass both ways as they are, and what they say is noted.

use std::io;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use super::connection::Fate;
use super::frames::Reader;
use super::journal::{Journal, Side, What};

/// How much is read at once.
const BUFFER: usize = 16 * 1024;

/// The two ends of a socket, once both have switched to it.
pub(super) struct Ends {
    pub(super) client: OnUpgrade,
    pub(super) service: OnUpgrade,
    pub(super) fate: Fate,
}

/// How one direction ended.
enum Over {
    /// The side that sends has ended it.
    Ended,
    Broken(io::Error),
}

/// Passes bytes until both directions have ended, or one is broken.
pub(super) async fn run(ends: Ends, socket: u64, journal: Journal) {
    let (Ok(client), Ok(service)) = tokio::join!(ends.client, ends.service) else {
        journal.note(What::End { socket, by: Side::Client, how: "the handshake broke off" });
        return;
    };
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_service, to_service) = tokio::io::split(TokioIo::new(service));
    let up = pass(from_client, to_service, Watch { socket, from: Side::Client, journal: journal.clone() });
    let down = pass(from_service, to_client, Watch { socket, from: Side::Service, journal: journal.clone() });
    tokio::pin!(up, down);
    let (by, over) = tokio::select! {
        over = &mut up => (Side::Client, over),
        over = &mut down => (Side::Service, over),
    };
    match over {
        Over::Ended => {
            journal.note(What::End { socket, by, how: "ended" });
            let other = match by {
                Side::Client => down.await,
                Side::Service => up.await,
            };
            if let Over::Broken(error) = other {
                ends.fate.follow(&error);
            }
        }
        Over::Broken(error) => {
            let is_reset = error.kind() == io::ErrorKind::ConnectionReset;
            journal.note(What::End { socket, by, how: if is_reset { "reset" } else { "broken" } });
            ends.fate.follow(&error);
        }
    }
}

/// Notes what passes in one direction.
struct Watch {
    socket: u64,
    from: Side,
    journal: Journal,
}

async fn pass(
    mut from: ReadHalf<TokioIo<Upgraded>>,
    mut to: WriteHalf<TokioIo<Upgraded>>,
    watch: Watch,
) -> Over {
    let mut reader = Reader::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => return Over::Broken(error),
        };
        // Before it is passed on, so that in the journal no answer stands before what it answers.
        let Watch { socket, from, ref journal } = watch;
        reader.read(&buffer[..read], |message| journal.note(What::Frame { socket, from, message }));
        let passed = async {
            to.write_all(&buffer[..read]).await?;
            to.flush().await
        };
        if let Err(error) = passed.await {
            return Over::Broken(error);
        }
    }
    match to.shutdown().await {
        Ok(()) => Over::Ended,
        Err(error) => Over::Broken(error),
    }
}
