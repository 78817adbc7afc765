//! A frame's way in: whose it is, whether it is new, and whether it waits.

use super::attribution::Route;
use super::{Machine, Output};
use crate::call::Call;
use crate::conversation::{BufferedFrame, Conversation, Ground, Room, Source, room};
use crate::event::{Author, ConversationKey, Event, EventKind, ServiceError};
use crate::ids::UserId;
use crate::redact::Raw;
use crate::time::Millis;
use crate::wire::{self, Frame, FrameType, Sender};

/// What a frame has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing, or the text of a reply: no call depends on it.
    Text,
    /// Something that the rule has to look at.
    State,
}

/// A frame that has found its way to a conversation.
pub(super) struct Arrival<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) kind: FrameType,
    pub(super) raw: &'a Raw,
    pub(super) source: Source,
    /// How it is known that it belongs there.
    pub(super) ground: Ground,
}

impl<'a> Arrival<'a> {
    fn live(frame: &'a Frame<'a>, kind: FrameType, raw: &'a Raw, ground: Ground) -> Self {
        Self { frame, kind, raw, source: Source::Live, ground }
    }
}

impl Machine {
    /// Takes a frame that came over the socket.
    pub(super) fn receive(&mut self, now: Millis, raw: Raw) -> Change {
        let mut mended = String::new();
        let Some(frame) = Frame::parse(raw.as_str(), &mut mended) else {
            self.counters.malformed += 1;
            self.connection.frame_came(false);
            self.emit_for_visitor(EventKind::Unknown, raw.clone());
            return Change::Text;
        };
        self.connection.frame_came(frame.is_pong());
        if let Some(ws) = frame.ws_id.as_deref()
            && !self.is_own_socket(ws)
        {
            self.counters.foreign += 1;
            return Change::Text;
        }
        let kind = frame.kind();
        if kind == FrameType::Control {
            return Change::Text;
        }
        let own = self.connection.ws().map(|ws| ws.as_str());
        if self.config.acknowledge
            && let (Some(seq), Some(own)) = (frame.seq_id.as_deref(), own)
        {
            let ack = wire::ack(seq, own);
            self.transmit(ack);
        }
        let route = self.route(now, &frame);
        if matches!(route, Route::Nowhere) && !self.makes_session() {
            // It is not noted as seen: when its session is opened later, the frame is found there, and new then.
            return self.drop_unrouted(raw.clone());
        }
        if !self.seen.is_new(&frame, false) {
            self.counters.duplicates += 1;
            return Change::Text;
        }
        match route {
            Route::To(at, ground) => {
                let arrival = Arrival::live(&frame, kind, &raw, ground);
                self.buffer_or_dispatch(now, at, &arrival)
            }
            // It may be for the session that is being made: the frame was quicker than the answer.
            Route::Nowhere if room(self.unrouted.iter()) == Room::Left => {
                self.unrouted.push(raw.clone());
                Change::Text
            }
            Route::Nowhere => self.drop_unrouted(raw.clone()),
            Route::ToAll => self.dispatch_unattributed(&Arrival::live(&frame, kind, &raw, Ground::Guessed)),
        }
    }

    /// Takes a frame that a query found. Returns how many new frames that makes: one or none.
    pub(super) fn receive_backfill(&mut self, now: Millis, key: ConversationKey, raw: &Raw) -> u32 {
        let mut mended = String::new();
        let Some(frame) = Frame::parse(raw.as_str(), &mut mended) else {
            return 0;
        };
        let Some(at) = self.conversations.iter().position(|conversation| conversation.key() == key) else {
            return 0;
        };
        let session = self.conversations[at].session().map(|session| session.as_str());
        if frame.session_id.as_deref().is_some_and(|named| Some(named) != session) {
            return 0;
        }
        if frame.kind() == FrameType::Control {
            return 0;
        }
        // It may have come over the socket just now, and wait: then its turn is here.
        if !self.seen.is_new(&frame, true) && !self.conversations[at].gap_mut().take_buffered(&frame) {
            return 0;
        }
        let source = Source::Backfill;
        let (kind, ground) = (frame.kind(), Ground::Named);
        self.dispatch(now, at, &Arrival { frame: &frame, kind, raw, source, ground });
        1
    }

    /// Notes a frame that an earlier run has dispatched.
    pub(super) fn mark_seen(&mut self, key: ConversationKey, frame: &Frame<'_>) {
        self.seen.is_new(frame, true);
        if let Some(conversation) = self.conversation_mut(key) {
            conversation.gap_mut().take_buffered(frame);
        }
    }

    /// Dispatches the frames that waited for a gap to be filled.
    pub(super) fn flush_buffered(&mut self, now: Millis, key: ConversationKey) {
        let buffered = self.conversation_mut(key).map(|conversation| conversation.gap_mut().drain_buffered());
        self.dispatch_buffered(now, key, buffered.unwrap_or_default());
    }

    pub(super) fn dispatch_buffered(
        &mut self,
        now: Millis,
        key: ConversationKey,
        frames: Vec<BufferedFrame>,
    ) {
        for BufferedFrame { raw, ground, .. } in frames {
            let at = self.conversations.iter().position(|conversation| conversation.key() == key);
            let mut mended = String::new();
            if let (Some(at), Some(frame)) = (at, Frame::parse(raw.as_str(), &mut mended)) {
                self.dispatch(now, at, &Arrival::live(&frame, frame.kind(), &raw, ground));
            }
        }
    }

    /// Looks again where the frames belong that came before their session was known.
    pub(super) fn reroute(&mut self, now: Millis) {
        for raw in self.unrouted.take_out() {
            let mut mended = String::new();
            let Some(frame) = Frame::parse(raw.as_str(), &mut mended) else {
                continue; // It was one when it came.
            };
            match self.route(now, &frame) {
                Route::To(at, ground) => {
                    self.buffer_or_dispatch(now, at, &Arrival::live(&frame, frame.kind(), &raw, ground));
                }
                Route::Nowhere | Route::ToAll if self.makes_session() => self.unrouted.push(raw.clone()),
                Route::Nowhere | Route::ToAll => {
                    self.drop_unrouted(raw.clone());
                }
            }
        }
    }

    fn drop_unrouted(&mut self, raw: Raw) -> Change {
        self.counters.unrouted += 1;
        self.emit_for_visitor(EventKind::Unknown, raw);
        Change::Text
    }

    fn makes_session(&self) -> bool {
        let making =
            |conversation: &Conversation| self.calls.is_under_way(&Call::CreateSession(conversation.key()));
        self.conversations.iter().any(making)
    }

    /// Whether a frame that names this socket is the present one's. Where no call tells its name, frames do, and what
    /// has come is taken: a frame that comes again may carry the name of the socket that it was first sent to.
    fn is_own_socket(&mut self, ws: &str) -> bool {
        if self.config.door.names_sockets() {
            return self.connection.ws().is_some_and(|own| own.as_str() == ws);
        }
        self.connection.hear_name(ws);
        true
    }

    /// Dispatches a frame, unless it waits for those before it.
    fn buffer_or_dispatch(&mut self, now: Millis, at: usize, arrival: &Arrival<'_>) -> Change {
        let conversation = &mut self.conversations[at];
        if !conversation.gap().buffers_frames() {
            return self.dispatch(now, at, arrival);
        }
        if conversation.gap_mut().buffer(arrival.frame, arrival.raw, arrival.ground) == Room::Full {
            let key = conversation.key();
            self.gap_unknown(now, key);
        }
        Change::State
    }

    /// Does what a frame means, and moves the conversation's position.
    fn dispatch(&mut self, now: Millis, at: usize, arrival: &Arrival<'_>) -> Change {
        let key = self.conversations[at].key();
        let change = self.interpret(now, at, arrival);
        let noted = self.seen.noted();
        // What it means may have closed the conversation.
        if let Some(conversation) = self.conversation_mut(key) {
            match (arrival.frame.seq_id.as_deref(), arrival.source) {
                // Where a frame that was found stands is known to the search that found it. One that may stand in
                // another session is no point to ask from.
                (Some(_), Source::Backfill) => {}
                (Some(_), Source::Live) if arrival.ground != Ground::Named => {}
                (Some(seq), Source::Live) => {
                    conversation.advance_to(seq, noted);
                    self.remember();
                }
                (None, _) if arrival.kind == FrameType::Message && conversation.pass_unnamed() => {
                    self.remember();
                }
                (None, _) => {}
            }
        }
        change
    }

    fn interpret(&mut self, now: Millis, at: usize, arrival: &Arrival<'_>) -> Change {
        let raw = || Some(arrival.raw.clone());
        match &arrival.kind {
            FrameType::Message => match arrival.frame.sender() {
                // Neither a piece nor a reply: a voice that is told by its address alone is handed on as it came.
                Sender::Avatar if arrival.frame.says_nothing() => self.emit(at, EventKind::Unknown, raw()),
                Sender::Avatar => return self.avatar_speaks(now, at, arrival),
                Sender::Client => self.person_speaks(now, at, arrival),
                Sender::Other => self.emit(at, EventKind::Unknown, raw()),
            },
            FrameType::Failure => self.service_failed(now, at, arrival),
            FrameType::Notice(kind) => {
                let notice = EventKind::Notice { kind: kind.clone(), text: arrival.frame.text() };
                self.emit(at, notice, raw());
            }
            FrameType::Control => {}
            FrameType::Unknown => self.emit(at, EventKind::Unknown, raw()),
        }
        Change::State
    }

    /// Several conversations are open, and nothing tells which of them the frame is for.
    fn dispatch_unattributed(&mut self, arrival: &Arrival<'_>) -> Change {
        let frame = arrival.frame;
        let user = self.authentication.user_id().map(UserId::as_str);
        let author = match frame.sender() {
            Sender::Avatar => Some(Author::Avatar),
            Sender::Client if frame.send_user_id.as_deref() == user => Some(Author::Visitor),
            Sender::Client => Some(Author::Owner),
            Sender::Other => None,
        };
        for at in 0..self.conversations.len() {
            let event = match (&arrival.kind, author) {
                (FrameType::Message, Some(author)) => EventKind::Unattributed { author, text: frame.text() },
                (FrameType::Notice(kind), _) => EventKind::Notice { kind: kind.clone(), text: frame.text() },
                (FrameType::Failure, _) => {
                    let failure = ServiceError { message_id: None, ..self.failure_in(frame) };
                    EventKind::ServiceError(Box::new(failure))
                }
                (FrameType::Message, None) | (FrameType::Control | FrameType::Unknown, _) => {
                    EventKind::Unknown
                }
            };
            self.emit(at, event, Some(arrival.raw.clone()));
        }
        Change::State
    }

    fn emit_for_visitor(&mut self, kind: EventKind, raw: Raw) {
        self.note_event(&kind);
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
