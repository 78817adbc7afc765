//! When what a visitor knows is written: once whoever takes its events has handled them.
//!
//! A record says what was heard. Written before the application has dealt with it, a process killed in between
//! would lose it; so the record of a moment waits until all that happened up to then has been taken, and its
//! takers have come back for more.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{MessageId, Record};
use tokio::time::Instant;

use crate::env::Env;
use crate::events::Mailbox;
use crate::visitor_handle::{VisitorHandle, VisitorState};

/// Between two looks at whether events have been handled. Only a visitor whose events wait looks.
const LOOKS: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(crate) struct Saving {
    /// The record has changed since the last one was taken.
    changed: bool,
    /// Messages that have been settled since then.
    settled: Vec<MessageId>,
    waits: Option<Waits>,
}

/// What is written once its events have been handled.
#[derive(Debug)]
struct Waits {
    record: Record,
    settled: Vec<MessageId>,
    /// Subscriptions that had events up to here.
    marks: Vec<(Arc<Mailbox>, u64)>,
}

impl Saving {
    pub(crate) fn remember(&mut self) {
        self.changed = true;
    }

    pub(crate) fn settle(&mut self, message: MessageId) {
        self.changed = true;
        self.settled.push(message);
    }

    /// Writes what can be written. Says when to look again.
    pub(crate) fn save(&mut self, env: &Env, state: &VisitorState) -> Option<Instant> {
        env.keeper.as_ref()?;
        loop {
            match &self.waits {
                Some(waits) if !waits.are_over() => return Some(Instant::now() + LOOKS),
                Some(_) => self.write(env, state),
                None if !self.changed => return None,
                None => self.take(env, state),
            }
        }
    }

    /// The visitor is at its end: writes everything.
    pub(crate) fn finish(&mut self, env: &Env, handle: &VisitorHandle) {
        if env.keeper.is_none() {
            return;
        }
        let state = handle.lock();
        self.write(env, &state);
        if self.changed {
            self.take(env, &state);
            self.write(env, &state);
        }
    }

    /// Takes down what is known now, and for which events it has to wait.
    fn take(&mut self, env: &Env, state: &VisitorState) {
        self.changed = false;
        let subscriptions = env.subscriptions.all();
        let own = state.mailboxes.iter().map(|(_, mailbox)| mailbox);
        let marks = own.chain(subscriptions.iter()).map(|mailbox| (Arc::clone(mailbox), mailbox.mark()));
        self.waits = Some(Waits {
            record: state.machine.record(),
            settled: std::mem::take(&mut self.settled),
            marks: marks.filter(|(mailbox, mark)| !mailbox.has_handled(*mark)).collect(),
        });
    }

    fn write(&mut self, env: &Env, state: &VisitorState) {
        if let (Some(keeper), Some(Waits { record, settled, .. })) = (&env.keeper, self.waits.take()) {
            keeper.remember(record);
            for message in settled {
                keeper.settle(state.machine.visitor().id().clone(), message);
            }
        }
    }
}

impl Waits {
    fn are_over(&self) -> bool {
        self.marks.iter().all(|(mailbox, mark)| mailbox.has_handled(*mark))
    }
}
