//! How far a conversation has come in its session's stream of frames: from where this run, or the next one, asks.

use super::cursor::{Cursor, CursorLog};
use crate::assembly::Assembly;
use crate::facts::HalfSaid;
use crate::ids::{MessageId, SeqId};

/// The resume cursor, and what lies on both sides of it.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// The last dispatched frame's `seqId`; empty before the first. One buffer, because each frame changes it.
    last_seq: String,
    /// The way there. A probe begins at one of its cursors.
    passed: CursorLog,
    /// Since the frame of `last_seq` a frame came that has no `seqId`: a query would bring it again.
    has_unnamed: bool,
    /// While a reply is half said: the last frame before its beginning. The next run asks from there.
    half_said_after: Option<String>,
    /// Replies that an earlier run heard half. Of the frames up to `last_seq` only theirs are new.
    replay: Option<Vec<MessageId>>,
    /// Which messages those answer, each after its reply.
    replayed_questions: Vec<(MessageId, MessageId)>,
}

impl Position {
    /// Gives back the room that is not needed.
    pub(crate) fn give_back(&mut self) {
        self.last_seq.shrink_to_fit();
        self.passed.give_back();
    }

    /// The position that an earlier run has recorded.
    pub(crate) fn resumed(last_seq: Option<SeqId>, has_unnamed: bool, half_said: Option<HalfSaid>) -> Self {
        let text = |seq: Option<SeqId>| seq.map_or_else(String::new, |seq| seq.as_str().to_owned());
        let mut position = Self { last_seq: text(last_seq), has_unnamed, ..Self::default() };
        if let Some(HalfSaid { after, replies, questions }) = half_said {
            position.half_said_after = Some(text(after));
            position.replay = Some(replies);
            position.replayed_questions = questions;
        }
        position
    }

    /// The last dispatched frame that has a name.
    pub(crate) fn last_seq(&self) -> Option<SeqId> {
        named(&self.last_seq)
    }

    /// What is being said, for the record. `replies` are those that this run puts together.
    pub(crate) fn half_said(&self, replies: &Assembly) -> Option<HalfSaid> {
        self.half_said_after.as_deref().map(|after| {
            let earlier = self.replayed_questions.iter().filter(|_| self.replay.is_some()).cloned();
            let mut questions: Vec<_> = replies.open_answers().collect();
            questions.extend(earlier.filter(|(reply, _)| !replies.open_ids().any(|open| open == reply)));
            let replies = self.replay.iter().flatten().chain(replies.open_ids()).cloned().collect();
            HalfSaid { after: named(after), replies, questions }
        })
    }

    pub(crate) fn is_at(&self, seq: &str) -> bool {
        self.last_seq == seq
    }

    /// The present point, when so many frames have been noted as seen.
    pub(crate) fn cursor(&self, noted: u64) -> Cursor {
        Cursor { seq: self.last_seq.clone(), noted }
    }

    /// From where on to ask for what should have come since this cursor.
    pub(crate) fn nearest<'a>(&'a self, since: &'a Cursor, noted: u64) -> &'a str {
        self.passed.nearest(since, &self.last_seq, noted)
    }

    /// From where on to ask for what was missed.
    pub(crate) fn gap_begins(&self) -> &str {
        match (&self.replay, &self.half_said_after) {
            (Some(_), Some(after)) => after,
            _ => &self.last_seq,
        }
    }

    /// This frame was dispatched.
    pub(crate) fn advance_to(&mut self, seq: &str, noted: u64, replies: &Assembly) {
        if replies.is_idle() && self.replay.is_none() {
            self.half_said_after = None;
        } else if self.half_said_after.is_none() {
            self.half_said_after = Some(self.last_seq.clone());
        }
        self.has_unnamed = false;
        self.last_seq.clear();
        self.last_seq.push_str(seq);
        self.passed.pass(seq, noted);
    }

    /// A frame before the position was found and dispatched, and `before` is the frame in front of it.
    pub(crate) fn found_behind(&mut self, before: &str, replies: &Assembly) {
        if !replies.is_idle() && self.half_said_after.is_none() {
            self.half_said_after = Some(before.to_owned());
        }
    }

    pub(crate) fn has_unnamed(&self) -> bool {
        self.has_unnamed
    }

    /// A frame without a name was dispatched. Returns whether it is the first since the last one with a name.
    pub(crate) fn pass_unnamed(&mut self) -> bool {
        !std::mem::replace(&mut self.has_unnamed, true)
    }

    /// Whether replies of an earlier run are heard again.
    pub(crate) fn is_replaying(&self) -> bool {
        self.replay.is_some()
    }

    /// Whether a frame up to the position is dispatched all the same: all of them, unless only the replies of
    /// the replay are new.
    pub(crate) fn hears_again(&self, message: Option<&str>) -> bool {
        let Some(replay) = &self.replay else {
            return true;
        };
        replay.iter().any(|reply| Some(reply.as_str()) == message)
    }

    /// This reply is complete, and needs no replay.
    pub(crate) fn reply_ended(&mut self, reply: &MessageId) {
        if let Some(replay) = &mut self.replay {
            replay.retain(|half_said| half_said != reply);
        }
    }

    /// What an earlier run heard half is whole now, or never will be.
    pub(crate) fn end_replay(&mut self, replies: &Assembly) {
        self.replay = None;
        self.forget_half_said(replies);
    }

    /// Replies have ended: with the last of them nothing is half said.
    pub(crate) fn forget_half_said(&mut self, replies: &Assembly) {
        if replies.is_idle() {
            self.half_said_after = None;
        }
    }

    /// The conversation closes: what this run was hearing has ended. A replay that has not is left to the next.
    pub(crate) fn close(&mut self) {
        if self.replay.is_none() {
            self.half_said_after = None;
        }
    }
}

fn named(seq: &str) -> Option<SeqId> {
    (!seq.is_empty()).then(|| SeqId::from(seq))
}
