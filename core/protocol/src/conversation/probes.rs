//! Looking for what should have come: a message was taken, and its echo or its answer does not arrive.
//! It may have gone over a socket that is dead, or over none at all.

use std::time::Duration;

use crate::conversation::Cursor;
use crate::ids::MessageId;
use crate::limits::{CONFIRMATION_WAIT, FIRST_PIECE, PROBE_AGAIN, PROBE_LATE};
use crate::outbox::Pending;
use crate::time::Millis;

/// The messages of one conversation for which the service is to be asked.
#[derive(Debug, Default)]
pub(crate) struct Probes(Vec<Probe>);

/// A message that was taken and of which less has come than should have: the service is asked for it.
#[derive(Debug)]
struct Probe {
    message: MessageId,
    since: Cursor,
    at: Millis,
    wait: Duration,
    until: Millis,
    /// Something of it had to be asked for. What comes over the socket now may well be the answer to
    /// a later message: it is asked for to the end.
    missed: bool,
}

impl Probes {
    /// The service took the message.
    pub(crate) fn begin(&mut self, now: Millis, sent: &Pending) {
        self.0.push(Probe {
            message: sent.message.clone(),
            since: sent.route.since.clone(),
            at: now + CONFIRMATION_WAIT,
            wait: CONFIRMATION_WAIT,
            until: now + FIRST_PIECE,
            missed: false,
        });
    }

    /// What came in the meantime is read from now on.
    pub(crate) fn wait_again(&mut self, now: Millis) {
        for look in &mut self.0 {
            look.at = look.at.max(now + CONFIRMATION_WAIT);
            look.until = look.until.max(look.at);
        }
    }

    /// Its echo has come. `found`: the service had to be asked for it.
    pub(crate) fn echo_came(&mut self, now: Millis, message: &MessageId, found: bool) {
        if let Some(look) = self.0.iter_mut().find(|look| look.message == *message) {
            look.missed |= found;
            look.wait = if found { PROBE_AGAIN } else { PROBE_LATE };
            look.at = now + look.wait;
        }
    }

    /// A piece of its answer has come. Over the socket: then the rest will come so too.
    pub(crate) fn piece_came(&mut self, now: Millis, message: &MessageId, found: bool) {
        if found { self.echo_came(now, message, true) } else { self.end(message) }
    }

    /// Its answer is whole.
    pub(crate) fn end(&mut self, message: &MessageId) {
        self.0.retain(|look| look.message != *message || look.missed);
    }

    /// From where on the service is to be asked now.
    pub(crate) fn due(&mut self, now: Millis) -> Option<Cursor> {
        let mut from = None;
        for look in self.0.iter_mut().filter(|look| look.at <= now) {
            look.wait *= 2;
            look.at = now + look.wait;
            from.get_or_insert_with(|| look.since.clone());
        }
        self.0.retain(|look| look.until > now);
        from
    }

    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.0.iter().map(|look| look.at).min()
    }
}
