//! Bytes of a fuzzer's as frames, and as answers.

use std::time::Duration;

use bytes::Bytes;
use secondme_avatar_protocol::{Command, ConversationKey, Door, Input, Raw, State, Step, Text};
use serde_json::json;

use super::Run;

impl Run {
    /// Opens the conversation as a good service would have it.
    fn open_well(&mut self) {
        let open = Command::Open { conversation: ConversationKey::FIRST, deadline: Duration::from_secs(120) };
        self.waiting.insert(self.machine.command(self.now, open).unwrap());
        self.drain();
        for _ in 0..20 {
            let Some((call, step)) = self.calls.pop() else { break };
            self.input(Input::QuotaGranted(call));
            self.calls.retain(|(other, _)| *other != call);
            let data = if step == Step::CreateSession { json!({"sessionId": "s1"}) } else { self.data(step) };
            let body = Bytes::from(json!({"code": 0, "data": data}).to_string());
            self.input(Input::HttpAnswer { call, status: 200, retry_after: None, body });
            self.input(Input::ConnectPermitted);
            self.input(Input::SocketOpened(self.generation));
        }
        assert_eq!(self.machine.state(ConversationKey::FIRST), State::Live);
    }

    /// Any text at all comes as frames, a line each, over an open socket, with a question waiting.
    pub fn frames(text: &str) {
        let mut run = Self::new(Door::AvatarOpenApi, 7, None);
        run.open_well();
        let deadline = Duration::from_secs(120);
        let ask = Command::Ask {
            conversation: ConversationKey::FIRST,
            text: Text::from("Hello"),
            deadline,
            first_piece: deadline,
            pieces: true,
            collect: None,
        };
        run.waiting.insert(run.machine.command(run.now, ask).unwrap());
        run.drain();
        for line in text.lines() {
            run.input(Input::SocketFrame { generation: run.generation, frame: Raw::from(line.to_owned()) });
            run.tick(run.now + Duration::from_millis(200));
        }
        run.live(0);
    }

    /// Any bytes at all come as answers: each call gets a status and a body out of them.
    pub fn answers(bytes: &[u8]) {
        let mut run = Self::new(Door::AvatarOpenApi, 7, None);
        if bytes.first().is_some_and(|first| first % 2 == 0) {
            run.open_well();
        }
        let deadline = Duration::from_secs(120);
        let conversation = ConversationKey::FIRST;
        for command in [
            Command::Open { conversation, deadline },
            Command::Send { conversation, text: Text::from("Hello"), deadline },
            Command::History { conversation, before: None, limit: 3, deadline },
        ] {
            if let Ok(ticket) = run.machine.command(run.now, command) {
                run.waiting.insert(ticket);
            }
            run.drain();
        }
        for answer in bytes.split(|byte| *byte == 0).take(60) {
            let [kind, body @ ..] = answer else { continue };
            let Some((call, _)) = run.calls.pop() else {
                let next = run.machine.next_deadline().unwrap_or(run.now);
                run.tick(next);
                continue;
            };
            run.input(Input::QuotaGranted(call));
            run.calls.retain(|(other, _)| *other != call);
            let statuses = [200, 200, 200, 201, 400, 401, 403, 404, 408, 429, 500, 503];
            let status = statuses[usize::from(*kind) % statuses.len()];
            let body = Bytes::copy_from_slice(body);
            run.input(Input::HttpAnswer { call, status, retry_after: None, body });
        }
        run.live(0);
    }
}
