//! The same message twice, a second socket, and a message for a socket that is gone.

use std::time::Duration;

use super::State;
use crate::survey::findings::seconds;
use crate::survey::frames::{is_echo, is_reply, is_said};
use crate::survey::sockets::{Socket, listen};
use crate::survey::walk::{Question, Walk, close_of, hear_out, keep};
use crate::survey::wire::Trouble;

/// An echo comes at once. A frame that comes again for want of an acknowledgement comes later than that.
const ECHO_WITHIN: Duration = Duration::from_secs(4);
/// How long an answer is waited for at least, where none is expected.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long an older socket may take to be closed.
const CLOSES_WITHIN: Duration = Duration::from_secs(3);

impl Walk<'_> {
    pub(super) async fn ask_repeated(&mut self, state: &mut State) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let message = self.next_message(state);
        self.socket(state).await?;
        let Some(mut socket) = state.socket.take() else { return Ok(()) };
        self.drain(state.shown.can_acknowledge, &mut [&mut socket]).await?;
        let (from, sent) = (socket.heard.len(), clock.now());
        state.visit.send(self.wire, socket.ws_id.as_deref().unwrap_or_default(), &message).await??;
        hear_out(&clock, &mut [&mut socket], from, sent).await?;
        self.drain(state.shown.can_acknowledge, &mut [&mut socket]).await?;
        let (from, sent) = (socket.heard.len(), clock.now());
        let again =
            state.visit.send(self.wire, socket.ws_id.as_deref().unwrap_or_default(), &message).await?;
        // Where echoes do not come, a second reply tells.
        let patience =
            if state.shown.echo_comes { ECHO_WITHIN } else { 2 * state.shown.reply_after + ECHO_WITHIN };
        let comes = |socket: &Socket| {
            socket.heard[from..].iter().any(|heard| match state.shown.echo_comes {
                true => is_echo(&heard.frame, &message.id, &message.text),
                false => is_reply(&heard.frame),
            })
        };
        let twice = listen(&clock, &mut [&mut socket], patience, |sockets| comes(sockets[0])).await?;
        let what = if state.shown.echo_comes { "echo" } else { "reply" };
        match (&again, twice) {
            (Ok(()), true) => {
                let seen = format!("A message that was sent twice under one id got a second {what}.");
                self.findings.answer("repeated-message", "two", seen);
                hear_out(&clock, &mut [&mut socket], from, sent).await?;
            }
            (Ok(()), false) => {
                let seen = format!(
                    "The second call succeeded, and no second {what} came within {}.",
                    seconds(patience)
                );
                self.findings.answer("repeated-message", "one", seen);
            }
            (Err(refusal), _) => {
                let seen = format!("The second call got {}, and so there is one message.", refusal.shown());
                self.findings.answer("repeated-message", "one", seen);
            }
        }
        keep(self.wire, &socket.heard);
        state.socket = Some(socket);
        Ok(())
    }

    pub(super) async fn ask_second_socket(
        &mut self,
        question: &Question,
        state: &mut State,
    ) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        self.socket(state).await?;
        let Some(mut older) = state.socket.take() else { return Ok(()) };
        let mut newer = self.connect(&mut state.visit).await?;
        listen(&clock, &mut [&mut older, &mut newer], CLOSES_WITHIN, |sockets| sockets[0].ended.is_some())
            .await?;
        if let Some(ended) = older.ended {
            state.shown.older_close = Some(ended.code);
            let how = close_of(ended.code);
            let seen = format!("The first socket was closed {how} when the second one connected.");
            self.findings.answer("second-socket", "closes-older", seen);
        } else if let Err(why) = self.may_say(question).await {
            self.findings.not_asked(
                "second-socket",
                format!("Both sockets stayed open. Who gets the frames was not asked: {why}"),
            );
        } else {
            self.drain(state.shown.can_acknowledge, &mut [&mut newer, &mut older]).await?;
            let message = self.next_message(state);
            let (from, from_older, sent) = (newer.heard.len(), older.heard.len(), clock.now());
            state.visit.send(self.wire, newer.ws_id.as_deref().unwrap_or_default(), &message).await??;
            hear_out(&clock, &mut [&mut newer, &mut older], from, sent).await?;
            let says =
                |socket: &Socket, from: usize| socket.heard[from..].iter().any(|heard| is_said(&heard.frame));
            match (says(&newer, from), says(&older, from_older)) {
                (true, true) => {
                    let seen = "Both sockets stayed open, and both got the frames of an exchange.";
                    self.findings.answer("second-socket", "both-get", seen);
                }
                (true, false) => {
                    let seen = "Both sockets stayed open, and the newer one alone got the frames of an exchange.";
                    self.findings.answer("second-socket", "newest-gets", seen);
                }
                (false, true) => self.findings.not_seen(
                    "second-socket",
                    "Both sockets stayed open, and the older one alone got the frames. No known answer is like that.",
                ),
                (false, false) => {
                    self.findings.not_seen("second-socket", "Both sockets stayed open, and neither got a frame.");
                }
            }
            keep(self.wire, &newer.heard);
        }
        state.gone = older.ws_id.clone();
        older.close().await;
        state.socket = Some(newer);
        Ok(())
    }

    pub(super) async fn ask_dead_socket(&mut self, state: &mut State) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        self.socket(state).await?;
        let Some(mut socket) = state.socket.take() else { return Ok(()) };
        let gone = match state.gone.clone() {
            Some(gone) => gone,
            None => {
                let old = std::mem::replace(&mut socket, self.connect(&mut state.visit).await?);
                let ws_id = old.ws_id.clone().unwrap_or_default();
                old.close().await;
                ws_id
            }
        };
        self.drain(state.shown.can_acknowledge, &mut [&mut socket]).await?;
        let message = self.next_message(state);
        let from = socket.heard.len();
        let taken = state.visit.send(self.wire, &gone, &message).await?;
        if let Err(refusal) = taken {
            state.socket = Some(socket);
            if refusal.is_for_money() || !state.shown.taken {
                // It would have been refused for any socket.
                return Err(refusal.into());
            }
            let seen = format!("A message that named a socket which is gone got {}.", refusal.shown());
            self.findings.answer("dead-socket-send", "refused", seen);
            return Ok(());
        }
        // Longer than an answer has taken.
        let patience = (2 * state.shown.reply_after + ECHO_WITHIN).max(ANSWER_WITHIN);
        let says = |socket: &Socket| socket.heard[from..].iter().any(|heard| is_said(&heard.frame));
        let comes = listen(&clock, &mut [&mut socket], patience, |sockets| says(sockets[0])).await?;
        match comes {
            true => self.findings.not_seen(
                "dead-socket-send",
                "A message that named a socket which is gone was taken, and its answer came over the open one. \
                 No known answer is like that.",
            ),
            false => {
                let seen = format!(
                    "A message that named a socket which is gone was taken, and nothing came over the open one \
                     within {}.",
                    seconds(patience)
                );
                self.findings.answer("dead-socket-send", "answer-lost", seen);
            }
        }
        keep(self.wire, &socket.heard);
        state.socket = Some(socket);
        Ok(())
    }
}
