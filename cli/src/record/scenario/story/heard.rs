//! What the service sent over the sockets: it is pushed as it came, and what it means is expected.

use serde_json::{Value, json};

use super::Story;
use crate::record::scenario::cast::plain;
use crate::record::scenario::replies::Meaning;
use crate::record::scenario::steps::{Place, pushed};

impl Story {
    /// A frame of the service.
    pub(super) fn frame(&mut self, at: u64, socket: u64, line: &Value) {
        let Some(&visitor) = self.sockets.get(&socket) else { return };
        let frame = &line["body"];
        let own = plain(&frame["sessionId"]).filter(|id| self.sessions.contains_key(id));
        let latest = || {
            let theirs = self.sessions.iter().filter(|(_, session)| session.visitor == visitor);
            theirs.max_by_key(|(_, session)| session.name.len()).map(|(id, _)| id.clone())
        };
        let Some(id) = own.or_else(latest) else { return };
        if !frame.is_object() {
            match line["text"].as_str() {
                Some(text) => {
                    if let Some((_, name)) = self.open(at, &id) {
                        self.steps.pass(at);
                        self.push(&name, "text", text.into());
                    }
                }
                None => self.unreadable += 1,
            }
            return;
        }
        if self.visitors[visitor].is_foreign(frame) {
            if let Some((_, name)) = self.open(at, &id) {
                self.push(&name, "frame", frame.clone());
            }
            return;
        }
        if let Some(event) = self.hear(at, &id, frame, None) {
            let name = self.sessions[&id].name.clone();
            self.steps.push(json!({"expect": {"in": name, "events": [event]}}));
        }
    }

    /// What a frame means: it is pushed, here or where it was missed. Returns the event to expect.
    fn hear(&mut self, at: u64, id: &str, frame: &Value, missed: Option<Place>) -> Option<Value> {
        let visitor = self.sessions.get(id)?.visitor;
        let is_echo = self.visitors[visitor].is_echo(frame);
        let meaning = self.sessions.get_mut(id)?.replies.take(frame);
        let event = match meaning {
            Meaning::Control => return None,
            Meaning::Person { .. } if is_echo => return None,
            Meaning::Repeated if missed.is_some() || is_echo => return None,
            Meaning::Person { text } => Some(self.sessions.get_mut(id)?.replies.owner(&text)),
            Meaning::Event(event) => Some(event),
            Meaning::Piece | Meaning::Repeated => None,
        };
        let (_, name) = self.open(at, id)?;
        let mut frame = frame.clone();
        if let Some(fields) = frame.as_object_mut() {
            // The emulator's own ids stand for those.
            fields.remove("wsId");
            if fields.contains_key("sessionId") {
                fields.insert("sessionId".to_owned(), format!("${name}.session").into());
            }
        }
        match missed {
            Some(place) => self.steps.fill(place, pushed(&name, "frame", &frame)),
            None => {
                self.steps.pass(at);
                self.push(&name, "frame", frame);
            }
        }
        event
    }

    fn push(&mut self, name: &str, what: &str, frame: Value) {
        self.steps.push(pushed(name, what, &frame));
    }

    /// A message query has answered with frames, some of which may have been missed.
    pub(super) fn missed(&mut self, data: &Value) {
        for frame in data.as_array().into_iter().flatten() {
            let Some(id) = plain(&frame["sessionId"]).filter(|id| self.sessions.contains_key(id)) else {
                continue;
            };
            let (visitor, name) = (self.sessions[&id].visitor, self.sessions[&id].name.clone());
            let Some((lost, back)) = self.visitors[visitor].missed_at else { continue };
            if let Some(event) = self.hear(0, &id, frame, Some(lost)) {
                self.steps.fill(back, json!({"expect": {"in": name, "events": [event]}}));
            }
        }
    }
}
