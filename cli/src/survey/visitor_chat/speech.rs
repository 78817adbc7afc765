//! One exchange through this door: the answer to the send, the echo, the reply, and what comes again.

use std::time::Duration;

use serde_json::Value;

use super::State;
use crate::survey::findings::seconds;
use crate::survey::frames::{is_echo, is_reply, is_said, repeated, text_in};
use crate::survey::sockets::{Heard, Socket, listen};
use crate::survey::walk::{Walk, hear_out, keep};
use crate::survey::wire::{Answer, Trouble};

/// How long to wait for a frame that was not acknowledged to come again.
const AGAIN_WITHIN: Duration = Duration::from_secs(9);
/// The same, once there is a new connection.
const AGAIN_AT_CONNECTION: Duration = Duration::from_secs(4);

impl Walk<'_> {
    pub(super) async fn ask_chat_exchange(&mut self, state: &mut State<'_>) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let text = Self::next_text(state);
        self.chat_socket(state).await?.acking = false;
        let Some(socket) = state.socket.as_mut() else { return Ok(()) };
        let (from, sent) = (socket.heard.len(), clock.now());
        let answer = state.visit.send(self.wire, &state.visit.place.session_id, &text, true).await?;
        self.note_money(&answer.data().map(drop), &[]);
        let told = answer.data()?.get("messageId").and_then(Value::as_str).map(str::to_owned);
        self.note_send_answer(&answer, told.is_some());
        state.shown.taken = true;
        hear_out(&clock, &mut [&mut *socket], from, sent).await?;
        keep(self.wire, &socket.heard[from..]);
        let heard: Vec<Heard> =
            socket.heard[from..].iter().filter(|heard| is_said(&heard.frame)).cloned().collect();
        let frames: Vec<&Value> = heard.iter().map(|heard| &heard.frame).collect();
        let own_id = told.as_deref().unwrap_or_default();
        let echo = frames.iter().find(|frame| is_echo(frame, own_id, &text));
        state.shown.echo_comes = echo.is_some();
        let knows_socket = socket.ws_id.is_some();
        state.shown.can_acknowledge = knows_socket && frames.iter().all(|frame| frame.get("seqId").is_some());
        if let Some(first) = heard.iter().find(|heard| is_reply(&heard.frame)) {
            state.shown.reply_after = first.at.saturating_sub(sent);
        }
        self.note_money(&Ok(()), &frames);
        self.note_ids(&frames);
        self.note_echo(echo.copied(), told.as_deref());
        let reply: Vec<&Value> = frames.iter().copied().filter(|frame| is_reply(frame)).collect();
        let first = reply.first().and_then(|frame| frame.get("messageId"));
        let of_first: Vec<&Value> =
            reply.iter().copied().filter(|frame| frame.get("messageId") == first).collect();
        self.note_pieces(&of_first);
        self.report.show(self.findings, &self.wire.secrets);
        self.ask_chat_redelivery(state, from, &heard).await
    }

    fn note_send_answer(&mut self, answer: &Answer, has_id: bool) {
        match (has_id, answer.has("data")) {
            (true, _) => {
                self.findings.answer("send-answer", "message-id", "The answer to a message held a messageId.")
            }
            (false, false) => {
                self.findings.answer("send-answer", "absent", "The answer to a message had no data.")
            }
            (false, true) => match answer.data() {
                Ok(Value::Null) => {
                    self.findings.answer("send-answer", "null", "The answer to a message had null as data.")
                }
                _ => self
                    .findings
                    .not_seen("send-answer", "The answer to a message held data without a messageId."),
            },
        }
    }

    fn note_ids(&mut self, frames: &[&Value]) {
        let ids = ["sessionId", "seqId", "wsId"];
        let counts = ids.map(|id| frames.iter().filter(|frame| frame.get(id).is_some()).count());
        let total = frames.len();
        match () {
            () if total == 0 => self.findings.not_seen("frame-ids", "No frame came."),
            () if counts == [total; 3] => {
                let seen = format!("All {total} frames of an exchange carried sessionId, seqId and wsId.");
                self.findings.answer("frame-ids", "all", seen);
            }
            () if counts == [0; 3] => {
                let seen = format!("None of {total} frames carried a sessionId, seqId or wsId.");
                self.findings.answer("frame-ids", "none", seen);
            }
            () => {
                let parts: Vec<_> =
                    ids.iter().zip(counts).map(|(id, count)| format!("{id} {count}")).collect();
                let why = format!(
                    "Of {total} frames so many carried an id: {}. No known answer is like that.",
                    parts.join(", ")
                );
                self.findings.not_seen("frame-ids", why);
            }
        }
    }

    fn note_echo(&mut self, echo: Option<&Value>, told: Option<&str>) {
        let Some(echo) = echo else {
            self.findings.answer("echo", "none", "No frame held the text of a message that was taken.");
            return self.findings.not_seen("echo-id", "No echo came.");
        };
        let place = text_in(echo).0;
        let field = if place == "content" { "`data.content`" } else { "`multipleData`" };
        self.findings.answer("echo", place, format!("The echo's text stood in {field}."));
        if self.findings.answer_to("frame-ids") != Some("all") {
            return self.findings.not_seen("echo-id", "Frames carry no ids.");
        }
        match (echo.get("messageId").and_then(Value::as_str), told) {
            (None, _) => self.findings.answer(
                "echo-id",
                "absent",
                "The echo had no messageId, which other frames had.",
            ),
            (Some(_), None) => {
                self.findings.not_seen(
                    "echo-id",
                    "The echo had a messageId, and the answer to the message none to compare with.",
                );
            }
            (Some(id), Some(told)) if id == told => {
                self.findings.answer(
                    "echo-id",
                    "of-send",
                    "The echo had the messageId that the answer to the message told.",
                );
            }
            (Some(_), Some(_)) => {
                self.findings.answer(
                    "echo-id",
                    "other",
                    "The echo had another messageId than the answer to the message told.",
                );
            }
        }
    }

    async fn ask_chat_redelivery(
        &mut self,
        state: &mut State<'_>,
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
        if let Some((one, two)) = repeated(&socket.heard[from..], &socket.heard[from..]) {
            let after = seconds(two.at.saturating_sub(one.at));
            let seen =
                format!("A frame that was not acknowledged came again after {after}, over the same socket.");
            self.findings.answer("redelivery", "after-5s", seen);
            socket.acking = true;
            socket.acknowledge_all(&clock).await;
            return Ok(());
        }
        let before = state.visit.place.session_id.clone();
        if let Some(old) = state.socket.take() {
            old.close().await;
        }
        let mut socket = self.chat_connect(state).await?;
        // Not before it is seen what comes again.
        socket.acking = false;
        let again = |sockets: &[&mut Socket]| repeated(heard, &sockets[0].heard).is_some();
        let came = listen(&clock, &mut [&mut socket], AGAIN_AT_CONNECTION, again).await?;
        let within = seconds(AGAIN_WITHIN);
        match came {
            true => self.findings.answer(
                "redelivery",
                "next-connection",
                format!("A frame that was not acknowledged did not come again within {within}, and came again over the next socket."),
            ),
            false if state.visit.place.session_id != before => self.findings.not_seen(
                "redelivery",
                format!("A frame that was not acknowledged did not come again within {within}; the next socket belongs to another session."),
            ),
            false => self.findings.answer(
                "redelivery",
                "never",
                format!("A frame that was not acknowledged came again neither within {within} nor over the next socket."),
            ),
        }
        socket.acking = true;
        socket.acknowledge_all(&clock).await;
        state.socket = Some(socket);
        Ok(())
    }

    pub(super) async fn ask_send_api_key(&mut self, state: &mut State<'_>) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let text = Self::next_text(state);
        self.chat_socket(state).await?;
        let Some(mut socket) = state.socket.take() else { return Ok(()) };
        let (from, sent) = (socket.heard.len(), clock.now());
        let answer = state.visit.send(self.wire, &state.visit.place.session_id, &text, false).await?;
        match answer.data() {
            Ok(_) => {
                self.findings.answer("send-api-key", "optional", "A message without an apiKey was taken.");
                hear_out(&clock, &mut [&mut socket], from, sent).await?;
                keep(self.wire, &socket.heard[from..]);
            }
            Err(refusal) if refusal.is_for_money() => {
                // The key was not what it failed for.
                let why = format!("A message without an apiKey got {}.", refusal.shown());
                self.findings.answer("send-api-key", "optional", why);
            }
            Err(refusal) if state.shown.taken => {
                let seen = format!(
                    "A message without an apiKey got {}, and one with it was taken.",
                    refusal.shown()
                );
                self.findings.answer("send-api-key", "required", seen);
            }
            Err(refusal) if refusal.status == 422 => {
                let seen = format!("A message without an apiKey got {}.", refusal.shown());
                self.findings.answer("send-api-key", "required", seen);
            }
            Err(refusal) => {
                let why =
                    format!("A message without an apiKey got {}, as one with it might.", refusal.shown());
                self.findings.not_seen("send-api-key", why);
            }
        }
        state.socket = Some(socket);
        Ok(())
    }
}
