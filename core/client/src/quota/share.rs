//! A process's part in a quota that several processes share.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use secondme_avatar_protocol::{Millis, QuotaTicket};

use crate::peers::{Heard, QuotaAnswer, QuotaReport, QuotaTimes};

/// How long what lasts, in parts of a window: 60 s in earnest, less in tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) window: Duration,
    /// A process reports this often, so that it does not count as absent.
    contact: Duration,
    /// One whose visitors wait reports this often.
    look: Duration,
    /// A report that failed is made again after this time.
    retry: Duration,
    /// A place that was given is used within this time, or given back.
    fresh: Duration,
    /// The longest that a call is under way.
    call: Duration,
    absent: Duration,
    alone: Duration,
}

impl Times {
    pub(super) fn of(window: Duration) -> Self {
        Self {
            window,
            contact: window / 24,
            look: window / 60,
            retry: window / 120,
            fresh: window / 12,
            call: window / 6,
            absent: window * 3 / 20,
            alone: window * 10,
        }
    }

    /// How long a place counts of which nothing more is heard.
    fn place(&self) -> Duration {
        self.fresh + self.call + self.window
    }

    /// After this time without an answer, what others were given before they left this process its share has run out.
    fn safe(&self) -> Duration {
        self.absent + self.place()
    }

    /// For how long a place counts from now on.
    fn left(&self, place: &Place, now: Millis) -> Duration {
        match place.until {
            None => self.place(),
            // Moments are cut to milliseconds.
            Some(until) if until > now => until.since(now) + Duration::from_millis(1),
            Some(_) => Duration::ZERO,
        }
    }

    fn told(&self) -> QuotaTimes {
        QuotaTimes {
            window: self.window,
            place: self.place(),
            absent: self.absent,
            alone: self.alone,
            waiting: self.look * 3,
        }
    }
}

/// Decides what this process may use of the quota, without a clock and without the store.
///
/// Each call needs a place, which the store gives; no more places than the quota has calls count at a time. A place
/// counts until its call has been back for a window.
///
/// Without the store, a process goes by its share. All shares together are half of the quota: what a process that died
/// leaves behind is kept from the others for as long as it might live, and they need the other half. A process begins
/// to use its share when all has run out that the others were given before they left it that share.
#[derive(Debug)]
pub(super) struct Share {
    times: Times,
    limit: usize,
    process: String,
    turn: u64,
    /// The number of the next place.
    next: u64,
    places: BTreeMap<u64, Place>,
    /// Places that are given, and not used yet; and when they were asked for.
    stock: VecDeque<(u64, Millis)>,
    tickets: HashMap<QuotaTicket, u64>,
    contact: Contact,
    refused: Refused,
    asked: Asked,
}

/// A place that counts.
#[derive(Debug)]
struct Place {
    /// `None`: the call is not back. In the past: it was not used.
    until: Option<Millis>,
    /// The store knows all of this.
    is_told: bool,
}

/// What there was of answers.
#[derive(Debug, Default)]
struct Contact {
    last: Option<Answered>,
    /// Reports have failed since.
    gone: Option<Gone>,
}

#[derive(Debug)]
struct Answered {
    heard: Heard,
    asked_at: Millis,
    at: Millis,
    share: usize,
}

#[derive(Debug)]
struct Gone {
    since: Millis,
    failed_at: Millis,
}

/// The service refuses all calls until then.
#[derive(Debug)]
struct Refused {
    until: Millis,
    is_told: bool,
}

/// What the store knows that is asked for.
#[derive(Debug, Default)]
struct Asked {
    wanted: usize,
    /// When the next places come.
    comes: Vec<Millis>,
    /// Those are all that come within a window.
    is_all: bool,
}

/// What an answer changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The service refuses all calls until then.
    pub(super) refused_until: Millis,
    /// Reports had failed before.
    pub(super) is_back: bool,
}

/// The store cannot be reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alone {
    /// How many calls a window the process may make.
    pub(super) share: usize,
    /// How long it is until then.
    pub(super) begins_in: Duration,
    /// For how long from then on.
    pub(super) lasts: Duration,
}

impl Share {
    pub(super) fn new(times: Times, limit: usize, process: String) -> Self {
        Self {
            times,
            limit,
            process,
            turn: 0,
            next: 0,
            places: BTreeMap::new(),
            stock: VecDeque::new(),
            tickets: HashMap::new(),
            contact: Contact::default(),
            refused: Refused { until: Millis::default(), is_told: true },
            asked: Asked::default(),
        }
    }

    /// How many calls of this process may count at a time, if a call may go out now.
    pub(super) fn allows(&mut self, now: Millis) -> Option<usize> {
        self.give_back_stale(now);
        if self.stock.is_empty() { self.alone(now) } else { Some(self.limit) }
    }

    /// The call of this ticket goes out now.
    pub(super) fn take(&mut self, ticket: QuotaTicket) {
        let given = self.stock.pop_front();
        let number =
            given.map_or_else(|| self.place(Place { until: None, is_told: false }), |(number, _)| number);
        self.tickets.insert(ticket, number);
    }

    /// The call of this ticket counts until then.
    pub(super) fn finish(&mut self, ticket: QuotaTicket, until: Millis) {
        if let Some(number) = self.tickets.remove(&ticket) {
            self.places.insert(number, Place { until: Some(until), is_told: false });
        }
    }

    /// The call of this ticket has not gone out.
    pub(super) fn give_back(&mut self, ticket: QuotaTicket) {
        self.finish(ticket, Millis::default());
    }

    /// The service refuses all calls until then.
    pub(super) fn hold_until(&mut self, until: Millis) {
        if until > self.refused.until {
            self.refused = Refused { until, is_told: false };
        }
    }

    /// When the ticket goes that has so many before it, as it looks now. `own`: as it looks to the calls of this process.
    pub(super) fn expected(&self, ahead: usize, now: Millis, own: Option<Millis>) -> Option<Millis> {
        let Some(gone) = &self.contact.gone else {
            let Some(ahead) = ahead.checked_sub(self.stock.len()) else { return Some(now) };
            return self.asked.expected(ahead, self.times.window);
        };
        // Most often it is back in a moment.
        if gone.since + self.times.absent > now || self.is_over(now) {
            return None;
        }
        let from = self.alone_from()?;
        own.map(|own| own.max(from))
    }

    /// When to look again whether a call may go out, if no answer comes before.
    pub(super) fn opens_at(&self, now: Millis) -> Option<Millis> {
        self.contact.gone.as_ref()?;
        self.alone_from().filter(|from| *from > now)
    }

    /// When the next report is due, with so many tickets waiting.
    pub(super) fn due(&self, now: Millis, waiting: usize) -> Millis {
        if let Some(gone) = &self.contact.gone {
            return gone.failed_at + self.times.retry;
        }
        let Some(last) = &self.contact.last else { return now };
        let wanted = waiting.saturating_sub(self.stock.len());
        let has_news = wanted != self.asked.wanted
            || self.stock.len() > waiting
            || !self.refused.is_told
            || self.places.values().any(|place| !place.is_told);
        if has_news {
            return now;
        }
        let comes = self.asked.comes.first().map(|at| (*at).max(last.at + self.times.look / 100));
        let look = if wanted > 0 { last.at + self.times.look } else { last.at + self.times.contact };
        let stale = self.stock.front().map(|(_, asked_at)| *asked_at + self.times.fresh);
        comes.into_iter().chain(stale).fold(look, Millis::min)
    }

    /// What to report, with so many tickets waiting.
    pub(super) fn report(&mut self, now: Millis, waiting: usize) -> QuotaReport {
        self.give_back_stale(now);
        while self.stock.len() > waiting
            && let Some((number, _)) = self.stock.pop_back()
        {
            self.places.insert(number, Place { until: Some(Millis::default()), is_told: false });
        }
        if self.is_over(now) {
            // What the others know of this process, they have forgotten.
            self.contact.last = None;
        }
        let wanted = waiting.saturating_sub(self.stock.len());
        let first = self.next;
        // Places that it makes for itself before the answer comes have other numbers.
        self.next += numbers(wanted.min(self.limit));
        self.turn += 1;
        self.asked.wanted = wanted;
        let untold = self.places.iter_mut().filter(|(_, place)| !place.is_told);
        let places = untold
            .map(|(number, place)| {
                place.is_told = true;
                (*number, self.times.left(place, now))
            })
            .collect();
        let refused_for = if self.refused.is_told { Duration::ZERO } else { self.refused.until.since(now) };
        self.refused.is_told = true;
        let last = self.contact.last.as_ref();
        QuotaReport {
            process: self.process.clone(),
            turn: self.turn,
            limit: self.limit,
            times: self.times.told(),
            wanted,
            first,
            places,
            share: last.map_or(0, |last| last.share),
            heard: last.map(|last| last.heard.clone()),
            refused_for,
            leaves: false,
        }
    }

    /// The answer to the report that was made at this moment.
    pub(super) fn answered(
        &mut self,
        report: &QuotaReport,
        asked_at: Millis,
        now: Millis,
        answer: QuotaAnswer,
    ) -> Change {
        self.places.retain(|_, place| !(place.is_told && place.until.is_some_and(|until| until <= now)));
        for number in report.first..report.first + numbers(answer.granted) {
            self.places.insert(number, Place { until: None, is_told: true });
            self.stock.push_back((number, asked_at));
        }
        self.asked = Asked {
            wanted: report.wanted.saturating_sub(answer.granted),
            comes: answer.waits.iter().map(|wait| now + *wait).collect(),
            is_all: answer.is_all,
        };
        if !answer.refused_for.is_zero() {
            let until = now + answer.refused_for;
            self.refused.until = self.refused.until.max(until);
        }
        let Contact { last, gone } = &mut self.contact;
        *last = Some(Answered { heard: answer.heard, asked_at, at: now, share: answer.share });
        Change { refused_until: self.refused.until, is_back: gone.take().is_some() }
    }

    /// No answer came. Returns what the process may do from now on, the first time.
    pub(super) fn failed(&mut self, report: &QuotaReport, now: Millis) -> Option<Alone> {
        // It may have arrived, or not, or what it changed may be lost.
        self.places.values_mut().for_each(|place| place.is_told = false);
        for number in report.first..report.first + numbers(report.wanted.min(self.limit)) {
            self.places.insert(number, Place { until: Some(Millis::default()), is_told: false });
        }
        self.refused.is_told = self.refused.until <= now;
        self.asked = Asked::default();
        let since = self.contact.gone.as_ref().map(|gone| gone.since);
        self.contact.gone = Some(Gone { since: since.unwrap_or(now), failed_at: now });
        if since.is_some() {
            return None;
        }
        let last = self.contact.last.as_ref();
        let begins = last.map_or(now, |last| last.at + self.times.safe());
        let ends = last.map_or(now, |last| last.asked_at + self.times.alone);
        Some(Alone {
            share: last.map_or(0, |last| last.share),
            begins_in: begins.since(now),
            lasts: ends.since(begins),
        })
    }

    /// Reports for the last time, or for the last time to the processes with the present key. What was given and not
    /// used is given back.
    pub(super) fn leave(&mut self, now: Millis) -> QuotaReport {
        let report = QuotaReport { leaves: true, ..self.report(now, 0) };
        self.contact = Contact::default();
        self.asked = Asked::default();
        // Calls that are under way may show either key.
        self.places.retain(|_, place| place.until.is_none());
        self.places.values_mut().for_each(|place| place.is_told = false);
        self.refused = Refused { until: Millis::default(), is_told: true };
        report
    }

    fn place(&mut self, place: Place) -> u64 {
        let number = self.next;
        self.next += 1;
        self.places.insert(number, place);
        number
    }

    fn give_back_stale(&mut self, now: Millis) {
        while let Some((number, asked_at)) = self.stock.front()
            && *asked_at + self.times.fresh <= now
        {
            self.places.insert(*number, Place { until: Some(Millis::default()), is_told: false });
            self.stock.pop_front();
        }
    }

    /// How many calls of this process may count at a time while the store is away.
    fn alone(&self, now: Millis) -> Option<usize> {
        self.contact.gone.as_ref()?;
        self.alone_from().filter(|from| *from <= now && !self.is_over(now))?;
        self.contact.last.as_ref().map(|last| last.share)
    }

    fn alone_from(&self) -> Option<Millis> {
        let last = self.contact.last.as_ref().filter(|last| last.share > 0)?;
        Some(last.at + self.times.safe())
    }

    /// Whether the share has run out.
    fn is_over(&self, now: Millis) -> bool {
        self.contact.last.as_ref().is_some_and(|last| last.asked_at + self.times.alone <= now)
    }
}

impl Asked {
    fn expected(&self, ahead: usize, window: Duration) -> Option<Millis> {
        if let Some(at) = self.comes.get(ahead) {
            return Some(*at);
        }
        let each = self.comes.len();
        if !self.is_all || each == 0 {
            return None;
        }
        let windows = u32::try_from(ahead / each).unwrap_or(u32::MAX);
        Some(self.comes[ahead % each] + window.saturating_mul(windows))
    }
}

fn numbers(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}
