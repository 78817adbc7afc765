//! A bounded queue to the host, with one wake.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Items on their way to the host.
///
/// The queue has a capacity for what is [offered](Self::offer): further items are dropped, and counted. Items that must
/// not be lost are put in by this crate alone, which says for each kind how many there can be.
///
/// The host waits with [`poll_ready`](Self::poll_ready), which takes nothing, so a wait that is given up loses nothing. A waker is woken once, outside the lock, and is registered anew by the next poll.
pub struct HostQueue<T> {
    state: Mutex<State<T>>,
    capacity: usize,
}

struct State<T> {
    items: VecDeque<T>,
    lost: u64,
    has_ended: bool,
    wakers: Vec<Waker>,
}

impl<T> HostQueue<T> {
    /// An empty queue that takes so many items by [`offer`](Self::offer).
    pub const fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), lost: 0, has_ended: false, wakers: Vec::new() };
        Self { state: Mutex::new(state), capacity }
    }

    /// Puts an item in. Where there is no room, it is dropped and counted. A queue that has ended takes none.
    pub fn offer(&self, item: T) {
        let mut state = self.lock();
        if state.has_ended {
            return;
        }
        if state.items.len() < self.capacity {
            state.items.push_back(item);
            wake(state);
        } else {
            state.lost += 1;
        }
    }

    /// Puts an item in that must not be lost: the caller sees to it that their number is bounded.
    pub(crate) fn put(&self, item: T) {
        let mut state = self.lock();
        if !state.has_ended {
            state.items.push_back(item);
            wake(state);
        }
    }

    /// Whether there is something to [`drain`](Self::drain). `false`: there will be nothing more.
    pub fn poll_ready(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if !state.items.is_empty() {
            return Poll::Ready(true);
        }
        if state.has_ended {
            return Poll::Ready(false);
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes at most `max` items, oldest first. Never waits.
    pub fn drain(&self, max: usize) -> Vec<T> {
        let mut state = self.lock();
        let take = max.min(state.items.len());
        state.items.drain(..take).collect()
    }

    /// Drops the items that are meant.
    pub(crate) fn remove(&self, is_meant: impl Fn(&T) -> bool) {
        let mut state = self.lock();
        let (meant, others) = state.items.drain(..).partition(|item| is_meant(item));
        state.items = others;
        drop(state);
        let _: VecDeque<T> = meant;
    }

    /// Returns how many items were dropped since the last time that this was called.
    pub fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost)
    }

    /// Takes nothing more in. What has come can still be drained.
    pub fn finish(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        wake(state);
    }

    /// Takes nothing more in, and drops what has come.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        let items = std::mem::take(&mut state.items);
        wake(state);
        drop(items);
    }

    /// Wakes all who wait, so that they look again.
    pub(crate) fn wake(&self) {
        wake(self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let wakers = std::mem::take(&mut state.wakers);
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

impl<T> fmt::Debug for HostQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostQueue").field("items", &self.lock().items.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::tests::Wakes;

    #[test]
    fn one_wake_stands_for_all_that_comes_before_the_next_look() {
        let (queue, wakes) = (HostQueue::new(10), Wakes::default());
        let waker = wakes.waker();
        let cx = Context::from_waker(&waker);
        assert_eq!((queue.poll_ready(&cx), queue.poll_ready(&cx)), (Poll::Pending, Poll::Pending));
        for number in 0..3 {
            queue.offer(number);
        }
        assert_eq!(wakes.count(), 1);
        assert_eq!(queue.drain(2), [0, 1]);
        assert_eq!(queue.poll_ready(&cx), Poll::Ready(true), "what is left needs no wake");
        assert_eq!(queue.drain(2), [2]);
        assert_eq!(queue.poll_ready(&cx), Poll::Pending);
        queue.offer(3);
        assert_eq!(wakes.count(), 2);
    }

    #[test]
    fn what_has_no_room_is_counted_and_a_queue_that_has_ended_takes_nothing() {
        let (queue, wakes) = (HostQueue::new(2), Wakes::default());
        let waker = wakes.waker();
        for number in 0..5 {
            queue.offer(number);
        }
        assert_eq!((queue.drain(9), queue.take_lost(), queue.take_lost()), (vec![0, 1], 3, 0));
        queue.offer(5);
        queue.finish();
        queue.offer(6);
        let cx = Context::from_waker(&waker);
        assert_eq!((queue.poll_ready(&cx), queue.drain(9)), (Poll::Ready(true), vec![5]));
        assert_eq!(queue.poll_ready(&cx), Poll::Ready(false));
    }
}
