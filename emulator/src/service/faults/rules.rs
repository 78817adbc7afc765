//! The rules of faults, and which of them an occasion meets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use super::{Effect, Fault, InjectionPoint, InvalidFault};
use crate::service::ids::{SocketId, Whose};
use crate::service::random::Random;
use crate::time::Millis;

/// How many first tries a rule remembers.
const TRIED: usize = 10_000;

/// Names a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct FaultId(pub u64);

/// A fault and how often it was met. Serialised, it has the fields of the fault as well.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultState {
    /// Its name.
    pub id: FaultId,
    /// The rule.
    #[serde(flatten)]
    pub fault: Fault,
    /// How often it can still be met; `None` without a limit.
    pub left: Option<u32>,
    /// How often it was met.
    pub met: u64,
    /// The calls that have met it, and whose next try passes.
    #[serde(skip)]
    tried: BTreeSet<String>,
}

/// What rules ask about an occasion: a call, a handshake, a frame or a reply.
#[derive(Debug, Default)]
pub(super) struct Occasion<'a> {
    pub(super) whose: Whose,
    pub(super) kind: Option<&'a str>,
    pub(super) sender: Option<&'a str>,
    /// Whether the caller has a token that could die.
    pub(super) has_token: bool,
    /// What tells a call from others, where it is one.
    pub(super) call: Option<String>,
}

/// All faults, and what they hold back.
#[derive(Debug)]
pub(in crate::service) struct Faults {
    rules: Vec<FaultState>,
    random: Random,
    given: u64,
    /// Sockets through which nothing passes any more.
    deaf: BTreeSet<SocketId>,
    /// By how much the answers to handshakes are delayed.
    handshakes: BTreeMap<SocketId, Millis>,
    /// Frames that come later, in the order they were held back.
    held: VecDeque<Held>,
}

/// A frame that comes later.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) number: u64,
    pub(super) socket: SocketId,
    pub(super) at: InjectionPoint,
    pub(super) text: String,
    /// The next frame that passes lets it go.
    pub(super) until_next: bool,
}

/// A fault that an occasion has met.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) fault: FaultId,
    pub(super) effect: Effect,
}

impl Faults {
    pub(in crate::service) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            // Not the service's own, so that rules which are never met do not change a run.
            random: Random::new(seed ^ 0x5eed_0ffa_0175_0001),
            given: 0,
            deaf: BTreeSet::new(),
            handshakes: BTreeMap::new(),
            held: VecDeque::new(),
        }
    }

    pub(in crate::service) fn add(&mut self, fault: Fault) -> Result<FaultId, InvalidFault> {
        fault.check()?;
        self.given += 1;
        let id = FaultId(self.given);
        let is_lasting = fault.chance.is_some() || fault.first_try;
        let left = fault.times.or(if is_lasting { None } else { Some(1) });
        self.rules.push(FaultState { id, fault, left, met: 0, tried: BTreeSet::new() });
        Ok(id)
    }

    pub(in crate::service) fn rules(&self) -> &[FaultState] {
        &self.rules
    }

    /// Forgets one rule, but not what it did. Says whether it was there.
    pub(in crate::service) fn remove(&mut self, fault: FaultId) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != fault);
        self.rules.len() < before
    }

    /// Forgets all rules, but not what they did.
    pub(in crate::service) fn clear(&mut self) {
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

    /// From now on nothing passes through a socket.
    pub(super) fn deafen(&mut self, socket: SocketId) {
        self.deaf.insert(socket);
    }

    pub(super) fn is_deaf(&self, socket: SocketId) -> bool {
        self.deaf.contains(&socket)
    }

    pub(super) fn delay_handshake(&mut self, socket: SocketId, time: Millis) {
        self.handshakes.insert(socket, time);
    }

    /// By how much the answer to a handshake is delayed.
    pub(in crate::service) fn handshake_delay(&self, socket: SocketId) -> Millis {
        self.handshakes.get(&socket).copied().unwrap_or_default()
    }

    /// By how much the answer to a handshake is delayed. It is told once.
    pub(super) fn take_handshake_delay(&mut self, socket: SocketId) -> Millis {
        self.handshakes.remove(&socket).unwrap_or_default()
    }

    pub(super) fn hold(&mut self, held: Held) {
        self.held.push_back(held);
    }

    /// The first frame held back that `wanted` accepts; it is held no longer.
    pub(super) fn release(&mut self, wanted: impl Fn(&Held) -> bool) -> Option<Held> {
        let at = self.held.iter().position(wanted)?;
        self.held.remove(at)
    }

    /// Whether any rule could be met at an injection point.
    pub(super) fn watches(&self, at: InjectionPoint) -> bool {
        self.rules.iter().any(|rule| rule.left != Some(0) && is_at(rule.fault.at, at))
    }

    /// The fault that an occasion meets, if it meets one.
    pub(super) fn meet(&mut self, at: InjectionPoint, occasion: &Occasion<'_>) -> Option<Met> {
        for rule in &mut self.rules {
            if rule.left == Some(0) || !is_at(rule.fault.at, at) || !occasion.is_of(&rule.fault) {
                continue;
            }
            if rule.fault.first_try && !rule.is_first_try(at, occasion) {
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
            return Some(Met { fault: rule.id, effect: rule.fault.effect.clone() });
        }
        None
    }
}

impl FaultState {
    /// Whether the call is tried for the first time, or for the first time since it passed.
    fn is_first_try(&mut self, at: InjectionPoint, occasion: &Occasion<'_>) -> bool {
        let visitor = occasion.whose.visitor_id.as_deref().unwrap_or_default();
        let call = format!("{at} {visitor} {}", occasion.call.as_deref().unwrap_or_default());
        if self.tried.remove(&call) {
            return false;
        }
        // No more is remembered than a service has calls under way.
        if self.tried.len() == TRIED {
            self.tried.pop_first();
        }
        self.tried.insert(call)
    }
}

impl Occasion<'_> {
    fn is_of(&self, fault: &Fault) -> bool {
        let fits = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        let whose = &self.whose;
        let needs_token = matches!(fault.effect, Effect::ExpiredToken | Effect::ExpiredContext);
        fits(&fault.visitor, whose.visitor_id.as_deref())
            && fits(&fault.session, whose.session_id.as_deref())
            && fits(&fault.ws_id, whose.ws_id.as_deref())
            && fits(&fault.r#type, self.kind)
            && fits(&fault.sender, self.sender)
            && (!needs_token || self.has_token)
    }
}

fn is_at(rule: InjectionPoint, at: InjectionPoint) -> bool {
    rule == at || (rule == InjectionPoint::Call && at.is_call())
}
