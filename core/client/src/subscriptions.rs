//! The subscriptions to all conversations of a client, and what all subscriptions share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secondme_avatar_protocol::{ConversationKey, Event};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::events::Mailbox;

#[derive(Debug)]
pub(crate) struct Subscriptions {
    /// How many events a subscription holds.
    capacity: usize,
    /// Notified when the queue of a subscription was full and has room again.
    room: Arc<Notify>,
    /// The subscriptions to all conversations.
    all: Mutex<Vec<Arc<Mailbox>>>,
    published: AtomicU64,
}

impl Subscriptions {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, room: Arc::default(), all: Mutex::default(), published: AtomicU64::new(0) }
    }

    /// Makes a subscription. `of` names it in the log.
    pub(crate) fn mailbox(&self, of: String) -> Arc<Mailbox> {
        Mailbox::new(of, self.capacity, Arc::clone(&self.room))
    }

    /// Subscribes to all conversations.
    pub(crate) fn add(&self, mailbox: Arc<Mailbox>) {
        self.all().push(mailbox);
    }

    /// Returns the subscriptions to all conversations.
    pub(crate) fn all(&self) -> MutexGuard<'_, Vec<Arc<Mailbox>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all of them have room for more events.
    pub(crate) fn have_room(&self) -> bool {
        self.all().iter().all(|mailbox| mailbox.has_room())
    }

    /// Waits until a full subscription has room again, of any conversation.
    pub(crate) fn room(&self) -> OwnedNotified {
        Arc::clone(&self.room).notified_owned()
    }

    /// Puts the events into the subscriptions to their conversation, and into those to all.
    pub(crate) fn publish(&self, own: &[(ConversationKey, Arc<Mailbox>)], events: &mut Vec<Event>) {
        self.published.fetch_add(events.len() as u64, Ordering::Relaxed);
        let mut all = self.all();
        all.retain(|mailbox| !mailbox.has_ended());
        let own = own.iter().map(|(key, mailbox)| (Some(*key), mailbox));
        let mut subscribers = own.chain(all.iter().map(|mailbox| (None, mailbox))).peekable();
        while let Some((key, mailbox)) = subscribers.next() {
            let wanted = |event: &Event| key.is_none() || event.conversation == key;
            if subscribers.peek().is_some() {
                mailbox.push(events.iter().filter(|event| wanted(event)).cloned());
            } else {
                // The last one gets the events themselves. Usually there is only one.
                mailbox.push(events.drain(..).filter(wanted));
            }
        }
        events.clear();
    }

    /// How many events were published so far.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Ends the subscriptions to all conversations.
    pub(crate) fn end(&self) {
        for mailbox in self.all().drain(..) {
            mailbox.end();
        }
    }
}
