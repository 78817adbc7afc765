//! Replies that arrive piece by piece from a brain outside, and leave as they arrive.
//!
//! Which piece is the last is not known before the end, so the end mark of such a reply is an empty
//! frame, unless the settings want none.

use std::collections::VecDeque;

use super::Service;
use super::failure::Code;
use super::ids::AskId;
use super::switches::{FrameFields, Streaming};
use super::timers::Timer;
use super::world::{Beat, Live, Message, Stage, Turn};
use crate::brain::{Author, EndMark, Piece};
use crate::time::Millis;

/// How long a brain outside may think, and how long it may pause.
pub(super) const BRAIN_ANSWERS_WITHIN: Millis = Millis::seconds(60);

impl Service {
    /// Takes the next piece of what an outside brain says. Returns `false` when the turn is over.
    pub fn answer_piece(&mut self, now: Millis, ask: AskId, text: &str) -> bool {
        self.tick(now);
        let Some((session_id, lost)) = self.live_turn(ask) else {
            return false;
        };
        let whole = self.settings.streaming == Streaming::Whole
            || self.settings.frame_fields == FrameFields::Documented;
        let now = self.now;
        let message_id = self.message_id();
        let Some(turn) = self.turn_of(&session_id) else {
            return false;
        };
        let begins = matches!(turn.stage, Stage::Asked(_));
        if begins {
            let (index, text) = (0, String::new());
            turn.stage = Stage::Live(Live { ask, message_id, index, text, begun: now, last: now });
        }
        let Stage::Live(live) = &mut turn.stage else {
            return false;
        };
        live.text.push_str(text);
        live.last = now;
        if whole {
            return true;
        }
        let (index, message_id) = (live.index, live.message_id.clone());
        live.index += 1;
        if begins && self.settings.end_mark == EndMark::Twice {
            self.deliver_piece(&session_id, &message_id, &end(), lost);
        }
        let beat = Beat { index: Some(index), piece: Piece::of_text(text) };
        self.deliver_piece(&session_id, &message_id, &beat, lost);
        true
    }

    /// A brain outside has said everything.
    pub fn answer_end(&mut self, now: Millis, ask: AskId) {
        self.tick(now);
        let Some((session_id, lost)) = self.live_turn(ask) else {
            return;
        };
        if let Some(live) = self.end_live(&session_id) {
            let whole = live.index == 0;
            let beat = Beat { index: None, piece: Piece::of_text(&live.text) };
            if whole {
                self.deliver_piece(&session_id, &live.message_id, &beat, lost);
            } else if self.settings.end_mark != EndMark::Missing {
                self.deliver_piece(&session_id, &live.message_id, &end(), lost);
            }
        }
        self.go_on(ask, &session_id);
    }

    /// A brain outside has failed. What it has said already is said.
    pub fn answer_failed(&mut self, now: Millis, ask: AskId, code: &str, reason: &str) {
        self.tick(now);
        if let Some((session_id, lost)) = self.live_turn(ask) {
            self.fail_turn(ask, &session_id, (code, reason), lost);
        }
    }

    /// The time of a brain outside may be over.
    pub(super) fn expire_ask(&mut self, ask: AskId) {
        let Some((session_id, lost)) = self.live_turn(ask) else {
            self.world.asks.remove(&ask);
            return;
        };
        if let Some(Turn { stage: Stage::Live(live), .. }) = self.turn_of(&session_id) {
            let end = live.last + BRAIN_ANSWERS_WITHIN;
            if self.now < end {
                self.timers.set(end, Timer::AskExpires(ask));
                return;
            }
        }
        let why = (Code::ResponseTimeout.as_str(), "the avatar has no answer in time");
        self.fail_turn(ask, &session_id, why, lost);
    }

    fn fail_turn(&mut self, ask: AskId, session_id: &str, why: (&str, &str), lost: bool) {
        let message_id = self.turn_of(session_id).map(|turn| turn.message_id.clone());
        self.end_live(session_id);
        self.deliver_failure(session_id, message_id.as_deref(), why, &[], lost);
        self.go_on(ask, session_id);
    }

    /// The session whose turn waits for this answer, and whether its frames are lost.
    fn live_turn(&mut self, ask: AskId) -> Option<(String, bool)> {
        let session_id = self.world.asks.get(&ask)?.clone();
        let turn = self.turn_of(&session_id)?;
        let waits = match &turn.stage {
            Stage::Asked(asked) => *asked == ask,
            Stage::Live(live) => live.ask == ask,
            Stage::Steps(_) | Stage::Streaming(..) => false,
        };
        waits.then_some((session_id, turn.lost))
    }

    fn turn_of(&mut self, session_id: &str) -> Option<&mut Turn> {
        self.world.sessions.get_mut(session_id)?.playing.as_mut()
    }

    /// What was said so far, which ends here.
    fn end_live(&mut self, session_id: &str) -> Option<Live> {
        let at = self.now;
        let session = self.world.sessions.get_mut(session_id)?;
        let turn = session.playing.as_mut()?;
        let Stage::Live(live) = std::mem::replace(&mut turn.stage, Stage::Steps(VecDeque::new())) else {
            return None;
        };
        let message = Message::new(Author::Avatar, &live.message_id, live.text.clone(), at);
        self.note(session_id, Message { begun: Some(live.begun), ..message });
        Some(live)
    }

    fn go_on(&mut self, ask: AskId, session_id: &str) {
        self.world.asks.remove(&ask);
        if let Some(turn) = self.turn_of(session_id).map(|turn| turn.id) {
            self.play(session_id, turn);
        }
    }
}

fn end() -> Beat {
    Beat { index: Some(-1), piece: Piece::default() }
}
