//! A conversation in which much happens: slow answers, a lost socket, a refused handshake, an owner who takes over.

use secondme_avatar_emulator::service::{Entry, Headers, Millis, Settings};
use serde_json::json;

use super::{ANN, INIT, QUERY, SESSION, Stage, Visit, WS, data, session, text, ws};

const LATENCY: Millis = Millis(80);

impl Stage {
    /// What happened so far.
    pub fn journal(&mut self) -> Vec<Entry> {
        self.service.journal(self.now, 0).0
    }

    pub fn fault(&mut self, fault: &str) {
        self.service.add_fault(fault.parse().unwrap()).unwrap();
    }

    /// Opens a conversation, call by call, each as long as the latency.
    pub fn open_slowly(&mut self) -> Visit {
        let mut ann = self.arrive(ANN);
        self.pass(LATENCY);
        let init = data(&self.post(&ann, INIT, &json!({"shareCode": "ebe251793d69"})));
        ann.encoded_mind_id = text(&init["mindId"]);
        self.address(&mut ann);
        self.pass(LATENCY);
        ann.session = text(&data(&self.post(&ann, SESSION, &session(&ann)))["sessionId"]);
        ann.socket = self.handshake(&ann).unwrap();
        self.pass(LATENCY);
        data(&self.post(&ann, super::BIND, &json!({"avatarId": 67, "sessionId": ann.session})));
        self.pass(LATENCY);
        self.ping(&ann);
        ann
    }

    /// Connects again, after a try that is refused.
    fn reconnect(&mut self, ann: &mut Visit) {
        self.fault(r#"{"at": "connect", "do": {"status": 429, "retry-after": 2}}"#);
        self.pass(Millis(300));
        let body = ws(ann);
        for refused in [true, false] {
            let address = data(&self.post(ann, WS, &body));
            (ann.ws_id, ann.address) = (text(&address["wsId"]), text(&address["address"]));
            self.pass(LATENCY);
            match self.handshake_with(ann, &Headers::new()) {
                Ok(socket) => ann.socket = socket,
                Err(_) => assert!(refused),
            }
            self.pass(if refused { Millis::seconds(2) } else { LATENCY });
        }
        self.ping(ann);
        self.get(ann, &format!("{QUERY}?sessionId={}&direction=forward", ann.session));
        self.pass(LATENCY);
    }
}

/// The journal of the scene, and the session's id.
pub fn played() -> (Vec<Entry>, String) {
    let settings = Settings::default().latency(LATENCY).reply_delay(Millis(700)).piece_delay(Millis(120));
    let mut stage = Stage::new(settings);
    let mut ann = stage.open_slowly();
    stage.pass(Millis(900));
    stage.send(&ann, "Hi, who are you?");
    stage.pass(Millis::seconds(3));
    stage.fault(r#"{"at": "reply", "do": {"delay": "2500ms"}}"#);
    stage.send(&ann, "What did you see in Kyoto, and would you go there again?");
    stage.pass(Millis::seconds(6));
    stage.fault(r#"{"at": "frame-out", "sender": "umm", "skip": 3, "do": "cut"}"#);
    stage.send(&ann, "And where did you stay while you were there?");
    stage.pass(Millis(1_200));
    stage.reconnect(&mut ann);
    stage.pass_alive(&ann, Millis::seconds(250));
    stage.owner_says(&ann, "It is me now, in person");
    stage.pass(Millis(1_400));
    stage.send(&ann, "Is that really you?");
    stage.pass(Millis(1_900));
    stage.owner_says(&ann, "It is. Back to my avatar in a moment.");
    stage.pass(Millis(1_500));
    stage.hand_back(&ann);
    stage.pass(Millis(800));
    stage.send(&ann, "Are you back?");
    stage.pass(Millis::seconds(3));
    stage.leave(&ann);
    (stage.journal(), ann.session)
}
