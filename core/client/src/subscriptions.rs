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
    /// The subscriptions to all conversations of the visitors that this process has.
    all: Mutex<Vec<Arc<Mailbox>>>,
    /// Those of them that hear of the visitors of other processes as well.
    of_all_processes: Mutex<Vec<Arc<Mailbox>>>,
    published: AtomicU64,
}

impl Subscriptions {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            room: Arc::default(),
            all: Mutex::default(),
            of_all_processes: Mutex::default(),
            published: AtomicU64::new(0),
        }
    }

    /// Makes a subscription. `of` names it in the log.
    pub(crate) fn mailbox(&self, of: String) -> Arc<Mailbox> {
        Mailbox::new(of, self.capacity, Arc::clone(&self.room))
    }

    /// Subscribes to all conversations.
    pub(crate) fn add(&self, mailbox: Arc<Mailbox>) {
        self.all().push(mailbox);
    }

    /// Subscribes to all conversations, those of other processes too.
    pub(crate) fn add_of_all_processes(&self, mailbox: Arc<Mailbox>) {
        self.of_all_processes().push(Arc::clone(&mailbox));
        self.add(mailbox);
    }

    /// Whether what happens in other processes is wanted here.
    pub(crate) fn listens(&self) -> bool {
        !self.of_all_processes().is_empty()
    }

    /// Returns the subscriptions to all conversations.
    pub(crate) fn all(&self) -> MutexGuard<'_, Vec<Arc<Mailbox>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_all_processes(&self) -> MutexGuard<'_, Vec<Arc<Mailbox>>> {
        let mut mailboxes = self.of_all_processes.lock().unwrap_or_else(PoisonError::into_inner);
        mailboxes.retain(|mailbox| !mailbox.has_ended());
        mailboxes
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

    /// Puts events that another process has told into the subscriptions to their conversation, and into those to all
    /// processes. What a full one has no room for is left out there: the other process's socket is not held up.
    pub(crate) fn publish_told(&self, own: &[(ConversationKey, Arc<Mailbox>)], events: &[Event]) {
        self.publish_here(own, events);
        for mailbox in self.of_all_processes().iter() {
            mailbox.offer(events.iter());
        }
    }

    /// Puts events into the subscriptions to their conversation alone.
    pub(crate) fn publish_here(&self, own: &[(ConversationKey, Arc<Mailbox>)], events: &[Event]) {
        self.published.fetch_add(events.len() as u64, Ordering::Relaxed);
        for (key, mailbox) in own {
            mailbox.offer(events.iter().filter(|event| event.conversation == Some(*key)));
        }
    }

    /// How many events were published so far.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Ends the subscriptions to all conversations.
    pub(crate) fn end(&self) {
        self.of_all_processes().clear();
        for mailbox in self.all().drain(..) {
            mailbox.end();
        }
    }
}
