//! One exchange: what an echo and a reply look like, and whether a frame comes again that is not acknowledged.

use std::time::Duration;

use serde_json::Value;

use super::State;
use super::visit::Message;
use crate::survey::findings::seconds;
use crate::survey::frames::{fields, is_echo, is_reply, is_said, repeated, text_in};
use crate::survey::sockets::{Heard, Socket, listen};
use crate::survey::walk::{Walk, hear_out, keep};
use crate::survey::wire::Trouble;

/// How long to wait for a frame that was not acknowledged to come again.
const AGAIN_WITHIN: Duration = Duration::from_secs(9);
/// The same, once there is a new connection.
const AGAIN_AT_CONNECTION: Duration = Duration::from_secs(4);
impl Walk<'_> {
    pub(super) async fn ask_exchange(&mut self, state: &mut State) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let message = self.next_message(state);
        self.socket(state).await?.acking = false;
        let Some(socket) = state.socket.as_mut() else { return Ok(()) };
        let (from, sent) = (socket.heard.len(), clock.now());
        let taken =
            state.visit.send(self.wire, socket.ws_id.as_deref().unwrap_or_default(), &message).await?;
        self.note_money(&taken, &[]);
        taken?;
        state.shown.taken = true;
        hear_out(&clock, &mut [&mut *socket], from, sent).await?;
        keep(self.wire, &socket.heard[from..]);
        let heard: Vec<Heard> =
            socket.heard[from..].iter().filter(|heard| is_said(&heard.frame)).cloned().collect();
        let frames: Vec<&Value> = heard.iter().map(|heard| &heard.frame).collect();
        let echo = heard.iter().find(|heard| is_echo(&heard.frame, &message.id, &message.text));
        state.shown.echo_comes = echo.is_some();
        state.shown.can_acknowledge = frames.iter().all(|frame| frame.get("seqId").is_some());
        if let Some(first) = heard.iter().find(|heard| is_reply(&heard.frame)) {
            state.shown.reply_after = first.at.saturating_sub(sent);
        }
        self.note_money(&Ok(()), &frames);
        self.note_fields(&frames);
        self.note_reply(&frames);
        match echo.map(|echo| text_in(&echo.frame).0) {
            Some(place) => {
                let field = if place == "content" { "`data.content`" } else { "`multipleData`" };
                self.findings.answer("client-text", place, format!("The echo's text stood in {field}."));
            }
            None => self.findings.not_seen("client-text", "No echo came."),
        }
        self.report.show(self.findings, &self.wire.secrets);
        self.ask_redelivery(state, from, &heard).await
    }

    async fn ask_redelivery(
        &mut self,
        state: &mut State,
        from: usize,
        heard: &[Heard],
    ) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let (Some(first), Some(socket)) = (heard.first(), state.socket.as_mut()) else {
            self.findings.not_seen("redelivery", "No frame came that could come again.");
            return Ok(());
        };
        let left = (first.at + AGAIN_WITHIN).saturating_sub(clock.now());
        let again = |sockets: &[&mut Socket]| {
            sockets[0].ended.is_some()
                || repeated(&sockets[0].heard[from..], &sockets[0].heard[from..]).is_some()
        };
        listen(&clock, &mut [&mut *socket], left, again).await?;
        let found = repeated(&socket.heard[from..], &socket.heard[from..]);
        if let Some((one, two)) = found {
            let after = seconds(two.at.saturating_sub(one.at));
            let seen =
                format!("A frame that was not acknowledged came again after {after}, over the same socket.");
            self.findings.answer("redelivery", "after-5s", seen);
            socket.acking = true;
            socket.acknowledge_all(&clock).await;
            return Ok(());
        }
        if let Some(old) = state.socket.take() {
            state.gone = old.ws_id.clone();
            old.close().await;
        }
        let mut socket = self.connect(&mut state.visit).await?;
        // Not before it is seen what comes again.
        socket.acking = false;
        let again = |sockets: &[&mut Socket]| repeated(heard, &sockets[0].heard).is_some();
        let came = listen(&clock, &mut [&mut socket], AGAIN_AT_CONNECTION, again).await?;
        match came {
            true => self.findings.answer(
                "redelivery",
                "next-connection",
                format!("A frame that was not acknowledged did not come again within {}, and came again over the next socket.", seconds(AGAIN_WITHIN)),
            ),
            false => self.findings.answer(
                "redelivery",
                "never",
                format!("A frame that was not acknowledged came again neither within {} nor over the next socket.", seconds(AGAIN_WITHIN)),
            ),
        }
        socket.acking = true;
        socket.acknowledge_all(&clock).await;
        state.socket = Some(socket);
        Ok(())
    }

    fn note_fields(&mut self, frames: &[&Value]) {
        match fields(frames) {
            Ok((answer, seen)) => self.findings.answer("frame-fields", answer, seen),
            Err(why) => self.findings.not_seen("frame-fields", why),
        }
    }

    fn note_reply(&mut self, frames: &[&Value]) {
        let reply: Vec<&Value> = frames.iter().copied().filter(|frame| is_reply(frame)).collect();
        let Some(first) = reply.first() else {
            self.findings.not_seen("replies-per-question", "No reply came.");
            return self.note_pieces(&reply);
        };
        if !frames.iter().all(|frame| frame.get("messageId").is_some()) {
            let why = "Without ids nothing says which frames belong to one reply.";
            for switch in ["streaming", "end-mark", "replies-per-question"] {
                self.findings.not_seen(switch, why);
            }
            return;
        }
        self.note_replies(&reply);
        // Of several replies the first tells.
        let of_first = |frame: &&&Value| frame.get("messageId") == first.get("messageId");
        let reply: Vec<&Value> = reply.iter().filter(of_first).copied().collect();
        self.note_pieces(&reply);
    }

    /// In how many messages a question was answered.
    fn note_replies(&mut self, reply: &[&Value]) {
        let mut ids: Vec<_> = reply.iter().filter_map(|frame| frame.get("messageId")?.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let under =
            if ids.len() == 1 { "one messageId".to_owned() } else { format!("{} messageIds", ids.len()) };
        let seen = format!("A message was answered under {under}.");
        match ids.len() {
            1 => self.findings.answer("replies-per-question", "one", seen),
            2 => self.findings.answer("replies-per-question", "two", seen),
            3 => self.findings.answer("replies-per-question", "three", seen),
            _ => self.findings.not_seen("replies-per-question", seen),
        }
    }

    pub(super) fn next_message(&mut self, state: &mut State) -> Message {
        state.said += 1;
        state.visit.message(state.said)
    }
}
