//! The permit that an attempt to connect needs from the host.

use crate::error::{Error, Step};

/// Where the attempt to connect stands with its permit, and whether a slot is held.
///
/// A permit is for one attempt. The slot that comes with the first one is held until it is released.
#[derive(Debug, Default)]
pub(crate) struct ConnectPermit {
    stage: Stage,
    holds_slot: bool,
    /// Why there is none yet.
    denied: Option<Error>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    NotAsked,
    Asked,
    Granted,
}

impl ConnectPermit {
    /// Asks for a permit. Returns `false` where one is there or has been asked for.
    pub(crate) fn ask(&mut self) -> bool {
        let asks = self.stage == Stage::NotAsked;
        if asks {
            self.stage = Stage::Asked;
        }
        asks
    }

    /// The host has granted it. One that is not waited for any more changes nothing.
    pub(crate) fn grant(&mut self) {
        if self.stage == Stage::Asked {
            *self = Self { stage: Stage::Granted, holds_slot: true, denied: None };
        }
    }

    /// The host has no slot yet. The permit stays asked for.
    pub(crate) fn deny(&mut self, error: Error) {
        if self.stage == Stage::Asked {
            self.denied = Some(error.at(Step::CreateSocket));
        }
    }

    pub(crate) fn is_granted(&self) -> bool {
        self.stage == Stage::Granted
    }

    /// Why the permit that is waited for is not there yet.
    pub(crate) fn denied(&self) -> Option<&Error> {
        self.denied.as_ref()
    }

    /// The attempt is over. The next one needs another permit.
    pub(crate) fn end_attempt(&mut self) {
        if self.stage == Stage::Granted {
            self.stage = Stage::NotAsked;
        }
    }

    /// No socket is wanted any more. Returns whether the host has a slot, or a ticket for one, to take back.
    pub(crate) fn release(&mut self) -> bool {
        let had = std::mem::take(self);
        had.holds_slot || had.stage != Stage::NotAsked
    }
}
