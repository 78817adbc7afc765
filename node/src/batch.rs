//! Events that were taken together, as they cross the border.

use std::collections::HashMap;
use std::sync::Arc;

use napi_derive::napi;
use secondme_avatar::{ConversationKey, Event, EventKind, MessageId, Raw, SessionId, VisitorId};

use crate::json;

/// Events that were taken together.
#[napi]
pub struct NativeBatch {
    json: Option<String>,
    frames: Vec<Option<Raw>>,
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
    pub(crate) fn of(events: Vec<Event>) -> Self {
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
