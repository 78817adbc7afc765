//! Reads the emulator's own journal.

use std::collections::HashMap;

use serde_json::Value;

use super::happening::{CONNECT, Happening, Side, What, Whose, data, id};
use super::text::length;
use crate::time::Millis;

/// Reads entries one by one, as `GET /_emulator/journal` has them.
#[derive(Debug, Default)]
pub(super) struct Emulated {
    read: Vec<Happening>,
    /// Where the calls stand in `read`, by the numbers of their entries.
    calls: HashMap<u64, usize>,
}

impl Emulated {
    /// Takes the next entry. What is of a later version is passed over.
    pub(super) fn take(&mut self, entry: &Value) {
        let Some(n) = entry["n"].as_u64() else { return };
        let at = Millis(entry["atMs"].as_u64().unwrap_or_default());
        let whose = Whose {
            visitor: id(&entry["visitorId"]),
            session: id(&entry["sessionId"]),
            socket: id(&entry["wsId"]),
        };
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        let what = match entry["what"].as_str().unwrap_or_default() {
            "request" => {
                let path = text("path").unwrap_or_default();
                let name = text("call")
                    .unwrap_or_else(|| format!("{} {path}", entry["method"].as_str().unwrap_or("?")));
                self.calls.insert(n, self.read.len());
                What::Call { id: n, name, body: entry["body"].clone() }
            }
            "answer" => {
                let call = entry["request"].as_u64().unwrap_or_default();
                return self.answer(entry, call, Happening { n, at, whose, what: answer(entry, call) });
            }
            "connect" => {
                let asked = What::Call { id: n, name: CONNECT.to_owned(), body: Value::Null };
                self.read.push(Happening { n, at, whose: whose.clone(), what: asked });
                return self.answer(entry, n, Happening { n, at, whose, what: answer(entry, n) });
            }
            "frame-in" => return self.frame((n, at, whose), Side::Client, &entry["frame"]),
            "frame-out" => return self.frame((n, at, whose), Side::Service, &entry["frame"]),
            "close" => What::Close {
                by: text("by").unwrap_or_default(),
                code: entry["code"].as_u64().and_then(|code| code.try_into().ok()),
                reason: text("reason"),
            },
            "fault" => What::Fault { at: text("at").unwrap_or_default(), effect: effect(&entry["do"]) },
            "owner" => What::Owner {
                action: text("action").unwrap_or_default(),
                text: text("text"),
                failure: text("failure"),
            },
            _ => return,
        };
        self.read.push(Happening { n, at, whose, what });
    }

    pub(super) fn finish(mut self) -> Vec<Happening> {
        // Answers that came late stand where they arrived.
        self.read.sort_by_key(|happening| (happening.at, happening.n));
        self.read
    }

    fn answer(&mut self, entry: &Value, call: u64, mut answer: Happening) {
        answer.at = answer.at + Millis(entry["afterMs"].as_u64().unwrap_or_default());
        let asked = self.calls.get(&call).and_then(|at| self.read.get_mut(*at));
        if let What::Answer { status, body, .. } = &answer.what
            && let Some(data) = data(*status, body)
        {
            // A session belongs to the call that made it as well.
            answer.whose.session = answer.whose.session.or_else(|| id(&data["sessionId"]));
            answer.whose.socket = answer.whose.socket.or_else(|| id(&data["wsId"]));
            if let Some(asked) = asked {
                asked.whose.session = asked.whose.session.take().or_else(|| answer.whose.session.clone());
            }
        }
        self.read.push(answer);
    }

    fn frame(&mut self, (n, at, mut whose): (u64, Millis, Whose), side: Side, body: &Value) {
        whose.session = whose.session.or_else(|| id(&body["sessionId"]));
        self.read.push(Happening { n, at, whose, what: What::Frame { side, body: body.clone() } });
    }
}

fn answer(entry: &Value, call: u64) -> What {
    let how = entry["delivery"].as_str().map(str::to_owned);
    let status = entry["status"].as_u64().and_then(|status| status.try_into().ok());
    let is_there = how.as_deref().is_none_or(|how| how == "late");
    What::Answer { call, status: status.filter(|_| is_there), how, body: entry["body"].clone() }
}

/// What a fault does, in a few words: `delay 2.0 s`, `close 1012`, `drop`.
fn effect(effect: &Value) -> String {
    let Value::Object(fields) = effect else { return effect.as_str().unwrap_or_default().to_owned() };
    let named = fields.get_key_value("status").or_else(|| fields.iter().next());
    let Some((name, value)) = named else { return String::new() };
    let code = value.get("code").unwrap_or(value);
    let shown = match code {
        Value::String(text) => text.parse().map_or_else(|_| text.clone(), length),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    format!("{name} {shown}").trim_end().to_owned()
}
