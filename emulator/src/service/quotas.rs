//! How many calls each API key has made within the last minute.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::time::Millis;

const WINDOW: Millis = Millis::minutes(1);

/// The moments of the counted calls in milliseconds, by the key's position in the settings.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Quotas {
    counted: HashMap<usize, VecDeque<u64>>,
}

impl Quotas {
    /// Counts a call, or returns how long the key has to wait for the next one.
    pub(super) fn count(&mut self, key: usize, limit: usize, now: Millis) -> Result<(), Millis> {
        let counted = self.counted.entry(key).or_default();
        while counted.front().is_some_and(|at| now - Millis(*at) >= WINDOW) {
            counted.pop_front();
        }
        if counted.len() < limit {
            counted.push_back(now.0);
            return Ok(());
        }
        Err(counted.front().map_or(WINDOW, |first| Millis(*first) + WINDOW - now))
    }

    /// How many calls of a key count at a moment, and when the oldest of them no longer does.
    pub(super) fn used(&self, key: usize, now: Millis) -> (usize, Option<Millis>) {
        let counted =
            self.counted.get(&key).map(|counted| counted.iter().filter(|at| now - Millis(**at) < WINDOW));
        let Some(mut counting) = counted else {
            return (0, None);
        };
        let first = counting.next();
        (first.map_or(0, |_| 1 + counting.count()), first.map(|at| Millis(*at) + WINDOW))
    }

    /// Moves the counts to the keys' new positions. The counts of a key without one are dropped.
    pub(super) fn move_keys(&mut self, position: impl Fn(usize) -> Option<usize>) {
        let counted = std::mem::take(&mut self.counted);
        let kept = counted.into_iter().filter_map(|(old, calls)| Some((position(old)?, calls)));
        self.counted = kept.collect();
    }
}
