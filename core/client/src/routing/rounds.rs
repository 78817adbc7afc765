//! Rounds of calls that were refused. A process gives its calls in order, and all of them anew once it has found the holder
//! again: what follows a call that was refused is refused with it, so that none overtakes another.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use secondme_avatar_protocol::VisitorId;

use crate::peers::ProcessId;

/// For how long letters of a round may be on their way.
const UNDER_WAY: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Rounds(HashMap<(ProcessId, VisitorId), (u64, Instant)>);

impl Rounds {
    /// Refuses the rest of a round. Returns whether it was not refused yet.
    pub(super) fn refuse(&mut self, process: &ProcessId, visitor: &VisitorId, round: u64) -> bool {
        if self.is_refused(process, visitor, round) {
            return false;
        }
        self.0.retain(|_, (_, since)| since.elapsed() < UNDER_WAY);
        self.0.insert((process.clone(), visitor.clone()), (round, Instant::now()));
        true
    }

    pub(super) fn is_refused(&self, process: &ProcessId, visitor: &VisitorId, round: u64) -> bool {
        let refused = self.0.get(&(process.clone(), visitor.clone()));
        refused.is_some_and(|(refused, _)| *refused == round)
    }
}

#[cfg(test)]
mod tests {
    use secondme_avatar_protocol::Visitor;

    use super::*;

    #[test]
    fn what_follows_a_refused_call_is_refused_until_the_next_round() {
        let mut rounds = Rounds::default();
        let (process, other) = ("a".to_owned(), "b".to_owned());
        let ada = Visitor::for_user("test", "ada").unwrap().id().clone();
        let bob = Visitor::for_user("test", "bob").unwrap().id().clone();
        assert!(rounds.refuse(&process, &ada, 1));
        assert!(rounds.is_refused(&process, &ada, 1));
        assert!(!rounds.refuse(&process, &ada, 1), "the process was told so");
        for (process, visitor, round) in [(&process, &ada, 2), (&process, &bob, 1), (&other, &ada, 1)] {
            assert!(!rounds.is_refused(process, visitor, round));
        }
        assert!(rounds.refuse(&process, &ada, 2));
    }
}
