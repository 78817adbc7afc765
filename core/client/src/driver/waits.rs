//! What a driver waits for, and when it need not wait at all.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use secondme_avatar_protocol::Input;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, Sleep};

use super::{Back, Driver, Happened};

impl Driver {
    /// Waits for whatever happens first. Not `select!`, whose futures take 400 bytes of every visitor's task: what is
    /// waited for here is in the driver already, or boxed while it is there.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        timer: Pin<&mut Sleep>,
        woken: Pin<&mut Notified<'_>>,
        deadline: Instant,
    ) -> Poll<Happened> {
        // Pings go out even if frames come without a pause.
        if timer.poll(cx).is_ready() {
            return Poll::Ready(self.due(deadline));
        }
        if woken.poll(cx).is_ready() {
            return Poll::Ready(Happened::Nothing);
        }
        if let Poll::Ready(back) = self.calls.poll_next(&self.env, cx) {
            return Poll::Ready(match back {
                Back::Input(input) => Happened::Input(input),
                Back::Elsewhere => Happened::Elsewhere,
                Back::Nothing => Happened::Nothing,
            });
        }
        if self.permit.poll_granted(&self.env, cx).is_ready() {
            return Poll::Ready(Happened::Input(Input::ConnectPermitted));
        }
        if let Some(connecting) = &mut self.connecting
            && let Poll::Ready(result) = connecting.as_mut().poll(cx)
        {
            return Poll::Ready(self.connected(result));
        }
        if let Poll::Ready(happened) = self.poll_traffic(cx) {
            return Poll::Ready(happened);
        }
        self.reading.poll_room(cx).map(|()| Happened::Nothing)
    }

    /// Waits for what comes over the socket, and writes what is to be sent.
    pub(super) fn poll_traffic(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        let Some(socket) = &mut self.socket else {
            return Poll::Pending;
        };
        socket.poll(cx, self.reading.is_on()).map(|traffic| self.traffic(traffic))
    }

    /// Leaves a visitor that is paused and owes nothing. Returns whether it rests from now on.
    pub(super) fn rests(&mut self) -> bool {
        let is_idle = self.socket.is_none()
            && self.connecting.is_none()
            && self.hanging_up.is_none()
            && self.calls.is_empty()
            && self.permit.is_idle()
            && self.saving.is_done(&self.env)
            && self.reading.is_on()
            && self.journal.is_quiet()
            && self.catch_up.is_over(&self.env.clock);
        if !is_idle {
            return false;
        }
        let mut resting = self.env.resting();
        let state = self.handle.lock();
        self.leaves = state.may_rest();
        if self.leaves {
            self.handle.rest(state, &mut resting);
        }
        self.leaves
    }
}
