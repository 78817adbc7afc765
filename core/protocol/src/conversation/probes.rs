//! Asking the service for what should have come: a message was taken, and its echo or its answer does not arrive.
//! It may have gone over a socket that is dead, or over none at all.

use std::time::Duration;

use super::Source;
use super::cursor::Cursor;
use crate::ids::MessageId;
use crate::limits::{CONFIRMATION_WAIT, FIRST_PIECE, FOLLOW_UP, PROBE_AGAIN, PROBE_LATE};
use crate::rare::GiveBack;
use crate::time::Millis;

/// The messages of one conversation for which the service is to be asked.
#[derive(Debug, Default)]
pub(crate) struct Probes(Vec<Probe>);

/// A message that was taken, and whose echo or answer has not come, or not all of it.
#[derive(Debug)]
struct Probe {
    message: MessageId,
    since: Cursor,
    at: Millis,
    wait: Duration,
    until: Millis,
    /// Something of it had to be asked for. What comes over the socket now may well be the answer to a later
    /// message, so the service is asked for this one to the end.
    missed: bool,
}

impl Probes {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Gives back the room of messages that are answered. Returns whether there are no others.
    pub(super) fn give_back(&mut self) -> bool {
        self.0.give_back()
    }

    /// The service took the message, which went out at `since`.
    pub(crate) fn begin(&mut self, now: Millis, message: &MessageId, since: &Cursor) {
        self.0.push(Probe {
            message: message.clone(),
            since: since.clone(),
            at: now + CONFIRMATION_WAIT,
            wait: CONFIRMATION_WAIT,
            until: now + FIRST_PIECE,
            missed: false,
        });
    }

    /// What came in the meantime is read from now on.
    pub(crate) fn wait_again(&mut self, now: Millis) {
        for probe in &mut self.0 {
            probe.at = probe.at.max(now + CONFIRMATION_WAIT);
            probe.until = probe.until.max(probe.at);
        }
    }

    /// The message's echo has come.
    pub(crate) fn echo_came(&mut self, now: Millis, message: &MessageId, source: Source) {
        if let Some(probe) = self.0.iter_mut().find(|probe| probe.message == *message) {
            probe.missed |= source == Source::Backfill;
            probe.wait = match source {
                Source::Backfill => PROBE_AGAIN,
                Source::Live => PROBE_LATE,
            };
            probe.at = now + probe.wait;
        }
    }

    /// A piece of the message's answer has come. After one that came over the socket, the rest will come so too.
    pub(crate) fn piece_came(&mut self, now: Millis, message: &MessageId, source: Source) {
        match source {
            Source::Backfill => self.echo_came(now, message, source),
            Source::Live => self.end(message),
        }
    }

    /// What the avatar said had to be asked for: what it goes on to say in the same turn has to be, too.
    pub(crate) fn found(&mut self, now: Millis) {
        for probe in self.0.iter_mut().filter(|probe| probe.missed) {
            probe.wait = PROBE_AGAIN;
            probe.at = now + PROBE_AGAIN;
            probe.until = probe.until.max(now + 2 * FOLLOW_UP);
        }
    }

    /// The message's answer is whole.
    pub(crate) fn end(&mut self, message: &MessageId) {
        self.0.retain(|probe| probe.message != *message || probe.missed);
    }

    /// From where on the service is to be asked now.
    pub(crate) fn due(&mut self, now: Millis) -> Option<Cursor> {
        let mut from = None;
        for probe in self.0.iter_mut().filter(|probe| probe.at <= now) {
            probe.wait *= 2;
            probe.at = now + probe.wait;
            from.get_or_insert_with(|| probe.since.clone());
        }
        self.0.retain(|probe| probe.until > now);
        from
    }

    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.0.iter().map(|probe| probe.at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_after_something_that_had_to_be_asked_for_is_asked_for_too() {
        let message = MessageId::from("m");
        let mut probes = Probes::default();
        probes.begin(Millis(0), &message, &Cursor::default());
        probes.echo_came(Millis(0), &message, Source::Backfill);
        let late = Millis(0) + FIRST_PIECE - PROBE_AGAIN;
        while let Some(at) = probes.next_deadline().filter(|at| *at <= late) {
            assert!(probes.due(at).is_some());
        }
        probes.found(late);
        let mut asked = Vec::new();
        while let Some(at) = probes.next_deadline() {
            asked.extend(probes.due(at).map(|_| at));
        }
        assert_eq!(asked.first(), Some(&(late + PROBE_AGAIN)));
        assert!(asked.last().is_some_and(|last| *last >= late + FOLLOW_UP), "{asked:?}");
        assert!(asked.len() < 8, "{asked:?}");
    }
}
