//! What a frame means for a conversation's replies, turns and position together.

use std::time::Duration;

use super::turn::Echoed;
use super::turns::{Answered, Beginning, Order};
use super::{Conversation, FillReason, Source};
use crate::assembly::{Answer, Question, Step};
use crate::event::{Attribution, Gap, Reply};
use crate::ids::MessageId;
use crate::limits::CONFIRMATION_WAIT;
use crate::time::Millis;
use crate::wire::Frame;

impl Conversation {
    /// A frame of the avatar. Returns what it did to the replies, and whether it takes the conversation back from
    /// the owner. `echoed` says which messages wait for nothing before their echo has come.
    pub(crate) fn avatar_speaks(
        &mut self,
        now: Millis,
        frame: &Frame<'_>,
        attribution: Attribution,
        echoed: Echoed,
    ) -> (Step, bool) {
        let mut begins = false;
        let step = self.replies.take(now, frame, attribution, || {
            match self.turns.begin_answer(now, frame.message_id.as_deref(), echoed) {
                Beginning::New(question) => {
                    begins = true;
                    // What may be said in another conversation may answer another message.
                    let is_certain = attribution == Attribution::Certain;
                    question.map(|question| Question { certain: question.certain && is_certain, ..question })
                }
                Beginning::Earlier => None,
            }
        });
        let handed_back = begins && std::mem::take(&mut self.taken_over);
        (step, handed_back)
    }

    /// A reply is complete. Returns who waits for it.
    pub(crate) fn reply_ended(
        &mut self,
        now: Millis,
        reply: &mut Reply,
        question: Option<&Question>,
    ) -> Answered {
        if let Some(id) = &reply.id {
            self.position.reply_ended(id);
        }
        self.turns.reply_ended(now);
        question.map_or(Answered::NotAsked, |question| self.turns.answered(now, question, reply))
    }

    /// The first echo of a message has come.
    pub(crate) fn echo_came(&mut self, now: Millis, message: &MessageId, source: Source) -> Order {
        let order = self.turns.echo_came(now, message, source);
        if self.taken_over && source == Source::Live {
            // The owner may leave it unanswered, and the socket that has brought its echo is well.
            self.turns.end_probe(message);
        }
        order
    }

    /// The owner speaks. Returns whether the owner has the conversation from now on, and had it not before.
    pub(crate) fn take_over(&mut self) -> bool {
        !std::mem::replace(&mut self.taken_over, true)
    }

    /// This frame was dispatched.
    pub(crate) fn advance_to(&mut self, seq: &str, noted: u64) {
        self.position.advance_to(seq, noted, &self.replies);
    }

    /// A frame without a name was dispatched. Returns whether it is the first since the last one with a name.
    pub(crate) fn pass_unnamed(&mut self) -> bool {
        self.position.pass_unnamed()
    }

    /// Frames up to the position are not heard again any more.
    pub(crate) fn end_replay(&mut self) {
        self.position.end_replay(&self.replies);
    }

    /// A frame before the position was found and dispatched, and `before` is the frame in front of it.
    pub(crate) fn found_behind(&mut self, before: &str) {
        self.position.found_behind(before, &self.replies);
    }

    /// Ends the replies of which nothing has come for so long.
    pub(crate) fn end_silent_replies(&mut self, now: Millis, idle: Duration) -> Vec<Answer> {
        self.replies.silent(now, idle)
    }

    /// Those replies have ended: with the last of them nothing is half said.
    pub(crate) fn forget_half_said(&mut self) {
        self.position.forget_half_said(&self.replies);
    }

    /// The link is up.
    pub(crate) fn link_up(&mut self, now: Millis) {
        self.begin_silence_again(now);
        if let Some(turns) = self.turns.filled() {
            turns.link_up(now);
        }
        self.sends.set_confirmation_deadlines(Some(now + CONFIRMATION_WAIT));
    }

    /// The link is down: what comes now is missed, and no echo can come.
    pub(crate) fn link_down(&mut self, now: Millis) {
        self.miss_frames(now);
        self.sends.set_confirmation_deadlines(None);
    }

    /// The socket is given up on purpose, and the calls under way with it.
    pub(crate) fn pause(&mut self, now: Millis) {
        self.miss_frames(now);
        self.sends.interrupt();
    }

    fn miss_frames(&mut self, now: Millis) {
        if let Some(turns) = self.turns.filled() {
            turns.link_down(now);
        }
        if self.session.is_some() {
            self.gap.link_lost();
        }
    }

    /// What came since then was not read, and is read from now on: silence begins again.
    pub(crate) fn read_again(&mut self, now: Millis, unread_since: Millis) {
        self.begin_silence_again(now);
        if let Some(turns) = self.turns.filled() {
            turns.wait_again(now, unread_since);
        }
        if let Some(echoes) = self.echoes.filled() {
            echoes.wait_again(now, unread_since);
        }
    }

    /// Nothing could be heard until now: the silence of what is being said begins again.
    fn begin_silence_again(&mut self, now: Millis) {
        if let Some(replies) = self.replies.filled() {
            replies.wait_again(now);
        }
        if let Some(turns) = self.turns.filled() {
            turns.silence_again(now);
        }
    }

    /// What was missed is there, or will not be. Returns why the service was asked.
    pub(crate) fn close_gap(&mut self, now: Millis, gap: Gap) -> FillReason {
        let reason = self.gap.close();
        self.end_replay();
        if reason == FillReason::LinkLost {
            self.begin_silence_again(now);
            if let Some(turns) = self.turns.filled() {
                turns.link_up(now);
                if gap == Gap::Unknown {
                    turns.miss_echoes();
                }
            }
        }
        self.sends.set_confirmation_deadlines(Some(now + CONFIRMATION_WAIT));
        reason
    }
}
