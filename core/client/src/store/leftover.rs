//! Groups stored messages and records by visitor.

use std::collections::{HashMap, HashSet};

use secondme_avatar_protocol::{KeptMessage, Record, Visitor};

use super::{KnownVisitor, Leftover};

/// Groups messages by visitor, in the order of each visitor's first message. The last message names the
/// visitor.
pub(super) fn group(messages: impl IntoIterator<Item = (Visitor, KeptMessage)>) -> Vec<Leftover> {
    let mut places = HashMap::new();
    let mut leftovers: Vec<Leftover> = Vec::new();
    for (visitor, message) in messages {
        let place = *places.entry(visitor.id().clone()).or_insert(leftovers.len());
        match leftovers.get_mut(place) {
            Some(leftover) => {
                leftover.visitor = visitor;
                leftover.messages.push(message);
            }
            None => leftovers.push(Leftover { visitor, messages: vec![message] }),
        }
    }
    leftovers
}

/// The visitor of a record.
pub(super) fn known(record: &Record) -> KnownVisitor {
    KnownVisitor { visitor: record.visitor(), resumable: record.session.is_some() }
}

/// Adds the visitors who have only messages after those with records.
pub(super) fn with_messages(
    mut known: Vec<KnownVisitor>,
    of: impl IntoIterator<Item = Visitor>,
) -> Vec<KnownVisitor> {
    let mut seen: HashSet<_> = known.iter().map(|known| known.visitor.id().clone()).collect();
    for visitor in of {
        if seen.insert(visitor.id().clone()) {
            known.push(KnownVisitor { visitor, resumable: false });
        }
    }
    known
}
