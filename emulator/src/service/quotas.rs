//! How many calls each API key has made within the last minute.

use std::collections::{HashMap, VecDeque};

use crate::time::Millis;

const WINDOW: Millis = Millis::minutes(1);

/// The moments of the counted calls, by the key's position in the settings.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    counted: HashMap<usize, VecDeque<Millis>>,
}

impl Quotas {
    /// Counts a call, or returns how long the key has to wait for the next one.
    pub(super) fn count(&mut self, key: usize, limit: usize, now: Millis) -> Result<(), Millis> {
        let counted = self.counted.entry(key).or_default();
        while counted.front().is_some_and(|at| now - *at >= WINDOW) {
            counted.pop_front();
        }
        if counted.len() < limit {
            counted.push_back(now);
            return Ok(());
        }
        Err(counted.front().map_or(WINDOW, |first| *first + WINDOW - now))
    }

    /// Moves the counts to the keys' new positions. The counts of a key without one are dropped.
    pub(super) fn move_keys(&mut self, position: impl Fn(usize) -> Option<usize>) {
        let counted = std::mem::take(&mut self.counted);
        let kept = counted.into_iter().filter_map(|(old, calls)| Some((position(old)?, calls)));
        self.counted = kept.collect();
    }
}
