//! What is still to happen, in the order of its time; what happens at one moment, in the order in
//! which it was planned.

use std::collections::BTreeMap;

use secondme_avatar_protocol::Millis;

#[derive(Debug)]
pub(crate) struct Queue<T> {
    due: BTreeMap<(Millis, u64), T>,
    planned: u64,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { due: BTreeMap::new(), planned: 0 }
    }

    pub(crate) fn plan(&mut self, at: Millis, what: T) {
        self.due.insert((at, self.planned), what);
        self.planned += 1;
    }

    /// The next thing to happen, and when.
    pub(crate) fn next(&self) -> Option<(Millis, &T)> {
        self.due.first_key_value().map(|((at, _), what)| (*at, what))
    }

    pub(crate) fn take(&mut self) -> Option<(Millis, T)> {
        self.due.pop_first().map(|((at, _), what)| (at, what))
    }
}
