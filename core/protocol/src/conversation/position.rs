//! How far a conversation has come in its session's stream of frames: from where this run, or the next one, asks.

use super::cursor::{Cursor, CursorLog};
use crate::assembly::Assembly;
use crate::facts::HalfSaid;
use crate::ids::{MessageId, SeqId};
use crate::rare::{GiveBack, Rare};

/// The resume cursor, and what lies on both sides of it.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// The last dispatched frame's `seqId`; empty before the first. One buffer, because each frame changes it.
    last_seq: String,
    /// The way there. A probe begins at one of its cursors.
    passed: CursorLog,
    /// Since the frame of `last_seq` a frame came that has no `seqId`: a query would bring it again.
    has_unnamed: bool,
    half_heard: Rare<HalfHeard>,
}

/// What is half said.
#[derive(Debug, Default)]
struct HalfHeard {
    /// While a reply is half said: the last frame before its beginning. The next run asks from there.
    after: Option<String>,
    /// Replies that an earlier run heard half. Of the frames up to the position only theirs are new.
    replay: Option<Vec<MessageId>>,
    /// Which messages those answer, each after its reply.
    replayed_questions: Vec<(MessageId, MessageId)>,
}

impl GiveBack for HalfHeard {
    const EMPTY: &'static Self = &Self { after: None, replay: None, replayed_questions: Vec::new() };

    fn give_back(&mut self) -> bool {
        let Self { after, replay, replayed_questions } = self;
        after.is_none() && replay.is_none() && replayed_questions.give_back()
    }
}

impl Position {
    /// Gives back the room that is not needed.
    pub(crate) fn give_back(&mut self) {
        self.last_seq.shrink_to_fit();
        self.passed.give_back();
        self.half_heard.give_back();
    }

    /// The position that an earlier run has recorded.
    pub(crate) fn resumed(last_seq: Option<SeqId>, has_unnamed: bool, half_said: Option<HalfSaid>) -> Self {
        let text = |seq: Option<SeqId>| seq.map_or_else(String::new, |seq| seq.as_str().to_owned());
        let half_heard = half_said.map(|HalfSaid { after, replies, questions }| {
            let after = Some(text(after));
            HalfHeard { after, replay: Some(replies), replayed_questions: questions }.into()
        });
        Self {
            last_seq: text(last_seq),
            passed: CursorLog::default(),
            has_unnamed,
            half_heard: half_heard.unwrap_or_default(),
        }
    }

    /// The last dispatched frame that has a name.
    pub(crate) fn last_seq(&self) -> Option<SeqId> {
        named(&self.last_seq)
    }

    /// What is being said, for the record. `replies` are those that this run puts together.
    pub(crate) fn half_said(&self, replies: &Assembly) -> Option<HalfSaid> {
        let HalfHeard { after, replay, replayed_questions } = &*self.half_heard;
        after.as_deref().map(|after| {
            let earlier = replayed_questions.iter().cloned();
            let mut questions: Vec<_> = replies.open_answers().collect();
            questions.extend(earlier.filter(|(reply, _)| !replies.open_ids().any(|open| open == reply)));
            let replies = replay.iter().flatten().chain(replies.open_ids()).cloned().collect();
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
        match &*self.half_heard {
            HalfHeard { replay: Some(_), after: Some(after), .. } => after,
            HalfHeard { .. } => &self.last_seq,
        }
    }

    /// This frame was dispatched.
    pub(crate) fn advance_to(&mut self, seq: &str, noted: u64, replies: &Assembly) {
        match (replies.is_idle() && self.half_heard.replay.is_none(), &self.half_heard.after) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(_)) => self.half_heard.after = None,
            (false, None) => self.half_heard.after = Some(self.last_seq.clone()),
        }
        self.has_unnamed = false;
        self.last_seq.clear();
        self.last_seq.push_str(seq);
        self.passed.pass(seq, noted);
    }

    /// A frame before the position was found and dispatched, and `before` is the frame in front of it.
    pub(crate) fn found_behind(&mut self, before: &str, replies: &Assembly) {
        if !replies.is_idle() && self.half_heard.after.is_none() {
            self.half_heard.after = Some(before.to_owned());
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
        self.half_heard.replay.is_some()
    }

    /// Whether a frame up to the position is dispatched all the same: all of them, unless only the replies of
    /// the replay are new.
    pub(crate) fn hears_again(&self, message: Option<&str>) -> bool {
        let Some(replay) = &self.half_heard.replay else {
            return true;
        };
        replay.iter().any(|reply| Some(reply.as_str()) == message)
    }

    /// This reply is complete, and needs no replay.
    pub(crate) fn reply_ended(&mut self, reply: &MessageId) {
        if self.half_heard.replay.is_some()
            && let Some(replay) = &mut self.half_heard.replay
        {
            replay.retain(|half_said| half_said != reply);
        }
    }

    /// What an earlier run heard half is whole now, or never will be.
    pub(crate) fn end_replay(&mut self, replies: &Assembly) {
        if self.half_heard.replay.is_some() {
            self.half_heard.replay = None;
            self.half_heard.replayed_questions = Vec::new();
        }
        self.forget_half_said(replies);
    }

    /// Replies have ended: with the last of them nothing is half said.
    pub(crate) fn forget_half_said(&mut self, replies: &Assembly) {
        if replies.is_idle() && self.half_heard.after.is_some() {
            self.half_heard.after = None;
        }
    }

    /// The conversation closes: what this run was hearing has ended. A replay that has not is left to the next.
    pub(crate) fn close(&mut self) {
        if self.half_heard.replay.is_none() && self.half_heard.after.is_some() {
            self.half_heard.after = None;
        }
    }
}

fn named(seq: &str) -> Option<SeqId> {
    (!seq.is_empty()).then(|| SeqId::from(seq))
}
