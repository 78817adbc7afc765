//! Calls that are given up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use secondme_avatar_bridge::calls::{Call, GiveUp};

use crate::CoreError;

/// Gives calls up. The work of a call is dropped on the thread that cancels, before `cancel` returns: a question that
/// has not gone out does not go out any more.
#[derive(Default, uniffi::Object)]
pub struct CoreCancel(Mutex<State>);

#[derive(Default)]
struct State {
    is_cancelled: bool,
    calls: Vec<Weak<dyn GiveUp>>,
}

#[uniffi::export]
impl CoreCancel {
    /// One that has not been used yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Gives up the calls that were made with it, now; those that are made with it later do not begin. They fail with
    /// [`CoreError::Cancelled`].
    pub fn cancel(&self) {
        let calls = {
            let mut state = self.lock();
            state.is_cancelled = true;
            std::mem::take(&mut state.calls)
        };
        // Outside the lock, which waits for no work that is dropped.
        calls.iter().filter_map(Weak::upgrade).for_each(|call| call.give_up());
    }
}

impl CoreCancel {
    /// Whether it gives up this call from now on. One that was used already does so at once.
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

/// A call of the core, until it is over or given up.
pub(crate) async fn until<T: 'static, E: Into<CoreError> + 'static>(
    cancel: Option<Arc<CoreCancel>>,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, CoreError> {
    let Some(cancel) = cancel else {
        return work.await.map_err(Into::into);
    };
    let call = Call::new(work);
    if !cancel.takes(&call.handle()) {
        return Err(CoreError::Cancelled);
    }
    call.await.map_or(Err(CoreError::Cancelled), |result| result.map_err(Into::into))
}

/// [`until`] for a call that closes something: it begins even where it is given up already.
pub(crate) async fn begun<T: 'static, E: Into<CoreError> + 'static>(
    cancel: Option<Arc<CoreCancel>>,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, CoreError> {
    let call = Call::new(work);
    if let Some(result) = call.begin() {
        return result.map_err(Into::into);
    }
    let handle = call.handle();
    if cancel.is_some_and(|cancel| !cancel.takes(&handle)) {
        return Err(CoreError::Cancelled);
    }
    call.await.map_or(Err(CoreError::Cancelled), |result| result.map_err(Into::into))
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

    fn endless(
        begun: mpsc::Sender<()>,
        dropped: Dropped,
    ) -> impl Future<Output = Result<(), CoreError>> + Send {
        async move {
            let _dropped = dropped;
            begun.send(()).unwrap_or_default();
            std::future::pending().await
        }
    }

    #[test]
    fn a_call_is_dropped_by_the_one_who_cancels_and_the_next_does_not_begin() {
        let (begun, was_begun) = mpsc::channel();
        let (dropped, on) = mpsc::channel();
        let cancel = CoreCancel::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut call =
            pin!(until(Some(Arc::clone(&cancel)), endless(begun.clone(), Dropped(dropped.clone()))));
        assert!(call.as_mut().poll(&mut cx).is_pending() && was_begun.try_recv().is_ok());
        cancel.cancel();
        assert_eq!(on.try_recv().ok(), Some(thread::current().id()));
        assert!(matches!(call.poll(&mut cx), Poll::Ready(Err(CoreError::Cancelled))));

        let next = pin!(until(Some(cancel), endless(begun, Dropped(dropped))));
        assert!(matches!(next.poll(&mut cx), Poll::Ready(Err(CoreError::Cancelled))));
        assert!(was_begun.try_recv().is_err());
    }

    #[test]
    fn a_closing_call_begins_though_it_is_given_up_already() {
        let (sent, was_begun) = mpsc::channel();
        let (dropped, _on) = mpsc::channel();
        let cancel = CoreCancel::new();
        cancel.cancel();
        let closing = pin!(begun(Some(cancel), endless(sent, Dropped(dropped))));
        let polled = closing.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Err(CoreError::Cancelled))) && was_begun.try_recv().is_ok());
    }
}
