//! The tickets that wait for a key's quota, and those that have got it.

use std::collections::BTreeSet;
use std::time::Duration;

use secondme_avatar_protocol::{Millis, Quota, QuotaTicket, limits::CALL_TIMEOUT};

use super::share::{Alone, Change, Share};
use crate::peers::{QuotaAnswer, QuotaReport};
use crate::store::KeyRef;

/// The queue, without clock and thread. The quota is this process's own, or one of several processes.
#[derive(Debug)]
pub(super) struct Line {
    quota: Quota,
    window: Duration,
    /// Granted, and not yet noticed by the waiting task.
    granted: Vec<QuotaTicket>,
    /// All waiting tickets, in order.
    waiting: BTreeSet<QuotaTicket>,
    shared: Option<Shared>,
}

/// The quota is that of several processes.
#[derive(Debug)]
struct Shared {
    key: KeyRef,
    share: Share,
    /// The last reports to processes with a key that is replaced.
    former: Vec<(KeyRef, QuotaReport)>,
}

/// What became of a ticket that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// No call has gone out.
    Unused,
    /// The call may still reach the service.
    UnderWay,
}

impl Line {
    pub(super) fn new(per_minute: usize, window: Duration) -> Self {
        let quota = Quota::over(per_minute, window);
        Self { quota, window, granted: Vec::new(), waiting: BTreeSet::new(), shared: None }
    }

    pub(super) fn shared(self, key: KeyRef, share: Share) -> Self {
        Self { shared: Some(Shared { key, share, former: Vec::new() }), ..self }
    }

    pub(super) fn join(&mut self) -> QuotaTicket {
        let ticket = self.quota.join();
        self.waiting.insert(ticket);
        ticket
    }

    /// Grants what can be granted. Returns whether anything was.
    pub(super) fn grant(&mut self, now: Millis) -> bool {
        let before = self.granted.len();
        while let Some(ticket) = self.grant_one(now) {
            self.waiting.remove(&ticket);
            self.granted.push(ticket);
        }
        self.granted.len() > before
    }

    /// Whether the ticket was granted. It is noticed now.
    pub(super) fn notice(&mut self, ticket: QuotaTicket) -> bool {
        let at = self.granted.iter().position(|granted| *granted == ticket);
        at.map(|at| self.granted.swap_remove(at)).is_some()
    }

    /// The call is back.
    pub(super) fn finish(&mut self, ticket: QuotaTicket, now: Millis) {
        self.quota.finish(ticket, now);
        if let Some(shared) = &mut self.shared {
            shared.share.finish(ticket, now + self.window);
        }
    }

    pub(super) fn leave(&mut self, ticket: QuotaTicket, left: Left, now: Millis) {
        self.granted.retain(|granted| *granted != ticket);
        self.waiting.remove(&ticket);
        match left {
            Left::Unused => self.quota.leave(ticket),
            Left::UnderWay => self.quota.abandon(ticket, now),
        }
        if let Some(shared) = &mut self.shared {
            match left {
                Left::Unused => shared.share.give_back(ticket),
                Left::UnderWay => shared.share.finish(ticket, now + CALL_TIMEOUT + self.window),
            }
        }
    }

    pub(super) fn hold_until(&mut self, until: Millis) {
        self.quota.hold_until(until);
        if let Some(shared) = &mut self.shared {
            shared.share.hold_until(until);
        }
    }

    /// The key is another one.
    pub(super) fn renew(&mut self, key: KeyRef, now: Millis) {
        self.quota.renew();
        if let Some(Shared { key: present, share, former }) = &mut self.shared {
            former.push((std::mem::replace(present, key), share.leave(now)));
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How long the last one is expected to wait.
    pub(super) fn longest_wait(&self, now: Millis) -> Duration {
        let last = self.waiting.last().and_then(|last| self.expected_at(*last, now));
        last.map_or(Duration::ZERO, |at| at.since(now))
    }

    /// When this ticket's turn comes, as it looks now.
    pub(super) fn expected_at(&self, ticket: QuotaTicket, now: Millis) -> Option<Millis> {
        let own = self.quota.expected_at(ticket);
        let Some(shared) = &self.shared else { return own };
        let ahead = self.waiting.contains(&ticket).then(|| self.waiting.range(..ticket).count());
        shared.share.expected(ahead?, now, own)
    }

    /// When to look again, if nothing is reported before.
    pub(super) fn next_deadline(&mut self, now: Millis) -> Option<Millis> {
        if let Some(Shared { share, .. }) = &mut self.shared
            && share.allows(now).is_none()
        {
            return share.opens_at(now);
        }
        self.quota.next_deadline()
    }

    /// When the next report to the other processes is due.
    pub(super) fn report_due(&self, now: Millis) -> Option<Millis> {
        let shared = self.shared.as_ref()?;
        Some(if shared.former.is_empty() { shared.share.due(now, self.waiting.len()) } else { now })
    }

    /// The last reports with keys that were replaced.
    pub(super) fn former_reports(&mut self) -> Vec<(KeyRef, QuotaReport)> {
        self.shared.as_mut().map_or_else(Vec::new, |shared| std::mem::take(&mut shared.former))
    }

    /// What to report to the other processes.
    pub(super) fn report(&mut self, now: Millis) -> Option<(KeyRef, QuotaReport)> {
        let Shared { key, share, .. } = self.shared.as_mut()?;
        Some((*key, share.report(now, self.waiting.len())))
    }

    /// What to report when the process asks for nothing any more.
    pub(super) fn last_report(&mut self, now: Millis) -> Option<(KeyRef, QuotaReport)> {
        let Shared { key, share, .. } = self.shared.as_mut()?;
        Some((*key, share.leave(now)))
    }

    /// Returns whether it is the first answer after reports that failed.
    pub(super) fn answered(
        &mut self,
        key: &KeyRef,
        report: &QuotaReport,
        asked_at: Millis,
        now: Millis,
        answer: QuotaAnswer,
    ) -> bool {
        // What was given for a key that has been replaced meanwhile runs out.
        let Some(shared) = self.shared.as_mut().filter(|shared| shared.key == *key) else { return false };
        let Change { refused_until, is_back } = shared.share.answered(report, asked_at, now, answer);
        self.quota.hold_until(refused_until);
        is_back
    }

    /// No answer came. Returns what this process may do from now on, the first time.
    pub(super) fn failed(&mut self, key: &KeyRef, report: &QuotaReport, now: Millis) -> Option<Alone> {
        let shared = self.shared.as_mut().filter(|shared| shared.key == *key)?;
        shared.share.failed(report, now)
    }

    fn grant_one(&mut self, now: Millis) -> Option<QuotaTicket> {
        let Some(Shared { share, .. }) = &mut self.shared else { return self.quota.grant(now) };
        self.quota.set_calls(share.allows(now)?);
        let ticket = self.quota.grant(now)?;
        share.take(ticket);
        Some(ticket)
    }
}
