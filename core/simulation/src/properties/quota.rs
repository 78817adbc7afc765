//! The key's quota.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use secondme_avatar_protocol::{Millis, Step};

use super::{Property, Terms, Verdict};
use crate::sight::Sight;
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// No more authentications reach the service within any minute than the key has, and the service
/// never has to refuse one for the quota.
///
/// Where others use the key as well, and where the service counts every call, only the first half is
/// claimed: the vendor's API page speaks of authentications, and no client sees what others do.
#[derive(Debug)]
pub(super) struct Quota {
    terms: Terms,
    counted: BTreeMap<usize, VecDeque<Millis>>,
}

impl Quota {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, counted: BTreeMap::new() }
    }
}

impl Property for Quota {
    fn name(&self) -> &'static str {
        "the quota is never exceeded"
    }

    fn see(&mut self, world: &World, sight: &Sight) -> Verdict {
        let Sight::Answered(client, call, code) = sight else {
            return Ok(());
        };
        let own = self.terms.own_quota && self.terms.only_auth_counts();
        if own && code.as_deref() == Some("open.api.rate.limited") {
            return Err(format!("{client:?} was refused for the quota, and no other program has the key"));
        }
        if call.step != Step::Authenticate {
            return Ok(());
        }
        let now = world.now();
        let counted = self.counted.entry(call.key).or_default();
        while counted.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            counted.pop_front();
        }
        counted.push_back(now);
        if counted.len() > self.terms.quota {
            return Err(format!("{} authentications within a minute by key {}", counted.len(), call.key));
        }
        Ok(())
    }
}
