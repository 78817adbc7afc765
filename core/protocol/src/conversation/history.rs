//! The `history` calls of one conversation: frames of message queries, put together into messages.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde_json::value::RawValue;

use super::Waiter;
use super::past::{PageReach, Past, Query};
use crate::assembly::{Answer, Assembly, whole};
use crate::event::{Attribution, Author, HistoryMessage, Reply};
use crate::ids::{MessageId, SeqId, Ticket};
use crate::rare::Rare;
use crate::redact::Raw;
use crate::time::Millis;
use crate::wire::{Frame, FrameType, Sender};

/// Pages asked for in one `history` call. A page is dozens of frames, a message at least one.
const PAGES: u32 = 50;

/// The calls that wait for pages.
#[derive(Debug, Default)]
pub(crate) struct Histories(Rare<Vec<History>>);

#[derive(Debug)]
struct History {
    waiter: Waiter,
    past: Past,
    limit: usize,
    pages: u32,
}

impl Histories {
    /// The waiter wants so many messages, the latest of those before this frame.
    pub(crate) fn begin(&mut self, waiter: Waiter, before: Option<SeqId>, limit: usize) {
        self.0.push(History { waiter, past: Past::before(before), limit, pages: 0 });
    }

    /// Gives back the room of calls that are answered.
    pub(crate) fn give_back(&mut self) {
        self.0.give_back();
    }

    /// Whether no call waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A page has come. Returns the messages once enough of them are there. `user` is the visitor's own id.
    pub(crate) fn page_came(
        &mut self,
        now: Millis,
        ticket: Ticket,
        page: &[&RawValue],
        user: Option<&str>,
    ) -> Option<Vec<HistoryMessage>> {
        let at = self.0.iter().position(|history| history.waiter.ticket == ticket)?;
        let history = &mut self.0[at];
        history.pages += 1;
        let reach = history.past.add(page);
        let mut messages = messages(now, history.past.frames(), user);
        // One more than asked for, so that the oldest one is whole.
        let lacks = messages.len() <= history.limit;
        if reach == PageReach::Older && lacks && history.pages < PAGES && !history.past.is_full() {
            return None;
        }
        let History { limit, .. } = self.0.remove(at);
        messages.drain(..messages.len().saturating_sub(limit));
        Some(messages)
    }

    /// What this call asks for next.
    pub(crate) fn query(&self, ticket: Ticket) -> Option<Query<'_>> {
        Some(self.0.iter().find(|history| history.waiter.ticket == ticket)?.past.query())
    }

    /// Whether this call's deadline comes before `until`.
    pub(crate) fn ends_before(&self, ticket: Ticket, until: Millis) -> bool {
        self.0.iter().any(|history| history.waiter.ticket == ticket && history.waiter.deadline < until)
    }

    /// The calls whose deadline is over.
    pub(crate) fn late(&self, now: Millis) -> Vec<Ticket> {
        let late = self.0.iter().filter(|history| history.waiter.deadline <= now);
        late.map(|history| history.waiter.ticket).collect()
    }

    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.0.iter().map(|history| history.waiter.ticket).collect()
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) {
        self.0.retain(|history| history.waiter.ticket != ticket);
    }

    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.0.iter().map(|history| history.waiter.deadline).min()
    }
}

/// The messages of these frames, oldest first.
fn messages(now: Millis, frames: &[Raw], user: Option<&str>) -> Vec<HistoryMessage> {
    let mut replies = Assembly::default();
    // Where each reply that is still put together begins.
    let mut beginnings = Beginnings::new();
    let mut messages: Vec<HistoryMessage> = Vec::new();
    for raw in frames {
        let mut mended = String::new();
        let frame = Frame::parse(raw.as_str(), &mut mended);
        let Some(frame) = frame.filter(|frame| frame.kind() == FrameType::Message) else {
            continue;
        };
        let beginning = (frame.seq_id.as_deref().map(SeqId::from), frame.timestamp());
        match frame.sender() {
            Sender::Avatar => {
                if let Some(id) = frame.message_id.as_deref() {
                    beginnings.entry(MessageId::from(id)).or_insert_with(|| beginning.clone());
                }
                let step = replies.take(now, &frame, Attribution::Certain, || None);
                for Answer { reply, .. } in step.before.into_iter().chain(step.reply) {
                    let known = begun(&mut beginnings, &reply);
                    messages.push(message(*reply, known.unwrap_or_else(|| beginning.clone())));
                }
            }
            Sender::Client => {
                let own = user.is_some() && frame.send_user_id.as_deref() == user;
                let author = if own { Author::Visitor } else { Author::Owner };
                messages.push(message(whole(&frame, author, None, Attribution::Certain), beginning));
            }
            Sender::Other => {}
        }
    }
    for Answer { reply, .. } in replies.end_all() {
        let known = begun(&mut beginnings, &reply);
        messages.push(message(*reply, known.unwrap_or_default()));
    }
    messages
}

/// A message's first frame: its `seqId`, and its timestamp.
type Beginning = (Option<SeqId>, Option<u64>);
type Beginnings = HashMap<MessageId, Beginning>;

/// Where this reply began, which is over now.
fn begun(beginnings: &mut Beginnings, reply: &Reply) -> Option<Beginning> {
    beginnings.remove(reply.id.as_ref()?)
}

fn message(reply: Reply, (seq_id, timestamp): Beginning) -> HistoryMessage {
    HistoryMessage {
        id: reply.id,
        seq_id,
        author: reply.author,
        text: reply.text,
        parts: reply.parts,
        timestamp: timestamp
            .and_then(|millis| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))),
    }
}
