//! What was missed while the link was down: asked for once it is back, and dispatched once, in order.

use serde_json::value::RawValue;

use super::Machine;
use crate::call::Call;
use crate::conversation::{
    Conversation, Cursor, FillReason, PageReach, PageStep, Query, QueryKind, QueryResult,
};
use crate::error::{Error, ErrorKind, Step};
use crate::event::{ConversationKey, EventKind, Gap};
use crate::ids::SeqId;
use crate::redact::Raw;
use crate::time::Millis;
use crate::wire::{Frame, query_frames};

impl Machine {
    /// Asks for what may be missing, in the conversations that are back.
    pub(super) fn open_gaps(&mut self, now: Millis) {
        let is_open = |machine: &Self, conversation: &Conversation| {
            conversation.gap().is_open() && machine.is_complete(conversation)
        };
        // A gap that cannot be filled is closed on the spot, and that may close the conversation.
        while let Some(at) = self.conversations.iter().position(|conversation| is_open(self, conversation)) {
            let conversation = &self.conversations[at];
            let after = conversation.position().gap_begins();
            if self.can_query(conversation, after) {
                let after = after.to_owned();
                self.conversations[at].gap_mut().start(now, after, FillReason::LinkLost);
            } else {
                let key = conversation.key();
                self.gap_unknown(now, key);
            }
        }
    }

    /// The link is down: what comes now is missed. Frames that wait for a gap keep waiting.
    pub(super) fn suspend_gaps(&mut self) {
        let calls = self.calls.drop_calls(|call| matches!(call, Call::FillGap(_)));
        self.abandon(calls);
        let now = self.now;
        self.conversations.iter_mut().for_each(|conversation| conversation.link_down(now));
    }

    /// Whether the link is up and nothing is being asked for.
    pub(super) fn is_calm(&self, conversation: &Conversation) -> bool {
        self.connection.is_up() && conversation.gap().is_closed()
    }

    /// Whether a frame that has not come over the socket is missing: it does not lie there unread, and the service
    /// can be asked for it. Without a visitor token a probe would be wasted.
    pub(super) fn is_missed(&self, conversation: &Conversation) -> bool {
        self.reading && self.is_calm(conversation) && self.is_complete(conversation)
    }

    /// The frame from which on to probe for what should have come since this cursor.
    pub(super) fn probe_begins(&self, key: ConversationKey, since: &Cursor) -> Option<String> {
        let conversation = self.conversation(key)?;
        let nearest = conversation.position().nearest(since, self.seen.noted());
        Some(nearest.to_owned())
    }

    /// Probes for a message, though no frame is known to be lost.
    pub(super) fn begin_probe(
        &mut self,
        now: Millis,
        key: ConversationKey,
        since: String,
        reason: FillReason,
    ) {
        if let Some(conversation) = self.conversation_mut(key) {
            conversation.gap_mut().start(now, since, reason);
        }
    }

    /// Probes for messages that were taken and not echoed, or not answered: perhaps they were, over a socket that
    /// is dead. It is called after every input, because a probe may become due while another is under way.
    pub(super) fn begin_probes(&mut self, now: Millis) -> bool {
        let mut began = false;
        for at in 0..self.conversations.len() {
            if !self.is_missed(&self.conversations[at]) {
                continue;
            }
            let key = self.conversations[at].key();
            if let Some(since) = self.conversations[at].turns_mut().due_probe(now)
                && let Some(since) = self.probe_begins(key, &since)
                && self.can_query(&self.conversations[at], &since)
            {
                self.conversations[at].gap_mut().start(now, since, FillReason::Probe { message: None });
                began = true;
            }
        }
        began
    }

    /// The service makes a query wait. A probe goes on where it stands, because no frame waits for it.
    pub(super) fn delay_probe(&mut self, until: Millis, key: ConversationKey) {
        if let Some(conversation) = self.conversation_mut(key) {
            conversation.gap_mut().delay_probe(until);
        }
    }

    /// A page of what was missed.
    pub(super) fn gap_page(
        &mut self,
        now: Millis,
        key: ConversationKey,
        data: Option<&RawValue>,
    ) -> Result<(), Error> {
        let page = query_frames(data).ok_or_else(no_list)?;
        self.query_answered(&Call::FillGap(key));
        let Some(conversation) = self.conversation_mut(key) else {
            return Ok(());
        };
        if let Some(FillReason::LookUp { message }) = conversation.gap().fill_reason() {
            let message = message.clone();
            self.look_at_page(now, key, &message, &page);
            return Ok(());
        }
        let is_last = conversation.gap().is_last_page();
        let (complete, can_go_on) = match conversation.gap_mut().page_came(now, &page) {
            Some(PageStep::Dispatch { after }) => (self.gap_forward(now, key, &after, &page), true),
            // The conversation begins where a page brings no older frame.
            Some(PageStep::Gathered(reach)) => {
                (reach == PageReach::Beginning, self.capabilities.allows(QueryKind::Named))
            }
            None => return Ok(()),
        };
        if !complete && can_go_on && !is_last {
            return Ok(()); // The rule asks for the next page.
        }
        if !complete {
            self.gap_unknown(now, key);
            return Ok(());
        }
        let frames = self.take_past(now, key, "");
        if self.conversation(key).is_none_or(|conversation| conversation.gap().fill_reason().is_none()) {
            // What was found shows that the link is dead: the gap is open again, and wider.
            return Ok(());
        }
        if self.conversation(key).is_some_and(|conversation| conversation.position().is_replaying()) {
            // The frame up to which all was heard is not there, so what is new is unknown.
            self.gap_unknown(now, key);
            return Ok(());
        }
        self.close_gap(now, key, if frames == 0 { Gap::None } else { Gap::Filled { frames } });
        Ok(())
    }

    /// Dispatches the frames after this one. Returns whether there are no more.
    fn gap_forward(&mut self, now: Millis, key: ConversationKey, from: &str, page: &[&RawValue]) -> bool {
        let page: Vec<Raw> = page.iter().map(|frame| Raw::from(frame.get())).collect();
        let (found, last) = self.walk(now, key, from, &page);
        let Some(conversation) = self.conversation_mut(key) else {
            return true;
        };
        conversation.gap_mut().dispatched(found, last.as_deref());
        last.is_none()
    }

    /// Dispatches what was gathered of the past and follows the frame `from`; all of it, where that is empty.
    /// Returns how many frames the gap has had altogether.
    fn take_past(&mut self, now: Millis, key: ConversationKey, from: &str) -> u32 {
        let Some(conversation) = self.conversation_mut(key) else {
            return 0;
        };
        let gathered = conversation.gap_mut().take_past();
        let (found, _) = self.walk(now, key, from, &gathered);
        self.conversation_mut(key).map_or(0, |conversation| conversation.gap_mut().past_dispatched(found))
    }

    /// Dispatches what is new among frames that follow one another, from this one on. Returns how many were new,
    /// and the name of the last one.
    ///
    /// A probe may find what was lost long before frames that have come since. The conversation's position moves
    /// only when a frame behind it is found; otherwise the next run would hear those again.
    fn walk(&mut self, now: Millis, key: ConversationKey, from: &str, page: &[Raw]) -> (u32, Option<String>) {
        let mut found = 0;
        let mut last: Option<String> = None;
        let stands_at = |machine: &Self, seq: &str| {
            machine.conversation(key).is_some_and(|conversation| conversation.position().is_at(seq))
        };
        let mut is_past = stands_at(self, from);
        for raw in page {
            let mut mended = String::new();
            let Some(frame) = Frame::parse(raw.as_str(), &mut mended) else {
                continue;
            };
            let seq = frame.seq_id.as_deref();
            // Whether a page begins with or after the frame that was named is not documented.
            if seq == Some(from) {
                continue;
            }
            let half_said = |conversation: &Conversation| {
                conversation.position().hears_again(frame.message_id.as_deref())
            };
            if is_past || self.conversation(key).is_some_and(half_said) {
                found += self.receive_backfill(now, key, raw);
            } else {
                self.mark_seen(key, &frame);
            }
            let Some(seq) = seq else {
                continue;
            };
            let before = last.replace(seq.to_owned());
            is_past |= stands_at(self, seq);
            let noted = self.seen.noted();
            let Some(conversation) = self.conversation_mut(key) else {
                continue;
            };
            if is_past {
                conversation.end_replay();
                conversation.advance_to(seq, noted);
            } else {
                let before = before.as_deref().unwrap_or(from);
                conversation.found_behind(before);
            }
            self.remember();
        }
        (found, last)
    }

    /// The service cannot say what was missed.
    pub(super) fn gap_unknown(&mut self, now: Millis, key: ConversationKey) {
        // What was gathered of the past is dispatched, though it is not all. After a probe it is not: the next
        // probe finds it together with what came before it.
        if self.conversation(key).is_some_and(|conversation| conversation.gap().buffers_frames()) {
            let before =
                self.conversation_mut(key).map(|conversation| conversation.gap_mut().drain_before_past());
            let before = before.unwrap_or_default();
            let follows = !before.is_empty();
            self.dispatch_buffered(now, key, before);
            let cursor = self.conversation(key).filter(|_| follows).and_then(|one| one.position().last_seq());
            self.take_past(now, key, cursor.as_ref().map(SeqId::as_str).unwrap_or_default());
        }
        self.close_gap(now, key, Gap::Unknown);
    }

    pub(super) fn close_gap(&mut self, now: Millis, key: ConversationKey, gap: Gap) {
        let calls = self.calls.drop_calls(|call| *call == Call::FillGap(key));
        self.abandon(calls);
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let reason = conversation.close_gap(now, gap);
        self.flush_buffered(now, key);
        let searched = match reason {
            FillReason::LinkLost => None,
            FillReason::Probe { message } => Some(message),
            FillReason::LookUp { message } => Some(Some(message)),
        };
        if let Some(searched) = searched {
            if let Some(message) = searched {
                let result = if gap == Gap::Unknown { QueryResult::Unknown } else { QueryResult::Absent };
                self.probe_ended(now, key, &message, result);
            }
            return;
        }
        if let Some(at) = self.conversations.iter().position(|conversation| conversation.key() == key) {
            self.emit(at, EventKind::Reconnected { gap }, None);
        }
    }
}

impl Machine {
    /// The kind of message query that this call is, if it is one.
    pub(super) fn query_kind(&self, call: &Call) -> Option<QueryKind> {
        let query = match call {
            Call::FillGap(key) => self.conversation(*key)?.gap().query(),
            Call::History(key, ticket) => self.conversation(*key)?.histories().query(*ticket),
            Call::Authenticate
            | Call::InitChat
            | Call::CreateSocket
            | Call::Connect
            | Call::ResolveAvatar
            | Call::CreateSession(_)
            | Call::BindSession(_)
            | Call::SendMessage(..)
            | Call::EndSession(_)
            | Call::FetchToken
            | Call::InitVisitorChat => None,
        };
        query.map(Query::kind)
    }

    /// The service has answered this call, so it has it.
    pub(super) fn query_answered(&mut self, call: &Call) {
        if let Some(kind) = self.query_kind(call) {
            self.capabilities.answered(kind);
        }
    }

    /// Whether the service has answered a call like this one before.
    pub(super) fn is_proven(&self, call: &Call) -> bool {
        self.query_kind(call).is_some_and(|kind| self.capabilities.is_proven(kind))
    }

    /// Whether the service can be asked for what came after this frame. Where frames came without a name, nothing
    /// tells which of those found are new.
    pub(super) fn can_query(&self, conversation: &Conversation, after: &str) -> bool {
        !conversation.position().has_unnamed() && self.capabilities.allows(QueryKind::after(after))
    }
}

pub(super) fn no_list() -> Error {
    Error::new(ErrorKind::InvalidAnswer, "the answer to the message query is not a list of messages")
        .at(Step::QueryMessages)
}
