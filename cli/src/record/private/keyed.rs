//! The source of placeholders: a keyed hash. The same value gives the same placeholder within a recording, and
//! without the key, which is never written down, the placeholder says nothing of the value.

use ring::error::Unspecified;
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;

/// The key of one recording.
pub(crate) struct Key(hmac::Key);

impl Key {
    pub(crate) fn random() -> Result<Self, Unspecified> {
        Ok(Self(hmac::Key::generate(HMAC_SHA256, &SystemRandom::new())?))
    }

    #[cfg(test)]
    pub(crate) fn fixed(seed: u64) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, &seed.to_le_bytes()))
    }

    /// The choices that belong to a value.
    pub(crate) fn choices<'a>(&'a self, value: &'a str) -> Choices<'a> {
        Choices { key: &self.0, value, block: [0; 32], number: 0, used: 32 }
    }
}

/// An endless sequence of choices, the same for the same value.
pub(crate) struct Choices<'a> {
    key: &'a hmac::Key,
    value: &'a str,
    block: [u8; 32],
    number: u64,
    used: usize,
}

impl Choices<'_> {
    /// One of the letters of an alphabet, which holds between 1 and 256.
    pub(crate) fn pick(&mut self, alphabet: &[char]) -> char {
        alphabet[usize::from(self.byte()) % alphabet.len()]
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let mut context = hmac::Context::with_key(self.key);
            context.update(&self.number.to_le_bytes());
            context.update(self.value.as_bytes());
            self.block.copy_from_slice(context.sign().as_ref());
            self.number += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}
