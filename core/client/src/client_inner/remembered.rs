//! What a client without a store remembers of closed visitors.

use std::collections::{BTreeMap, HashMap};

use secondme_avatar_protocol::{Record, VisitorId, limits};

/// The records of visitors, those that were closed last.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    records: HashMap<VisitorId, (u64, Record)>,
    /// From the one that was closed first.
    order: BTreeMap<u64, VisitorId>,
    next: u64,
}

impl Remembered {
    pub(super) fn insert(&mut self, record: Record) {
        let visitor = record.visitor_id.clone();
        self.remove(&visitor);
        self.order.insert(self.next, visitor.clone());
        self.records.insert(visitor, (self.next, record));
        self.next += 1;
        if self.order.len() > limits::REMEMBERED_VISITORS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.records.remove(&oldest);
        }
    }

    pub(super) fn get(&self, visitor: &VisitorId) -> Option<&Record> {
        self.records.get(visitor).map(|(_, record)| record)
    }

    pub(super) fn remove(&mut self, visitor: &VisitorId) -> Option<Record> {
        let (place, record) = self.records.remove(visitor)?;
        self.order.remove(&place);
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use secondme_avatar_protocol::Visitor;

    use super::*;

    fn id(number: usize) -> VisitorId {
        Visitor::for_user("test", &number.to_string()).unwrap().id().clone()
    }

    fn record(number: usize) -> Record {
        Record {
            visitor_id: id(number),
            credentials: None,
            context: None,
            avatar_id: None,
            session: None,
            visitor: None,
            visitor_chat: None,
        }
    }

    #[test]
    fn those_who_were_closed_first_give_way() {
        let mut remembered = Remembered::default();
        (0..limits::REMEMBERED_VISITORS).for_each(|number| remembered.insert(record(number)));
        // Closed again, so it is the last one.
        remembered.insert(record(0));
        remembered.insert(record(limits::REMEMBERED_VISITORS));
        assert_eq!(remembered.records.len(), limits::REMEMBERED_VISITORS);
        assert_eq!(remembered.order.len(), limits::REMEMBERED_VISITORS);
        assert_eq!(remembered.remove(&id(1)), None);
        assert_eq!(remembered.remove(&id(0)), Some(record(0)));
        assert_eq!((remembered.remove(&id(0)), remembered.order.len()), (None, remembered.records.len()));
    }
}
