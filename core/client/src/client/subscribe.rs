//! Subscriptions to all conversations.

use std::sync::Arc;

use super::AvatarClient;
use crate::events::{Events, Mailbox};

impl AvatarClient {
    /// Subscribes to the events of all conversations, including those that are opened later.
    ///
    /// Where several processes share a store in Redis, these are the conversations of the visitors
    /// that this process has. So each event comes in one process, and a program that answers from here answers once. See
    /// [`events_of_all_processes`](Self::events_of_all_processes) for the others, and
    /// [`Conversation::events`](crate::Conversation::events) for a conversation that is open here, whichever process has
    /// the visitor.
    pub fn events(&self) -> Events {
        let mailbox = self.mailbox("all conversations of the client");
        self.inner.env.subscriptions.add(Arc::clone(&mailbox));
        Events::new(mailbox)
    }

    /// Subscribes to the events of all conversations in all processes that share the store in Redis: to watch, to count, or to show them. A program that answers from here answers as often
    /// as it has processes: see [`events`](Self::events).
    ///
    /// Of each visitor the events come in order. Those of another process begin within a second, and an event comes at
    /// most once from there: what a process had not written when it died is left out. With another store, or none, this
    /// is the same as [`events`](Self::events).
    pub fn events_of_all_processes(&self) -> Events {
        let mailbox = self.mailbox("all conversations of all processes");
        self.inner.env.subscriptions.add_of_all_processes(Arc::clone(&mailbox));
        Events::new(mailbox)
    }

    fn mailbox(&self, of: &str) -> Arc<Mailbox> {
        let mailbox = self.inner.env.subscriptions.mailbox(of.to_owned());
        if self.inner.lock().is_closed() {
            mailbox.end();
        }
        mailbox
    }
}
