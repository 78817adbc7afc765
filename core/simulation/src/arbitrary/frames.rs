//! Frames of any kind.

use secondme_avatar_protocol::{Input, Raw};
use serde_json::{Value, json};

use super::{Run, SESSIONS};

impl Run {
    /// Frames that fit together or do not, and some that are no JSON.
    pub(super) fn frame(&mut self) {
        for _ in 0..self.chance.below(6) {
            let frame = match self.chance.below(20) {
                0 => "{\"type\":".to_owned(),
                _ => self.some_frame().to_string(),
            };
            let frame = Raw::from(frame);
            self.input(Input::SocketFrame { generation: self.generation, frame });
        }
    }

    pub(super) fn some_frame(&mut self) -> Value {
        let numbers: [u64; 4] = std::array::from_fn(|_| self.chance.below(420));
        let [seq, place, index, number] = numbers;
        let mut frame = json!({});
        let messages = [&self.messages[..], &["r1".to_owned(), "r2".to_owned()]].concat();
        let mut maybe = |name: &str, value: Value, of_ten: u64| {
            if self.chance.below(10) < of_ten {
                frame[name] = value;
            }
        };
        maybe("sessionId", json!(SESSIONS[(number % 7).min(3) as usize]), 8);
        maybe("seqId", json!(seq), 7);
        maybe("messageId", json!(messages[place as usize % messages.len()]), 7);
        maybe("index", json!(i64::try_from(index % 4).unwrap() - 1), 7);
        maybe("wsId", json!(if number % 9 == 0 { "other" } else { "ws" }), 5);
        maybe("multipleData", json!([{"modal": {"answer": "word "}}]), 8);
        maybe("data", json!({"content": "word"}), 3);
        frame["sender"] = json!(self.chance.of(&["umm", "umm", "umm", "client", "sys"]));
        frame["sendUserId"] = json!(self.chance.of(&["me", "owner"]));
        if self.chance.below(8) == 0 {
            frame["type"] = json!(self.chance.of(&["pong", "hint", "sys", "what"]));
        }
        if self.chance.below(16) == 0 {
            let codes = ["session.openai.error", "session.status.closed", "session.not.member", "x.y"];
            frame["subCode"] = json!(self.chance.of(&codes));
        }
        frame
    }
}
