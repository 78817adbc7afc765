//! What happens to a connection.

use std::time::Duration;

use secondme_avatar_simulation::Chance;

/// The names of all faults.
pub const FAULTS: [&str; 14] = [
    "cut on the way there",
    "cut on the way back",
    "reset",
    "stalled",
    "half open",
    "a byte at a time",
    "502 page in HTML",
    "truncated JSON",
    "200 with nothing",
    "answer swallowed",
    "frame of 10 MB",
    "invalid UTF-8",
    "frame of another socket",
    "refused",
];

/// What happens to one connection, drawn when it is made.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// Nothing.
    Clean,
    /// It ends after this many bytes from the client; the rest is dropped.
    CutThere(usize),
    /// It ends after this many bytes from the service.
    CutBack(usize),
    /// The same, with a reset.
    Reset(usize),
    /// After this many bytes from the service, nothing comes for a while.
    Stall(usize, Duration),
    /// After this many bytes from the service, nothing passes in either direction, and neither side is told.
    HalfOpen(usize),
    /// The service's bytes come one by one.
    Trickle(Duration),
    /// After this many answers, something else answers. `true`: the service has acted on the request.
    Answer(Foreign, u64, bool),
    /// After this many frames comes one that the service would not send.
    Frame(Oddity, u64),
    /// The connection is refused.
    Refused,
}

/// What an intermediary may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    Page,
    Truncated,
    Nothing,
    Swallowed,
}

/// A frame that no correct service sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    Huge,
    NotText,
    ForeignSocket,
}

impl Plan {
    /// Draws a plan: in this many of a thousand connections, something happens.
    pub(crate) fn draw(chance: &mut Chance, per_mille: u32) -> Self {
        if !chance.per_mille(per_mille) {
            return Self::Clean;
        }
        // Heads and bodies of calls have a few hundred bytes; a socket transfers more.
        let bytes = |chance: &mut Chance| {
            let most = chance.of(&[40, 400, 1_200, 6_000]);
            1 + chance.below(most) as usize
        };
        match chance.below(15) {
            0 | 1 => Self::CutThere(bytes(chance)),
            2 | 3 => Self::CutBack(bytes(chance)),
            4 | 5 => Self::Reset(bytes(chance)),
            6 => Self::Stall(bytes(chance), chance.millis(&[100, 400, 1_500])),
            7 => Self::HalfOpen(bytes(chance)),
            8 => Self::Trickle(chance.millis(&[2, 20, 100])),
            9..12 => {
                let foreign =
                    chance.of(&[Foreign::Page, Foreign::Truncated, Foreign::Nothing, Foreign::Swallowed]);
                Self::Answer(foreign, chance.below(4), chance.below(2) == 0)
            }
            12 | 13 => {
                let oddity = chance.of(&[Oddity::Huge, Oddity::NotText, Oddity::ForeignSocket]);
                Self::Frame(oddity, chance.below(6))
            }
            _ => Self::Refused,
        }
    }

    /// After how many bytes from the client the fault strikes.
    pub(crate) fn bytes_there(&self) -> Option<usize> {
        match self {
            Self::CutThere(bytes) => Some(*bytes),
            _ => None,
        }
    }

    /// After how many bytes from the service the fault strikes.
    pub(crate) fn bytes_back(&self) -> Option<usize> {
        match self {
            Self::CutBack(bytes) | Self::Reset(bytes) | Self::Stall(bytes, _) | Self::HalfOpen(bytes) => {
                Some(*bytes)
            }
            Self::Trickle(_) | Self::Refused => Some(1),
            _ => None,
        }
    }

    /// Its name among [`FAULTS`].
    pub(crate) fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Clean => return None,
            Self::CutThere(_) => FAULTS[0],
            Self::CutBack(_) => FAULTS[1],
            Self::Reset(_) => FAULTS[2],
            Self::Stall(..) => FAULTS[3],
            Self::HalfOpen(_) => FAULTS[4],
            Self::Trickle(_) => FAULTS[5],
            Self::Answer(Foreign::Page, ..) => FAULTS[6],
            Self::Answer(Foreign::Truncated, ..) => FAULTS[7],
            Self::Answer(Foreign::Nothing, ..) => FAULTS[8],
            Self::Answer(Foreign::Swallowed, ..) => FAULTS[9],
            Self::Frame(Oddity::Huge, _) => FAULTS[10],
            Self::Frame(Oddity::NotText, _) => FAULTS[11],
            Self::Frame(Oddity::ForeignSocket, _) => FAULTS[12],
            Self::Refused => FAULTS[13],
        })
    }
}
