//! Faults of frames, on their way out and on their way in.

use serde_json::{Map, Value};

use super::at_calls::first_half;
use super::rules::{Held, Occasion};
use super::{Effect, InjectionPoint};
use crate::service::close::CloseHow;
use crate::service::ids::{SocketId, Whose};
use crate::service::journal::By;
use crate::service::timers::Timer;
use crate::service::{Push, Service};
use crate::time::Millis;

/// How long a frame waits for one that overtakes it.
const OVERTAKEN_WITHIN: Millis = Millis::seconds(1);

impl Service {
    /// Lets a frame pass, with the fault it meets.
    pub(in crate::service) fn carry_frame(&mut self, at: InjectionPoint, socket: SocketId, text: String) {
        let Some(effect) = self.fault_of_frame(at, socket, &text) else {
            return self.pass(at, socket, text);
        };
        match effect {
            Effect::Duplicate => {
                self.pass(at, socket, text.clone());
                self.pass(at, socket, text);
            }
            Effect::Delay(time) => self.hold(at, socket, text, time, false),
            Effect::Reorder => self.hold(at, socket, text, OVERTAKEN_WITHIN, true),
            Effect::Malformed => self.pass(at, socket, first_half(&text).to_owned()),
            Effect::Replace(fields) => self.pass(at, socket, Value::Object(fields).to_string()),
            Effect::Merge(changes) => self.pass(at, socket, merged(&text, changes)),
            Effect::HalfOpen => {
                self.faults.deafen(socket);
                self.pushes.push_back(Push::HalfOpen { socket });
            }
            Effect::Cut => self.close(socket, CloseHow::Abrupt, By::Fault),
            Effect::Close { code, reason } => self.close(socket, CloseHow::Clean { code, reason }, By::Fault),
            // `Drop` loses the frame; the other effects do not apply to frames.
            _ => {}
        }
    }

    /// A frame that was held back is due, unless it has gone already.
    pub(in crate::service) fn release_frame(&mut self, number: u64) {
        if let Some(held) = self.faults.release(|held| held.number == number) {
            self.pass(held.at, held.socket, held.text);
        }
    }

    /// Whether nothing passes through a socket any more.
    pub(in crate::service) fn is_deaf(&self, socket: SocketId) -> bool {
        self.faults.is_deaf(socket)
    }

    fn pass(&mut self, at: InjectionPoint, socket: SocketId, text: String) {
        if self.is_deaf(socket) {
            return;
        }
        match at {
            InjectionPoint::FrameIn => self.take_in(socket, &text),
            _ => self.give_out(socket, text),
        }
        // Frames that waited until this one had overtaken them.
        let overtaken = |held: &Held| held.until_next && held.socket == socket && held.at == at;
        while let Some(held) = self.faults.release(overtaken) {
            self.pass(held.at, socket, held.text);
        }
    }

    fn hold(&mut self, at: InjectionPoint, socket: SocketId, text: String, time: Millis, until_next: bool) {
        let number = self.fresh();
        self.faults.hold(Held { number, socket, at, text, until_next });
        self.timers.set(self.now + time, Timer::FrameHeld(number));
    }

    fn fault_of_frame(&mut self, at: InjectionPoint, socket: SocketId, text: &str) -> Option<Effect> {
        if self.is_deaf(socket) || !self.faults.watches(at) {
            return None;
        }
        let live = self.world.sockets.get(&socket)?;
        let fields: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        let field = |name: &str| match fields.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let whose = Whose {
            visitor_id: Some(self.world.visitors[live.visitor.0].visitor_id.clone()),
            session_id: field("sessionId"),
            ws_id: Some(live.ws_id.clone()),
        };
        let (kind, sender) = (field("type"), field("sender"));
        let kind = Some(kind.as_deref().unwrap_or("msg"));
        self.meet_fault(at, Occasion { whose, kind, sender: sender.as_deref(), ..Occasion::default() })
    }
}

/// A frame with some of its fields overwritten. A frame that is not a JSON object stays as it is.
fn merged(text: &str, changes: Map<String, Value>) -> String {
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(text) else {
        return text.to_owned();
    };
    for (name, value) in changes {
        match value {
            Value::Null => drop(fields.remove(&name)),
            value => drop(fields.insert(name, value)),
        }
    }
    Value::Object(fields).to_string()
}
