//! What comes one after the other, drained by the host in batches: events, the pieces of a reply, reports of calls.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use secondme_avatar::{CallReport, ClientBuilder, Error, Event, Events, Piece, ReplyStream};
use tokio::sync::Notify;

use crate::calls::{Calls, Signal, Ticket};
use crate::queue::HostQueue;
use crate::seals::{SealAsked, SealRequests};
use crate::tokens::{TokenMessage, TokenRequests};

/// Where items come from, one after the other.
pub trait Source: Send {
    /// What comes.
    type Item;

    /// Whether there is something to drain. `false`: there will be nothing more.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool>;

    /// Takes at most `max` items, oldest first. Never waits.
    ///
    /// # Errors
    /// What the items end with, once and after the last one.
    fn drain(&self, max: usize) -> Result<Vec<Self::Item>, Error>;

    /// Nothing more comes; what has come can still be drained.
    fn finish(&self);
}

impl Source for Events {
    type Item = Event;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.poll_ready(cx)
    }

    fn drain(&self, max: usize) -> Result<Vec<Event>, Error> {
        Ok(self.drain(max))
    }

    fn finish(&self) {
        self.finish();
    }
}

impl Source for ReplyStream {
    type Item = Piece;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.poll_ready(cx)
    }

    fn drain(&self, max: usize) -> Result<Vec<Piece>, Error> {
        self.drain(max)
    }

    fn finish(&self) {
        self.stop();
    }
}

/// The reports of a client's calls. When nothing drains them, the newest are dropped, and counted.
#[derive(Clone, Debug)]
pub struct Reports(Arc<HostQueue<CallReport>>);

/// Reports that wait for the host before further ones are only counted.
const REPORTS: usize = 1024;

/// The client's end. Dropped with the client, it ends the reports.
struct Feed(Reports);

impl Reports {
    /// The reports of the client that is being built.
    pub fn of(builder: ClientBuilder) -> (Self, ClientBuilder) {
        let reports = Self(Arc::new(HostQueue::new(REPORTS)));
        let feed = Feed(reports.clone());
        let builder = builder.on_call(move |report| {
            let Feed(reports) = &feed;
            reports.0.offer(report.clone());
        });
        (reports, builder)
    }

    /// Returns how many were dropped since the last time that this was called.
    pub fn take_lost(&self) -> u64 {
        self.0.take_lost()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.finish();
    }
}

impl Source for Reports {
    type Item = CallReport;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.0.poll_ready(cx)
    }

    fn drain(&self, max: usize) -> Result<Vec<CallReport>, Error> {
        Ok(self.0.drain(max))
    }

    fn finish(&self) {
        self.0.finish();
    }
}

impl Source for TokenRequests {
    type Item = TokenMessage;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.queue().poll_ready(cx)
    }

    fn drain(&self, max: usize) -> Result<Vec<TokenMessage>, Error> {
        Ok(self.drain(max))
    }

    fn finish(&self) {
        self.end();
    }
}

impl Source for SealRequests {
    type Item = SealAsked;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.queue().poll_ready(cx)
    }

    fn drain(&self, max: usize) -> Result<Vec<SealAsked>, Error> {
        Ok(self.drain(max))
    }

    fn finish(&self) {
        self.end();
    }
}

/// A source that the host may close while others wait for it.
#[derive(Debug)]
pub struct HostStream<S> {
    source: Mutex<Option<S>>,
    woken: Arc<Woken>,
}

/// Wakes all who wait in [`HostStream::ready`]. It is the only waker of them that the source knows: each wait of a host
/// has a waker of its own, and those of waits that were cancelled would pile up in a source where nothing comes.
#[derive(Debug, Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_waiters();
    }
}

impl<S: Source> HostStream<S> {
    /// Nothing has been taken of this source yet.
    pub fn new(source: S) -> Self {
        Self { source: Mutex::new(Some(source)), woken: Arc::default() }
    }

    /// One that has ended.
    pub fn ended() -> Self {
        Self { source: Mutex::new(None), woken: Arc::default() }
    }

    /// Waits until there may be something to drain. `false`: there will be nothing more.
    pub async fn ready(&self) -> bool {
        let waker = Waker::from(Arc::clone(&self.woken));
        loop {
            let mut woken = pin!(self.woken.0.notified());
            // From here on no wake is missed, even before the await.
            woken.as_mut().enable();
            let polled = self.poll_ready(&mut Context::from_waker(&waker));
            match polled {
                Poll::Ready(ready) => return ready,
                Poll::Pending => woken.await,
            }
        }
    }

    /// [`ready`](Self::ready) for those who poll by hand.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.lock().as_ref().map_or(Poll::Ready(false), |source| source.poll_ready(cx))
    }

    /// Takes at most `max` items, oldest first. Never waits.
    ///
    /// # Errors
    /// What the source ends with, once and after the last item.
    pub fn drain(&self, max: usize) -> Result<Vec<S::Item>, Error> {
        self.lock().as_ref().map_or_else(|| Ok(Vec::new()), |source| source.drain(max))
    }

    /// Looks at the source; `None` once it is closed.
    pub fn with<T>(&self, look: impl FnOnce(&S) -> T) -> Option<T> {
        self.lock().as_ref().map(look)
    }

    /// Nothing more comes; what has come can still be drained.
    pub fn finish(&self) {
        self.with(Source::finish);
    }

    /// Ends it, and drops what has come. All waits end: there will be nothing more.
    pub fn close(&self) {
        let source = self.lock().take();
        if let Some(source) = source {
            source.finish();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<S>> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`HostStream`] for hosts that are told through their queue when there is something to drain.
#[derive(Debug)]
pub struct SignalledStream<S, R> {
    stream: HostStream<S>,
    signal: Signal<R>,
}

impl<S: Source, R: Send + 'static> SignalledStream<S, R> {
    /// Nothing has been taken of this source yet.
    pub fn new(source: S) -> Self {
        Self { stream: HostStream::new(source), signal: Signal::new() }
    }

    /// Under which a queue says that there is something to drain.
    pub fn ticket(&self) -> Ticket {
        self.signal.ticket()
    }

    /// Takes at most `max` items. `None`: nothing has come, and the queue will say when something has. No items: there
    /// will be nothing more.
    ///
    /// # Errors
    /// What the source ends with, once and after the last item.
    pub fn drain(&self, calls: &Arc<Calls<R>>, max: usize) -> Result<Option<Vec<S::Item>>, Error> {
        let waker = self.signal.for_queue(calls);
        loop {
            match self.stream.poll_ready(&mut Context::from_waker(waker)) {
                Poll::Pending => return Ok(None),
                Poll::Ready(false) => return Ok(Some(Vec::new())),
                // Where several drain, another one may have been quicker.
                Poll::Ready(true) => {
                    let items = self.stream.drain(max)?;
                    if !items.is_empty() {
                        return Ok(Some(items));
                    }
                }
            }
        }
    }

    /// Lets this queue be told as well, the next time that something comes.
    pub fn watch(&self, calls: &Arc<Calls<R>>) {
        self.signal.for_queue(calls);
    }

    /// Looks at the source; `None` once it is closed.
    pub fn with<T>(&self, look: impl FnOnce(&S) -> T) -> Option<T> {
        self.stream.with(look)
    }

    /// Nothing more comes; what has come can still be drained.
    pub fn finish(&self) {
        self.stream.finish();
        self.signal.wake();
    }

    /// Ends it, and drops what has come.
    pub fn close(&self) {
        self.stream.close();
        self.signal.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::Message;
    use crate::calls::tests::Wakes;

    fn reports() -> (Arc<HostQueue<CallReport>>, Reports) {
        let queue = Arc::new(HostQueue::new(2));
        (Arc::clone(&queue), Reports(queue))
    }

    fn tickets(calls: &Calls<()>) -> Vec<Ticket> {
        let ticket = |message| match message {
            Message::Ready(ticket) => ticket,
            Message::Done(..) => panic!("{message:?}"),
        };
        calls.drain(9).into_iter().map(ticket).collect()
    }

    #[test]
    fn each_queue_that_waits_is_told_once_however_often_something_comes() {
        let (_, reports) = reports();
        let stream = SignalledStream::new(reports);
        let (wakes, other) = (Wakes::default(), Wakes::default());
        let (one, two) = (Calls::<()>::new(wakes.waker()), Calls::new(other.waker()));
        for calls in [&one, &two, &one] {
            assert!(stream.drain(calls, 9).unwrap().is_none());
        }
        for _ in 0..3 {
            stream.watch(&one);
            stream.signal.wake();
        }
        assert_eq!((tickets(&one), tickets(&two)), (vec![stream.ticket()], vec![stream.ticket()]));
        assert_eq!((wakes.count(), other.count()), (1, 1));
        stream.close();
        assert_eq!((tickets(&one), tickets(&two)), (vec![], vec![]), "neither has come back for more");
        assert!(stream.drain(&one, 9).unwrap().is_some_and(|items| items.is_empty()));
    }

    #[test]
    fn waits_that_are_cancelled_leave_nothing_behind_and_the_next_one_is_told() {
        let (queue, reports) = reports();
        let stream = HostStream::new(reports);
        let wakes: Vec<_> = (0..100).map(|_| Wakes::default()).collect();
        let mut last = None;
        for wakes in &wakes {
            let mut wait = Box::pin(stream.ready());
            assert!(wait.as_mut().poll(&mut Context::from_waker(&wakes.waker())).is_pending());
            last = Some(wait);
        }
        queue.finish();
        assert_eq!(wakes.iter().map(Wakes::count).sum::<usize>(), 1, "of the one that still waits");
        let told = last.unwrap().as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(told, Poll::Ready(false));
    }

    #[test]
    fn the_reports_of_a_client_end_with_it_though_it_was_never_closed() {
        let builder = secondme_avatar::AvatarClient::builder("sk-0123456789abcdef").unwrap();
        let (reports, builder) = Reports::of(builder);
        let stream = HostStream::new(reports);
        let mut wait = pin!(stream.ready());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(wait.as_mut().poll(cx).is_pending());
        drop(builder);
        assert_eq!(wait.as_mut().poll(cx), Poll::Ready(false));
    }

    #[test]
    fn all_who_wait_for_a_stream_that_is_closed_are_told() {
        let (queue, reports) = reports();
        let stream = HostStream::new(reports);
        let (one, two) = (Wakes::default(), Wakes::default());
        for wakes in [&one, &two] {
            assert!(stream.poll_ready(&mut Context::from_waker(&wakes.waker())).is_pending());
        }
        stream.close();
        assert_eq!((one.count(), two.count()), (1, 1));
        assert_eq!(stream.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(false));
        assert!(stream.drain(9).unwrap().is_empty());
        assert_eq!(queue.poll_ready(&Context::from_waker(Waker::noop())), Poll::Ready(false));
    }
}
