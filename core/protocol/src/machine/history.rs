//! Looking back: frames of a message query, put together into messages.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::{Machine, Outcome, Ticket, gap::no_list};
use crate::assembly::{Answer, Assembly, whole};
use crate::call::Call;
use crate::conversation::{History, Past};
use crate::error::{Error, ErrorKind};
use crate::event::{Author, ConversationKey, HistoryMessage, Reply};
use crate::ids::{MessageId, SeqId};
use crate::limits::PAST_BYTES;
use crate::redact::Raw;
use crate::time::Millis;
use crate::wire::{Frame, FrameType, Sender, query_frames};

/// Pages asked for in one `history` call. A page is dozens of frames, a message at least one.
const PAGES: u32 = 50;

impl Machine {
    /// A page of the past.
    pub(super) fn history_page(
        &mut self,
        now: Millis,
        key: ConversationKey,
        ticket: Ticket,
        data: Option<&RawValue>,
    ) -> Result<(), Error> {
        let page = query_frames(data).ok_or_else(no_list)?;
        self.capability_proven(&Call::History(key, ticket));
        let user = self.facts.credentials.as_ref().map(|credentials| credentials.user_id.as_str().to_owned());
        let Some(conversation) = self.conversation_mut(key) else {
            return Ok(());
        };
        let Some(at) = conversation.histories.iter().position(|history| history.waiter.ticket == ticket)
        else {
            return Ok(());
        };
        let history = &mut conversation.histories[at];
        history.pages += 1;
        let grown = history.past.add(&page);
        let messages = history.past.messages(now, user.as_deref());
        // One more than asked for, so that the oldest one is whole.
        let goes_on = history.pages < PAGES && !history.past.is_too_long();
        if grown && messages.len() <= history.limit && goes_on {
            return Ok(()); // The rule asks for the next page.
        }
        let limit = history.limit;
        conversation.histories.remove(at);
        let skip = messages.len().saturating_sub(limit);
        let messages = messages.into_iter().skip(skip).collect();
        self.resolve(Some(ticket), Ok(Outcome::History(messages)));
        Ok(())
    }

    /// The service makes it wait beyond its deadline: then the caller knows now.
    pub(super) fn fail_history_before(
        &mut self,
        until: Millis,
        key: ConversationKey,
        ticket: Ticket,
        error: Error,
    ) {
        let is_late = |history: &History| history.waiter.ticket == ticket && history.waiter.deadline < until;
        if self.conversation(key).is_some_and(|conversation| conversation.histories.iter().any(is_late)) {
            self.history_failed(key, ticket, error);
        }
    }

    pub(super) fn history_failed(&mut self, key: ConversationKey, ticket: Ticket, error: Error) {
        let calls = self.calls.drop_calls(|call| *call == Call::History(key, ticket));
        self.abandon(calls);
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        conversation.histories.retain(|history| history.waiter.ticket != ticket);
        let absent = matches!(
            error.kind(),
            // A 403 that names nothing is the service's way to say that it is not for visitors.
            ErrorKind::InvalidAnswer
                | ErrorKind::Refused
                | ErrorKind::Unavailable
                | ErrorKind::Authentication
        );
        let error = if absent {
            let step = error.step();
            let unsupported =
                Error::new(ErrorKind::Unsupported, "the service does not offer the messages of the past");
            match (step, error.code().map(str::to_owned)) {
                (Some(step), Some(code)) => unsupported.at(step).with_code(code).caused_by(error),
                (Some(step), None) => unsupported.at(step).caused_by(error),
                (None, _) => unsupported.caused_by(error),
            }
        } else {
            error
        };
        self.resolve(Some(ticket), Err(error));
    }
}

impl Past {
    /// Puts a page before what is there. `false` if it brought nothing new to go on from.
    pub(super) fn add(&mut self, page: &[&RawValue]) -> bool {
        let mut frames: Vec<Raw> = page.iter().map(|frame| Raw::from(frame.get())).collect();
        // Whether a page runs forward or backward is not documented; its times say it.
        let time =
            |raw: &Raw| Frame::parse(raw.as_str(), &mut String::new()).and_then(|frame| frame.timestamp());
        let times: Vec<Option<u64>> = frames.iter().map(time).collect();
        if let (Some(Some(first)), Some(Some(last))) = (times.first(), times.last())
            && first > last
        {
            frames.reverse();
        }
        // Whether a page ends with or before the frame that was named is not documented either.
        if self.before.is_some() {
            frames.retain(|raw| seq_of(raw) != self.before);
        }
        let oldest = frames.iter().find_map(seq_of);
        let moved = oldest.is_some() && oldest != self.before;
        frames.append(&mut self.frames);
        self.frames = frames;
        if moved {
            self.before = oldest;
        }
        moved
    }

    /// Whether it is as long as it may become.
    pub(super) fn is_too_long(&self) -> bool {
        self.frames.iter().map(|raw| raw.as_str().len()).sum::<usize>() >= PAST_BYTES
    }

    /// The messages so far, oldest first.
    fn messages(&self, now: Millis, user: Option<&str>) -> Vec<HistoryMessage> {
        let mut replies = Assembly::default();
        // Where each reply that is still put together begins.
        let mut beginnings = Beginnings::new();
        let mut messages: Vec<HistoryMessage> = Vec::new();
        for raw in &self.frames {
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
                    let step = replies.take(now, &frame, || None);
                    for Answer { reply, .. } in step.before.into_iter().chain(step.reply) {
                        let known = begun(&mut beginnings, &reply);
                        messages.push(message(reply, known.unwrap_or_else(|| beginning.clone())));
                    }
                }
                Sender::Client => {
                    let own = user.is_some() && frame.send_user_id.as_deref() == user;
                    let author = if own { Author::Visitor } else { Author::Owner };
                    messages.push(message(whole(&frame, author, None), beginning));
                }
                Sender::Other => {}
            }
        }
        for Answer { reply, .. } in replies.end_all() {
            let known = begun(&mut beginnings, &reply);
            messages.push(message(reply, known.unwrap_or_default()));
        }
        messages
    }
}

/// A message's first frame: its `seqId`, and when it was.
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
        timestamp,
    }
}

fn seq_of(raw: &Raw) -> Option<SeqId> {
    let mut mended = String::new();
    let frame = Frame::parse(raw.as_str(), &mut mended)?;
    frame.seq_id.as_deref().map(SeqId::from)
}
