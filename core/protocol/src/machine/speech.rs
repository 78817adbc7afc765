//! What a frame says: the avatar's replies, the echoes of the visitor's messages, the owner's words, and failures.

use super::receive::{Arrival, Change};
use super::{Echoes, Machine, Outcome, Output, failures::is_lost_session};
use crate::assembly::{Answer, Piece, Question, whole};
use crate::conversation::{Answered, Echoed, FillReason, Ground, Order, OwnersAnswer, Source, Voice};
use crate::door::Door;
use crate::error::{Error, ErrorKind};
use crate::event::{Attribution, Author, Confirmation, ConversationKey, EventKind, ServiceError};
use crate::ids::{MessageId, Ticket};
use crate::redact::{Raw, Text};
use crate::time::Millis;
use crate::wire::{self, Frame};

impl Machine {
    pub(super) fn avatar_speaks(&mut self, now: Millis, at: usize, arrival: &Arrival<'_>) -> Change {
        let echoed = self.echoed(at, arrival.source);
        let conversation = &mut self.conversations[at];
        let attribution = arrival.ground.attribution();
        let (step, handed_back) = conversation.avatar_speaks(now, arrival.frame, attribution, echoed);
        if handed_back {
            self.emit(at, EventKind::HandedBack, Some(arrival.raw.clone()));
        }
        let ends = !step.before.is_empty() || step.reply.is_some();
        for reply in step.before {
            self.complete_reply(at, reply, Some(arrival.raw));
        }
        let mut change = if ends { Change::State } else { Change::Text };
        if let Some(piece) = step.piece
            && self.piece_came(now, at, piece, arrival) == Change::State
        {
            change = Change::State;
        }
        if let Some(reply) = step.reply {
            self.complete_reply(at, reply, Some(arrival.raw));
        }
        change
    }

    fn piece_came(&mut self, now: Millis, at: usize, piece: Piece, arrival: &Arrival<'_>) -> Change {
        let Piece { reply_id, text, question, attribution } = piece;
        let mut change = Change::Text;
        if arrival.source == Source::Backfill {
            self.conversations[at].turns_mut().found(now);
        }
        if let Some(question) = question.as_ref().map(|question| &question.message) {
            let conversation = &self.conversations[at];
            let key = conversation.key();
            if attribution == Attribution::Certain && conversation.is_proven_by_reply(question) {
                self.confirm(now, key, question.as_str(), Confirmation::Reply);
                change = Change::State;
            }
            self.conversations[at].turns_mut().piece_came(now, question, arrival.source);
        }
        if !text.is_empty() {
            let raw = Some(arrival.raw);
            self.emit_piece(at, Piece { reply_id, text, question, attribution }, raw);
        }
        change
    }

    fn emit_piece(&mut self, at: usize, piece: Piece, raw: Option<&Raw>) {
        let Piece { reply_id, text, question, attribution } = piece;
        let question = question.as_ref();
        let turns = self.conversations[at].turns_mut();
        let (asked, told) = question.map_or((false, None), |question| turns.say(&question.message, &text));
        if let Some((ticket, pieces)) = told {
            self.tell_pieces(ticket, pieces);
        }
        let in_reply_to = question.and_then(Question::told).cloned();
        let delta = EventKind::ReplyDelta { reply_id, text, in_reply_to, asked, attribution };
        self.emit(at, delta, raw.cloned());
    }

    pub(super) fn tell_pieces(&mut self, ticket: Ticket, pieces: Vec<Text>) {
        let pieces = pieces.into_iter().map(|piece| Output::Piece(ticket, Author::Avatar, piece));
        self.outputs.extend(pieces);
    }

    /// The avatar's reply is complete: an event, and the answer to the command that asked.
    pub(super) fn complete_reply(&mut self, at: usize, answer: Answer, raw: Option<&Raw>) {
        let Answer { mut reply, question, rest } = answer;
        if !rest.is_empty() {
            let (reply_id, question) = (reply.id.clone(), question.clone());
            self.emit_piece(
                at,
                Piece { reply_id, text: rest, question, attribution: reply.attribution },
                raw,
            );
        }
        self.counters.replies += 1;
        let now = self.now;
        let answered = self.conversations[at].reply_ended(now, &mut reply, question.as_ref());
        // The event comes first: it is there when the command's answer comes.
        match answered {
            Answered::Whole(ticket) => {
                self.emit(at, EventKind::Reply(reply.clone()), raw.cloned());
                self.resolve(Some(ticket), Ok(Outcome::Replied(reply)));
            }
            Answered::Later | Answered::NotAsked => self.emit(at, EventKind::Reply(reply), raw.cloned()),
        }
    }

    pub(super) fn person_speaks(&mut self, now: Millis, at: usize, arrival: &Arrival<'_>) {
        match self.voice_of(now, at, arrival.frame) {
            Voice::Visitor(message) => self.echo_came(now, at, message, arrival),
            Voice::Owner { confirmed } => self.owner_speaks(now, at, confirmed, arrival),
        }
    }

    fn echo_came(&mut self, now: Millis, at: usize, message_id: Option<MessageId>, arrival: &Arrival<'_>) {
        let key = self.conversations[at].key();
        if let Some(message) = &message_id {
            let by = match arrival.source {
                Source::Live => Confirmation::Echo,
                Source::Backfill => Confirmation::Query,
            };
            self.confirm(now, key, message.as_str(), by);
            if !self.conversations[at].turns_mut().is_first_echo(message) {
                return;
            }
        }
        let conversation = &mut self.conversations[at];
        let order = message_id.as_ref().map(|id| conversation.echo_came(now, id, arrival.source));
        let text = arrival.frame.text();
        if message_id.is_none() {
            conversation.turns_mut().unnamed_echo_came(text.as_str());
        }
        let delivered = EventKind::Delivered { message_id, text };
        self.emit(at, delivered, Some(arrival.raw.clone()));
        if let Some(order) = order {
            self.learn_from_echo(now, at, order, arrival.source);
        }
    }

    /// What an echo says about the service, and about the link.
    fn learn_from_echo(&mut self, now: Millis, at: usize, order: Order, source: Source) {
        match (order, source) {
            (Order::Late, _) => self.echoes = Echoes::Late,
            (Order::First(_), Source::Live) => {
                if self.echoes == Echoes::Unknown {
                    self.echoes = Echoes::First;
                }
            }
            // A service that sends its echoes has sent this one into nothing.
            (Order::First(generation), Source::Backfill) => {
                let is_silent = self.probes_what_was_read(at) && self.echoes == Echoes::First;
                if is_silent && generation == self.connection.generation() {
                    let message = "the connection carries nothing any more: it did not bring an echo that the service has";
                    self.link_is_dead(now, Error::new(ErrorKind::ConnectionFailed, message));
                }
            }
            (Order::Unclear, _) => {}
        }
    }

    /// Whether a probe is being made of what the socket has brought. What came while nothing was read, after the
    /// probe was made, may lie there unread.
    fn probes_what_was_read(&self, at: usize) -> bool {
        let gap = self.conversations[at].gap();
        let is_probe = matches!(gap.fill_reason(), Some(FillReason::Probe { .. }));
        is_probe && self.reading && gap.asked_at().is_some_and(|asked_at| self.reading_since < asked_at)
    }

    /// Which messages have been echoed before what comes now can answer them.
    fn echoed(&self, at: usize, source: Source) -> Echoed {
        if self.echoes == Echoes::First {
            return Echoed::All;
        }
        let gap = self.conversations[at].gap();
        match (source, gap.fill_reason(), gap.asked_at()) {
            (Source::Backfill, Some(FillReason::LinkLost), _) => Echoed::Over(self.connection.generation()),
            (Source::Backfill, Some(FillReason::Probe { .. }), Some(asked_at)) => Echoed::Since(asked_at),
            (Source::Live | Source::Backfill, _, _) => Echoed::None,
        }
    }

    fn owner_speaks(&mut self, now: Millis, at: usize, confirmed: bool, arrival: &Arrival<'_>) {
        self.counters.replies += 1;
        let echoed = self.echoed(at, arrival.source);
        let conversation = &mut self.conversations[at];
        let taken_over_now = conversation.take_over();
        let OwnersAnswer { in_reply_to, asker } =
            conversation.turns_mut().owner_speaks(now, echoed, arrival.source);
        let in_reply_to = in_reply_to.filter(|_| arrival.ground != Ground::Guessed);
        let mut reply =
            Box::new(whole(arrival.frame, Author::Owner, in_reply_to, arrival.ground.attribution()));
        reply.asked = asker.is_some();
        reply.confirmed = confirmed;
        if taken_over_now {
            self.emit(at, EventKind::TakenOver, Some(arrival.raw.clone()));
        }
        self.emit(at, EventKind::OwnerReply(reply.clone()), Some(arrival.raw.clone()));
        if let Some(asker) = asker {
            if asker.wants_pieces {
                self.outputs.push_back(Output::Piece(asker.ticket, Author::Owner, reply.text.clone()));
            }
            self.resolve(Some(asker.ticket), Ok(Outcome::Replied(reply)));
        }
    }

    pub(super) fn service_failed(&mut self, now: Millis, at: usize, arrival: &Arrival<'_>) {
        let frame = arrival.frame;
        let key = self.conversations[at].key();
        let mut failure = self.failure_in(frame);
        failure.reason = failure.reason.or_else(|| Some(frame.text()).filter(|text| !text.is_empty()));
        let event = EventKind::ServiceError(Box::new(failure.clone()));
        self.emit(at, event, Some(arrival.raw.clone()));
        let error = error_of(self.config.door, &failure);
        if is_lost_session(&error) {
            if !self.renew_session(now, error.clone()) {
                return self.session_lost(now, key, error);
            }
            self.end_unanswered(at, &error);
            // It is about the message that is under way as well, unless that is refused.
            let failure = ServiceError { message_id: None, ..failure };
            return self.conversations[at].echoes_mut().keep_failure(failure);
        }
        self.fail_question(at, &failure, error);
    }

    /// What the service has taken in the session that it has lost it does not answer. Whether it has read a message is
    /// not known, so none goes out again.
    fn end_unanswered(&mut self, at: usize, error: &Error) {
        for reply in self.conversations[at].end_replies() {
            self.complete_reply(at, reply, None);
        }
        let now = self.now;
        for ticket in self.conversations[at].turns_mut().end_taken(now) {
            self.resolve(Some(ticket), Err(error.clone()));
        }
    }

    /// The service has answered a message's call, or its answer is lost. A failure that came before may be that
    /// message's.
    pub(super) fn fail_kept(&mut self, key: ConversationKey) {
        let Some(at) = self.conversations.iter().position(|conversation| conversation.key() == key) else {
            return;
        };
        if let Some(failure) = self.conversations[at].echoes_mut().take_failure() {
            let error = error_of(self.config.door, &failure);
            self.fail_question(at, &failure, error);
        }
    }

    /// What a frame says of a failure.
    pub(super) fn failure_in(&self, frame: &Frame<'_>) -> ServiceError {
        let known = self.known_secrets();
        let code = frame.sub_code.as_deref().unwrap_or_default();
        ServiceError {
            code: known.code(code),
            reason: frame.sub_code_reason.as_deref().map(|reason| Text::from(&*known.hide(reason))),
            actions: frame.actions(),
            message_id: frame.message_id.as_deref().map(MessageId::from),
            retryable: wire::is_retryable_code(code),
        }
    }

    /// The failure may be the answer to a message or a question.
    fn fail_question(&mut self, at: usize, failure: &ServiceError, error: Error) {
        let conversation = &self.conversations[at];
        let key = conversation.key();
        let named = failure.message_id.as_ref().and_then(|id| self.message_of_name(at, id));
        let known = wire::is_answer_code(&failure.code) || is_lost_session(&error);
        let question = match (named, failure.message_id.as_ref()) {
            (Some(message), _) => Some(message),
            (None, None) if known => conversation.turns().oldest_unanswered(|_| true).cloned(),
            (None, None) => None,
            (None, Some(_)) if self.config.door.names_echoes() => None,
            // The name is the service's own, and whose it is may not be known yet.
            (None, Some(_)) if known => {
                let is_unnamed = |message: &MessageId| !conversation.echoes().is_named(message);
                let question = conversation.turns().oldest_unanswered(is_unnamed).cloned();
                let pending = question.as_ref().and_then(|question| conversation.sends().get(question));
                if pending.is_some_and(|pending| pending.call().is_some()) {
                    // The answer to its call may name it.
                    return self.conversations[at].echoes_mut().keep_failure(failure.clone());
                }
                question
            }
            (None, Some(_)) => {
                return self.conversations[at].echoes_mut().keep_failure(failure.clone());
            }
        };
        let Some(question) = question else {
            return;
        };
        let conversation = &mut self.conversations[at];
        if let Some(turn) = conversation.turns_mut().take(&question)
            && !conversation.sends().contains(&question)
        {
            return self.resolve(turn.ticket(), Err(error));
        }
        self.give_up_message(key, &question, error);
    }
}

fn error_of(door: Door, failure: &ServiceError) -> Error {
    let (kind, message) = wire::meaning(door, &failure.code)
        .unwrap_or_else(|| (ErrorKind::Refused, "the service failed to answer".into()));
    Error::new(kind, message).with_retryable(failure.retryable).with_code(&failure.code)
}
