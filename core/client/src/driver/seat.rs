//! A visitor's slot among those that hold a socket: when it is wanted, and when it is given up.

use std::future::pending;
use std::sync::Arc;

use secondme_avatar_protocol::Error;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::env::Env;
use crate::slots::SlotPermit;
use crate::visitor_handle::VisitorHandle;

#[derive(Default)]
pub(super) struct Seat {
    /// From when a socket is wanted until the visitor rests.
    slot: Option<SlotPermit>,
    /// The slot is waited for.
    queues: bool,
}

impl Seat {
    /// The slot is waited for.
    pub(super) fn queues(&self) -> bool {
        self.queues
    }

    /// Takes the slot. A visitor for which there is none waits for its turn from now on; the error says so.
    pub(super) fn take(&mut self, env: &Env, handle: &Arc<VisitorHandle>) -> Result<(), Error> {
        let slot = self.slot.get_or_insert_with(|| env.slots.join(handle));
        self.queues = !slot.is_held();
        if self.queues { Err(env.slots.refuse()) } else { Ok(()) }
    }

    /// Waits until the turn has come. It loses nothing when it is dropped.
    pub(super) async fn turn(&mut self) {
        match &self.slot {
            Some(slot) => slot.taken().await,
            None => pending().await,
        }
        self.queues = false;
    }

    /// Gives the slot up; it goes to somebody else once the socket is closed.
    pub(super) fn leave(&mut self, env: &Env, hanging_up: Option<JoinHandle<()>>) {
        self.queues = false;
        match (self.slot.take(), hanging_up) {
            (Some(slot), Some(socket)) => drop(env.runtime.spawn(async move {
                // Closed in any case, within a second.
                let _ = socket.await;
                drop(slot);
            })),
            (slot, _) => drop(slot),
        }
    }

    /// Gives up the socket of a visitor that has been idle for so long as was said, and lets those know who
    /// wait for a slot. Says when it is time for that.
    pub(super) fn look_for_rest(&self, env: &Env, handle: &VisitorHandle) -> Option<Instant> {
        let slots = &env.slots;
        if env.settings.idle_after.is_none() && !slots.are_limited() {
            return None;
        }
        if self.queues && slots.are_wanted() {
            slots.make_room();
            return None;
        }
        let since = handle.idle_from().filter(|_| self.slot.is_some())?;
        let now = env.clock.now();
        if since <= now && slots.are_wanted() {
            slots.make_room();
        }
        let rests_at = env.settings.idle_after.map(|after| since + after);
        if rests_at.is_some_and(|at| at <= now) {
            handle.rest_if_idle();
            return None;
        }
        let becomes_idle = (since > now).then_some(since);
        let next = rests_at.into_iter().chain(becomes_idle).min()?;
        Some(env.clock.instant_of(next))
    }
}
