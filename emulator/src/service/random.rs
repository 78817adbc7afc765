//! Randomness from a seed, so that a run replays exactly.

/// splitmix64: small, and good enough for ids that only have to be different.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator whose numbers depend on a text alone: the same visitor gets the same ids again.
    pub(super) fn of_text(seed: u64, text: &str) -> Self {
        // FNV-1a
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64 ^ seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(hash)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` up to, not including, `high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    /// Whether something happens that has this chance, from 0 to 1.
    pub(super) fn happens(&mut self, chance: f64) -> bool {
        // 53 bits are what a double holds.
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < chance
    }

    /// 32 hexadecimal digits, as the page's visitor tokens have.
    pub(super) fn hex32(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// Letters and digits beginning with a letter, as the page's encoded ids have.
    pub(super) fn encoded(&mut self, length: usize) -> String {
        const SIGNS: &[u8; 33] = b"abcdefghjkmnpqrstuvwxyz0123456789";
        (0..length)
            .map(|place| {
                let signs = if place == 0 { 23 } else { 33 };
                char::from(SIGNS[self.between(0, signs) as usize])
            })
            .collect()
    }

    /// A number beyond 2^53 and odd, so that a double cannot hold it: who rounds it is found out.
    pub(super) fn wide_number(&mut self) -> u64 {
        self.between(480_000_000_000_000_000, 499_999_999_999_999_998) | 1
    }
}
