//! The socket's handshake, and whether pings are answered.

use std::time::Duration;

use super::State;
use crate::survey::findings::seconds;
use crate::survey::frames::is_pong;
use crate::survey::sockets::{EXTENSION, Offer, listen};
use crate::survey::walk::Walk;
use crate::survey::wire::Trouble;

/// How long the answer to a ping may take.
const PONG_WITHIN: Duration = Duration::from_secs(10);

impl Walk<'_> {
    pub(super) async fn ask_handshake(&mut self, state: &mut State) -> Result<(), Trouble> {
        let extensions = Some(EXTENSION);
        let offer = Offer { origin: Some(self.own_origin()), extensions };
        let offered = state.visit.connect(self.wire, &offer).await?;
        self.note_extensions(offered.as_ref().err().copied());
        if let Ok(socket) = offered {
            socket.close().await;
        }
        let refused = match state.visit.connect(self.wire, &Offer::default()).await? {
            Ok(socket) => {
                state.gone = socket.ws_id.clone();
                socket.close().await;
                self.findings.answer("origin", "ignored", "A handshake without an Origin was taken.");
                return Ok(());
            }
            Err(refused) => refused,
        };
        let socket = self.connect(&mut state.visit).await?;
        state.socket = Some(socket);
        self.note_origin(refused);
        Ok(())
    }

    pub(super) async fn ask_pings(&mut self, state: &mut State) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let socket = self.socket(state).await?;
        for _ in 0..2 {
            socket.ping(&clock).await;
            let sent = clock.now();
            let from = socket.heard.len();
            listen(&clock, &mut [&mut *socket], PONG_WITHIN, |sockets| {
                let heard = &sockets[0].heard[from..];
                heard.iter().any(|heard| is_pong(&heard.frame)) || sockets[0].ended.is_some()
            })
            .await?;
            if let Some(pong) = socket.heard[from..].iter().find(|heard| is_pong(&heard.frame)) {
                let after = seconds(pong.at.saturating_sub(sent));
                self.findings.answer(
                    "pings",
                    "pong",
                    format!("A ping was answered with a pong after {after}."),
                );
                return Ok(());
            }
            if socket.ended.is_some() {
                self.findings.not_seen("pings", "The socket was closed after a ping.");
                return Ok(());
            }
        }
        let waited = seconds(PONG_WITHIN);
        self.findings.answer(
            "pings",
            "nothing",
            format!("No pong came within {waited} of each of two pings."),
        );
        Ok(())
    }
}
