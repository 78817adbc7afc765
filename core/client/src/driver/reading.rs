//! Whether the socket is read: not while a subscription is full.

use std::pin::Pin;
use std::time::Duration;

use secondme_avatar_protocol::Millis;
use tokio::sync::futures::Notified;
use tracing::warn;

use crate::env::Env;
use crate::visitor_handle::VisitorHandle;

/// How long a subscription may block the socket before that is logged. A burst is read sooner.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Reading {
    stall: Option<Stall>,
}

struct Stall {
    since: Millis,
    told: bool,
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

    /// Checks whether all subscriptions have room. Returns `true` if that has changed. Then the machine must be
    /// told, since silence means nothing while nothing is read. `room` catches what becomes free after this.
    pub(super) fn has_changed(
        &mut self,
        env: &Env,
        handle: &VisitorHandle,
        room: Pin<&mut Notified<'_>>,
    ) -> bool {
        room.enable();
        let was_on = self.is_on();
        if env.subscriptions.have_room()
            && handle.lock().mailboxes.iter().all(|(_, mailbox)| mailbox.has_room())
        {
            self.stall = None;
        } else {
            let now = env.clock.now();
            let stall = self.stall.get_or_insert(Stall { since: now, told: false });
            if stall.since + PATIENCE <= now {
                stall.told = true;
                tell(env, handle);
            }
        }
        self.is_on() != was_on
    }
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
