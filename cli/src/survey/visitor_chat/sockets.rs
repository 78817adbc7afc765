//! The sockets of this door: handshake, pings, a second `init`, and how long socket and address live.

use std::time::Duration;

use super::State;
use crate::survey::findings::seconds;
use crate::survey::frames::{is_pong, is_said};
use crate::survey::sockets::{EXTENSION, Offer, Socket, listen};
use crate::survey::walk::{Question, Walk, close_of, hear_out, keep};
use crate::survey::wire::Trouble;

/// How long the answer to a ping may take.
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// How long an older socket may take to be closed.
const CLOSES_WITHIN: Duration = Duration::from_secs(3);
/// The longest that a silent socket is watched.
const WATCHED: Duration = Duration::from_secs(75);
/// An address that is good at this age is good for longer than the known 60 s.
const OLD: Duration = Duration::from_secs(65);

impl Walk<'_> {
    pub(super) async fn ask_chat_handshake(&mut self, state: &mut State<'_>) -> Result<(), Trouble> {
        let own = Offer { origin: Some(self.own_origin()), ..Offer::default() };
        let offer = Offer { extensions: Some(EXTENSION), ..own.clone() };
        let offered = state.visit.connect(self.wire, &offer).await?;
        self.note_extensions(offered.as_ref().err().copied());
        if let Ok(socket) = offered {
            socket.close().await;
        }
        // Refused or not, an address may be used up.
        state.visit.init(self.wire).await??;
        let first = match state.visit.connect(self.wire, &Offer::default()).await? {
            Ok(socket) => {
                self.findings.answer("origin", "ignored", "A handshake without an Origin was taken.");
                socket
            }
            Err(refused) => {
                state.visit.init(self.wire).await??;
                let with_own = state.visit.connect(self.wire, &own).await?;
                let socket = with_own.map_err(|refused| {
                    Trouble::new(format!("no socket's handshake was taken ({})", refused.shown()))
                })?;
                self.note_origin(refused);
                socket
            }
        };
        match state.visit.connect(self.wire, &own).await? {
            Ok(second) => {
                state.many = Some(true);
                first.close().await;
                state.socket = Some(second);
            }
            Err(refused) => {
                state.many = Some(false);
                let seen = format!("A second handshake at the same address got {}.", refused.shown());
                self.findings.answer("socket-url-life", "once-60s", seen);
                state.socket = Some(first);
            }
        }
        Ok(())
    }

    pub(super) async fn ask_bare_ping(&mut self, state: &mut State<'_>) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let socket = self.chat_socket(state).await?;
        let ws_id = socket.ws_id.take();
        match pong(socket, &clock).await? {
            Some(after) => {
                self.findings.answer(
                    "bare-ping",
                    "pong",
                    format!("A ping without wsId was answered with a pong after {after}."),
                );
            }
            None => {
                if let Some(ended) = socket.ended {
                    let how = ended.code.map_or_else(String::new, |code| format!(" with code {code}"));
                    self.findings.answer(
                        "bare-ping",
                        "closed",
                        format!("The socket was closed{how} after a ping without wsId."),
                    );
                } else {
                    let waited = seconds(PONG_WITHIN);
                    self.findings.answer(
                        "bare-ping",
                        "nothing",
                        format!("No pong came within {waited} of a ping without wsId."),
                    );
                }
            }
        }
        let socket = self.chat_socket(state).await?;
        // What a pong has told is as good.
        socket.ws_id = socket.ws_id.take().or(ws_id);
        if socket.ws_id.is_none() {
            self.findings.not_seen("pings", "No wsId is known that a ping could carry.");
            return Ok(());
        }
        match pong(socket, &clock).await? {
            Some(after) => self.findings.answer(
                "pings",
                "pong",
                format!("A ping with wsId was answered with a pong after {after}."),
            ),
            None if socket.ended.is_some() => {
                self.findings.not_seen("pings", "The socket was closed after a ping.")
            }
            None => {
                let waited = seconds(PONG_WITHIN);
                self.findings.answer(
                    "pings",
                    "nothing",
                    format!("No pong came within {waited} of a ping with wsId."),
                );
            }
        }
        Ok(())
    }

    pub(super) async fn ask_second_init(
        &mut self,
        question: &Question,
        state: &mut State<'_>,
    ) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        self.chat_socket(state).await?;
        let Some(mut older) = state.socket.take() else { return Ok(()) };
        let before = state.visit.place.session_id.clone();
        state.visit.init(self.wire).await??;
        match state.visit.place.session_id == before {
            true => self.findings.answer(
                "second-init",
                "same",
                "A second init of the same visitor told the same session.",
            ),
            false => self.findings.answer(
                "second-init",
                "new",
                "A second init of the same visitor told another session.",
            ),
        }
        let offer = Offer { origin: Some(self.own_origin()), ..Offer::default() };
        let newer = state.visit.connect(self.wire, &offer).await?;
        let newer = newer
            .map_err(|how| Trouble::new(format!("the socket's handshake was refused ({})", how.shown())))?;
        let mut newer = self.kept_alive(newer);
        listen(&clock, &mut [&mut older, &mut newer], CLOSES_WITHIN, |sockets| sockets[0].ended.is_some())
            .await?;
        if let Some(ended) = older.ended {
            state.shown.older_close = Some(ended.code);
            let how = close_of(ended.code);
            let seen = format!("The first socket was closed {how} after a second init.");
            self.findings.answer("older-socket", "closed", seen);
        } else if let Err(why) = self.may_say(question).await {
            let why = format!("Both sockets stayed open. Who gets the frames was not asked: {why}");
            self.findings.not_asked("older-socket", why);
        } else {
            self.drain(state.shown.can_acknowledge, &mut [&mut newer, &mut older]).await?;
            let text = Self::next_text(state);
            let (from, from_older, sent) = (newer.heard.len(), older.heard.len(), clock.now());
            state.visit.send(self.wire, &state.visit.place.session_id, &text, true).await?.data()?;
            hear_out(&clock, &mut [&mut newer, &mut older], from, sent).await?;
            let says =
                |socket: &Socket, from: usize| socket.heard[from..].iter().any(|heard| is_said(&heard.frame));
            match (says(&newer, from), says(&older, from_older)) {
                (true, true) => self.findings.answer(
                    "older-socket",
                    "both-get",
                    "Both sockets stayed open, and both got the frames of an exchange.",
                ),
                (true, false) => self.findings.answer(
                    "older-socket",
                    "stays",
                    "Both sockets stayed open, and the newer one alone got the frames of an exchange.",
                ),
                (false, true) => self.findings.not_seen(
                    "older-socket",
                    "The older socket alone got the frames. No known answer is like that.",
                ),
                (false, false) => self
                    .findings
                    .not_seen("older-socket", "Both sockets stayed open, and neither got a frame."),
            }
            keep(self.wire, &newer.heard);
        }
        older.close().await;
        state.socket = Some(newer);
        Ok(())
    }

    pub(super) async fn ask_chat_silence(&mut self, state: &mut State<'_>) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let socket = self.chat_socket(state).await?;
        if socket.pinging {
            socket.ping(&clock).await;
        }
        let pinging = std::mem::replace(&mut socket.pinging, false);
        let since = if pinging { socket.last_ping } else { clock.now() };
        listen(&clock, &mut [&mut *socket], WATCHED, |sockets| sockets[0].ended.is_some()).await?;
        socket.pinging = pinging;
        let Some(ended) = socket.ended else {
            let seen = format!("The socket was still open after {} without a ping.", seconds(WATCHED));
            self.findings.answer("ping-drop", "never", seen);
            return Ok(());
        };
        let time = ended.at.saturating_sub(since);
        state.shown.silent_close = Some(ended.code);
        let how = close_of(ended.code);
        let seen = format!("The socket was closed {} after its last ping, {how}.", seconds(time));
        match time.as_secs() {
            0..10 => {
                self.findings.not_seen("ping-drop", format!("{seen} That is too soon for want of a ping."))
            }
            10..45 => self.findings.answer("ping-drop", "30s", seen),
            _ => self.findings.answer("ping-drop", "60s", seen),
        }
        Ok(())
    }

    pub(super) async fn ask_address_life(&mut self, state: &mut State<'_>) -> Result<(), Trouble> {
        if state.many != Some(true) {
            return Ok(());
        }
        let clock = self.wire.clock.clone();
        clock.pass(OLD.saturating_sub(state.visit.age(self.wire))).await?;
        let age = seconds(state.visit.age(self.wire));
        let offer = Offer { origin: Some(self.own_origin()), ..Offer::default() };
        match state.visit.connect(self.wire, &offer).await? {
            Ok(socket) => {
                let seen = format!("An address was good for several sockets, and still after {age}.");
                self.findings.answer("socket-url-life", "session", seen);
                socket.close().await;
            }
            Err(refused) => {
                let seen = format!(
                    "An address was good for several sockets, and after {age} it got {}.",
                    refused.shown()
                );
                self.findings.answer("socket-url-life", "any-60s", seen);
            }
        }
        Ok(())
    }
}

/// Pings once. Says how long the pong took, if one came.
async fn pong(socket: &mut Socket, clock: &crate::survey::clock::Clock) -> Result<Option<String>, Trouble> {
    let from = socket.heard.len();
    socket.ping(clock).await;
    let sent = socket.last_ping;
    listen(clock, &mut [&mut *socket], PONG_WITHIN, |sockets| {
        sockets[0].ended.is_some() || sockets[0].heard[from..].iter().any(|heard| is_pong(&heard.frame))
    })
    .await?;
    let pong = socket.heard[from..].iter().find(|heard| is_pong(&heard.frame));
    Ok(pong.map(|pong| seconds(pong.at.saturating_sub(sent))))
}
