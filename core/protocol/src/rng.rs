//! Chance from a seed: the same seed gives the same run, in every language and on every machine.

use std::time::Duration;

/// SplitMix64: eight bytes of state and good enough to spread timers and to name messages.
/// Nothing secret is made from it.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A duration anywhere from zero up to and including `limit`.
    pub(crate) fn up_to(&mut self, limit: Duration) -> Duration {
        let millis = limit.as_millis() as u64;
        Duration::from_millis(self.next() % (millis + 1))
    }
}
