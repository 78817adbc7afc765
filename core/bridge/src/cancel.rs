//! Calls that are awaited by the host itself, and given up by a word from elsewhere.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::call::{Call, GiveUp};

/// Gives calls up. The work of a call is dropped on the thread that cancels, before `cancel` returns: a question that
/// has not gone out does not go out any more.
#[derive(Default)]
pub struct Cancel(Mutex<State>);

#[derive(Default)]
struct State {
    is_cancelled: bool,
    calls: Vec<Weak<dyn GiveUp>>,
}

impl Cancel {
    /// Gives up the calls that were made with it, now; those that are made with it later do not begin.
    pub fn cancel(&self) {
        let calls = {
            let mut state = self.lock();
            state.is_cancelled = true;
            std::mem::take(&mut state.calls)
        };
        // Outside the lock, which waits for no work that is dropped.
        calls.iter().filter_map(Weak::upgrade).for_each(|call| call.give_up());
    }

    /// What the work comes to; `None` where it is given up. It does not begin where it was given up before.
    pub async fn until<T: 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let call = Call::new(work);
        if !self.takes(&call.handle()) {
            return None;
        }
        call.await
    }

    /// [`until`](Self::until) for work that closes something: it begins even where it is given up already.
    pub async fn until_begun<T: 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let call = Call::new(work);
        if let Some(result) = call.begin() {
            return Some(result);
        }
        if !self.takes(&call.handle()) {
            return None;
        }
        call.await
    }

    /// Whether it gives up this call from now on. One that was used already does not.
    fn takes(&self, call: &Arc<dyn GiveUp>) -> bool {
        let mut state = self.lock();
        if !state.is_cancelled {
            state.calls.retain(|call| call.strong_count() > 0);
            state.calls.push(Arc::downgrade(call));
        }
        !state.is_cancelled
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cancel").field("is_cancelled", &self.lock().is_cancelled).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};
    use std::thread::{self, ThreadId};

    use super::*;

    /// Says on which thread it is dropped.
    struct Dropped(mpsc::Sender<ThreadId>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    async fn endless(begun: mpsc::Sender<()>, _dropped: Dropped) {
        begun.send(()).unwrap_or_default();
        std::future::pending().await
    }

    #[test]
    fn a_call_is_dropped_by_the_one_who_cancels_and_the_next_does_not_begin() {
        let (begun, was_begun) = mpsc::channel();
        let (dropped, on) = mpsc::channel();
        let cancel = Cancel::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut call = pin!(cancel.until(endless(begun.clone(), Dropped(dropped.clone()))));
        assert!(call.as_mut().poll(&mut cx).is_pending() && was_begun.try_recv().is_ok());
        cancel.cancel();
        assert_eq!(on.try_recv().ok(), Some(thread::current().id()));
        assert!(matches!(call.poll(&mut cx), Poll::Ready(None)));

        let next = pin!(cancel.until(endless(begun, Dropped(dropped))));
        assert!(matches!(next.poll(&mut cx), Poll::Ready(None)));
        assert!(was_begun.try_recv().is_err());
    }

    #[test]
    fn a_closing_call_begins_though_it_is_given_up_already() {
        let (sent, was_begun) = mpsc::channel();
        let (dropped, _on) = mpsc::channel();
        let cancel = Cancel::default();
        cancel.cancel();
        let closing = pin!(cancel.until_begun(endless(sent, Dropped(dropped))));
        let polled = closing.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(None)) && was_begun.try_recv().is_ok());
    }
}
