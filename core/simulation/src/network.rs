//! What lies between a client and the service: delay, and whatever else goes wrong on the way.

use std::time::Duration;

use secondme_avatar_protocol::{Millis, Step};

/// The network. Every knob may be turned at any moment, and holds from then on.
#[derive(Debug)]
pub struct Network {
    random: u64,
    /// How long anything takes one way.
    pub delay: Delay,
    /// In a thousand calls: those lost before they reach the service.
    pub lost_before: u32,
    /// In a thousand calls: those whose answer is lost.
    pub lost_after: u32,
    /// In a thousand frames to a client: those that come twice.
    pub doubled: u32,
    /// In a thousand frames to a client: those that may be overtaken, or overtake.
    pub reordered: u32,
    /// In a thousand frames either way: those with which a link goes silent without a word, if it has
    /// answered a ping before. Nothing would tell that any other is dead.
    pub half_opened: u32,
    fates: Vec<(Step, Fate)>,
}

/// How long anything takes one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Always this long.
    Constant(Duration),
    /// Anywhere between the two, both included.
    Between(Duration, Duration),
}

/// What becomes of one call, or of one handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes well.
    Arrives,
    /// It never leaves: there is no connection.
    Refused,
    /// It is lost on the way to the service, and the client is told.
    LostBefore,
    /// The service acts on it, its answer is lost, and the client is told.
    LostAfter,
    /// It is lost on the way to the service, and nobody is told.
    SilentBefore,
    /// The service acts on it, its answer is lost, and nobody is told.
    SilentAfter,
    /// The service's answer comes so much later.
    Late(Duration),
    /// Something else answers, with this status and body.
    Answered(u16, String),
}

impl Network {
    /// One that only delays: 10 ms each way.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: seed,
            delay: Delay::Constant(Duration::from_millis(10)),
            lost_before: 0,
            lost_after: 0,
            doubled: 0,
            reordered: 0,
            half_opened: 0,
            fates: Vec::new(),
        }
    }

    /// The next call of this step meets this fate. Several are met one after the other.
    pub fn next(&mut self, step: Step, fate: Fate) {
        self.fates.push((step, fate));
    }

    pub(crate) fn fate(&mut self, step: Step) -> Fate {
        if let Some(at) = self.fates.iter().position(|(of, _)| *of == step) {
            return self.fates.remove(at).1;
        }
        if self.chance(self.lost_before) {
            return Fate::LostBefore;
        }
        if self.chance(self.lost_after) { Fate::LostAfter } else { Fate::Arrives }
    }

    /// When something that leaves now arrives.
    pub(crate) fn arrival(&mut self, now: Millis) -> Millis {
        match self.delay {
            Delay::Constant(delay) => now + delay,
            Delay::Between(least, most) => {
                let spread = most.saturating_sub(least).as_millis() as u64;
                now + least + Duration::from_millis(self.random() % (spread + 1))
            }
        }
    }

    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.random() % 1000 < u64::from(per_mille)
    }

    /// SplitMix64.
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
