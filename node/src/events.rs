//! A subscription, taken in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use napi_derive::napi;
use secondme_avatar::{ConversationKey, Event, EventKind, Events, MessageId, Raw, SessionId, VisitorId};

use crate::json;
use crate::port::{Message, Shared};

#[napi]
pub struct NativeEvents {
    /// `None` once it is closed.
    events: Option<Events>,
    waker: Waker,
    id: u32,
    has_ended: bool,
}

/// Events that were taken together.
#[napi]
pub struct NativeBatch {
    json: Option<String>,
    frames: Vec<Option<Raw>>,
}

/// Says that a subscription or a stream has something to take.
pub(crate) struct Bell {
    port: Arc<Shared>,
    id: u32,
}

#[napi]
impl NativeEvents {
    pub(crate) fn new(events: Events, port: &Arc<Shared>) -> Self {
        let (waker, id) = Bell::at(port);
        Self { events: Some(events), waker, id, has_ended: false }
    }

    /// By which the port says that there is something to take.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// There will be nothing more.
    #[napi(getter)]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// At most so many events that have come. If there are none, the port will say when there are; and whoever
    /// takes again says by that that the ones before have been dealt with.
    #[napi]
    pub fn take(&mut self, max: u32) -> Option<NativeBatch> {
        let events = self.events.as_ref()?;
        loop {
            match events.poll_ready(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    self.has_ended = true;
                    return None;
                }
                Poll::Pending => return None,
            }
            let batch = events.drain(max as usize);
            if !batch.is_empty() {
                return Some(NativeBatch::new(batch));
            }
        }
    }

    /// Ends the subscription once what has come is taken.
    #[napi]
    pub fn finish(&self) {
        if let Some(events) = &self.events {
            events.finish();
        }
    }

    /// Ends the subscription.
    #[napi]
    pub fn close(&mut self) {
        self.events = None;
        self.has_ended = true;
    }
}

#[napi]
impl NativeBatch {
    /// A flat list. A piece of a reply is `1, whose, reply id, text, answers`, where an id is 0 if it is the one
    /// of the piece before; `2` in place of `1` if it was asked for. Any other event is `0, whose, event`. `whose` is a number: the batch's first, second,
    /// … conversation; or, for one that has not been named in this batch, `[visitor, session, conversation, tag]`.
    #[napi]
    pub fn json(&mut self) -> Option<String> {
        self.json.take()
    }

    /// The frame that this event came of.
    #[napi]
    pub fn frame(&self, at: u32) -> Option<&str> {
        self.frames.get(at as usize)?.as_ref().map(Raw::as_str)
    }
}

impl NativeBatch {
    fn new(events: Vec<Event>) -> Self {
        let mut list = Vec::with_capacity(events.len() * 64);
        let mut frames = Vec::with_capacity(events.len());
        let mut named = Named::default();
        let mut last = Pair::default();
        list.push(b'[');
        for event in events {
            if list.len() > 1 {
                list.push(b',');
            }
            match &event.kind {
                EventKind::ReplyDelta { reply_id, text, in_reply_to, asked } => {
                    list.extend_from_slice(if *asked { b"2," } else { b"1," });
                    named.write(&mut list, &event);
                    list.push(b',');
                    write_id(&mut list, &mut last.reply_id, reply_id.as_ref());
                    json::write(&mut list, text);
                    list.push(b',');
                    write_id(&mut list, &mut last.in_reply_to, in_reply_to.as_ref());
                    list.pop();
                }
                kind => {
                    list.extend_from_slice(b"0,");
                    named.write(&mut list, &event);
                    list.push(b',');
                    json::write_event(&mut list, kind);
                }
            }
            frames.push(event.raw);
        }
        list.push(b']');
        Self { json: Some(json::text(list)), frames }
    }
}

/// The ids of the piece before.
#[derive(Default)]
struct Pair {
    reply_id: Option<MessageId>,
    in_reply_to: Option<MessageId>,
}

/// An id and a comma.
fn write_id(list: &mut Vec<u8>, last: &mut Option<MessageId>, id: Option<&MessageId>) {
    match id {
        None => list.extend_from_slice(b"null,"),
        Some(_) if last.as_ref() == id => list.extend_from_slice(b"0,"),
        Some(id) => {
            json::write(list, id.as_str());
            list.push(b',');
            *last = Some(id.clone());
        }
    }
}

type Whose = (VisitorId, Option<SessionId>, Option<ConversationKey>, Option<Arc<str>>);

/// The conversations that a batch has named.
#[derive(Default)]
struct Named {
    numbers: HashMap<Whose, usize>,
    last: Option<(Whose, usize)>,
}

impl Named {
    fn write(&mut self, list: &mut Vec<u8>, event: &Event) {
        let is_last = |((visitor, session, key, tag), _): &&(Whose, usize)| {
            *visitor == event.visitor_id
                && *session == event.session_id
                && *key == event.conversation
                && *tag == event.tag
        };
        if let Some((_, number)) = self.last.as_ref().filter(is_last) {
            return json::write(list, number);
        }
        let whose =
            (event.visitor_id.clone(), event.session_id.clone(), event.conversation, event.tag.clone());
        let next = self.numbers.len();
        let number = *self.numbers.entry(whose.clone()).or_insert(next);
        if number == next {
            let (visitor, session) = (whose.0.as_str(), whose.1.as_ref().map(SessionId::as_str));
            json::write(list, &(visitor, session, whose.2.map(|key| key.0), whose.3.as_deref()));
        } else {
            json::write(list, &number);
        }
        self.last = Some((whose, number));
    }
}

impl Bell {
    /// A waker that lets the port say so, and the number that it names.
    pub(crate) fn at(port: &Arc<Shared>) -> (Waker, u32) {
        let id = port.ticket();
        let port = Arc::clone(port);
        (Waker::from(Arc::new(Self { port, id })), id)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.port.tell(Message::Ready(self.id));
    }
}
