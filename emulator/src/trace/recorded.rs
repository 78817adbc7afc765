//! Reads the journal that `avatar record` writes. `docs/recording.md` describes it.

use std::collections::HashMap;

use serde_json::Value;

use super::happening::{CONNECT, Happening, Side, What, Whose, data, id};
use crate::service::Service;
use crate::time::Millis;

/// Reads a recording line by line, and finds out whose each is: a recording names no owner of a call.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    read: Vec<Happening>,
    /// Where the calls stand in `read`, with the path of each, by their numbers.
    calls: HashMap<u64, (usize, String)>,
    /// Whose a token is.
    tokens: HashMap<String, String>,
    /// Whose a session is.
    sessions: HashMap<String, String>,
    /// The addresses of sockets that were given out, and whose they are. The last is the newest.
    addresses: Vec<(String, Whose)>,
    sockets: HashMap<u64, Socket>,
}

#[derive(Debug)]
struct Socket {
    whose: Whose,
    is_closed: bool,
}

impl Recorded {
    /// Takes the next line. Unknown lines are passed over.
    pub(super) fn take(&mut self, line: &Value) {
        let n = line["n"].as_u64().unwrap_or_default();
        let at = Millis(line["at_ms"].as_u64().unwrap_or_default());
        let socket = line["socket"].as_u64().unwrap_or_default();
        let is_client = line["from"] == "client" || line["by"] == "client";
        match line["what"].as_str().unwrap_or_default() {
            "request" => self.request(n, at, line),
            "answer" => {
                let status = line["status"].as_u64().and_then(|status| status.try_into().ok());
                self.answer(n, at, line, (status, None));
            }
            "no-answer" => self.answer(n, at, line, (None, line["why"].as_str().map(str::to_owned))),
            "socket" => {
                let call = self.calls.get(&line["request"].as_u64().unwrap_or_default());
                let Some(opened) = call.and_then(|(at, _)| self.read.get_mut(*at)) else { return };
                opened.whose.socket = Some(socket.to_string());
                let whose = opened.whose.clone();
                // The answer that has opened it came before this line.
                let is_its = |it: &&mut Happening| matches!(&it.what, What::Answer { call, .. } if Some(*call) == line["request"].as_u64());
                if let Some(answer) = self.read.iter_mut().rev().find(is_its) {
                    answer.whose = whose.clone();
                }
                self.sockets.insert(socket, Socket { whose, is_closed: false });
            }
            "frame" if line["kind"] == "close" => {
                let code = line["code"].as_u64().and_then(|code| code.try_into().ok());
                let reason = line["reason"].as_str().map(str::to_owned);
                self.close((n, at), socket, is_client, (code, reason));
            }
            "frame" => self.frame((n, at), socket, is_client, line),
            "end" => self.close((n, at), socket, is_client, (None, line["how"].as_str().map(str::to_owned))),
            _ => {}
        }
    }

    pub(super) fn finish(self) -> Vec<Happening> {
        self.read
    }

    fn request(&mut self, n: u64, at: Millis, line: &Value) {
        let (path, headers, body) =
            (line["path"].as_str().unwrap_or_default(), &line["headers"], &line["body"]);
        let target =
            line["query"].as_str().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        let number = line["request"].as_u64().unwrap_or_default();
        let token = id(&headers["token"]).or_else(|| id(&headers["authorization"]));
        let session = id(&body["sessionId"]).or_else(|| in_query(&target, "sessionId"));
        let is_handshake = !headers["upgrade"].is_null();
        let name = match Service::call_name(path) {
            _ if is_handshake => CONNECT.to_owned(),
            Some(name) => name.to_owned(),
            None => format!("{} {path}", line["method"].as_str().unwrap_or("?")),
        };
        let of_session = session.as_ref().and_then(|session| self.sessions.get(session)).cloned();
        let visitor = id(&headers["fp"]).or_else(|| id(&body["visitorId"])).or(of_session);
        let of_token = || self.tokens.get(token.as_ref()?).cloned();
        // At Visitor Chat a user has no other name than the token.
        let of_user = || (name == "visitor-chat/init").then(|| token.clone()).flatten();
        let visitor = visitor.or_else(of_token).or_else(of_user);
        let mut whose = Whose { visitor, session, socket: None };
        if is_handshake {
            let given = self.addresses.iter().rev().find(|(address, _)| address.ends_with(&target));
            whose = given.map(|(_, whose)| whose.clone()).unwrap_or_default();
        }
        self.calls.insert(number, (self.read.len(), path.to_owned()));
        let body = if body.is_null() { line["form"].clone() } else { body.clone() };
        self.read.push(Happening { n, at, whose, what: What::Call { id: number, name, body } });
    }

    fn answer(&mut self, n: u64, at: Millis, line: &Value, (status, how): (Option<u16>, Option<String>)) {
        let call = line["request"].as_u64().unwrap_or_default();
        let body = if line["body"].is_null() { line["text"].clone() } else { line["body"].clone() };
        let asked = self.calls.get(&call).and_then(|(at, _)| self.read.get_mut(*at));
        let mut whose = asked.as_ref().map(|asked| asked.whose.clone()).unwrap_or_default();
        if let Some(data) = data(status, &body) {
            whose.session = whose.session.or_else(|| id(&data["sessionId"]));
            if let (Some(session), Some(visitor)) = (&whose.session, &whose.visitor) {
                self.sessions.insert(session.clone(), visitor.clone());
            }
            if let (Some(token), Some(visitor)) = (id(&data["visitorToken"]), &whose.visitor) {
                self.tokens.insert(token, visitor.clone());
            }
            let is_of_session = data["wsUrl"].is_string();
            if let Some(address) = data["address"].as_str().or_else(|| data["wsUrl"].as_str()) {
                // Only at Visitor Chat a socket is of a session.
                let session = whose.session.clone().filter(|_| is_of_session);
                let of = Whose { visitor: whose.visitor.clone(), session, socket: None };
                self.addresses.push((address.to_owned(), of));
            }
            if let Some(asked) = asked {
                asked.whose.session.clone_from(&whose.session);
            }
        }
        self.read.push(Happening { n, at, whose, what: What::Answer { call, status, how, body } });
    }

    fn frame(&mut self, (n, at): (u64, Millis), socket: u64, is_client: bool, line: &Value) {
        let mut whose = self.sockets.get(&socket).map(|socket| socket.whose.clone()).unwrap_or_default();
        whose.socket = Some(socket.to_string());
        let body = match (line["kind"].as_str(), &line["body"]) {
            (Some(kind @ ("ping" | "pong")), _) => serde_json::json!({"type": kind}),
            (_, Value::Null) => line["text"].clone(),
            (_, body) => body.clone(),
        };
        whose.session = whose.session.or_else(|| id(&body["sessionId"]));
        let side = if is_client { Side::Client } else { Side::Service };
        self.read.push(Happening { n, at, whose, what: What::Frame { side, body } });
    }

    /// A socket has ended: the first that says so is the one that counts.
    fn close(
        &mut self,
        (n, at): (u64, Millis),
        socket: u64,
        is_client: bool,
        (code, reason): (Option<u16>, Option<String>),
    ) {
        let Some(known) = self.sockets.get_mut(&socket).filter(|known| !known.is_closed) else { return };
        known.is_closed = true;
        let by = if is_client { "client" } else { "service" }.to_owned();
        let whose = known.whose.clone();
        self.read.push(Happening { n, at, whose, what: What::Close { by, code, reason } });
    }
}

fn in_query(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
