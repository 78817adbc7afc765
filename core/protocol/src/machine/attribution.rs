//! Which conversation a frame belongs to, where several are open and it does not name its session.

use super::Machine;
use crate::conversation::{Conversation, Ground, Wait};
use crate::ids::UserId;
use crate::time::Millis;
use crate::wire::{self, Frame, FrameType, Sender};

/// The conversations that a frame is for.
pub(super) enum Route {
    To(usize, Ground),
    ToAll,
    Nowhere,
}

impl Machine {
    pub(super) fn route(&self, now: Millis, frame: &Frame<'_>) -> Route {
        if let Some(session) = frame.session_id.as_deref() {
            let is_it = |conversation: &Conversation| {
                conversation.session().is_some_and(|own| own.as_str() == session)
            };
            let at = self.conversations.iter().position(is_it);
            return at.map_or(Route::Nowhere, |at| Route::To(at, Ground::Named));
        }
        match self.conversations.len() {
            0 => Route::Nowhere,
            1 => Route::To(0, Ground::Named),
            _ => self.attribute(now, frame).map_or(Route::ToAll, |(at, ground)| Route::To(at, ground)),
        }
    }

    fn attribute(&self, now: Millis, frame: &Frame<'_>) -> Option<(usize, Ground)> {
        let own = |conversation: &Conversation| {
            frame.message_id.as_deref().is_some_and(|id| conversation.turns().has_sent(id))
        };
        if let Some(at) = self.conversations.iter().position(own) {
            // It names a message of ours, and that says it.
            return Some((at, Ground::Named));
        }
        let mut with_session = self.speakers();
        if let (Some((at, _)), None) = (with_session.next(), with_session.next()) {
            return Some((at, Ground::Named));
        }
        match (frame.kind(), frame.sender()) {
            (FrameType::Message, Sender::Avatar) => {
                self.continued(frame).or_else(|| self.longest_waiting(now))
            }
            (FrameType::Message, Sender::Client) => {
                let user = self.authentication.user_id().map(UserId::as_str);
                if user.is_some() && frame.send_user_id.as_deref() == user {
                    self.echoed_in(frame)
                } else {
                    self.owners_conversation(now)
                }
            }
            // A failure that answers a message would fail another conversation's, were it guessed.
            (FrameType::Failure, _) if frame.sub_code.as_deref().is_some_and(wire::is_answer_code) => {
                self.longest_waiting(now).filter(|(_, ground)| *ground == Ground::Expected)
            }
            (FrameType::Message, Sender::Other)
            | (FrameType::Failure | FrameType::Notice(_) | FrameType::Control | FrameType::Unknown, _) => {
                None
            }
        }
    }

    /// The conversations that frames can be for: the service knows their sessions.
    fn speakers(&self) -> impl Iterator<Item = (usize, &Conversation)> {
        let conversations = self.conversations.iter().enumerate();
        conversations.filter(|(_, conversation)| conversation.session().is_some())
    }

    /// The conversation of the reply that the frame goes on with. Among several, which only replies without an id can
    /// be in, the one that was heard last.
    fn continued(&self, frame: &Frame<'_>) -> Option<(usize, Ground)> {
        let continued =
            self.speakers().filter_map(|(at, one)| Some((at, one.replies().continued_by(frame)?)));
        let (mut count, mut latest) = (0, None);
        for (at, continued) in continued {
            count += 1;
            if latest.is_none_or(|(_, last_piece, _)| last_piece < continued.last_piece) {
                latest = Some((at, continued.last_piece, continued.attribution));
            }
        }
        let (at, _, attribution) = latest?;
        let ground = if count > 1 { Ground::Guessed } else { Ground::of(attribution) };
        Some((at, ground))
    }

    /// The only conversation with a question out; among several, the one whose question has waited longest.
    fn longest_waiting(&self, now: Millis) -> Option<(usize, Ground)> {
        let waits = |one: &Conversation| one.turns().longest_wait(now);
        first_of(self.speakers().filter_map(|(at, one)| Some((at, waits(one)?))))
    }

    /// The conversation that has sent a message of the echo's text and has not seen its echo; among several, the one
    /// that has sent it first.
    fn echoed_in(&self, frame: &Frame<'_>) -> Option<(usize, Ground)> {
        let text = frame.text();
        let awaits = |one: &Conversation| one.turns().awaits_echo_of(text.as_str());
        first_of(self.speakers().filter_map(|(at, one)| Some((at, awaits(one)?))))
    }

    /// The owner may speak in any conversation: most likely in one that the owner has, and then in one with a question
    /// out.
    fn owners_conversation(&self, now: Millis) -> Option<(usize, Ground)> {
        let rank = |one: &Conversation| -> Option<(bool, bool, Option<Wait>)> {
            let wait = one.turns().longest_wait(now);
            let is_likely = one.is_taken_over() || wait.is_some();
            is_likely.then(|| (!one.is_taken_over(), wait.is_none(), wait))
        };
        let likeliest = first_of(self.speakers().filter_map(|(at, one)| Some((at, rank(one)?))));
        likeliest.map(|(at, _)| (at, Ground::Guessed))
    }
}

/// The one with the least rank, and whether there was another.
fn first_of<T: Ord>(ranked: impl Iterator<Item = (usize, T)>) -> Option<(usize, Ground)> {
    let mut count = 0;
    let first = ranked.inspect(|_| count += 1).min_by(|(_, one), (_, other)| one.cmp(other));
    let ground = if count == 1 { Ground::Expected } else { Ground::Guessed };
    first.map(|(at, _)| (at, ground))
}
