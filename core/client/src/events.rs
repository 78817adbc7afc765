//! Events, between the driver and a subscriber: a bounded queue, one wake, batches.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use secondme_avatar_protocol::{Event, EventKind};
use tokio::sync::Notify;
use tracing::warn;

use crate::wakers::Wakers;

/// The memory of a full subscription, in bytes. That is enough for a few of the longest frames, or for thousands of
/// usual ones.
const QUEUE_BYTES: usize = 16 * 1024 * 1024;

/// A subscription to events.
///
/// The queue is bounded, in events and in memory (16 MiB). While it is full, the sockets are not read, but pings
/// still go out. So no event is dropped, but one that another process has told (with a store in Redis), where it finds
/// 16 MiB waiting: the log says so. In a queue that is half full, neighbouring [`EventKind::ReplyDelta`]s of
/// one reply are merged.
///
/// Take the events one by one, as a [`Stream`] or with [`next`](Self::next), or in batches: await
/// [`ready`](Self::ready), then call [`drain`](Self::drain). Cancelling `ready` loses nothing.
///
/// A subscription ends with the conversation or the client, or when it is dropped.
#[derive(Debug)]
pub struct Events {
    mailbox: Arc<Mailbox>,
}

impl Events {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox }
    }

    /// Leaves the frames out of the events ([`Event::raw`] is `None`). This is faster and takes less memory, unless
    /// another subscription keeps the frames.
    ///
    /// ```no_run
    /// # fn example(client: &secondme_avatar::AvatarClient) {
    /// let events = client.events().without_raw();
    /// # }
    /// ```
    pub fn without_raw(self) -> Self {
        {
            let mut state = self.mailbox.lock();
            state.without_raw = true;
            state.events.iter_mut().for_each(|event| event.raw = None);
            state.bytes = state.events.iter().map(Event::memory_size).sum();
        }
        self
    }

    /// Waits until there is something to [`drain`](Self::drain). Returns `false` if there will be no more events.
    pub async fn ready(&self) -> bool {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// Polls [`ready`](Self::ready).
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.mailbox.lock();
        state.handled = state.taken;
        if !state.events.is_empty() {
            return Poll::Ready(true);
        }
        if state.ended {
            return Poll::Ready(false);
        }
        state.wakers.register(cx);
        Poll::Pending
    }

    /// Takes at most `max` of the events that have come, oldest first, without waiting.
    pub fn drain(&self, max: usize) -> Vec<Event> {
        let mut state = self.mailbox.lock();
        state.handled = state.taken;
        let take = max.min(state.events.len());
        let events: Vec<Event> = state.events.drain(..take).collect();
        state.bytes -= events.iter().map(Event::memory_size).sum::<usize>();
        if state.events.is_empty() {
            state.taken = state.pushed;
        }
        state.leaves_out &= state.bytes > QUEUE_BYTES / 2;
        if state.stalled && state.events.len() <= self.mailbox.capacity / 2 && state.bytes <= QUEUE_BYTES / 2
        {
            state.stalled = false;
            state.logged = false;
            drop(state);
            self.mailbox.room.notify_waiters();
        }
        events
    }

    /// Ends the subscription. Events that have come can still be taken.
    ///
    /// ```no_run
    /// # async fn example(chat: secondme_avatar::Conversation) {
    /// let events = chat.events();
    /// events.finish();
    /// while let Some(event) = events.next().await {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    pub fn finish(&self) {
        self.mailbox.end();
        self.mailbox.room.notify_waiters();
    }

    /// Returns the next event; `None` if there will be no more.
    pub async fn next(&self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        // With several readers, another one may have taken it.
        loop {
            match self.poll_ready(cx) {
                Poll::Ready(true) => {
                    if let Some(event) = self.drain(1).pop() {
                        return Poll::Ready(Some(event));
                    }
                }
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.mailbox.end();
        let mut state = self.mailbox.lock();
        state.events.clear();
        state.bytes = 0;
        drop(state);
        self.mailbox.room.notify_waiters();
    }
}

/// The queue behind a subscription.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// What it is a subscription to, for the log.
    of: String,
    queue: Mutex<Queue>,
    capacity: usize,
    /// Notified when a queue that was full has room again.
    room: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    /// The memory of the events in the queue.
    bytes: usize,
    /// The reader does not want the frames.
    without_raw: bool,
    wakers: Wakers,
    /// How many events were ever put in.
    pushed: u64,
    /// How many of them had been taken when the queue was last empty.
    taken: u64,
    /// How many of these count as handled: the reader has asked for more since.
    handled: u64,
    /// The queue was full, and a driver waits for room.
    stalled: bool,
    /// The log has mentioned that the queue is full.
    logged: bool,
    /// The log has mentioned that events of other processes are left out.
    leaves_out: bool,
    ended: bool,
}

impl Mailbox {
    pub(crate) fn new(of: String, capacity: usize, room: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { of, queue: Mutex::default(), capacity, room })
    }

    /// Returns what this is a subscription to, and how many events wait, if the queue is full and the log has not
    /// mentioned that yet.
    pub(crate) fn newly_unread(&self) -> Option<(&str, usize)> {
        let mut state = self.lock();
        let is_new = state.stalled && !std::mem::replace(&mut state.logged, true);
        is_new.then(|| (self.of.as_str(), state.events.len()))
    }

    /// Adds events, and wakes the readers once.
    pub(crate) fn push(&self, events: impl Iterator<Item = Event>) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        for mut event in events {
            state.pushed += 1;
            if state.without_raw {
                // Freed on the thread that allocated it: freeing it on the reader's thread is slower.
                event.raw = None;
            }
            let crowded = state.events.len() >= self.capacity / 2;
            let added = match state.events.back_mut() {
                Some(last) if crowded => {
                    let before = last.memory_size();
                    let event = merge(last, event);
                    state.bytes = state.bytes - before + state.events.back().map_or(0, Event::memory_size);
                    event
                }
                Some(_) | None => Some(event),
            };
            if let Some(event) = added {
                state.bytes += event.memory_size();
                state.events.push_back(event);
            }
        }
        if !state.events.is_empty() {
            wake(state);
        }
    }

    /// Adds events of another process, unless its memory is full.
    pub(crate) fn offer<'a>(&self, events: impl Iterator<Item = &'a Event>) {
        let (is_full, is_new) = {
            let mut state = self.lock();
            let is_full = state.bytes >= QUEUE_BYTES && !state.ended;
            (is_full, is_full && !std::mem::replace(&mut state.leaves_out, is_full))
        };
        if is_new {
            warn!(
                target: "secondme_avatar::conversation", subscription = self.of,
                "a subscription is full, and is not told of what happens in other processes: read it faster"
            );
        }
        if !is_full {
            self.push(events.cloned());
        }
    }

    /// Whether it has room. If not, a driver waits until it does: see [`Events`].
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.lock();
        let is_full = state.events.len() >= self.capacity || state.bytes >= QUEUE_BYTES;
        state.stalled = is_full && !state.ended; // One that has ended takes no events, and blocks no socket.
        !state.stalled
    }

    /// Returns a mark for [`has_handled`](Self::has_handled).
    pub(crate) fn mark(&self) -> u64 {
        self.lock().pushed
    }

    /// Whether the reader has taken everything up to this mark, and has asked for more. A mailbox that has ended and
    /// is empty counts as handled.
    pub(crate) fn has_handled(&self, mark: u64) -> bool {
        let state = self.lock();
        state.handled >= mark || (state.ended && state.events.is_empty())
    }

    /// Ends the subscription: no more events will come.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        wake(state);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes outside the lock: a reader that is woken may lock again at once.
fn wake(mut state: MutexGuard<'_, Queue>) {
    let wakers = state.wakers.take();
    drop(state);
    wakers.wake();
}

/// Merges two neighbouring pieces of one reply. Returns the second event if it cannot be merged.
fn merge(last: &mut Event, event: Event) -> Option<Event> {
    if last.conversation != event.conversation || last.visitor_id != event.visitor_id {
        return Some(event);
    }
    match (&mut last.kind, &event.kind) {
        (
            EventKind::ReplyDelta { reply_id, text, asked, .. },
            EventKind::ReplyDelta { reply_id: next_id, text: next, asked: next_asked, .. },
        ) if reply_id == next_id && asked == next_asked => {
            text.push_str(next);
            last.raw = event.raw;
            None
        }
        _ => Some(event),
    }
}

#[cfg(test)]
mod tests {
    use secondme_avatar_protocol::{NoticeKind, Visitor};

    use super::*;

    #[test]
    fn what_other_processes_tell_is_left_out_while_much_of_it_waits() {
        let events = Events::new(Mailbox::new("all".to_owned(), 16, Arc::default()));
        let text = "x".repeat(1024 * 1024).into();
        let told = Event {
            conversation: None,
            visitor_id: Visitor::for_user("test", "ada").unwrap().id().clone(),
            tag: None,
            session_id: None,
            kind: EventKind::Notice { text, kind: NoticeKind::Hint },
            raw: None,
        };
        (0..100).for_each(|_| events.mailbox.offer([&told].into_iter()));
        let waiting = events.drain(usize::MAX).len();
        assert!((15..=16).contains(&waiting), "{waiting}");
        events.mailbox.offer([&told].into_iter());
        assert_eq!(events.drain(usize::MAX).len(), 1, "there is room again");
    }
}
