//! A journal that has been read, and which of it belongs to one conversation.

use std::collections::{BTreeSet, HashSet};

use super::build::{self, About};
use super::emulated::Emulated;
use super::happening::{CONNECT, Happening, What};
use super::model::{Stretch, Timeline};
use crate::service::Entry;
use crate::time::Millis;

/// The moments before this one, in milliseconds, are of no clock: 2001.
const EPOCH: u64 = 978_307_200_000;

/// A journal that has been read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Journal {
    happenings: Vec<Happening>,
    is_clock: bool,
}

/// A conversation in a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// Its session; `None` where a visitor got none.
    pub session: Option<String>,
    /// The visitor, if it is known.
    pub visitor: Option<String>,
    /// The moment of the first entry that counts to it.
    pub start: Millis,
    /// How long it lasted.
    pub length: Millis,
    /// How many messages and answers of the avatar's own there are.
    pub messages: usize,
    /// The longest stretch in which something was waited for.
    pub longest_wait: Option<Stretch>,
}

impl Journal {
    /// The emulator's own journal.
    pub fn of_entries(entries: &[Entry]) -> Self {
        let mut reader = Emulated::default();
        // An entry is always JSON.
        entries
            .iter()
            .filter_map(|entry| serde_json::to_value(entry).ok())
            .for_each(|entry| reader.take(&entry));
        Self::new(reader.finish(), true)
    }

    /// Something that was read; `may_be_clock` if its moments may count from the Unix epoch.
    pub(super) fn new(happenings: Vec<Happening>, may_be_clock: bool) -> Self {
        let is_clock = may_be_clock && happenings.first().is_some_and(|first| first.at.0 >= EPOCH);
        Self { happenings, is_clock }
    }

    /// The time line of a session, with what its visitor's conversations share. `None` if nothing is of this session.
    pub fn of_session(&self, session: &str) -> Option<Timeline> {
        let is_its = |happening: &&Happening| happening.whose.session.as_deref() == Some(session);
        self.happenings.iter().find(is_its)?;
        let of_it = self.happenings.iter().filter(is_its);
        let visitor = of_it.filter_map(|happening| happening.whose.visitor.as_ref()).next();
        self.timeline(Some(session), visitor.map(String::as_str))
    }

    /// The time line of a visitor, all sessions together. `None` if nothing is of this visitor.
    pub fn of_visitor(&self, visitor: &str) -> Option<Timeline> {
        let is_its = |happening: &Happening| happening.whose.visitor.as_deref() == Some(visitor);
        self.happenings.iter().any(is_its).then(|| self.timeline(None, Some(visitor)))?
    }

    /// The conversations there are, in the order in which they began.
    pub fn conversations(&self) -> Vec<Conversation> {
        let (mut known, mut listed) = (HashSet::new(), Vec::new());
        let mut visitors: Vec<&str> = Vec::new();
        for happening in &self.happenings {
            if let Some(visitor) = happening.whose.visitor.as_deref()
                && known.insert((None, visitor))
            {
                visitors.push(visitor);
            }
        }
        for happening in &self.happenings {
            if let Some(session) = happening.whose.session.as_deref()
                && known.insert((Some(session), ""))
                && let Some(timeline) = self.of_session(session)
            {
                listed.push(timeline);
            }
        }
        for visitor in visitors {
            let has_session = listed.iter().any(|timeline| timeline.visitor.as_deref() == Some(visitor));
            if !has_session && let Some(timeline) = self.of_visitor(visitor) {
                listed.push(timeline);
            }
        }
        listed.sort_by_key(|timeline| timeline.start);
        listed.into_iter().map(Conversation::of).collect()
    }

    fn timeline(&self, session: Option<&str>, visitor: Option<&str>) -> Option<Timeline> {
        let anonymous = self.anonymous(visitor);
        let is_its = |happening: &&Happening| {
            let (of, by) = (happening.whose.session.as_deref(), happening.whose.visitor.as_deref());
            match (session, of) {
                (Some(session), Some(of)) => session == of,
                _ if by.is_some() => by == visitor,
                (None, Some(_)) => false,
                (_, None) => anonymous.contains(&happening.n),
            }
        };
        let its: Vec<_> = self.happenings.iter().filter(is_its).collect();
        let about = About {
            session: session.map(str::to_owned),
            visitor: visitor.map(str::to_owned),
            is_clock: self.is_clock,
        };
        build::timeline(&its, about)
    }

    /// The numbers of the entries that name no visitor and no session, and yet are a visitor's: all where there is
    /// no other visitor; else the call that brought the token which the visitor's conversation began with.
    fn anonymous(&self, visitor: Option<&str>) -> HashSet<u64> {
        let is_anonymous = |it: &Happening| it.whose.visitor.is_none() && it.whose.session.is_none();
        let visitors: BTreeSet<_> =
            self.happenings.iter().filter_map(|it| it.whose.visitor.as_deref()).collect();
        if visitors.len() <= 1 {
            return self.happenings.iter().filter(|it| is_anonymous(it)).map(|it| it.n).collect();
        }
        let (mut token, mut calls, mut numbers) = (None, HashSet::new(), HashSet::new());
        for happening in &self.happenings {
            match &happening.what {
                What::Call { id, name, .. } if name == "oauth/token" && is_anonymous(happening) => {
                    token = Some((*id, happening.n));
                }
                What::Call { name, .. } if name == "visitor-chat/init" => {
                    if happening.whose.visitor.as_deref() == visitor
                        && let Some((id, n)) = token
                    {
                        calls.insert(id);
                        numbers.insert(n);
                    }
                }
                // A handshake at an address that is not known may be any visitor's.
                What::Call { name, .. } if name == CONNECT => {}
                _ => {}
            }
        }
        let answers = self
            .happenings
            .iter()
            .filter(|it| matches!(&it.what, What::Answer { call, .. } if calls.contains(call)));
        numbers.extend(answers.map(|it| it.n));
        numbers
    }
}

impl Conversation {
    fn of(timeline: Timeline) -> Self {
        let messages = timeline.lanes.iter().flat_map(|lane| &lane.spans);
        let messages = messages.filter(|span| span.kind == super::SpanKind::Question).count();
        Self {
            messages,
            longest_wait: timeline.longest_wait().cloned(),
            start: timeline.start,
            length: timeline.length(),
            session: timeline.session,
            visitor: timeline.visitor,
        }
    }
}
