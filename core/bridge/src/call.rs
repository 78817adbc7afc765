//! One call's work, which can be given up from any thread.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Work that can be given up from any thread. It comes to `None` where it was.
pub struct Call<T>(Arc<Mutex<Work<T>>>);

struct Work<T> {
    /// `None`: it is over, or was given up.
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    waker: Option<Waker>,
}

/// Gives work up.
pub trait GiveUp: Send + Sync {
    /// Drops the work on this thread; it is dropped when this returns. Work that is over is left alone.
    fn give_up(&self);
}

impl<T: 'static> Call<T> {
    /// Work that has not begun.
    pub fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Work { future: Some(Box::pin(work)), waker: None })))
    }

    /// Begins it on this thread. Gives what it has come to, if it is over already; else it has to be awaited.
    pub fn begin(&self) -> Option<T> {
        match self.poll_work(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => None,
        }
    }

    /// What gives it up, for other threads.
    pub fn handle(&self) -> Arc<dyn GiveUp> {
        let handle: Arc<Mutex<Work<T>>> = Arc::clone(&self.0);
        handle
    }

    fn poll_work(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut work = lock(&self.0);
        let Some(future) = &mut work.future else {
            return Poll::Ready(None);
        };
        match future.as_mut().poll(cx) {
            Poll::Ready(result) => {
                let over = work.future.take();
                drop(work);
                drop(over);
                Poll::Ready(Some(result))
            }
            Poll::Pending => {
                work.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T: 'static> Future for Call<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_work(cx)
    }
}

impl<T> GiveUp for Mutex<Work<T>> {
    fn give_up(&self) {
        let mut work = lock(self);
        let (future, waker) = (work.future.take(), work.waker.take());
        drop(work);
        drop(future);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
