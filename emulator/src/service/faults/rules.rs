//! The rules there are, and which of them an occasion meets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use super::{Effect, Fault, InvalidFault, Place};
use crate::service::Service;
use crate::service::ids::SocketId;
use crate::service::journal::{Journal, What, Whose};
use crate::service::random::Random;
use crate::service::time::Millis;

/// Names a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct FaultId(pub u64);

/// A fault and what has become of it. Written, it has the fields of the fault as well.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultState {
    /// Its name.
    pub id: FaultId,
    /// The rule.
    #[serde(flatten)]
    pub fault: Fault,
    /// How often it will be met yet; nothing, if there is no end.
    pub left: Option<u32>,
    /// How often it was met.
    pub met: u64,
}

/// What an occasion is, as far as rules ask.
#[derive(Debug, Default)]
pub(super) struct Occasion<'a> {
    pub(super) visitor: Option<&'a str>,
    pub(super) session: Option<&'a str>,
    pub(super) ws_id: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) sender: Option<&'a str>,
    /// Whether the caller has a token that could die.
    pub(super) has_token: bool,
}

/// All faults, and what they hold back.
#[derive(Debug)]
pub(in crate::service) struct Faults {
    rules: Vec<FaultState>,
    random: Random,
    given: u64,
    /// Sockets through which nothing passes any more.
    pub(super) deaf: BTreeSet<SocketId>,
    /// By how much the answers to handshakes are delayed.
    pub(super) handshakes: BTreeMap<SocketId, Millis>,
    /// Frames that come later, in the order they were held back.
    pub(super) held: VecDeque<Held>,
}

/// A frame that comes later.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) number: u64,
    pub(super) socket: SocketId,
    pub(super) at: Place,
    pub(super) text: String,
    /// The next frame that passes lets it go.
    pub(super) until_next: bool,
}

impl Faults {
    pub(in crate::service) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            // Not the service's own: without faults met, a run is the same with rules and without.
            random: Random::new(seed ^ 0x5eed_0ffa_0175_0001),
            given: 0,
            deaf: BTreeSet::new(),
            handshakes: BTreeMap::new(),
            held: VecDeque::new(),
        }
    }

    /// Forgets all rules, and nothing of what they did.
    fn clear(&mut self) {
        self.rules.clear();
    }

    /// Forgets everything. No id is given twice.
    pub(in crate::service) fn reset(&mut self) {
        self.clear();
        self.deaf.clear();
        self.handshakes.clear();
        self.held.clear();
    }

    /// A socket is gone.
    pub(in crate::service) fn forget(&mut self, socket: SocketId) {
        self.deaf.remove(&socket);
        self.handshakes.remove(&socket);
        self.held.retain(|held| held.socket != socket);
    }

    /// Whether any rule could be met at a place.
    pub(super) fn watches(&self, at: Place) -> bool {
        self.rules.iter().any(|rule| rule.left != Some(0) && is_at(rule.fault.at, at))
    }

    /// The fault that an occasion meets, if it meets one.
    pub(super) fn meet(
        &mut self,
        at: Place,
        occasion: &Occasion<'_>,
        (now, journal): (Millis, &mut Journal),
    ) -> Option<Effect> {
        for rule in &mut self.rules {
            if rule.left == Some(0) || !is_at(rule.fault.at, at) || !occasion.is_of(&rule.fault) {
                continue;
            }
            if rule.fault.skip > 0 {
                rule.fault.skip -= 1;
                continue;
            }
            if rule.fault.chance.is_some_and(|chance| !self.random.happens(chance)) {
                continue;
            }
            rule.left = rule.left.map(|left| left - 1);
            rule.met += 1;
            let effect = rule.fault.effect.clone();
            let what = What::Fault { fault: rule.id, at, r#do: effect.clone() };
            journal.note(now, occasion.whose(), what);
            return Some(effect);
        }
        None
    }
}

impl Occasion<'_> {
    fn whose(&self) -> Whose {
        Whose {
            visitor_id: self.visitor.map(str::to_owned),
            session_id: self.session.map(str::to_owned),
            ws_id: self.ws_id.map(str::to_owned),
        }
    }

    fn is_of(&self, fault: &Fault) -> bool {
        let fits = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        let needs_token = matches!(fault.effect, Effect::ExpiredToken | Effect::ExpiredContext);
        fits(&fault.visitor, self.visitor)
            && fits(&fault.session, self.session)
            && fits(&fault.ws_id, self.ws_id)
            && fits(&fault.r#type, self.kind)
            && fits(&fault.sender, self.sender)
            && (!needs_token || self.has_token)
    }
}

impl Service {
    /// One more fault, after those there are.
    pub fn add_fault(&mut self, fault: Fault) -> Result<FaultId, InvalidFault> {
        fault.check()?;
        self.faults.given += 1;
        let id = FaultId(self.faults.given);
        let left = fault.times.or(if fault.chance.is_some() { None } else { Some(1) });
        self.faults.rules.push(FaultState { id, fault, left, met: 0 });
        Ok(id)
    }

    /// All faults, those used up among them.
    pub fn faults(&self) -> &[FaultState] {
        &self.faults.rules
    }

    /// Removes all faults. Frames they hold back still come, and sockets they made deaf stay so.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }
}

fn is_at(rule: Place, at: Place) -> bool {
    rule == at || (rule == Place::Call && at.is_call())
}
