//! What came while nobody listened: asked for once the link is back, handed on once, in order.

use serde_json::value::RawValue;

use super::{Machine, Offers};
use crate::call::Call;
use crate::conversation::{Conversation, GapState};
use crate::error::{Error, ErrorKind, Step};
use crate::event::{ConversationKey, EventKind, Gap};
use crate::limits::{DOUBT_SETTLES, GAP_DEADLINE, GAP_PAGES};
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
            if self.offers.allow(conversation, &conversation.last_seq) {
                self.conversations[at].gap = filling(now, conversation.last_seq.clone(), false);
            } else {
                let key = conversation.key;
                self.gap_unknown(now, key, false);
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
    pub(super) fn can_look(&self, key: ConversationKey, since: &str) -> bool {
        let allow = |conversation: &Conversation| self.offers.allow(conversation, since);
        self.conversation(key).is_some_and(|conversation| self.is_calm(conversation) && allow(conversation))
    }

    /// Whether the link is up and nothing is being asked for.
    pub(super) fn is_calm(&self, conversation: &Conversation) -> bool {
        self.link.is_up() && matches!(conversation.gap, GapState::Closed)
    }

    /// Looks for what should have come, though nothing is known to be lost.
    pub(super) fn look_from(&mut self, now: Millis, key: ConversationKey, since: String) {
        if let Some(conversation) = self.conversation_mut(key) {
            conversation.gap = filling(now, since, true);
        }
    }

    /// A message that was taken has not been echoed, or not been answered: perhaps it was, over a socket
    /// that is dead. Asked after every input: a look may have become due while another was under way.
    pub(super) fn begin_looks(&mut self, now: Millis) -> bool {
        let mut began = false;
        for at in 0..self.conversations.len() {
            if !self.is_calm(&self.conversations[at]) {
                continue;
            }
            if let Some(since) = self.conversations[at].outbox.looks.due(now)
                && self.offers.allow(&self.conversations[at], &since)
            {
                self.conversations[at].gap = filling(now, since, true);
                began = true;
            }
        }
        began
    }

    /// A page of what was missed.
    pub(super) fn gap_page(
        &mut self,
        now: Millis,
        key: ConversationKey,
        data: Option<&RawValue>,
    ) -> Result<(), Error> {
        let page = query_frames(data).ok_or_else(no_list)?;
        let from = match self.conversation(key).map(|conversation| &conversation.gap) {
            Some(GapState::Filling { from, .. }) => Some(from.clone()),
            Some(GapState::Open | GapState::Closed) | None => None,
        };
        let mut last = None;
        let mut found = 0;
        for frame in &page {
            let raw = Raw::from(frame.get());
            if let Some(seq) =
                Frame::parse(raw.as_str()).and_then(|frame| frame.seq_id.as_deref().map(str::to_owned))
            {
                // Whether a page begins with or after the frame that was named is not documented.
                if from.as_deref() == Some(&*seq) {
                    continue;
                }
                last = Some(seq);
            }
            found += u32::from(self.frame_found(now, key, &raw));
        }
        let Some(conversation) = self.conversation_mut(key) else {
            return Ok(()); // What was found has closed it.
        };
        let GapState::Filling { pages, frames, from, .. } = &mut conversation.gap else {
            return Ok(());
        };
        let by_latest = from.is_empty();
        *frames += found;
        *pages += 1;
        let (pages, total) = (*pages, *frames);
        let moved = last.as_ref().is_some_and(|last| last != from);
        if let Some(last) = last {
            *from = last;
        }
        if page.is_empty() || by_latest || !moved {
            self.close_gap(now, key, if total == 0 { Gap::None } else { Gap::Filled { frames: total } });
        } else if pages >= GAP_PAGES {
            self.gap_unknown(now, key, false);
        }
        Ok(())
    }

    /// The service cannot say what was missed. `absent`: nor will it another time.
    pub(super) fn gap_unknown(&mut self, now: Millis, key: ConversationKey, absent: bool) {
        if absent && let Some(conversation) = self.conversation(key) {
            match &conversation.gap {
                GapState::Filling { from, .. } if from.is_empty() => self.offers.latest = false,
                GapState::Filling { .. } => self.offers.query = false,
                GapState::Open | GapState::Closed => {}
            }
        }
        self.close_gap(now, key, Gap::Unknown);
    }

    fn close_gap(&mut self, now: Millis, key: ConversationKey, gap: Gap) {
        let calls = self.calls.drop_calls(|call| *call == Call::FillGap(key));
        self.abandon(calls);
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let quiet = matches!(conversation.gap, GapState::Filling { quiet: true, .. });
        conversation.gap = GapState::Closed;
        if !quiet {
            conversation.replies.wait_again(now);
            if gap == Gap::Unknown {
                conversation.outbox.miss_echoes();
            }
        }
        conversation.outbox.set_doubts(Some(now + DOUBT_SETTLES));
        self.release_held(now, key);
        if quiet {
            return;
        }
        if let Some(at) = self.conversations.iter().position(|conversation| conversation.key == key) {
            self.emit(at, EventKind::Reconnected { gap }, None);
        }
    }
}

impl Offers {
    /// Whether the gap of this conversation can be asked for: from the last frame seen, or, where
    /// none has been and all of the session is this run's, by its latest frames. Where frames came
    /// without a name, nobody could tell which of those found are new.
    fn allow(&self, conversation: &Conversation, since: &str) -> bool {
        if conversation.unnamed {
            return false;
        }
        if since.is_empty() { self.latest && !conversation.resumed } else { self.query }
    }
}

fn filling(now: Millis, from: String, quiet: bool) -> GapState {
    GapState::Filling { give_up_at: now + GAP_DEADLINE, pages: 0, frames: 0, from, quiet }
}

pub(super) fn no_list() -> Error {
    Error::new(ErrorKind::InvalidAnswer, "the answer to the message query is not a list of messages")
        .at(Step::QueryMessages)
}
