//! Chance from a seed: the same seed gives the same run.

use std::time::Duration;

/// SplitMix64: small, and good enough to play with.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// All that follows depends on the seed alone.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.any() % limit
    }

    /// One of these.
    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    /// Yes in so many of a thousand cases.
    pub fn per_mille(&mut self, many: u32) -> bool {
        many > 0 && self.below(1000) < u64::from(many)
    }

    /// A time of these, in milliseconds.
    pub fn millis(&mut self, choices: &[u64]) -> Duration {
        Duration::from_millis(self.of(choices))
    }
}
