//! Whether the socket is read: not while a subscription is full.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use secondme_avatar_protocol::Millis;
use tokio::sync::futures::OwnedNotified;
use tracing::warn;

use crate::env::Env;
use crate::visitor_handle::VisitorHandle;

/// How long a subscription may block the socket before that is logged. A burst is read sooner.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Reading {
    /// Boxed, since there is seldom one.
    stall: Option<Box<Stall>>,
}

struct Stall {
    since: Millis,
    told: bool,
    /// Resolves when a subscription has room again.
    room: Pin<Box<OwnedNotified>>,
}

impl Reading {
    /// Whether the socket is read.
    pub(super) fn is_on(&self) -> bool {
        self.stall.is_none()
    }

    /// When to log that nothing is read.
    pub(super) fn tells_at(&self) -> Option<Millis> {
        self.stall.as_ref().filter(|stall| !stall.told).map(|stall| stall.since + PATIENCE)
    }

    /// Waits for room in a subscription that was full.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.stall {
            Some(stall) => stall.room.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Checks whether all subscriptions have room. Returns `true` if that has changed. Then the machine must be
    /// told, since silence means nothing while nothing is read.
    pub(super) fn has_changed(&mut self, env: &Env, handle: &VisitorHandle) -> bool {
        let was_on = self.is_on();
        self.look(env, handle);
        self.is_on() != was_on
    }

    fn look(&mut self, env: &Env, handle: &VisitorHandle) {
        if have_room(env, handle) {
            self.stall = None;
            return;
        }
        let mut room = Box::pin(env.subscriptions.room());
        room.as_mut().enable();
        // What became free before this is not told to `room`.
        if have_room(env, handle) {
            self.stall = None;
            return;
        }
        let now = env.clock.now();
        let earlier = self.stall.take();
        let (since, mut told) = earlier.map_or((now, false), |stall| (stall.since, stall.told));
        if since + PATIENCE <= now {
            told = true;
            tell(env, handle);
        }
        self.stall = Some(Box::new(Stall { since, told, room }));
    }
}

fn have_room(env: &Env, handle: &VisitorHandle) -> bool {
    env.subscriptions.have_room() && handle.lock().mailboxes.iter().all(|(_, mailbox)| mailbox.has_room())
}

/// Logs the subscriptions that block the socket. Each is logged once, however many sockets it blocks.
fn tell(env: &Env, handle: &VisitorHandle) {
    let state = handle.lock();
    let all = env.subscriptions.all();
    for mailbox in state.mailboxes.iter().map(|(_, mailbox)| mailbox).chain(all.iter()) {
        if let Some((subscription, waiting)) = mailbox.newly_unread() {
            warn!(
                target: "secondme_avatar::conversation", subscription, waiting,
                "a subscription to events is full and is not drained: nothing is read from the socket until its events are taken, or it is ended"
            );
        }
    }
}
