//! Events on their way to whoever subscribed: a bounded queue, one wake, batches.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use secondme_avatar_protocol::{Event, EventKind};
use tokio::sync::Notify;

use crate::wakers::Wakers;

/// The memory, in bytes, that a subscription holds before the socket is read no further: a few of the longest frames, and
/// thousands of those that come.
const QUEUE_BYTES: usize = 16 * 1024 * 1024;

/// A subscription to events.
///
/// The queue is bounded, in events and in the memory they take (16 MiB). When it is full, the socket is read no further until there is room again,
/// while pings still go out: nothing is dropped. In a queue that is half full, neighbouring
/// [`EventKind::ReplyDelta`]s of one reply become one.
///
/// Take events one by one, as a [`Stream`] or with [`next`](Self::next), or in batches: await
/// [`ready`](Self::ready), which carries nothing and so loses nothing when it is cancelled, then
/// [`drain`](Self::drain).
///
/// The subscription begins when it is made and ends with the conversation or the client. Dropping it
/// ends it at once.
#[derive(Debug)]
pub struct Events {
    mailbox: Arc<Mailbox>,
}

impl Events {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox }
    }

    /// The same subscription, whose events come without their frames ([`Event::raw`] is `None`). Unless another
    /// subscription wants them, frames then do not outlive their reading: it is faster, and takes less memory.
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
            state.queue.iter_mut().for_each(|event| event.raw = None);
            state.bytes = state.queue.iter().map(Event::memory_size).sum();
        }
        self
    }

    /// Waits until there is something to [`drain`](Self::drain). `false`: there will be nothing more.
    pub async fn ready(&self) -> bool {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// [`ready`](Self::ready) for those who poll by hand.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.mailbox.lock();
        state.handled = state.taken;
        if !state.queue.is_empty() {
            return Poll::Ready(true);
        }
        if state.ended {
            return Poll::Ready(false);
        }
        state.wakers.register(cx);
        Poll::Pending
    }

    /// Takes at most `max` events that have come, oldest first. Never waits.
    pub fn drain(&self, max: usize) -> Vec<Event> {
        let mut state = self.mailbox.lock();
        state.handled = state.taken;
        let take = max.min(state.queue.len());
        let events: Vec<Event> = state.queue.drain(..take).collect();
        state.bytes -= events.iter().map(Event::memory_size).sum::<usize>();
        if state.queue.is_empty() {
            state.taken = state.pushed;
        }
        if state.stalled && state.queue.len() <= self.mailbox.capacity / 2 && state.bytes <= QUEUE_BYTES / 2 {
            state.stalled = false;
            state.told = false;
            drop(state);
            self.mailbox.room.notify_waiters();
        }
        events
    }

    /// Ends the subscription, and keeps what has come: it can still be taken, and then there is nothing more.
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

    /// The next event; `None` when there will be no more.
    pub async fn next(&self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        // With several who take, somebody else may have been quicker.
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
        state.queue.clear();
        state.bytes = 0;
        drop(state);
        self.mailbox.room.notify_waiters();
    }
}

/// The queue behind a subscription.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// What is subscribed to.
    of: String,
    state: Mutex<State>,
    capacity: usize,
    /// Woken when a queue that was full has room again.
    room: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Event>,
    /// Of the events in it.
    bytes: usize,
    /// Nobody will look at the frames.
    without_raw: bool,
    wakers: Wakers,
    /// Events that were ever put in; of these, those that lay before the last time that the queue was found
    /// empty; and of these, those whose taker has come back for more.
    pushed: u64,
    taken: u64,
    handled: u64,
    /// The queue was full, and somebody waits for room.
    stalled: bool,
    /// That it holds up the socket has been told.
    told: bool,
    ended: bool,
}

impl Mailbox {
    pub(crate) fn new(of: String, capacity: usize, room: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { of, state: Mutex::default(), capacity, room })
    }

    /// What is subscribed to, and how many events wait, where it holds up the socket and that has not been told
    /// since it last had room.
    pub(crate) fn newly_unread(&self) -> Option<(&str, usize)> {
        let mut state = self.lock();
        let is_new = state.stalled && !std::mem::replace(&mut state.told, true);
        is_new.then(|| (self.of.as_str(), state.queue.len()))
    }

    /// Takes events that have happened. Those who wait are woken once.
    pub(crate) fn push(&self, events: impl Iterator<Item = Event>) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        for mut event in events {
            state.pushed += 1;
            if state.without_raw {
                // Where it was allocated: freed by whoever takes it, it would be fought over by two threads.
                event.raw = None;
            }
            let crowded = state.queue.len() >= self.capacity / 2;
            let added = match state.queue.back_mut() {
                Some(last) if crowded => {
                    let before = last.memory_size();
                    let event = merge(last, event);
                    state.bytes = state.bytes - before + state.queue.back().map_or(0, Event::memory_size);
                    event
                }
                Some(_) | None => Some(event),
            };
            if let Some(event) = added {
                state.bytes += event.memory_size();
                state.queue.push_back(event);
            }
        }
        if !state.queue.is_empty() {
            wake(state);
        }
    }

    /// Whether it has room. One that says no is waited for: see [`Events`].
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.lock();
        let is_full = state.queue.len() >= self.capacity || state.bytes >= QUEUE_BYTES;
        state.stalled = is_full && !state.ended; // One that has ended takes nothing more, and holds up nobody.
        !state.stalled
    }

    /// How far it has been filled: see [`has_handled`](Self::has_handled).
    pub(crate) fn mark(&self) -> u64 {
        self.lock().pushed
    }

    /// Whether whoever takes from it has taken all up to this mark, and has come back for more. One that
    /// has ended and is empty handles nothing more.
    pub(crate) fn has_handled(&self, mark: u64) -> bool {
        let state = self.lock();
        state.handled >= mark || (state.ended && state.queue.is_empty())
    }

    /// Nothing more will come.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        wake(state);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes outside the lock: those who are woken may come back at once.
fn wake(mut state: MutexGuard<'_, State>) {
    let wakers = state.wakers.take();
    drop(state);
    wakers.wake();
}

/// Makes two neighbouring pieces of one reply into one; otherwise hands the second back.
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
