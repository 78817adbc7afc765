//! Chance from a seed: the same seed gives the same run.

use std::time::Duration;

/// SplitMix64: small, and good enough to play with.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
    /// What is decided beforehand: bytes, taken from the end.
    tape: Option<Vec<u8>>,
}

impl Chance {
    /// All that follows depends on the seed alone.
    pub fn new(seed: u64) -> Self {
        Self { state: seed, tape: None }
    }

    /// All that follows is decoded from these bytes, as far as they reach.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self { state: 0, tape: Some(bytes.iter().rev().copied().collect()) }
    }

    /// Whether the bytes that it was to be decoded from are used up.
    pub fn is_spent(&self) -> bool {
        self.tape.as_ref().is_some_and(Vec::is_empty)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        // Few bytes decide much, and each byte decides one thing: so a fuzzer finds its way.
        if let Some(byte) = self.tape.as_mut().and_then(Vec::pop) {
            let more = if limit > 256 { self.any() << 8 } else { 0 };
            return (more | u64::from(byte)) % limit;
        }
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
