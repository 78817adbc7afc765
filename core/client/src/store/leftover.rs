//! What is left of earlier processes, visitor by visitor.

use std::collections::{HashMap, HashSet};

use secondme_avatar_protocol::{KeptMessage, Record, Visitor};

use super::{KnownVisitor, Leftover};

/// The visitors in the order of their first messages, each as the last one names them.
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

/// Those with records, and after them those of whom there is nothing but messages.
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
