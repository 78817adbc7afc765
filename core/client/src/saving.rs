//! When a visitor's record is saved: once the application has handled the events that it covers.
//!
//! A record says what was received. If it were saved earlier, a process that is killed in between would lose those
//! events. So the record waits until all events up to that moment were taken, and each taker has asked for more.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{MessageId, Record};
use tokio::time::Instant;

use crate::env::Env;
use crate::events::Mailbox;
use crate::routing::Settled;
use crate::visitor_handle::{VisitorHandle, VisitorState};

/// The time between two checks whether the events of a visitor have been handled.
const CHECK: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(crate) struct Saving {
    /// The record has changed since the last snapshot.
    changed: bool,
    /// Messages to be forgotten since then.
    forgotten: Vec<MessageId>,
    /// Boxed, since there is seldom one.
    snapshot: Option<Box<Snapshot>>,
}

/// What is saved once its events have been handled.
#[derive(Debug)]
struct Snapshot {
    record: Record,
    forgotten: Vec<MessageId>,
    /// The subscriptions with unhandled events, and up to where they count.
    marks: Vec<(Arc<Mailbox>, u64)>,
    /// The calls of other processes that were under way, and what these were told: their next holder goes on from an
    /// earlier record.
    peers: Vec<Settled>,
}

impl Saving {
    pub(crate) fn save_record(&mut self) {
        self.changed = true;
    }

    pub(crate) fn forget_message(&mut self, message: MessageId) {
        self.changed = true;
        self.forgotten.push(message);
    }

    /// Whether all is saved. Without a store there is nothing to save.
    pub(crate) fn is_done(&self, env: &Env) -> bool {
        env.store_writer.is_none() || (!self.changed && self.snapshot.is_none())
    }

    /// Saves what can be saved now. Returns when to check again.
    pub(crate) fn save(&mut self, env: &Env, state: &VisitorState) -> Option<Instant> {
        env.store_writer.as_ref()?;
        loop {
            match &self.snapshot {
                Some(snapshot) if !snapshot.is_handled() || !snapshot.is_settled() => {
                    return Some(Instant::now() + CHECK);
                }
                Some(_) => self.write(env, state),
                None if !self.changed => return None,
                None => self.take_snapshot(env, state),
            }
        }
    }

    /// Saves everything, at the end of the visitor's driver.
    pub(crate) fn finish(&mut self, env: &Env, handle: &VisitorHandle) {
        if env.store_writer.is_none() {
            return;
        }
        let state = handle.lock();
        if state.remote.is_some()
            || state.hands_over
            || self.snapshot.as_ref().is_some_and(|snapshot| !snapshot.is_settled())
        {
            return; // Another process goes on from what was saved before.
        }
        self.write(env, &state);
        if self.changed && state.unsettled().next().is_none() {
            self.take_snapshot(env, &state);
            self.write(env, &state);
        }
    }

    fn take_snapshot(&mut self, env: &Env, state: &VisitorState) {
        self.changed = false;
        let subscriptions = env.subscriptions.all();
        let own = state.mailboxes.iter().map(|(_, mailbox)| mailbox);
        let marks = own.chain(subscriptions.iter()).map(|mailbox| (Arc::clone(mailbox), mailbox.mark()));
        self.snapshot = Some(Box::new(Snapshot {
            record: state.machine.record(),
            forgotten: std::mem::take(&mut self.forgotten),
            marks: marks.filter(|(mailbox, mark)| !mailbox.has_handled(*mark)).collect(),
            peers: state.unsettled().collect(),
        }));
    }

    fn write(&mut self, env: &Env, state: &VisitorState) {
        if let (Some(writer), Some(snapshot)) = (&env.store_writer, self.snapshot.take()) {
            let Snapshot { record, forgotten, .. } = *snapshot;
            writer.save_record(record);
            for message in forgotten {
                writer.forget_message(state.machine.visitor().id().clone(), message);
            }
        }
    }
}

impl Snapshot {
    fn is_handled(&self) -> bool {
        self.marks.iter().all(|(mailbox, mark)| mailbox.has_handled(*mark))
    }

    fn is_settled(&self) -> bool {
        self.peers.iter().all(Settled::is_settled)
    }
}
