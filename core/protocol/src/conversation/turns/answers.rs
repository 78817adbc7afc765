//! What the avatar says: which question it answers, and when the answer is whole.

use super::Turns;
use crate::assembly::Question;
use crate::conversation::Source;
use crate::conversation::collected::Collected;
use crate::conversation::sent_log::Fate;
use crate::conversation::turn::{Early, Echoed, Turn};
use crate::event::Reply;
use crate::ids::{MessageId, Ticket};
use crate::limits::FOLLOW_UP;
use crate::redact::Text;
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
    /// A command that waits for the rest of the turn, or for the word that the service took its message.
    Later,
    /// No command.
    NotAsked,
}

impl Turns {
    /// The turn that a reply which begins now belongs to: the oldest one that waits, unless the reply names its
    /// question. `echoed` says which turns wait for nothing before their echo has come.
    ///
    /// A stream that was left, and a question in the owner's time, are passed over when their answer is late and
    /// another message waits for one. Whose answer it is then, is not certain; nor while another message is owed
    /// one whose turn is over; nor soon after the reply before, which may go on. An echo does not tell: the service
    /// sends it when it takes the message, and not when the avatar comes to it. Where the guess is wrong, the answer
    /// is still to come: it is owed.
    pub(crate) fn begin_answer(&mut self, now: Millis, reply: Option<&str>, echoed: Echoed) -> Beginning {
        if self.earlier.iter().any(|earlier| Some(earlier.as_str()) == reply) {
            return self
                .given_again(reply)
                .map_or(Beginning::Earlier, |question| Beginning::New(Some(question)));
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
            if !self.goes_on(now) {
                // It answers one of those that are owed an answer, if it answers any.
                self.owed.drain(..self.owed.len().min(1));
            }
            return Beginning::New(None);
        };
        let others = self.turns.iter().enumerate().any(|(other, turn)| other != at && waits(turn));
        let is_owed = !self.owed.is_empty();
        let may_be_shifted = is_owed || self.goes_on(now);
        let turn = &mut self.turns[at];
        let guessed = may_be_shifted || next != oldest || (turn.is_in_owners_time() && others);
        let certain = named.is_some() || !guessed;
        turn.begin(certain);
        let question = Question { message: turn.message().clone(), certain };
        if !certain && may_be_shifted {
            self.owed.drain(..usize::from(is_owed));
            self.owe(now, 1);
        }
        Beginning::New(Some(question))
    }

    /// The question that was given again and that this reply had begun to answer before this run.
    fn given_again(&mut self, reply: Option<&str>) -> Option<Question> {
        let (_, message) = self.begun.iter().find(|(earlier, _)| Some(earlier.as_str()) == reply)?;
        let turn = self.turns.iter_mut().find(|turn| turn.message() == message && !turn.has_begun())?;
        turn.begin(true);
        Some(Question { message: message.clone(), certain: true })
    }

    /// Whether what comes now may be more of what the avatar was saying.
    fn goes_on(&self, now: Millis) -> bool {
        self.speaks_until.is_some_and(|until| now < until) || self.turns.iter().any(Turn::has_begun)
    }

    /// A reply is whole: another message of the same turn may come soon.
    pub(crate) fn reply_ended(&mut self, now: Millis) {
        self.speaks_until = Some(now + FOLLOW_UP);
    }

    /// The link is down: what the avatar goes on to say comes when the link is up again.
    pub(crate) fn link_down(&mut self, now: Millis) {
        self.speaks_until.take_if(|until| *until <= now);
    }

    /// What the avatar went on to say may come now.
    pub(crate) fn link_up(&mut self, now: Millis) {
        self.speaks_until.iter_mut().for_each(|until| *until = now + FOLLOW_UP);
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
        reply.asked = turn.is_asked();
        if let Some(collected) = turn.collected_mut().filter(|_| reply.asked) {
            collected.add(now, reply);
            return Answered::Later;
        }
        if turn.keep_early(reply) {
            return Answered::Later;
        }
        self.take(message);
        ticket.map_or(Answered::NotAsked, Answered::Whole)
    }

    /// The answers that are whole because the avatar is silent, or because their time is over. `listens` says whether
    /// silence means that nothing was said.
    pub(crate) fn end_collected(&mut self, now: Millis, listens: bool) -> Vec<(Ticket, Reply)> {
        let mut is_silent = false;
        let is_whole = |turn: &mut Turn| {
            turn.collected().filter(|_| !turn.has_guess()).is_some_and(|all| {
                let is_quiet = listens && all.quiet_at().is_some_and(|quiet_at| quiet_at <= now);
                is_silent |= is_quiet && !all.is_empty();
                !all.is_empty() && (is_quiet || turn.is_over(now))
            })
        };
        let whole = self.turns.extract_if(.., is_whole).filter_map(Turn::finish).collect();
        if is_silent {
            self.speaks_until = None; // The caller has chosen which silence ends a turn.
        }
        whole
    }

    /// When the silence after a message has lasted long enough.
    pub(crate) fn next_silence(&self) -> Option<Millis> {
        let waiting = self.turns.iter().filter(|turn| !turn.has_guess());
        waiting.filter_map(|turn| turn.collected()?.quiet_at()).min()
    }

    /// More of the answer to this question has come. Returns whether a command gets it, and what its stream is told
    /// now.
    pub(crate) fn say(&mut self, question: &MessageId, text: &Text) -> (bool, Option<(Ticket, Vec<Text>)>) {
        let turn = self.turns.iter_mut().find(|turn| turn.message() == question);
        turn.map_or((false, None), |turn| (turn.is_asked(), turn.say(text)))
    }

    /// Whether what may be the answer to this question has come, and it is not known that the service took the
    /// question.
    pub(crate) fn has_guess(&self, question: &MessageId) -> bool {
        self.get(question).is_some_and(Turn::has_guess)
    }

    /// The service took the question. Returns the command that waits, and what has come for it by now. Silence that is
    /// waited for begins now.
    pub(crate) fn take_early(&mut self, now: Millis, question: &MessageId) -> Option<(Ticket, Early)> {
        let turn = self.turns.iter_mut().find(|turn| turn.message() == question)?;
        turn.collected_mut().into_iter().for_each(|all| all.wait_again(now));
        let (ticket, early) = (turn.ticket()?, turn.take_early());
        if early.reply.is_some() {
            self.take(question);
            self.probes.end(question);
        }
        Some((ticket, early))
    }

    /// The service does not have the question: what has come was no answer to it.
    pub(crate) fn refute_guess(&mut self, question: &MessageId) {
        let turn = self.turns.iter_mut().find(|turn| turn.message() == question && turn.has_guess());
        turn.into_iter().for_each(Turn::refute);
    }

    /// What came in the meantime was not heard: silence begins again.
    pub(crate) fn silence_again(&mut self, now: Millis) {
        self.turns.iter_mut().filter_map(Turn::collected_mut).for_each(|all| all.wait_again(now));
    }

    fn collected_mut(&mut self, question: &MessageId) -> Option<&mut Collected> {
        self.turns.iter_mut().find(|turn| turn.message() == question)?.collected_mut()
    }
}
