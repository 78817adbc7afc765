//! What a frame means for a conversation's replies, turns and position together.

use super::turn::Echoed;
use super::turns::{Beginning, Order};
use super::{Conversation, Source};
use crate::assembly::Step;
use crate::ids::{MessageId, Ticket};
use crate::time::Millis;
use crate::wire::Frame;

impl Conversation {
    /// A frame of the avatar. Returns what it did to the replies, and whether it takes the conversation back from
    /// the owner. `echoed` says which messages wait for nothing before their echo has come.
    pub(crate) fn avatar_speaks(&mut self, now: Millis, frame: &Frame<'_>, echoed: Echoed) -> (Step, bool) {
        let mut begins = false;
        let step = self.replies.take(now, frame, || {
            match self.turns.begin_answer(now, frame.message_id.as_deref(), echoed) {
                Beginning::New(question) => {
                    begins = true;
                    question
                }
                Beginning::Earlier => None,
            }
        });
        let handed_back = begins && std::mem::take(&mut self.taken_over);
        (step, handed_back)
    }

    /// A reply is complete. Returns the command that waits for it.
    pub(crate) fn reply_ended(
        &mut self,
        reply: Option<&MessageId>,
        question: Option<MessageId>,
    ) -> Option<Ticket> {
        if let Some(reply) = reply {
            self.position.reply_ended(reply);
        }
        self.turns.answered(&question?)
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
}
