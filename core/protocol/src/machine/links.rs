//! What becomes of the conversations when something happens to the socket.

use std::time::Duration;

use super::{Goal, Machine, Output};
use crate::call::Call;
use crate::connection::ConnectionEffect;
use crate::error::Error;
use crate::event::EventKind;
use crate::limits::CONFIRMATION_WAIT;
use crate::link::LinkInput;
use crate::time::Millis;

impl Machine {
    pub(super) fn apply(&mut self, now: Millis, effect: ConnectionEffect) {
        match effect {
            ConnectionEffect::None => {}
            ConnectionEffect::Up => self.link_up(now),
            // Whether a ping that names no socket is welcome is open.
            ConnectionEffect::Ping(None) if !self.config.ping_unnamed => {}
            ConnectionEffect::Ping(ws) => {
                self.counters.pings += 1;
                self.transmit(crate::wire::ping(ws.as_ref().map(crate::ids::WsId::as_str)));
            }
            ConnectionEffect::Close(generation) => self.outputs.push_back(Output::SocketClose(generation)),
            ConnectionEffect::Lost { close, retry_in, cause } => {
                self.outputs.extend(close.map(Output::SocketClose));
                self.link_down(retry_in, &cause);
            }
        }
    }

    pub(super) fn link_lost(&mut self, now: Millis, cause: Error) {
        let effect = self.connection.handle(now, LinkInput::Lost(cause), &mut self.rng);
        self.apply(now, effect);
    }

    fn link_up(&mut self, now: Millis) {
        self.calls.forget_failures(&Call::Connect);
        self.authentication.handshake_accepted();
        self.capabilities.reconnected();
        for conversation in &mut self.conversations {
            conversation.link_up(now);
        }
    }

    /// What came while nothing was read is still to be read: the silence begins again, for echoes and
    /// answers as well.
    pub(super) fn read_on(&mut self, now: Millis, reading: bool) {
        if reading == self.reading {
            return;
        }
        if reading {
            for conversation in &mut self.conversations {
                conversation.read_again(now, self.reading_since);
                if self.connection.is_up() {
                    conversation.sends_mut().set_confirmation_deadlines(Some(now + CONFIRMATION_WAIT));
                }
            }
        }
        self.reading = reading;
        self.reading_since = now;
    }

    fn link_down(&mut self, retry_in: Duration, cause: &Error) {
        self.counters.lost += 1;
        self.suspend_gaps();
        for at in 0..self.conversations.len() {
            if self.conversations[at].is_opened() && self.goal == Goal::Live {
                self.emit(at, EventKind::disconnected(retry_in, cause), None);
            }
        }
    }

    pub(super) fn transmit(&mut self, text: String) {
        self.outputs.push_back(Output::SocketSend { generation: self.connection.generation(), text });
    }
}
