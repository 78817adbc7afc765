//! Parts of the journal.

use std::sync::Arc;

use serde::Serialize;

use super::{Entry, Journal};
use crate::service::ids::Whose;

/// Which entries are asked for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// From this one on.
    pub(crate) since: u64,
    /// In place of that, the last ones before this one.
    pub(crate) before: Option<u64>,
    pub(crate) limit: Option<usize>,
    /// Only those of this session.
    pub(crate) session: Option<String>,
    /// Only those of this visitor.
    pub(crate) visitor: Option<String>,
}

/// The entries asked for, in order.
#[derive(Debug, Serialize)]
pub(crate) struct Excerpt {
    /// From which entry to go on.
    next: u64,
    entries: Vec<Arc<Entry>>,
}

/// How many entries before one are given, if the caller does not say.
const BEFORE: usize = 200;

impl Wanted {
    fn includes(&self, whose: &Whose) -> bool {
        let fits = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        fits(&self.session, &whose.session_id) && fits(&self.visitor, &whose.visitor_id)
    }
}

impl Journal {
    /// The entries asked for.
    pub(in crate::service) fn excerpt(&self, wanted: &Wanted) -> Excerpt {
        let place = |n: u64| self.entries.partition_point(|entry| entry.n < n);
        let includes = |entry: &&Arc<Entry>| wanted.includes(&entry.whose);
        if let Some(before) = wanted.before {
            let end = place(before);
            let older = self.entries.range(..end).rev().filter(includes).take(wanted.limit.unwrap_or(BEFORE));
            let mut entries: Vec<_> = older.cloned().collect();
            entries.reverse();
            return Excerpt { next: before.min(self.next()), entries };
        }
        let limit = wanted.limit.unwrap_or(usize::MAX);
        let newer = self.entries.range(place(wanted.since)..).filter(includes);
        let entries: Vec<_> = newer.take(limit).cloned().collect();
        let is_full = entries.len() == limit;
        let next = entries.last().filter(|_| is_full).map_or(self.next(), |last| last.n + 1);
        Excerpt { next, entries }
    }

    /// The first entries from a number on, up to a limit.
    pub(in crate::service) fn range(&self, from: u64, limit: usize) -> Vec<Arc<Entry>> {
        let from = self.entries.partition_point(|entry| entry.n < from);
        self.entries.range(from..).take(limit).cloned().collect()
    }
}
