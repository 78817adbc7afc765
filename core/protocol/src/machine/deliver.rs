//! A frame's way in: whose it is, whether it is new, what it means.

use super::{Echoes, Machine, Outcome, Output, answers::is_lost_session};
use crate::assembly::{Answer, Piece, Question, whole};
use crate::call::Call;
use crate::conversation::{Conversation, FillReason, Room, room};
use crate::error::{Error, ErrorKind};
use crate::event::{Author, Confirmation, ConversationKey, Event, EventKind, ServiceError};
use crate::ids::{MessageId, UserId};
use crate::link::LinkInput;
use crate::outbox::{Echoed, Order};
use crate::redact::{Raw, Text};
use crate::time::Millis;
use crate::wire::{self, Frame, FrameType, Sender};

/// Whether anything but a reply's text has changed, so that the rule has to be asked again.
type Changed = bool;

impl Machine {
    /// Takes a frame that came over the socket.
    pub(super) fn receive(&mut self, now: Millis, raw: Raw) -> Changed {
        let mut mended = String::new();
        let Some(frame) = Frame::parse(raw.as_str(), &mut mended) else {
            self.counters.malformed += 1;
            self.link.handle(now, LinkInput::Frame { pong: false }, &mut self.rng);
            self.emit_for_visitor(EventKind::Unknown, raw.clone());
            return false;
        };
        self.link.handle(now, LinkInput::Frame { pong: frame.is_pong() }, &mut self.rng);
        let own = self.link.ws().map(|ws| ws.as_str());
        if frame.ws_id.as_deref().is_some_and(|ws| Some(ws) != own) {
            self.counters.foreign += 1;
            return false;
        }
        let kind = frame.kind();
        if kind == FrameType::Control {
            return false;
        }
        if self.config.acknowledge
            && let (Some(seq), Some(own)) = (frame.seq_id.as_deref(), own)
        {
            let ack = wire::ack(seq, own);
            self.transmit(ack);
        }
        let route = self.route(&frame);
        if matches!(route, Route::Nowhere) && !self.makes_session() {
            // Not noted as seen: whoever opens its session later finds it there, and it is new then.
            self.counters.unrouted += 1;
            self.emit_for_visitor(EventKind::Unknown, raw.clone());
            return false;
        }
        if !self.seen.is_new(&frame, false) {
            self.counters.duplicates += 1;
            return false;
        }
        match route {
            Route::To(at) => self.buffer_or_dispatch(now, at, &frame, kind, &raw),
            // It may be for the session that is being made: the frame was quicker than the answer.
            Route::Nowhere if room(self.unrouted.iter()) == Room::Left => {
                self.unrouted.push(raw.clone());
                false
            }
            Route::Nowhere => {
                self.counters.unrouted += 1;
                self.emit_for_visitor(EventKind::Unknown, raw.clone());
                false
            }
            Route::ToAll => self.dispatch_unattributed(now, &frame, &kind, &raw),
        }
    }

    /// Takes a frame that a query found. `true` if it was new.
    pub(super) fn receive_backfill(&mut self, now: Millis, key: ConversationKey, raw: &Raw) -> bool {
        let mut mended = String::new();
        let Some(frame) = Frame::parse(raw.as_str(), &mut mended) else {
            return false;
        };
        let Some(at) = self.conversations.iter().position(|conversation| conversation.key == key) else {
            return false;
        };
        let session = self.conversations[at].session.as_ref().map(|session| session.as_str());
        if frame.session_id.as_deref().is_some_and(|named| Some(named) != session) {
            return false;
        }
        if frame.kind() == FrameType::Control {
            return false;
        }
        // It may have come over the socket just now, and wait: then here is its place.
        if !self.seen.is_new(&frame, true) && !self.conversations[at].gap.take_buffered(&frame) {
            return false;
        }
        self.dispatch(now, at, &frame, frame.kind(), raw, true);
        true
    }

    /// Notes a frame that an earlier run has handed on.
    pub(super) fn mark_seen(&mut self, key: ConversationKey, frame: &Frame<'_>) {
        self.seen.is_new(frame, true);
        if let Some(conversation) = self.conversation_mut(key) {
            conversation.gap.take_buffered(frame);
        }
    }

    /// Hands on the frames that waited for a gap to be filled.
    pub(super) fn flush_buffered(&mut self, now: Millis, key: ConversationKey) {
        let buffered = self.conversation_mut(key).map(|conversation| conversation.gap.drain_buffered());
        for raw in buffered.into_iter().flatten() {
            let at = self.conversations.iter().position(|conversation| conversation.key == key);
            let mut mended = String::new();
            if let (Some(at), Some(frame)) = (at, Frame::parse(raw.as_str(), &mut mended)) {
                self.dispatch(now, at, &frame, frame.kind(), &raw, false);
            }
        }
    }

    /// Looks again where the frames belong that came before their session was known.
    pub(super) fn reroute(&mut self, now: Millis) {
        for raw in std::mem::take(&mut self.unrouted) {
            let mut mended = String::new();
            let Some(frame) = Frame::parse(raw.as_str(), &mut mended) else {
                continue; // It was one when it came.
            };
            match self.route(&frame) {
                Route::To(at) => drop(self.buffer_or_dispatch(now, at, &frame, frame.kind(), &raw)),
                Route::Nowhere | Route::ToAll if self.makes_session() => self.unrouted.push(raw.clone()),
                Route::Nowhere | Route::ToAll => {
                    self.counters.unrouted += 1;
                    self.emit_for_visitor(EventKind::Unknown, raw.clone());
                }
            }
        }
    }

    fn makes_session(&self) -> bool {
        let making =
            |conversation: &Conversation| self.calls.is_under_way(&Call::CreateSession(conversation.key));
        self.conversations.iter().any(making)
    }

    fn route(&self, frame: &Frame<'_>) -> Route {
        match (frame.session_id.as_deref(), self.conversations.as_slice()) {
            (Some(session), conversations) => {
                let is_it = |conversation: &Conversation| {
                    conversation.session.as_ref().is_some_and(|own| own.as_str() == session)
                };
                conversations.iter().position(is_it).map_or(Route::Nowhere, Route::To)
            }
            (None, []) => Route::Nowhere,
            (None, [_]) => Route::To(0),
            (None, [_, _, ..]) => Route::ToAll,
        }
    }

    fn buffer_or_dispatch(
        &mut self,
        now: Millis,
        at: usize,
        frame: &Frame<'_>,
        kind: FrameType,
        raw: &Raw,
    ) -> Changed {
        let conversation = &mut self.conversations[at];
        if !conversation.gap.buffers_frames() {
            return self.dispatch(now, at, frame, kind, raw, false);
        }
        if conversation.gap.buffer(frame, raw) == Room::Full {
            let key = conversation.key;
            self.gap_unknown(now, key);
        }
        true
    }

    fn dispatch(
        &mut self,
        now: Millis,
        at: usize,
        frame: &Frame<'_>,
        kind: FrameType,
        raw: &Raw,
        found: bool,
    ) -> Changed {
        let key = self.conversations[at].key;
        let is_message = kind == FrameType::Message;
        let changed = self.interpret(now, at, frame, kind, raw, found);
        let noted = self.seen.noted();
        // What it means may have closed the conversation.
        if let Some(conversation) = self.conversation_mut(key) {
            match frame.seq_id.as_deref() {
                // Where a frame that was found stands is known to whoever looked.
                Some(_) if found => {}
                Some(seq) => {
                    conversation.advance_to(seq, noted);
                    self.remember();
                }
                None if is_message && conversation.position.pass_unnamed() => self.remember(),
                None => {}
            }
        }
        changed
    }

    fn interpret(
        &mut self,
        now: Millis,
        at: usize,
        frame: &Frame<'_>,
        kind: FrameType,
        raw: &Raw,
        found: bool,
    ) -> Changed {
        match kind {
            FrameType::Message => match frame.sender() {
                Sender::Avatar => return self.avatar_speaks(now, at, frame, raw, found),
                Sender::Client => self.person_speaks(now, at, frame, raw, found),
                Sender::Other => self.emit(at, EventKind::Unknown, Some(raw.clone())),
            },
            FrameType::Failure => self.service_failed(now, at, frame, raw),
            FrameType::Notice(kind) => {
                self.emit(at, EventKind::Notice { kind, text: frame.text() }, Some(raw.clone()));
            }
            FrameType::Control => {}
            FrameType::Unknown => self.emit(at, EventKind::Unknown, Some(raw.clone())),
        }
        true
    }

    fn avatar_speaks(
        &mut self,
        now: Millis,
        at: usize,
        frame: &Frame<'_>,
        raw: &Raw,
        found: bool,
    ) -> Changed {
        let echoed = self.echoed(at, found);
        let Conversation { replies, outbox, earlier, .. } = &mut self.conversations[at];
        let mut begins = false;
        let step = replies.take(now, frame, || {
            if earlier.iter().any(|reply| Some(reply.as_str()) == frame.message_id.as_deref()) {
                return None;
            }
            begins = true;
            outbox.begin_answer(now, frame.message_id.as_deref(), echoed)
        });
        if begins && std::mem::take(&mut self.conversations[at].taken_over) {
            self.emit(at, EventKind::HandedBack, Some(raw.clone()));
        }
        let mut changed = !step.before.is_empty() || step.reply.is_some();
        for reply in step.before {
            self.complete_reply(at, reply, Some(raw));
        }
        if let Some(piece) = step.piece {
            changed |= self.piece_came(now, at, piece, raw, found);
        }
        if let Some(reply) = step.reply {
            self.complete_reply(at, reply, Some(raw));
        }
        changed
    }

    fn piece_came(&mut self, now: Millis, at: usize, piece: Piece, raw: &Raw, found: bool) -> Changed {
        let Piece { reply_id, text, question } = piece;
        let mut changed = false;
        if let Some(question) = question.as_ref().map(|question| &question.message) {
            let conversation = &self.conversations[at];
            let key = conversation.key;
            // Questions go out one at a time, so a reply proves that the service took the first that is out.
            if conversation.outbox.turn(question).is_some_and(|turn| turn.exclusive)
                && conversation.outbox.is_pending(question)
            {
                self.confirm(now, key, question.as_str(), Confirmation::Reply);
                changed = true;
            }
            self.conversations[at].outbox.probes.piece_came(now, question, found);
        }
        if !text.is_empty() {
            self.emit_piece(at, reply_id, text, question.as_ref(), Some(raw));
        }
        changed
    }

    fn emit_piece(
        &mut self,
        at: usize,
        reply_id: Option<MessageId>,
        text: Text,
        question: Option<&Question>,
        raw: Option<&Raw>,
    ) {
        let turn = question.and_then(|question| self.conversations[at].outbox.turn(&question.message));
        let asker = turn.and_then(|turn| turn.ticket.map(|ticket| (ticket, turn.pieces)));
        if let Some((ticket, true)) = asker {
            self.outputs.push_back(Output::Piece(ticket, Author::Avatar, text.clone()));
        }
        let (in_reply_to, asked) = (question.and_then(Question::told).cloned(), asker.is_some());
        self.emit(at, EventKind::ReplyDelta { reply_id, text, in_reply_to, asked }, raw.cloned());
    }

    /// The avatar's reply is complete: an event, and the answer to whoever asked.
    pub(super) fn complete_reply(&mut self, at: usize, answer: Answer, raw: Option<&Raw>) {
        let Answer { reply, question, rest } = answer;
        if !rest.is_empty() {
            self.emit_piece(at, reply.id.clone(), rest, question.as_ref(), raw);
        }
        let question = question.map(|question| question.message);
        self.counters.replies += 1;
        if let Some(id) = &reply.id {
            self.conversations[at].position.reply_ended(id);
        }
        let mut reply = Box::new(reply);
        let turn = question.and_then(|question| self.conversations[at].outbox.answered(&question));
        let asked = turn.and_then(|turn| turn.ticket);
        reply.asked = asked.is_some();
        // The event first: whoever asked finds it there when the answer comes.
        self.emit(at, EventKind::Reply(reply.clone()), raw.cloned());
        self.resolve(asked, Ok(Outcome::Replied(reply)));
    }

    fn person_speaks(&mut self, now: Millis, at: usize, frame: &Frame<'_>, raw: &Raw, found: bool) {
        let sent = frame.message_id.as_deref().filter(|id| self.conversations[at].outbox.sent.contains(id));
        let user = self.facts.user_id.as_ref().map(UserId::as_str);
        let is_echo = sent.is_some() || (user.is_some() && frame.send_user_id.as_deref() == user);
        if is_echo {
            self.echo_came(now, at, frame, raw, found);
        } else {
            self.owner_speaks(now, at, frame, raw, found);
        }
    }

    fn echo_came(&mut self, now: Millis, at: usize, frame: &Frame<'_>, raw: &Raw, found: bool) {
        let key = self.conversations[at].key;
        let message_id = frame.message_id.as_deref().map(MessageId::from);
        if let Some(message) = &message_id {
            let by = if found { Confirmation::Query } else { Confirmation::Echo };
            self.confirm(now, key, message.as_str(), by);
            if !self.conversations[at].outbox.sent.first_echo(message.as_str()) {
                return;
            }
        }
        let conversation = &mut self.conversations[at];
        let order = message_id.as_ref().map(|id| conversation.outbox.echo_came(now, id, found));
        if let Some(message) = message_id.as_ref().filter(|_| conversation.taken_over && !found) {
            // The owner may leave it unanswered, and the socket that has brought its echo is well.
            conversation.outbox.probes.end(message);
        }
        self.emit(at, EventKind::Delivered { message_id, text: frame.text() }, Some(raw.clone()));
        if let Some(order) = order {
            self.learn_from_echo(now, at, order, found);
        }
    }

    /// What an echo says about the service, and about the link.
    fn learn_from_echo(&mut self, now: Millis, at: usize, order: Order, found: bool) {
        match order {
            Order::Late => self.echoes = Echoes::Late,
            Order::First(_) if !found => {
                if self.echoes == Echoes::Unknown {
                    self.echoes = Echoes::First;
                }
            }
            // A service that sends its echoes has sent this one into nothing.
            Order::First(generation) => {
                // What came while nobody read, after this was asked for, may lie there unread.
                let read = |asked_at: Millis| self.reading && self.reading_since < asked_at;
                let gap = &self.conversations[at].gap;
                let is_probe = matches!(gap.fill_reason(), Some(FillReason::Probe { .. }));
                let probed = is_probe && gap.asked_at().is_some_and(read);
                if probed && self.echoes == Echoes::First && generation == self.link.generation() {
                    let message = "the connection carries nothing any more: it did not bring an echo that the service has";
                    self.link_is_dead(now, Error::new(ErrorKind::ConnectionFailed, message));
                }
            }
            Order::Unclear => {}
        }
    }

    /// Which messages have been echoed before what comes now can answer them.
    fn echoed(&self, at: usize, found: bool) -> Echoed {
        if self.echoes == Echoes::First {
            return Echoed::All;
        }
        let gap = &self.conversations[at].gap;
        match (gap.fill_reason().filter(|_| found), gap.asked_at()) {
            (Some(FillReason::LinkLost), _) => Echoed::Over(self.link.generation()),
            (Some(FillReason::Probe { .. }), Some(asked_at)) => Echoed::Since(asked_at),
            (Some(FillReason::Probe { .. }) | None, _) => Echoed::None,
        }
    }

    fn owner_speaks(&mut self, now: Millis, at: usize, frame: &Frame<'_>, raw: &Raw, found: bool) {
        self.counters.replies += 1;
        let echoed = self.echoed(at, found);
        let (turn, certain) = self.conversations[at].outbox.owner_speaks(now, echoed, found);
        let in_reply_to = turn.as_ref().filter(|_| certain).map(|turn| turn.message.clone());
        let mut reply = Box::new(whole(frame, Author::Owner, in_reply_to));
        reply.asked = turn.as_ref().is_some_and(|turn| turn.ticket.is_some());
        if !std::mem::replace(&mut self.conversations[at].taken_over, true) {
            self.emit(at, EventKind::TakenOver, Some(raw.clone()));
        }
        self.emit(at, EventKind::OwnerReply(reply.clone()), Some(raw.clone()));
        if let Some(turn) = turn {
            if let Some(ticket) = turn.ticket.filter(|_| turn.pieces) {
                self.outputs.push_back(Output::Piece(ticket, Author::Owner, reply.text.clone()));
            }
            self.resolve(turn.ticket, Ok(Outcome::Replied(reply)));
        }
    }

    fn service_failed(&mut self, now: Millis, at: usize, frame: &Frame<'_>, raw: &Raw) {
        let key = self.conversations[at].key;
        let code = frame.sub_code.as_deref().unwrap_or_default().to_owned();
        let reason = frame.sub_code_reason.as_deref().map(Text::from).or_else(|| {
            let text = frame.text();
            (!text.is_empty()).then_some(text)
        });
        let failure = ServiceError {
            retryable: wire::is_retryable_code(&code),
            code,
            reason,
            actions: frame.actions(),
            message_id: frame.message_id.as_deref().map(MessageId::from),
        };
        self.emit(at, EventKind::ServiceError(Box::new(failure.clone())), Some(raw.clone()));
        let error = match failure.code.as_str() {
            "session.status.closed" => Error::new(
                ErrorKind::Closed,
                "the service has ended this session: open the conversation again",
            ),
            "session.not.member" => Error::new(ErrorKind::NotMember, "not a member of this session"),
            "service.status.unavailable" => {
                Error::new(ErrorKind::Unavailable, "the service is not available")
            }
            _ => Error::new(ErrorKind::Refused, "the service failed to answer"),
        };
        let error = error.with_retryable(failure.retryable).with_code(&*failure.code);
        if is_lost_session(&error) {
            return self.session_lost(now, key, error);
        }
        self.fail_question(at, &failure, error);
    }

    /// The failure may be the answer to a message or a question.
    fn fail_question(&mut self, at: usize, failure: &ServiceError, error: Error) {
        let key = self.conversations[at].key;
        let outbox = &mut self.conversations[at].outbox;
        let named = failure.message_id.as_ref().filter(|message| outbox.sent.contains(message.as_str()));
        let known = !failure.code.is_empty() && wire::is_answer_code(&failure.code);
        let question = match (named, failure.message_id.as_ref()) {
            (Some(message), _) => Some(message.clone()),
            (None, None) if known => {
                outbox.turns.iter().find(|turn| !turn.begun).map(|turn| turn.message.clone())
            }
            (None, Some(_) | None) => None,
        };
        let Some(question) = question else {
            return;
        };
        if let Some(turn) = outbox.take_turn(&question)
            && !outbox.is_pending(&question)
        {
            return self.resolve(turn.ticket, Err(error));
        }
        self.give_up_message(key, &question, error);
    }

    /// Several conversations are open, and the frame does not say which it is for.
    fn dispatch_unattributed(
        &mut self,
        now: Millis,
        frame: &Frame<'_>,
        kind: &FrameType,
        raw: &Raw,
    ) -> Changed {
        let user = self.facts.user_id.as_ref().map(UserId::as_str);
        let own = |at: &usize| {
            frame.message_id.as_deref().is_some_and(|id| self.conversations[*at].outbox.sent.contains(id))
        };
        if let Some(at) = (0..self.conversations.len()).find(own) {
            // It names a message of ours, and that says it.
            return self.dispatch(now, at, frame, kind.clone(), raw, false);
        }
        let author = match frame.sender() {
            Sender::Avatar => Some(Author::Avatar),
            Sender::Client if frame.send_user_id.as_deref() == user => Some(Author::Visitor),
            Sender::Client => Some(Author::Owner),
            Sender::Other => None,
        };
        for at in 0..self.conversations.len() {
            let event = match (kind, author) {
                (FrameType::Message, Some(author)) => EventKind::Unattributed { author, text: frame.text() },
                (FrameType::Notice(kind), _) => EventKind::Notice { kind: kind.clone(), text: frame.text() },
                (FrameType::Failure, _) => EventKind::ServiceError(Box::new(ServiceError {
                    code: frame.sub_code.as_deref().unwrap_or_default().to_owned(),
                    reason: frame.sub_code_reason.as_deref().map(Text::from),
                    actions: frame.actions(),
                    message_id: None,
                    retryable: frame.sub_code.as_deref().is_some_and(wire::is_retryable_code),
                })),
                (FrameType::Message, None) | (FrameType::Control | FrameType::Unknown, _) => {
                    EventKind::Unknown
                }
            };
            self.emit(at, event, Some(raw.clone()));
        }
        true
    }

    fn emit_for_visitor(&mut self, kind: EventKind, raw: Raw) {
        self.outputs.push_back(Output::Event(Event {
            conversation: None,
            visitor_id: self.visitor.id().clone(),
            tag: self.visitor.shared_tag().cloned(),
            session_id: None,
            kind,
            raw: Some(raw),
        }));
    }
}

enum Route {
    To(usize),
    ToAll,
    Nowhere,
}
