//! Which sessions have changed, for the readers of the live feed. Without a reader nothing is kept.

use std::collections::{BTreeMap, HashMap};

use super::Service;
use super::ids::VisitorIndex;

/// How many changed sessions are remembered; of older changes a reader learns by a new snapshot.
const REMEMBERED: usize = 50_000;

/// The sessions in the order in which they were changed last.
#[derive(Debug, Default)]
pub(super) struct Watch {
    readers: usize,
    /// How often anything has changed, with or without a reader.
    revision: u64,
    /// The number of the last change.
    last: u64,
    /// What was changed up to here is not remembered.
    forgotten: u64,
    order: BTreeMap<u64, String>,
    of_session: HashMap<String, u64>,
}

impl Watch {
    /// One more reader. Returns the number of the last change.
    pub(super) fn begin(&mut self) -> u64 {
        self.readers += 1;
        self.last
    }

    /// One reader less.
    pub(super) fn end(&mut self) {
        self.readers = self.readers.saturating_sub(1);
        if self.readers == 0 {
            self.forget();
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.readers > 0
    }

    /// Notes that a session has changed, come or gone.
    pub(super) fn touch(&mut self, session_id: &str) {
        self.revision += 1;
        if !self.is_on() {
            return;
        }
        self.last += 1;
        let name = match self.of_session.get_mut(session_id) {
            Some(change) => self.order.remove(&std::mem::replace(change, self.last)),
            None => {
                self.of_session.insert(session_id.to_owned(), self.last);
                None
            }
        };
        self.order.insert(self.last, name.unwrap_or_else(|| session_id.to_owned()));
        if self.order.len() > REMEMBERED
            && let Some((change, oldest)) = self.order.pop_first()
        {
            self.of_session.remove(&oldest);
            self.forgotten = change;
        }
    }

    /// The sessions that changed after a change, the first ones up to a limit, and the change from which to go on;
    /// `None` where that is not remembered.
    pub(super) fn since(&self, change: u64, limit: usize) -> Option<(Vec<&str>, u64)> {
        if change < self.forgotten {
            return None;
        }
        let changed = self.order.range(change + 1..).take(limit);
        let (mut names, mut last) = (Vec::new(), change);
        for (change, name) in changed {
            names.push(name.as_str());
            last = *change;
        }
        Some((names, last))
    }

    /// Notes that something has changed which is no session.
    pub(super) fn note(&mut self) {
        self.revision += 1;
    }

    /// The number of the last change.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Lets every reader begin anew.
    pub(super) fn forget(&mut self) {
        self.revision += 1;
        self.last += 1;
        self.forgotten = self.last;
        self.order.clear();
        self.of_session.clear();
    }
}

impl Service {
    /// Grows with each change of what [is kept](Service::saved).
    pub(crate) fn revision(&self) -> u64 {
        self.watch.revision
    }

    /// Notes that the sessions of a visitor have changed.
    pub(super) fn touch_visitor(&mut self, visitor: VisitorIndex) {
        if self.watch.is_on() {
            for session in &self.world.visitors[visitor.0].sessions {
                self.watch.touch(session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_once_in_the_order_of_its_last_change() {
        let mut watch = Watch::default();
        watch.touch("unseen");
        let seen = watch.begin();
        for session in ["a", "b", "a", "c"] {
            watch.touch(session);
        }
        let (names, next) = watch.since(seen, 2).unwrap();
        assert_eq!(names, ["b", "a"]);
        let (names, next) = watch.since(next, 2).unwrap();
        assert_eq!(names, ["c"]);
        assert_eq!(watch.since(next, 2).unwrap().0, Vec::<&str>::new());
        watch.forget();
        assert!(watch.since(next, 2).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_ends_with_the_last_reader() {
        let mut watch = Watch::default();
        let seen = watch.begin();
        for number in 0..=REMEMBERED {
            watch.touch(&number.to_string());
        }
        assert_eq!((watch.order.len(), watch.of_session.len()), (REMEMBERED, REMEMBERED));
        assert!(watch.since(seen, 1).is_none() && watch.since(seen + 1, 1).is_some());
        watch.end();
        assert_eq!((watch.order.len(), watch.of_session.len()), (0, 0));
    }
}
