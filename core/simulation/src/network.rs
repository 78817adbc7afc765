//! What lies between a client and the service: delay, and whatever else goes wrong on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use secondme_avatar_protocol::{Millis, Step};

use crate::chance::Chance;

/// The network. Every knob may be turned at any moment, and holds from then on.
#[derive(Debug)]
pub struct Network {
    chance: Chance,
    /// How long anything takes one way.
    pub delay: Delay,
    /// In a thousand calls: those lost before they reach the service.
    pub lost_before: u32,
    /// In a thousand calls: those whose answer is lost.
    pub lost_after: u32,
    /// In a thousand calls: those lost on the way there or back, of which neither side learns.
    pub silent: u32,
    /// In a thousand calls: those that never leave.
    pub refused: u32,
    /// In a thousand calls: those that something in between answers, before or after the service.
    pub garbled: u32,
    /// In a thousand calls: those whose answer comes so late that others overtake it.
    pub late: u32,
    /// In a thousand frames to a client: those that come twice.
    pub doubled: u32,
    /// In a thousand frames to a client: those that may be overtaken, or overtake.
    pub reordered: u32,
    /// In a thousand frames either way: those with which a link goes silent without a word.
    pub half_opened: u32,
    /// Of a thousand writes to a disk, how many find it full.
    pub disk_full: u32,
    /// When a link that went silent is found dead by the system. `None`: only one that has answered a
    /// ping goes silent, since nothing would tell that any other is dead.
    pub found_dead_after: Option<Duration>,
    /// How often each fault was met.
    pub met: BTreeMap<&'static str, u64>,
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
    /// It is lost on the way to the service, and neither side learns of it.
    SilentBefore,
    /// The service acts on it, its answer is lost, and neither side learns of it.
    SilentAfter,
    /// The service's answer comes so much later.
    Late(Duration),
    /// Something else answers, with this status and body, and the service is not asked.
    Answered(u16, String),
    /// The service acts on it, and something else answers, with this status and body.
    AnsweredAfter(u16, String),
}

impl Network {
    /// One that only delays: 10 ms each way.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            delay: Delay::Constant(Duration::from_millis(10)),
            lost_before: 0,
            lost_after: 0,
            silent: 0,
            refused: 0,
            garbled: 0,
            late: 0,
            doubled: 0,
            reordered: 0,
            half_opened: 0,
            disk_full: 0,
            found_dead_after: None,
            met: BTreeMap::new(),
            fates: Vec::new(),
        }
    }

    /// Nothing goes wrong any more; things take their time as before.
    pub fn calm(&mut self) {
        for fault in [
            &mut self.lost_before,
            &mut self.lost_after,
            &mut self.silent,
            &mut self.refused,
            &mut self.garbled,
            &mut self.late,
            &mut self.doubled,
            &mut self.reordered,
            &mut self.half_opened,
            &mut self.disk_full,
        ] {
            *fault = 0;
        }
        self.fates.clear();
    }

    /// The next call of this step meets this fate. Several are met one after the other.
    pub fn next(&mut self, step: Step, fate: Fate) {
        self.fates.push((step, fate));
    }

    pub(crate) fn fate(&mut self, step: Step) -> Fate {
        if let Some(at) = self.fates.iter().position(|(of, _)| *of == step) {
            return self.fates.remove(at).1;
        }
        let fate = self.some_fate();
        let name = match &fate {
            Fate::Arrives => return fate,
            Fate::Refused => "call refused",
            Fate::LostBefore => "call lost",
            Fate::LostAfter => "answer lost",
            Fate::SilentBefore => "call lost in silence",
            Fate::SilentAfter => "answer lost in silence",
            Fate::Late(_) => "answer late",
            Fate::Answered(..) => "foreign answer",
            Fate::AnsweredAfter(..) => "foreign answer after the effect",
        };
        self.meet(name);
        fate
    }

    fn some_fate(&mut self) -> Fate {
        if self.strikes(self.lost_before) {
            return Fate::LostBefore;
        }
        if self.strikes(self.lost_after) {
            return Fate::LostAfter;
        }
        if self.strikes(self.silent) {
            return self.chance.of(&[Fate::SilentBefore, Fate::SilentAfter]);
        }
        if self.strikes(self.refused) {
            return Fate::Refused;
        }
        if self.strikes(self.late) {
            return Fate::Late(self.chance.millis(&[800, 3_000, 9_000, 14_000]));
        }
        if self.strikes(self.garbled) {
            return self.foreign();
        }
        Fate::Arrives
    }

    /// What stands between a client and a service may say. After the effect, nothing in the service's form
    /// that would mean "no": a go-between that swallows a yes and says no is beyond what a client could survive.
    fn foreign(&mut self) -> Fate {
        let page = "<html><body>Bad gateway</body></html>";
        let (status, body) = self.chance.of(&[
            (502, page),
            (503, ""),
            (500, "{}"),
            (200, page),
            (504, "{\"co"),
            (401, page),
            (403, page),
            (404, page),
        ]);
        if self.chance.below(2) == 0 {
            return Fate::AnsweredAfter(status, body.to_owned());
        }
        let (status, body) = self.chance.of(&[(status, body), (429, "slow down"), (408, "")]);
        Fate::Answered(status, body.to_owned())
    }

    /// How long a write to the disk takes.
    pub(crate) fn write_takes(&mut self) -> Duration {
        self.chance.millis(&[0, 0, 1, 5, 40])
    }

    /// How many of the writes under way a killed process has finished.
    pub(crate) fn survives(&mut self, writes: usize) -> usize {
        self.chance.below(writes as u64 + 1) as usize
    }

    /// Counts a fault.
    pub(crate) fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// When something that leaves now arrives.
    pub(crate) fn arrival(&mut self, now: Millis) -> Millis {
        match self.delay {
            Delay::Constant(delay) => now + delay,
            Delay::Between(least, most) => {
                let spread = most.saturating_sub(least).as_millis() as u64;
                now + least + Duration::from_millis(self.chance.below(spread + 1))
            }
        }
    }

    pub(crate) fn strikes(&mut self, per_mille: u32) -> bool {
        self.chance.per_mille(per_mille)
    }
}
