//! What is left of earlier processes, visitor by visitor.

use std::collections::HashMap;

use secondme_avatar_protocol::{KeptMessage, Visitor};

use super::Leftover;

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
