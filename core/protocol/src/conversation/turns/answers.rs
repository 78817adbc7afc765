//! What the avatar says: which question it answers, and when the answer is whole.

use super::Turns;
use crate::assembly::Question;
use crate::conversation::Source;
use crate::conversation::collected::Collected;
use crate::conversation::sent_log::Fate;
use crate::conversation::turn::{Echo, Echoed, Turn};
use crate::event::Reply;
use crate::ids::{MessageId, Ticket};
use crate::limits::FOLLOW_UP;
use crate::time::Millis;

/// A reply that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// It answers this question, or none that is known.
    New(Option<Question>),
    /// It goes on with a reply that began before this run.
    Earlier,
}

/// Who waits for a reply that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// This command, and it has all it wants.
    Whole(Ticket),
    /// A command that waits for the rest of the turn.
    Collected,
    /// No command.
    NotAsked,
}

impl Turns {
    /// The turn that a reply which begins now belongs to: the oldest one that waits, unless the reply names its
    /// question. `echoed` says which turns wait for nothing before their echo has come.
    ///
    /// A stream that was left, and a question in the owner's time, are passed over when their answer is late and
    /// another message waits for one. Whose answer it is then, is not certain; nor while another message is owed
    /// one whose turn is over; nor soon after the answer before, which may go on, unless the question's echo has shown
    /// that the service has come to it.
    pub(crate) fn begin_answer(&mut self, now: Millis, reply: Option<&str>, echoed: Echoed) -> Beginning {
        if self.earlier.iter().any(|earlier| Some(earlier.as_str()) == reply) {
            return Beginning::Earlier;
        }
        self.owed.retain(|until| *until > now);
        let is_named = |turn: &Turn| !turn.has_begun() && Some(turn.message().as_str()) == reply;
        let named = self.turns.iter().position(is_named);
        let waits = |turn: &Turn| !turn.has_begun() && turn.can_be_answered(echoed);
        let fresh = |turn: &Turn| waits(turn) && !(turn.gives_way(now) && turn.is_late(now));
        let oldest = self.turns.iter().position(waits);
        let next = self.turns.iter().position(fresh).or(oldest);
        let Some(at) = named.or(next) else {
            if let Some(question) = self.followed(now) {
                return Beginning::New(Some(question));
            }
            // It answers one of those that are owed an answer, if it answers any.
            self.owed.drain(..self.owed.len().min(1));
            return Beginning::New(None);
        };
        let others = self.turns.iter().enumerate().any(|(other, turn)| other != at && waits(turn));
        let goes_on = self.last.take().is_some_and(|(_, until)| now < until);
        let turn = &mut self.turns[at];
        let goes_on = goes_on && turn.echo() != Echo::Here;
        let guessed =
            goes_on || !self.owed.is_empty() || next != oldest || (turn.is_in_owners_time() && others);
        turn.begin();
        let certain = named.is_some() || !guessed;
        Beginning::New(Some(Question { message: turn.message().clone(), certain }))
    }

    /// The question whose turn goes on, as far as can be told: it was answered a moment ago, or its command wants all
    /// messages.
    fn followed(&self, now: Millis) -> Option<Question> {
        let collecting = self.turns.iter().find(|turn| turn.collected().is_some_and(|all| !all.is_empty()));
        if let Some(turn) = collecting {
            let certain = self.owed.is_empty()
                && self
                    .last
                    .as_ref()
                    .is_some_and(|(last, _)| last.message == *turn.message() && last.certain);
            return Some(Question { message: turn.message().clone(), certain });
        }
        let (question, until) = self.last.as_ref()?;
        (self.owed.is_empty() && now < *until).then(|| question.clone())
    }

    /// A piece of the answer to this message has come.
    pub(crate) fn piece_came(&mut self, now: Millis, question: &MessageId, source: Source) {
        if let Some(collected) = self.collected_mut(question) {
            collected.piece_came();
        }
        self.probes.piece_came(now, question, source);
    }

    /// The answer to a question is whole, or the next message of it. Returns who waits for it.
    pub(crate) fn answered(&mut self, now: Millis, question: &Question, reply: &mut Reply) -> Answered {
        let message = &question.message;
        self.sent.set(message, Fate::Answered);
        self.probes.end(message);
        self.last = Some((question.clone(), now + FOLLOW_UP));
        let Some(turn) = self.turns.iter_mut().find(|turn| turn.message() == message) else {
            return Answered::NotAsked;
        };
        let ticket = turn.ticket();
        reply.asked = ticket.is_some();
        if let (Some(_), Some(collected)) = (ticket, turn.collected_mut()) {
            collected.add(now, reply);
            return Answered::Collected;
        }
        self.take(message);
        ticket.map_or(Answered::NotAsked, Answered::Whole)
    }

    /// The answers that are whole because the avatar is silent, or because their time is over. `listens` says whether
    /// silence means that nothing was said.
    pub(crate) fn end_collected(&mut self, now: Millis, listens: bool) -> Vec<(Ticket, Reply)> {
        let is_whole = |turn: &mut Turn| {
            turn.collected().is_some_and(|all| {
                let is_quiet = listens && all.quiet_at().is_some_and(|quiet_at| quiet_at <= now);
                !all.is_empty() && (is_quiet || turn.is_over(now))
            })
        };
        self.turns.extract_if(.., is_whole).filter_map(Turn::finish).collect()
    }

    /// When the silence after a message has lasted long enough.
    pub(crate) fn next_silence(&self) -> Option<Millis> {
        self.turns.iter().filter_map(|turn| turn.collected()?.quiet_at()).min()
    }

    /// Whether a line break comes before the text that comes now of the answer to this question.
    pub(crate) fn take_break(&mut self, question: &MessageId) -> bool {
        self.collected_mut(question).is_some_and(Collected::take_break)
    }

    /// What came in the meantime was not heard: silence begins again.
    pub(crate) fn silence_again(&mut self, now: Millis) {
        self.turns.iter_mut().filter_map(Turn::collected_mut).for_each(|all| all.wait_again(now));
    }

    fn collected_mut(&mut self, question: &MessageId) -> Option<&mut Collected> {
        self.turns.iter_mut().find(|turn| turn.message() == question)?.collected_mut()
    }
}
