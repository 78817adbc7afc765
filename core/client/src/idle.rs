//! When a visitor has last been of use to anybody.

use secondme_avatar_protocol::{Counters, Event, EventKind, Millis, limits};

/// What keeps a visitor from being idle, beside those who wait for an answer of it.
#[derive(Debug)]
pub(crate) struct Activity {
    /// When something was last said, or asked for.
    last: Millis,
    /// Answers that are still to come: whoever sends a message and listens to events counts on them.
    owed: u64,
    /// An avatar whose owner has taken over never answers: after this, none is counted on.
    owed_until: Millis,
    /// Messages that had been sent when it was last looked at.
    sent: u64,
}

impl Activity {
    pub(crate) fn begin(now: Millis) -> Self {
        Self { last: now, owed: 0, owed_until: now, sent: 0 }
    }

    /// Somebody wants something, or got it.
    pub(crate) fn touch(&mut self, now: Millis) {
        self.last = now;
    }

    /// Takes note of what has happened.
    pub(crate) fn note(&mut self, now: Millis, counters: Counters, events: &[Event]) {
        if counters.sent > self.sent {
            self.owed += counters.sent - self.sent;
            self.sent = counters.sent;
            self.expect(now);
        }
        for event in events {
            match &event.kind {
                EventKind::ReplyDelta { .. } => {
                    // Its end comes by a mark or by silence, whether or not it was asked for.
                    self.owed = self.owed.max(1);
                    self.expect(now);
                }
                EventKind::Reply(_) => {
                    self.owed = self.owed.saturating_sub(1);
                    self.touch(now);
                }
                EventKind::ServiceError(failure) if failure.message_id.is_some() => {
                    self.owed = self.owed.saturating_sub(1);
                    self.touch(now);
                }
                // Once the owner speaks no answer of the avatar is owed any more.
                EventKind::OwnerReply(_) => {
                    self.owed = 0;
                    self.touch(now);
                }
                // These are about the visitor itself.
                EventKind::StateChanged { .. }
                | EventKind::Disconnected { .. }
                | EventKind::Reconnected { .. }
                | EventKind::WaitingForQuota { .. }
                | EventKind::Closed { .. } => {}
                _ => self.touch(now),
            }
        }
    }

    /// Since when it is idle, or from when on it will be, if nothing happens.
    pub(crate) fn idle_from(&self) -> Millis {
        if self.owed > 0 { self.last.max(self.owed_until) } else { self.last }
    }

    fn expect(&mut self, now: Millis) {
        self.last = now;
        self.owed_until = now + limits::FIRST_PIECE;
    }
}
