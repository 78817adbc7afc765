//! The time line in words.

use super::model::{Stretch, Timeline};
use crate::time::Millis;

/// A length of time as people say it: `350 ms`, `1.2 s`, `2 min 05 s`, `1 h 02 min`.
pub fn length(time: Millis) -> String {
    super::text::length(time)
}

impl Stretch {
    /// How it was spent, in words: `waiting for the first piece after “Hello”`.
    pub fn said(&self) -> String {
        let is_for_something = ["for ", "until ", "after "].iter().any(|begin| self.words.starts_with(begin));
        if is_for_something { format!("waiting {}", self.words) } else { self.words.clone() }
    }
}

impl Timeline {
    /// The longest stretches in words, at most `limit`, for example
    /// `1.2 s waiting for the first piece after “Hello”, at 3.4 s`.
    pub fn in_words(&self, limit: usize) -> Vec<String> {
        let line = |stretch: &Stretch| {
            let (long, at) = (length(stretch.length()), length(stretch.from - self.start));
            format!("{long} {}, at {at}", stretch.said())
        };
        self.stretches.iter().take(limit).map(line).collect()
    }
}
