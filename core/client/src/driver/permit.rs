//! A visitor's permit to connect: a slot for a socket first, then the paced moment for the attempt.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use secondme_avatar_protocol::{Input, Millis};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::env::Env;
use crate::pacer::AttemptPermit;
use crate::runtime::spawn;
use crate::slots::SlotPermit;
use crate::visitor_handle::VisitorHandle;

#[derive(Default)]
pub(super) struct ConnectPermit {
    /// Held from the first attempt until the visitor pauses or closes.
    slot: Option<SlotPermit>,
    /// What the requested permit waits for.
    waits_for: Option<Waits>,
    /// Whether a call waits for the attempt.
    awaited: bool,
    /// Counts the attempt among the simultaneous ones.
    attempt: Option<OwnedSemaphorePermit>,
}

enum Waits {
    ForSlot(Pin<Box<dyn Future<Output = ()> + Send>>),
    ForAttempt(AttemptPermit),
}

impl ConnectPermit {
    /// Requests a permit for the machine. Returns the denial if the visitor has to wait for a slot first.
    pub(super) fn ask(&mut self, env: &Env, handle: &Arc<VisitorHandle>, awaited: bool) -> Option<Input> {
        self.awaited = awaited;
        let slot = self.slot.get_or_insert_with(|| env.slots.join(handle));
        if slot.is_held() {
            self.waits_for = Some(Waits::ForAttempt(env.pacer.permit(awaited)));
            return None;
        }
        self.waits_for = Some(Waits::ForSlot(Box::pin(slot.granted())));
        Some(Input::ConnectDenied(env.slots.denial()))
    }

    /// Whether the visitor has no slot, and asks for none.
    pub(super) fn is_idle(&self) -> bool {
        self.slot.is_none() && self.waits_for.is_none() && self.attempt.is_none()
    }

    /// Waits for the permit, if one was requested.
    pub(super) fn poll_granted(&mut self, env: &Env, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(Waits::ForSlot(slot)) = &mut self.waits_for {
            ready!(slot.as_mut().poll(cx));
            self.waits_for = Some(Waits::ForAttempt(env.pacer.permit(self.awaited)));
        }
        let Some(Waits::ForAttempt(permit)) = &mut self.waits_for else {
            return Poll::Pending;
        };
        self.attempt = ready!(permit.as_mut().poll(cx));
        self.waits_for = None;
        Poll::Ready(())
    }

    /// A call waits for the attempt now, so it goes first.
    pub(super) fn hurry(&mut self, env: &Env) {
        if !std::mem::replace(&mut self.awaited, true)
            && let Some(Waits::ForAttempt(permit)) = &mut self.waits_for
        {
            *permit = env.pacer.permit(true);
        }
    }

    /// Ends the attempt.
    pub(super) fn end_attempt(&mut self) {
        self.attempt = None;
    }

    /// Returns the slot, or leaves the queue. Other visitors get the slot when the socket is closed.
    pub(super) fn release(&mut self, env: &Env, hanging_up: Option<JoinHandle<()>>) {
        self.waits_for = None;
        match (self.slot.take(), hanging_up) {
            (Some(slot), Some(socket)) => drop(spawn(&env.runtime, async move {
                // The socket is closed within a second.
                let _ = socket.await;
                drop(slot);
            })),
            (slot, _) => drop(slot),
        }
    }

    /// Notes since when, or from when on, the visitor owes nothing, and makes room for waiting visitors.
    /// Returns when to come back because the visitor becomes idle.
    ///
    /// Must not be called with the handle locked.
    pub(super) fn note_idle(&mut self, env: &Env, idle_from: Option<Millis>) -> Option<Instant> {
        let slot = self.slot.as_ref().filter(|_| env.slots.limit().is_some())?;
        let (now, are_wanted) = (env.clock.now(), env.slots.are_wanted());
        // Each time: a visitor that was asked for its slot and kept it is not known to be idle any more.
        slot.set_idle(idle_from);
        let waits = matches!(self.waits_for, Some(Waits::ForSlot(_)));
        if are_wanted && (waits || idle_from.is_some_and(|from| from <= now)) {
            env.slots.make_room();
        }
        idle_from.filter(|from| *from > now).map(|from| env.clock.instant_of(from))
    }
}
