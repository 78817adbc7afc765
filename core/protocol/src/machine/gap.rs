//! What came while nobody listened: asked for once the link is back, handed on once, in order.

use serde_json::value::RawValue;

use super::{Capabilities, Capability, Machine};
use crate::call::Call;
use crate::conversation::Cursor;
use crate::conversation::{Conversation, GapState, Past, Quiet, Search};
use crate::error::{Error, ErrorKind, Step};
use crate::event::{ConversationKey, EventKind, Gap};
use crate::ids::MessageId;
use crate::limits::{CONFIRMATION_WAIT, GAP_DEADLINE, GAP_PAGES};
use crate::redact::Raw;
use crate::time::Millis;
use crate::wire::{Frame, query_frames};

impl Machine {
    /// Asks for whatever may be missing where the conversation is back.
    pub(super) fn open_gaps(&mut self, now: Millis) {
        let is_open = |machine: &Self, conversation: &Conversation| {
            matches!(conversation.gap, GapState::Open) && machine.is_complete(conversation)
        };
        // A gap that cannot be filled is closed on the spot, and that may close the conversation.
        while let Some(at) = self.conversations.iter().position(|conversation| is_open(self, conversation)) {
            let conversation = &self.conversations[at];
            if self.capabilities.allow(conversation, conversation.gap_begins()) {
                self.conversations[at].gap = filling(now, conversation.gap_begins().to_owned(), None);
            } else {
                let key = conversation.key;
                self.gap_unknown(now, key);
            }
        }
    }

    /// The link is down: what comes now is missed. Frames that wait for a gap keep waiting.
    pub(super) fn suspend_gaps(&mut self) {
        let calls = self.calls.drop_calls(|call| matches!(call, Call::FillGap(_)));
        self.abandon(calls);
        for conversation in &mut self.conversations {
            if conversation.session.is_some() {
                conversation.gap = GapState::Open;
            }
        }
    }

    /// Whether the service can be asked now for what came after this frame.
    pub(super) fn can_probe(&self, key: ConversationKey, since: &str) -> bool {
        let allow = |conversation: &Conversation| self.capabilities.allow(conversation, since);
        self.conversation(key).is_some_and(|conversation| self.is_calm(conversation) && allow(conversation))
    }

    /// Whether the link is up and nothing is being asked for.
    pub(super) fn is_calm(&self, conversation: &Conversation) -> bool {
        self.link.is_up() && matches!(conversation.gap, GapState::Closed)
    }

    /// Whether what has not come over the socket is missing: it does not lie there unread, and can be asked for. A
    /// look without a visitor token would pass in vain.
    pub(super) fn is_missed(&self, conversation: &Conversation) -> bool {
        self.reading && self.is_calm(conversation) && self.is_complete(conversation)
    }

    /// From where on to look for what should have come since this place.
    pub(super) fn probe_begins(&self, key: ConversationKey, since: &Cursor) -> Option<String> {
        let conversation = self.conversation(key)?;
        let nearest = conversation.cursors.nearest(since, &conversation.last_seq, self.seen.noted());
        Some(nearest.to_owned())
    }

    /// Looks for what should have come, though nothing is known to be lost.
    pub(super) fn begin_probe(
        &mut self,
        now: Millis,
        key: ConversationKey,
        since: String,
        message: MessageId,
    ) {
        if let Some(conversation) = self.conversation_mut(key) {
            conversation.gap = filling(now, since, Some(Quiet { message: Some(message) }));
        }
    }

    /// A message that was taken has not been echoed, or not been answered: perhaps it was, over a socket
    /// that is dead. Asked after every input: a look may have become due while another was under way.
    pub(super) fn begin_probes(&mut self, now: Millis) -> bool {
        let mut began = false;
        for at in 0..self.conversations.len() {
            if !self.is_missed(&self.conversations[at]) {
                continue;
            }
            let key = self.conversations[at].key;
            if let Some(since) = self.conversations[at].outbox.probes.due(now)
                && let Some(since) = self.probe_begins(key, &since)
                && self.capabilities.allow(&self.conversations[at], &since)
            {
                self.conversations[at].gap = filling(now, since, Some(Quiet { message: None }));
                began = true;
            }
        }
        began
    }

    /// The service makes a look wait: it goes on where it stands, since no frame waits for it.
    pub(super) fn delay_probe(&mut self, until: Millis, key: ConversationKey) {
        if let Some(conversation) = self.conversation_mut(key)
            && let GapState::Filling { give_up_at, quiet: Some(_), .. } = &mut conversation.gap
        {
            *give_up_at = until + GAP_DEADLINE;
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
        self.capability_proven(&Call::FillGap(key));
        let has_query = self.capabilities.query.can_be_asked();
        let Some(conversation) = self.conversation_mut(key) else {
            return Ok(());
        };
        let GapState::Filling { pages, search, give_up_at, quiet, .. } = &mut conversation.gap else {
            return Ok(());
        };
        *pages += 1;
        if quiet.is_some() {
            *give_up_at = now + GAP_DEADLINE; // No frame waits for it, and it goes on.
        }
        let is_last = *pages >= GAP_PAGES || matches!(search, Search::Back(past) if past.is_too_long());
        let (complete, can_go_on) = match search {
            Search::After(seq) => {
                let seq = seq.clone();
                (self.gap_forward(now, key, &seq, &page), true)
            }
            // The conversation begins where a page brings no older frame.
            Search::Back(past) => (!past.add(&page), has_query),
        };
        if !complete && can_go_on && !is_last {
            return Ok(()); // The rule asks for the next page.
        }
        if !complete {
            self.gap_unknown(now, key);
            return Ok(());
        }
        let frames = self.take_past(now, key);
        if !self.conversation(key).is_some_and(Conversation::fills_gap) {
            // What was found shows that the link is dead: the gap is open again, and wider.
            return Ok(());
        }
        if self.conversation(key).is_some_and(|conversation| conversation.replay.is_some()) {
            // The frame up to which all was heard is not there: nobody can tell what is new.
            self.gap_unknown(now, key);
            return Ok(());
        }
        self.close_gap(now, key, if frames == 0 { Gap::None } else { Gap::Filled { frames } });
        Ok(())
    }

    /// The frames after this one. Says whether there are no more.
    fn gap_forward(&mut self, now: Millis, key: ConversationKey, from: &str, page: &[&RawValue]) -> bool {
        let page: Vec<Raw> = page.iter().map(|frame| Raw::from(frame.get())).collect();
        let (found, last) = self.walk(now, key, from, &page);
        let Some(conversation) = self.conversation_mut(key) else {
            return true;
        };
        if let GapState::Filling { frames, search, .. } = &mut conversation.gap {
            *frames += found;
            if let Some(last) = &last {
                *search = Search::After(last.clone());
            }
        }
        last.is_none()
    }

    /// Hands on what was gathered of the past. Says how many frames the gap has had altogether.
    fn take_past(&mut self, now: Millis, key: ConversationKey) -> u32 {
        let gathered = match self.conversation_mut(key).map(|conversation| &mut conversation.gap) {
            Some(GapState::Filling { search: Search::Back(past), .. }) => std::mem::take(&mut past.frames),
            _ => Vec::new(),
        };
        let (found, _) = self.walk(now, key, "", &gathered);
        match self.conversation_mut(key).map(|conversation| &mut conversation.gap) {
            Some(GapState::Filling { frames, .. }) => {
                *frames += found;
                *frames
            }
            _ => 0,
        }
    }

    /// Hands on what is new among frames that follow one another, from this one on. Says how many were
    /// new, and the name of the last one.
    ///
    /// A quiet look may find what was lost long before frames that have come since: the conversation's
    /// place is put forward only by what lies behind it, or the next run would hear those again.
    fn walk(&mut self, now: Millis, key: ConversationKey, from: &str, page: &[Raw]) -> (u32, Option<String>) {
        let mut found = 0;
        let mut last: Option<String> = None;
        let stands_at = |machine: &Self, seq: &str| {
            machine.conversation(key).is_some_and(|conversation| conversation.last_seq == seq)
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
            let half_said =
                |conversation: &Conversation| conversation.is_half_said(frame.message_id.as_deref());
            if is_past || self.conversation(key).is_some_and(half_said) {
                found += u32::from(self.receive_backfill(now, key, raw));
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
            } else if !conversation.replies.is_idle() && conversation.half_said_after.is_none() {
                conversation.half_said_after = Some(before.unwrap_or_else(|| from.to_owned()));
            }
            self.remember();
        }
        (found, last)
    }

    /// The service cannot say what was missed.
    pub(super) fn gap_unknown(&mut self, now: Millis, key: ConversationKey) {
        // What was gathered of the past is handed on, though it is not all. Where nothing is known to be lost
        // it is not: whoever looks again finds it together with what came before it.
        if self.conversation(key).is_some_and(Conversation::buffers_frames) {
            self.take_past(now, key);
        }
        self.close_gap(now, key, Gap::Unknown);
    }

    fn close_gap(&mut self, now: Millis, key: ConversationKey, gap: Gap) {
        let calls = self.calls.drop_calls(|call| *call == Call::FillGap(key));
        self.abandon(calls);
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let quiet = match std::mem::replace(&mut conversation.gap, GapState::Closed) {
            GapState::Filling { quiet, .. } => quiet,
            GapState::Open | GapState::Closed => None,
        };
        conversation.end_replay();
        if quiet.is_none() {
            conversation.replies.wait_again(now);
            if gap == Gap::Unknown {
                conversation.outbox.miss_echoes();
            }
        }
        conversation.outbox.set_confirmation_deadlines(Some(now + CONFIRMATION_WAIT));
        self.flush_buffered(now, key);
        if let Some(quiet) = quiet {
            if let Some(message) = quiet.message {
                self.probe_ended(now, key, &message, gap != Gap::Unknown);
            }
            return;
        }
        if let Some(at) = self.conversations.iter().position(|conversation| conversation.key == key) {
            self.emit(at, EventKind::Reconnected { gap }, None);
        }
    }
}

impl Machine {
    /// What this call asks for beyond the page.
    pub(super) fn capability(&mut self, call: &Call) -> Option<&mut Capability> {
        let past = match call {
            Call::FillGap(key) => match &self.conversation(*key)?.gap {
                GapState::Filling { search: Search::Back(past), .. } => Some(past),
                GapState::Filling { .. } => None,
                GapState::Open | GapState::Closed => return None,
            },
            Call::History(key, ticket) => {
                let histories = &self.conversation(*key)?.histories;
                Some(&histories.iter().find(|history| history.waiter.ticket == *ticket)?.past)
            }
            Call::Authenticate
            | Call::InitChat
            | Call::CreateSocket
            | Call::Connect
            | Call::ResolveAvatar
            | Call::CreateSession(_)
            | Call::BindSession(_)
            | Call::SendMessage(..)
            | Call::EndSession(_) => return None,
        };
        let is_latest = past.is_some_and(|past| past.before.is_none());
        Some(if is_latest { &mut self.capabilities.latest } else { &mut self.capabilities.query })
    }

    /// The service has answered this call, so it has it.
    pub(super) fn capability_proven(&mut self, call: &Call) {
        if let Some(capability) = self.capability(call) {
            *capability = Capability::Available;
        }
    }

    /// Whether the service has answered a call like this one before.
    pub(super) fn was_available(&mut self, call: &Call) -> bool {
        self.capability(call).is_some_and(|capability| *capability == Capability::Available)
    }
}

impl Capabilities {
    /// The connection is another one: what a page denied may be there now.
    pub(super) fn ask_again(&mut self) {
        for capability in [&mut self.query, &mut self.latest] {
            if *capability == Capability::Denied {
                *capability = Capability::Unknown;
            }
        }
    }

    /// Whether the gap of this conversation can be asked for: from the last frame seen, or, where none has been,
    /// by its latest frames. Where frames came without a name, nobody could tell which of those found are new.
    fn allow(&self, conversation: &Conversation, since: &str) -> bool {
        if conversation.unnamed {
            return false;
        }
        if since.is_empty() { self.latest.can_be_asked() } else { self.query.can_be_asked() }
    }
}

/// `since`: the last frame seen; empty, where none has been.
fn filling(now: Millis, since: String, quiet: Option<Quiet>) -> GapState {
    let search = if since.is_empty() { Search::Back(Past::default()) } else { Search::After(since) };
    GapState::Filling { give_up_at: now + GAP_DEADLINE, pages: 0, frames: 0, search, asked_at: now, quiet }
}

pub(super) fn no_list() -> Error {
    Error::new(ErrorKind::InvalidAnswer, "the answer to the message query is not a list of messages")
        .at(Step::QueryMessages)
}
