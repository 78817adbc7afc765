//! The API key's quota: sixty authentications a minute, shared by all visitors, first come first
//! served.

use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Step};
use crate::limits::{CALL_TIMEOUT, QUOTA_CALLS, QUOTA_WINDOW};
use crate::time::Millis;

/// A ticket for the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuotaTicket(u64);

/// The quota of one API key, as a queue without clock or sockets.
///
/// A ticket that was granted counts from the moment its call came back, not from when it went out:
/// the service counts when a call *arrives*, and that is never later.
///
/// ```
/// use secondme_avatar_protocol::{Millis, Quota};
///
/// let mut quota = Quota::default();
/// let ticket = quota.join();
/// assert_eq!(quota.grant(Millis(0)), Some(ticket));
/// quota.finish(ticket, Millis(80));
/// ```
#[derive(Debug)]
pub struct Quota {
    calls: usize,
    window: Duration,
    next: u64,
    waiting: VecDeque<QuotaTicket>,
    in_use: Vec<QuotaTicket>,
    /// When each used slot is free again, earliest first.
    used_until: VecDeque<Millis>,
    held_until: Millis,
}

impl Default for Quota {
    /// The page's: 60 calls in a minute.
    fn default() -> Self {
        Self::new(QUOTA_CALLS)
    }
}

impl Quota {
    /// A quota of so many calls in a minute; at least one.
    pub fn new(calls: usize) -> Self {
        Self::over(calls, QUOTA_WINDOW)
    }

    /// A quota of so many calls over this time; at least one call.
    pub fn over(calls: usize, window: Duration) -> Self {
        Self {
            calls: calls.max(1),
            window,
            next: 0,
            waiting: VecDeque::new(),
            in_use: Vec::new(),
            used_until: VecDeque::new(),
            held_until: Millis::default(),
        }
    }

    /// From now on so many calls go; with none, all wait. What is under way and what counts stays.
    pub fn set_calls(&mut self, calls: usize) {
        self.calls = calls;
    }

    /// Joins the queue.
    pub fn join(&mut self) -> QuotaTicket {
        self.next += 1;
        let ticket = QuotaTicket(self.next);
        self.waiting.push_back(ticket);
        ticket
    }

    /// Leaves the queue, or gives back a ticket that was granted and not used.
    pub fn leave(&mut self, ticket: QuotaTicket) {
        self.waiting.retain(|waiting| *waiting != ticket);
        self.in_use.retain(|used| *used != ticket);
    }

    /// The next in the queue whose turn it is, if there is room. Ask again until there is none.
    pub fn grant(&mut self, now: Millis) -> Option<QuotaTicket> {
        while self.used_until.front().is_some_and(|until| *until <= now) {
            self.used_until.pop_front();
        }
        let full = self.used_until.len() + self.in_use.len() >= self.calls;
        if full || self.held_until > now {
            return None;
        }
        let ticket = self.waiting.pop_front()?;
        self.in_use.push(ticket);
        Some(ticket)
    }

    /// The call of this ticket came back.
    pub fn finish(&mut self, ticket: QuotaTicket, now: Millis) {
        if let Some(at) = self.in_use.iter().position(|used| *used == ticket) {
            self.in_use.swap_remove(at);
            let until = now + self.window;
            let at = self.used_until.partition_point(|used| *used <= until);
            self.used_until.insert(at, until);
        }
    }

    /// The call of this ticket was given up, but its request may still be on its way: the
    /// service counts it when it comes.
    pub fn abandon(&mut self, ticket: QuotaTicket, now: Millis) {
        self.finish(ticket, now + CALL_TIMEOUT);
    }

    /// The service says that the quota is used up: no call goes before `until`.
    pub fn hold_until(&mut self, until: Millis) {
        self.held_until = self.held_until.max(until);
    }

    /// Another key has taken the place of the one that there was: what that one has used up counts no more. Tickets
    /// that are granted count, for their calls may show either.
    pub fn renew(&mut self) {
        self.used_until.clear();
        self.held_until = Millis::default();
    }

    /// The error of a call that cannot wait so long for its slot.
    #[must_use]
    pub fn used_up(wait: Duration) -> Error {
        let message = "the API key's quota (60 authentications a minute) is used up by other conversations";
        Error::new(ErrorKind::RateLimited, message).at(Step::Authenticate).with_retry_after(Some(wait))
    }

    /// When the next in the queue may go, as it looks now. `None` while no call waits, or while that
    /// depends on calls that have not come back.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.waiting.front()?;
        self.expected(0)
    }

    /// When this ticket's turn comes, as it looks now; `None` where that cannot be said yet.
    pub fn expected_at(&self, ticket: QuotaTicket) -> Option<Millis> {
        let ahead = self.waiting.iter().position(|waiting| *waiting == ticket)?;
        self.expected(ahead)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn expected(&self, ahead: usize) -> Option<Millis> {
        let free = self.calls.saturating_sub(self.used_until.len() + self.in_use.len());
        if ahead < free {
            return Some(self.held_until);
        }
        if self.calls == 0 {
            return None;
        }
        // Every `calls` places further back is a window later.
        let (windows, slot) = ((ahead - free) / self.calls, (ahead - free) % self.calls);
        let first = *self.used_until.get(slot)?;
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        Some((first + self.window.saturating_mul(windows)).max(self.held_until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn sixty_go_at_once_and_the_next_when_the_first_has_been_back_for_a_minute() {
        let mut quota = Quota::default();
        let tickets: Vec<QuotaTicket> = (0..61).map(|_| quota.join()).collect();
        let start = Millis(1_000);
        for ticket in &tickets[..60] {
            assert_eq!(quota.grant(start), Some(*ticket));
        }
        assert_eq!(quota.grant(start), None);
        assert_eq!(quota.next_deadline(), None, "nothing has come back yet");

        for ticket in &tickets[..60] {
            quota.finish(*ticket, start + SECOND);
        }
        let free = start + SECOND + QUOTA_WINDOW;
        assert_eq!(quota.next_deadline(), Some(free));
        assert_eq!(quota.expected_at(tickets[60]), Some(free));
        assert_eq!(quota.grant(free - Duration::from_millis(1)), None);
        assert_eq!(quota.grant(free), Some(tickets[60]));
    }

    #[test]
    fn the_queue_is_fair_and_a_caller_that_leaves_it_holds_up_no_other() {
        let mut quota = Quota::default();
        let tickets: Vec<QuotaTicket> = (0..3).map(|_| quota.join()).collect();
        quota.leave(tickets[0]);
        assert_eq!(quota.grant(Millis(0)), Some(tickets[1]));
        assert_eq!(quota.grant(Millis(0)), Some(tickets[2]));
    }

    #[test]
    fn no_call_goes_while_the_service_says_wait() {
        let mut quota = Quota::default();
        let ticket = quota.join();
        quota.hold_until(Millis(500));
        assert_eq!(quota.grant(Millis(499)), None);
        assert_eq!(quota.next_deadline(), Some(Millis(500)));
        assert_eq!(quota.grant(Millis(500)), Some(ticket));
    }

    #[test]
    fn an_abandoned_call_counts_from_when_it_can_arrive_at_the_latest() {
        let mut quota = Quota::new(1);
        let (first, second) = (quota.join(), quota.join());
        assert_eq!(quota.grant(Millis(0)), Some(first));
        quota.abandon(first, Millis(0));
        let free = Millis(0) + CALL_TIMEOUT + QUOTA_WINDOW;
        assert_eq!(quota.grant(free - Duration::from_millis(1)), None);
        assert_eq!(quota.grant(free), Some(second));
    }

    #[test]
    fn with_fewer_calls_what_went_out_before_counts() {
        let mut quota = Quota::over(3, SECOND);
        let tickets: Vec<QuotaTicket> = (0..4).map(|_| quota.join()).collect();
        assert_eq!(quota.grant(Millis(0)), Some(tickets[0]));
        assert_eq!(quota.grant(Millis(0)), Some(tickets[1]));
        quota.finish(tickets[0], Millis(100));
        quota.finish(tickets[1], Millis(200));
        quota.set_calls(1);
        assert_eq!(quota.grant(Millis(1199)), None, "the second one still counts");
        assert_eq!(quota.grant(Millis(1200)), Some(tickets[2]));
        quota.set_calls(0);
        assert_eq!((quota.grant(Millis(9000)), quota.expected_at(tickets[3])), (None, None));
    }

    #[test]
    fn a_burst_of_five_hundred_knows_its_minutes() {
        let mut quota = Quota::default();
        let tickets: Vec<QuotaTicket> = (0..500).map(|_| quota.join()).collect();
        while let Some(ticket) = quota.grant(Millis(0)) {
            quota.finish(ticket, Millis(0));
        }
        let last = quota.expected_at(tickets[499]).map(|at| at.since(Millis(0)));
        assert_eq!(last, Some(Duration::from_secs(8 * 60)));
    }
}
