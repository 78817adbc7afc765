//! Wakes whoever waits for something to drain. It carries nothing.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Rung when something has come. It stays rung until somebody has heard it, so no ring falls between two waits.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_rung: bool,
    has_ended: bool,
    wakers: Vec<Waker>,
}

impl Bell {
    /// Something has come.
    pub(crate) fn ring(&self) {
        let mut state = self.lock();
        state.is_rung = true;
        wake(state);
    }

    /// Nothing more will come.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        wake(state);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    /// Waits for a ring. `false`: there will be none.
    pub(crate) async fn heard(&self) -> bool {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// [`heard`](Self::heard) for those who poll by hand.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if std::mem::take(&mut state.is_rung) {
            return Poll::Ready(true);
        }
        if state.has_ended {
            return Poll::Ready(false);
        }
        state.register(cx);
        Poll::Pending
    }

    /// Has whoever polls woken by the next ring, for those who look for themselves what has come.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.lock().register(cx);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn register(&mut self, cx: &Context<'_>) {
        if !self.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.wakers.push(cx.waker().clone());
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// Wakes outside the lock: whoever wakes may come back at once.
fn wake(mut state: MutexGuard<'_, State>) {
    let wakers = std::mem::take(&mut state.wakers);
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}
