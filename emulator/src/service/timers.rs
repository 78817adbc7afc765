//! Everything in the service that takes time.

use std::collections::BTreeMap;

use super::ids::{AskId, SocketId, TurnId, VisitorIndex};
use crate::time::Millis;

/// What happens at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Timer {
    /// A socket may have been without a ping for too long.
    Silence(SocketId),
    /// The address of a socket expires.
    AddressExpires(String),
    /// The next step of a turn is due.
    Turn { session: String, turn: TurnId },
    /// The time of an outside brain is over.
    AskExpires(AskId),
    /// A takeover has come to its end, unless it was renewed.
    TakeoverEnds { session: String, until: Millis },
    /// A frame that a fault holds back is due.
    FrameHeld(u64),
    /// A frame may still be unacknowledged.
    Redeliver { visitor: VisitorIndex, frame: u64 },
}

/// Timers in the order they are due; those due at one moment in the order they were set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<(Millis, u64), Timer>,
    set: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Millis, timer: Timer) {
        self.due.insert((at, self.set), timer);
        self.set += 1;
    }

    pub(super) fn next(&self) -> Option<Millis> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the earliest timer that is due by `now`, with the moment it was set for.
    pub(super) fn take_due(&mut self, now: Millis) -> Option<(Millis, Timer)> {
        let first = self.due.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let ((at, _), timer) = first.remove_entry();
        Some((at, timer))
    }

    pub(super) fn clear(&mut self) {
        self.due.clear();
    }
}
