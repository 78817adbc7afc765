//! The visitor who asks: its token, its ids, its session, and the calls it makes with them.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::survey::sockets::{Offer, Refused, Socket, connect};
use crate::survey::wire::{Answer, Call, NoVisit, Refusal, Trouble, Wire};

/// The most authentications of a run: a third of what a key has in one minute.
const AUTHENTICATIONS: u32 = 25;

/// The end of a token, as this side saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenDeath {
    /// Calls that it was good for.
    pub(super) calls: u32,
    /// Its age at the call that was refused.
    pub(super) age: Duration,
}

#[derive(Debug)]
pub(super) struct Visit {
    key: String,
    visitor_id: String,
    token: String,
    pub(super) user_id: String,
    /// Whether the service wrote the numeric mind id as a number.
    pub(super) writes_numbers: Option<bool>,
    mind_number: Value,
    pub(super) share_code: String,
    owner_id: String,
    mind_id: String,
    session_id: String,
    token_calls: u32,
    token_since: Duration,
    pub(super) deaths: Vec<TokenDeath>,
    /// The code of a dead token, once one was seen.
    pub(super) dead_code: Option<String>,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) text: String,
}

impl Visit {
    /// Takes the steps of the vendor's page, up to the session that its owner can see.
    pub(super) async fn begin(wire: &mut Wire, key: &str, visitor_id: &str) -> Result<Self, NoVisit> {
        wire.secrets.keep(key);
        wire.secrets.keep(visitor_id);
        let mut visit = Self {
            key: key.to_owned(),
            visitor_id: visitor_id.to_owned(),
            token: String::new(),
            user_id: String::new(),
            writes_numbers: None,
            mind_number: Value::Null,
            share_code: String::new(),
            owner_id: String::new(),
            mind_id: String::new(),
            session_id: String::new(),
            token_calls: 0,
            token_since: Duration::ZERO,
            deaths: Vec::new(),
            dead_code: None,
        };
        visit.authenticate(wire).await?;
        let init = Call::post("/rest/os/avatar/chat/init", json!({"shareCode": visit.share_code}));
        let init = visit.must(wire, "init_chat", init).await?;
        visit.mind_id = text_of(&init, "mindId");
        let session = json!({
            "mindId": visit.mind_number,
            "mindType": "shadow",
            "mode": "PERSONAL",
            "sessionType": "SHARE",
            "memberUserIds": [visit.owner_id],
        });
        let session = Call::post("/rest/general/session/create", session);
        let session = visit.must(wire, "create_session", session).await?;
        visit.session_id = text_of(&session, "sessionId");
        let public = visit.public();
        let avatar = visit.must(wire, "resolve_avatar", public).await?;
        let start = json!({"avatarId": avatar["id"], "sessionId": visit.session_id});
        let start = Call::post("/rest/os/avatar/chat/start", start);
        visit.must(wire, "bind_session", start).await?;
        Ok(visit)
    }

    /// Makes a call with the visitor's token. Where the token is no longer valid, it takes another and asks again.
    pub(super) async fn call(&mut self, wire: &mut Wire, call: Call) -> Result<Answer, Trouble> {
        loop {
            let answer = wire.call(&self.signed(call.clone())).await?;
            if !self.is_dead(&answer) {
                self.token_calls += 1;
                return Ok(answer);
            }
            self.renew(wire).await?;
        }
    }

    /// Sends a message. It is not sent twice, unless the token was refused.
    pub(super) async fn send(
        &mut self,
        wire: &mut Wire,
        ws_id: &str,
        message: &Message,
    ) -> Result<Result<(), Refusal>, Trouble> {
        wire.secrets.keep(&message.text);
        wire.secrets.keep(&message.id);
        let call = Call::post("/rest/general/message/send", self.body_of(ws_id, message));
        loop {
            wire.wait_for_turn().await?;
            let answer = wire.call_once(&self.signed(call.clone())).await?;
            if !self.is_dead(&answer) {
                self.token_calls += 1;
                let outcome = answer.data().map(drop);
                wire.used.messages += u32::from(outcome.is_ok());
                return Ok(outcome);
            }
            self.renew(wire).await?;
        }
    }

    /// Gets the address of a socket, with its `wsId`.
    pub(super) async fn address(&mut self, wire: &mut Wire) -> Result<(String, String), Trouble> {
        let body = json!({
            "userId": self.user_id,
            "channel": ["ALL"],
            "apiVersion": "1.3.0",
            "sdkVersion": "1.0.0",
        });
        let answer = self.call(wire, Call::post("/rest/general/ws/create", body)).await?;
        let data = answer.data()?;
        Ok((text_of(data, "wsId"), text_of(data, "address")))
    }

    /// Gets an address and shakes hands there.
    pub(super) async fn connect(
        &mut self,
        wire: &mut Wire,
        offer: &Offer,
    ) -> Result<Result<Socket, Refused>, Trouble> {
        let (ws_id, address) = self.address(wire).await?;
        connect(wire, (Some(ws_id), &address), offer).await
    }

    /// The call for the public avatar, which changes nothing.
    pub(super) fn public(&self) -> Call {
        Call::get(format!("/rest/os/avatar/public/{}", self.share_code))
    }

    /// One of the calls for history.
    pub(super) fn history(&self, path: &str) -> Call {
        Call::get(format!("/rest/general/message/{path}sessionId={}", self.session_id))
    }

    /// Leaves no session behind, where the service lets a visitor end one.
    pub(super) async fn end(&mut self, wire: &mut Wire) {
        let close = Call::post("/rest/general/session/close", json!({"sessionId": self.session_id}));
        // Where it does not, the session stays, as every program's does.
        let _ = wire.call_once(&self.signed(close)).await;
    }

    /// Makes a call with a token that was never given out.
    pub(super) async fn call_with_dead_token(&self, wire: &mut Wire, call: Call) -> Result<Answer, Trouble> {
        let call = call.header("token", "00000000000000000000000000000000").header("Fp", &self.visitor_id);
        wire.call(&call).await
    }

    /// A message with an id of its own.
    pub(super) fn message(&self, number: u32) -> Message {
        let random = RandomState::new().hash_one(number) % 90_000 + 10_000;
        let text = format!(
            "Hello! This is an automatic check of the connection ({number}). One short sentence is enough as an answer."
        );
        Message { id: format!("{random}_____{}", now_ms()), text }
    }

    /// Takes another token, as a client does whose token is no longer valid.
    async fn renew(&mut self, wire: &mut Wire) -> Result<(), Trouble> {
        self.note_death(wire);
        self.fresh_token(wire).await
    }

    /// Notes that the token of now has ended.
    pub(super) fn note_death(&mut self, wire: &Wire) {
        let death = self.token_use(wire);
        self.deaths.push(death);
    }

    /// Takes another token, whatever the one of now is good for.
    pub(super) async fn fresh_token(&mut self, wire: &mut Wire) -> Result<(), Trouble> {
        self.authenticate(wire).await.map_err(|error| match error {
            NoVisit::Refused(_, refusal) => refusal.into(),
            NoVisit::Trouble(trouble) => trouble,
        })
    }

    pub(super) fn is_dead(&self, answer: &Answer) -> bool {
        let Err(refusal) = answer.data() else {
            return false;
        };
        let known = self.dead_code.is_some() && refusal.code == self.dead_code;
        known || refusal.status == 401 || refusal.names("token")
    }

    /// Says whether the token of now is good, with a call that changes nothing.
    pub(super) async fn try_token(&mut self, wire: &mut Wire) -> Result<bool, Trouble> {
        let answer = wire.call(&self.signed(self.public())).await?;
        let lives = !self.is_dead(&answer);
        self.token_calls += u32::from(lives);
        Ok(lives)
    }

    /// How often the token of now was used, and its age.
    pub(super) fn token_use(&self, wire: &Wire) -> TokenDeath {
        TokenDeath { calls: self.token_calls, age: wire.clock.now().saturating_sub(self.token_since) }
    }

    async fn authenticate(&mut self, wire: &mut Wire) -> Result<(), NoVisit> {
        if wire.used.authentications >= AUTHENTICATIONS {
            return Err(
                Trouble::new("tokens end so soon that the survey would use up the key's quota").into()
            );
        }
        let body = json!({"visitorId": self.visitor_id, "visitorName": "avatar survey"});
        let call = Call::post("/rest/open/avatar/auth", body)
            .header("authorization", &format!("Bearer {}", self.key));
        wire.used.authentications += 1;
        let answer = wire.call(&call).await?;
        let data = answer.data().map_err(|refusal| NoVisit::Refused("authenticate", refusal))?;
        self.token = text_of(data, "visitorToken");
        self.user_id = text_of(data, "visitorUserId");
        self.share_code = text_of(data, "avatarShareCode");
        self.owner_id = text_of(data, "ownerUserId");
        let mind = data.get("visitorMindId").unwrap_or(&Value::Null);
        self.writes_numbers = match mind {
            Value::Number(_) => Some(true),
            Value::String(_) => Some(false),
            _ => None,
        };
        // The next step wants the number, whole.
        let number = mind.as_u64().or_else(|| mind.as_str().and_then(|text| text.parse().ok()));
        self.mind_number = number.map_or_else(|| mind.clone(), Value::from);
        self.token_calls = 0;
        self.token_since = wire.clock.now();
        Ok(())
    }

    async fn must(&mut self, wire: &mut Wire, step: &'static str, call: Call) -> Result<Value, NoVisit> {
        let answer = self.call(wire, call).await?;
        answer.data().cloned().map_err(|refusal| NoVisit::Refused(step, refusal))
    }

    fn signed(&self, call: Call) -> Call {
        call.header("token", &self.token).header("Fp", &self.visitor_id)
    }

    fn body_of(&self, ws_id: &str, message: &Message) -> Value {
        json!({
            "timestamp": now_ms(),
            "seqId": message.id,
            "messageId": message.id,
            "sessionId": self.session_id,
            "userId": self.user_id,
            "sendUserId": self.user_id,
            "mindId": self.mind_id,
            "wsId": ws_id,
            "index": 0,
            "dataType": "text",
            "sender": "client",
            "type": "msg",
            "data": {"content": message.text},
        })
    }
}

/// A field that is a text, or a number as its digits.
fn text_of(data: &Value, name: &str) -> String {
    match data.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
