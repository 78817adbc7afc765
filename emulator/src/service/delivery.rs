//! How frames reach a visitor: stored, pushed, acknowledged, sent again.

use super::door::Door;
use super::faults::InjectionPoint;
use super::frames::Frame;
use super::ids::{SocketId, VisitorIndex};
use super::journal::What;
use super::switches::{Redelivery, SecondSocket};
use super::timers::Timer;
use super::unacknowledged::Again;
use super::visitor_chat::{OlderSocket, RedeliveredName};
use super::{Push, Service};
use crate::time::Millis;

/// How long an acknowledgement may take before the frame is sent again.
const ACKNOWLEDGE_WITHIN: Millis = Millis::seconds(5);

impl Service {
    /// Stores a frame in its session and pushes it to its visitor, unless it is `lost`.
    pub(super) fn deliver(&mut self, session_id: &str, frame: Frame, lost: bool) {
        let Some(session) = self.world.sessions.get(session_id) else {
            return;
        };
        let visitor = session.visitor;
        self.keep_frame(session_id, &frame);
        self.watch.touch(session_id);
        if lost || self.world.visitors[visitor.0].sockets.is_empty() {
            return;
        }
        let ws_id = self.push_to_visitor(visitor, session_id, &frame, None);
        if self.settings.redelivery == Redelivery::Never || frame.seq_id().is_none() {
            return;
        }
        let number = self.fresh();
        let again = Again { session_id: session_id.to_owned(), ws_id: ws_id.unwrap_or_default(), frame };
        self.world.visitors[visitor.0].unacknowledged.push(number, again);
        if self.settings.redelivery == Redelivery::After5s {
            self.timers.set(self.now + ACKNOWLEDGE_WITHIN, Timer::Redeliver { visitor, frame: number });
        }
    }

    /// Sends a frame to whichever of a visitor's sockets are to get it, at Visitor Chat under the name `named` if there
    /// is one. Returns the name of one of the sockets.
    pub(super) fn push_to_visitor(
        &mut self,
        visitor: VisitorIndex,
        session_id: &str,
        frame: &Frame,
        named: Option<&str>,
    ) -> Option<String> {
        let mut receiver = None;
        for socket in self.receivers(visitor, session_id) {
            let Some(live) = self.world.sockets.get(&socket) else {
                continue;
            };
            let text = match self.world.visitors[visitor.0].door {
                Door::AvatarOpenApi => frame.text(&live.ws_id, self.settings.frame_fields),
                Door::VisitorChat => {
                    let ws_id = named.unwrap_or(&live.ws_id);
                    frame.chat_text(ws_id, self.settings.visitor_chat_frame_ids)
                }
            };
            receiver = Some(live.ws_id.clone());
            self.push(socket, text);
        }
        receiver
    }

    /// Sends a frame again.
    fn push_again(&mut self, visitor: VisitorIndex, again: &Again) {
        let named = match self.settings.visitor_chat_redelivered_ws_id {
            RedeliveredName::Present => None,
            RedeliveredName::First => Some(again.ws_id.as_str()),
        };
        self.push_to_visitor(visitor, &again.session_id, &again.frame, named);
    }

    /// The sockets of a visitor that get the frames of a session.
    pub(super) fn receivers(&self, visitor: VisitorIndex, session_id: &str) -> Vec<SocketId> {
        let person = &self.world.visitors[visitor.0];
        let sockets = &person.sockets;
        if person.door == Door::VisitorChat {
            let is_of_session = |id: &&SocketId| {
                let socket = self.world.sockets.get(id);
                socket.is_some_and(|socket| socket.session.as_deref() == Some(session_id))
            };
            return match self.settings.visitor_chat_older_socket {
                OlderSocket::BothGet => sockets.clone(),
                OlderSocket::Closed | OlderSocket::Stays => {
                    sockets.iter().rfind(is_of_session).copied().into_iter().collect()
                }
            };
        }
        match self.settings.second_socket {
            SecondSocket::BothGet => sockets.clone(),
            SecondSocket::ClosesOlder | SecondSocket::NewestGets => {
                sockets.last().copied().into_iter().collect()
            }
        }
    }

    /// Sends a text to a socket, unless a fault is in its way. Every frame passes through here.
    pub(super) fn push(&mut self, socket: SocketId, text: String) {
        self.carry_frame(InjectionPoint::FrameOut, socket, text);
    }

    /// A frame leaves the service.
    pub(super) fn give_out(&mut self, socket: SocketId, text: String) {
        self.note_of_socket(socket, Some(&text), || What::frame_out(&text));
        if let Some(live) = self.world.sockets.get_mut(&socket) {
            live.pushed += 1;
            self.pushes.push_back(Push::Frame { socket, text });
        }
    }

    /// The time for an acknowledgement is over.
    pub(super) fn redeliver(&mut self, visitor: VisitorIndex, number: u64) {
        let person = &mut self.world.visitors[visitor.0];
        let is_connected = !person.sockets.is_empty();
        let Some(again) = person.unacknowledged.repeat(number, is_connected) else {
            return;
        };
        self.push_again(visitor, &again);
        self.timers.set(self.now + ACKNOWLEDGE_WITHIN, Timer::Redeliver { visitor, frame: number });
    }

    /// A visitor has connected: what it did not acknowledge comes again, if the switch says so.
    pub(super) fn redeliver_at_connection(&mut self, visitor: VisitorIndex) {
        if self.settings.redelivery != Redelivery::NextConnection {
            return;
        }
        let frames = self.world.visitors[visitor.0].unacknowledged.repeat_all();
        for again in frames {
            self.push_again(visitor, &again);
        }
    }
}
