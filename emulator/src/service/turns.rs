//! What happens in answer to a message, played step by step in time.
//!
//! A session plays one turn at a time; messages that come meanwhile wait. Whether the avatar is
//! silent is decided when a turn's moment comes, so a script may take over, speak and hand back
//! while the visitor's next message waits.

use std::collections::VecDeque;

use super::failure::{Code, Failure};
use super::faults::Effect;
use super::frames::Frame;
use super::ids::{AskId, TurnId};
use super::live::BRAIN_ANSWERS_WITHIN;
use super::switches::{FrameFields, Money, RepliesPerQuestion, Streaming, TakeoverSilence};
use super::timers::Timer;
use super::world::{Beat, Message, Session, Stage, Stream, Turn, Waiting, bounds};
use super::{Push, Service};
use crate::brain::{Author, EndMark, OwnerStep, Piece, Question, Reply, Step};
use crate::time::Millis;

/// How many earlier messages an outside brain gets with a question.
const BEFORE: usize = 100;

impl Service {
    /// Takes the answer of an outside brain. Late and unknown answers are dropped.
    pub fn answer(&mut self, now: Millis, ask: AskId, steps: Vec<Step>) {
        self.tick(now);
        let Some(session_id) = self.world.asks.remove(&ask) else {
            return;
        };
        let Some(session) = self.world.sessions.get_mut(&session_id) else {
            return;
        };
        let Some(turn) = &mut session.playing else {
            return;
        };
        if matches!(turn.stage, Stage::Asked(asked) if asked == ask) {
            turn.stage = Stage::Steps(steps.into());
            let turn = turn.id;
            self.play(&session_id, turn);
        }
    }

    /// Queues a message, which is answered after those before it.
    pub(super) fn queue_turn(&mut self, session_id: &str, waiting: Waiting) {
        let Some(session) = self.world.sessions.get_mut(session_id) else {
            return;
        };
        if session.waiting.len() == bounds::TURNS {
            let (code, reason) = (Code::TooManyMessages.as_str(), "too many messages wait for an answer");
            self.deliver_failure(session_id, Some(&waiting.message_id), (code, reason), &[], waiting.lost);
            return;
        }
        session.waiting.push_back(waiting);
        self.watch.touch(session_id);
        if session.playing.is_none() {
            self.next_turn(session_id);
        }
    }

    /// Plays the next step of a turn, which is due.
    pub(super) fn play(&mut self, session_id: &str, turn: TurnId) {
        while let Some(wait) = self.step(session_id, turn) {
            if wait > Millis::ZERO {
                let timer = Timer::Turn { session: session_id.to_owned(), turn };
                self.timers.set(self.now + wait, timer);
                return;
            }
        }
    }

    /// Refuses a message for which no allowance is left.
    pub(super) fn check_allowance(&self) -> Result<(), Failure> {
        match self.settings.money {
            Money::Free | Money::Frame => Ok(()),
            Money::Refused => Err(Failure::new(Code::UnlockRequired, "this avatar has to be unlocked first")),
        }
    }

    /// Ends what is being said in a session, and drops what waits to be said.
    pub(super) fn stop_turns(session: &mut Session) {
        session.waiting.clear();
        session.playing = None;
    }

    pub(super) fn is_silent(&self, session: &Session) -> bool {
        session.takeover.is_some() && self.settings.takeover_silence != TakeoverSilence::Never
    }

    fn next_turn(&mut self, session_id: &str) {
        self.watch.touch(session_id);
        let id = TurnId(self.fresh());
        let Some(session) = self.world.sessions.get(session_id) else {
            return;
        };
        let silent = self.is_silent(session);
        let Some(session) = self.world.sessions.get_mut(session_id) else {
            return;
        };
        if silent {
            // While the owner has the conversation, messages get no other answer, now or later.
            session.waiting.clear();
        }
        let Some(waiting) = session.waiting.pop_front() else {
            return;
        };
        let question = Question {
            session_id: session_id.to_owned(),
            visitor_id: self.world.visitors[session.visitor.0].visitor_id.clone(),
            avatar_name: self.settings.avatars[session.avatar].name.clone(),
            text: waiting.text,
            before: match self.settings.brain.is_outside() {
                true => said_before(session, &waiting.message_id),
                false => Vec::new(),
            },
        };
        let knows_persona = session.knows_persona;
        let stage = match self.steps(&question, knows_persona) {
            Some(steps) => Stage::Steps(steps.into()),
            None => Stage::Asked(AskId(id.0)),
        };
        let asked = matches!(stage, Stage::Asked(_));
        if let Some(session) = self.world.sessions.get_mut(session_id) {
            session.playing = Some(Turn { id, message_id: waiting.message_id, lost: waiting.lost, stage });
        }
        if asked {
            let ask = AskId(id.0);
            self.world.asks.insert(ask, session_id.to_owned());
            self.timers.set(self.now + BRAIN_ANSWERS_WITHIN, Timer::AskExpires(ask));
            self.pushes.push_back(Push::Ask { ask, question });
        } else {
            // The first step comes with a timer even if it is due now, so that the answer to the
            // send is made before anything that follows from it.
            self.timers.set(self.now, Timer::Turn { session: session_id.to_owned(), turn: id });
        }
    }

    /// What is played in answer to a question, with the fault that it meets; `None` where an outside brain is asked.
    fn steps(&mut self, question: &Question, knows_persona: bool) -> Option<Vec<Step>> {
        let steps = match knows_persona {
            true => self.settings.brain.answer(question),
            false => Some(vec![Step::Reply(Reply::text(
                "I am an assistant, but I do not know whose: this session was created without `mindId`.",
            ))]),
        };
        match self.fault_of_reply(&question.session_id, &question.visitor_id) {
            None if self.settings.money == Money::Frame => {
                let (code, reason) = (Code::TurnsExhausted.to_string(), "no turns are left".to_owned());
                Some(vec![Step::Fail { code, reason, actions: Vec::new() }])
            }
            None if self.is_too_long(question) => {
                let (code, reason) = (Code::MessageTooLong.to_string(), "the message is too long".to_owned());
                Some(vec![Step::Fail { code, reason, actions: Vec::new() }])
            }
            None => steps.map(|steps| self.in_several_messages(steps)),
            Some(Effect::Fail { code, reason, actions }) => Some(vec![Step::Fail { code, reason, actions }]),
            Some(Effect::Delay(time)) => {
                steps.map(|steps| std::iter::once(Step::Wait(time)).chain(steps).collect())
            }
            Some(_) => Some(Vec::new()),
        }
    }

    /// The same with each reply as often as the settings say.
    fn in_several_messages(&self, steps: Vec<Step>) -> Vec<Step> {
        let times = match self.settings.replies_per_question {
            RepliesPerQuestion::One => 1,
            RepliesPerQuestion::Two => 2,
            RepliesPerQuestion::Three => 3,
        };
        let often = |step: Step| {
            let times = if matches!(step, Step::Reply(_)) { times } else { 1 };
            std::iter::repeat_n(step, times)
        };
        steps.into_iter().flat_map(often).collect()
    }

    /// Plays the next step of a turn. Returns how long to wait after it, or `None` if the turn is over
    /// or waits for an outside brain.
    fn step(&mut self, session_id: &str, id: TurnId) -> Option<Millis> {
        let session = self.world.sessions.get(session_id)?;
        let silent = self.is_silent(session);
        let session = self.world.sessions.get_mut(session_id)?;
        let turn = session.playing.as_mut().filter(|turn| turn.id == id)?;
        let lost = turn.lost;
        match &mut turn.stage {
            Stage::Asked(_) | Stage::Live(_) => None,
            Stage::Streaming(stream, steps) => {
                let beat = stream.beats.pop_front();
                let (message_id, delay) = (stream.message_id.clone(), stream.delay);
                let begun = Some(*stream.begun.get_or_insert(self.now));
                if stream.beats.is_empty() {
                    let text = std::mem::take(&mut stream.text);
                    turn.stage = Stage::Steps(std::mem::take(steps));
                    let message = Message::new(Author::Avatar, &message_id, text, self.now);
                    self.note(session_id, Message { begun, ..message });
                }
                // A reply may have no frame at all: nothing to say, and no end either.
                if let Some(beat) = beat {
                    self.deliver_piece(session_id, &message_id, &beat, lost);
                }
                let more = self.is_streaming(session_id);
                Some(if more { delay } else { Millis::ZERO })
            }
            Stage::Steps(steps) => match steps.pop_front() {
                None => {
                    session.playing = None;
                    self.next_turn(session_id);
                    None
                }
                Some(Step::Wait(time)) => Some(time),
                Some(Step::Reply(_)) if silent => Some(Millis::ZERO),
                Some(Step::Reply(reply)) => {
                    let rest = std::mem::take(steps);
                    let think = reply.think.unwrap_or(self.settings.reply_delay);
                    let stream = self.stream(reply);
                    let turn = self.world.sessions.get_mut(session_id)?.playing.as_mut()?;
                    turn.stage = Stage::Streaming(stream, rest);
                    Some(think)
                }
                Some(step) => {
                    let message_id = turn.message_id.clone();
                    self.act(session_id, &message_id, step, lost);
                    Some(Millis::ZERO)
                }
            },
        }
    }

    fn is_streaming(&self, session_id: &str) -> bool {
        let turn = self.world.sessions.get(session_id).and_then(|session| session.playing.as_ref());
        turn.is_some_and(|turn| matches!(turn.stage, Stage::Streaming(..)))
    }

    /// The frames a reply is sent in.
    fn stream(&mut self, reply: Reply) -> Stream {
        let text = reply.joined();
        let whole = reply.whole
            || (self.settings.streaming == Streaming::Whole && reply.end.is_none())
            || self.settings.frame_fields == FrameFields::Documented;
        let end = reply.end.unwrap_or(self.settings.end_mark);
        let mut beats = VecDeque::new();
        if whole {
            beats.push_back(Beat { index: None, piece: Piece::merged(reply.pieces) });
        } else {
            if end == EndMark::Twice {
                beats.push_back(Beat { index: Some(-1), piece: Piece::default() });
            }
            let indexed = (0..).zip(reply.pieces);
            beats.extend(indexed.map(|(index, piece)| Beat { index: Some(index), piece }));
            match (end, beats.back_mut()) {
                (EndMark::LastPiece | EndMark::Twice, Some(last)) => last.index = Some(-1),
                (EndMark::Empty, _) | (EndMark::LastPiece | EndMark::Twice, None) => {
                    beats.push_back(Beat { index: Some(-1), piece: Piece::default() });
                }
                (EndMark::Missing, _) => {}
            }
        }
        let delay = reply.delay.unwrap_or(self.settings.piece_delay);
        Stream { message_id: self.message_id(), beats, delay, text, begun: None }
    }

    pub(super) fn deliver_piece(&mut self, session_id: &str, message_id: &str, beat: &Beat, lost: bool) {
        let seq_id = self.message_id();
        let Some(about) = self.envelope(session_id) else {
            return;
        };
        let frame = Frame::reply(&about, (message_id, &seq_id), beat.index, &beat.piece);
        self.deliver(session_id, frame, lost);
    }

    fn act(&mut self, session_id: &str, message_id: &str, step: Step, lost: bool) {
        let outcome: Result<(), Failure> = match step {
            Step::Wait(_) | Step::Reply(_) => Ok(()),
            Step::Owner(OwnerStep::TakeOver) => {
                let outcome = self.take_over(session_id);
                self.note_of_owner(session_id, ("takeover", None), outcome)
            }
            Step::Owner(OwnerStep::Say(text)) => {
                let outcome = self.owner_says(session_id, &text, lost).map(drop);
                self.note_of_owner(session_id, ("reply", Some(text)), outcome)
            }
            Step::Owner(OwnerStep::HandBack) => {
                let outcome = self.hand_back(session_id);
                self.note_of_owner(session_id, ("handback", None), outcome)
            }
            Step::Hint(text) => {
                self.deliver_line(session_id, "hint", &text, lost);
                Ok(())
            }
            Step::Notice(text) => {
                self.deliver_line(session_id, "notice", &text, lost);
                Ok(())
            }
            Step::Fail { code, reason, actions } => {
                self.deliver_failure(session_id, Some(message_id), (&code, &reason), &actions, lost);
                Ok(())
            }
            Step::Frame(frame) => {
                if let serde_json::Value::Object(fields) = frame {
                    self.deliver(session_id, Frame::verbatim(fields), lost);
                }
                Ok(())
            }
        };
        // The owner of a script is refused like the owner in person; the state shows it.
        if let Err(failure) = outcome {
            self.counts.failure(&failure);
        }
    }
}

/// What was said in a session before a message; nothing where the message is not kept any more.
fn said_before(session: &Session, message_id: &str) -> Vec<(Author, String)> {
    let messages = &session.messages;
    let end = messages.iter().rposition(|one| one.message_id == message_id).unwrap_or(0);
    let before = messages.range(end.saturating_sub(BEFORE)..end);
    before.map(|one| (one.author, one.text.clone())).collect()
}
