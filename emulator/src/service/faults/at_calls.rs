//! Faults of calls, of handshakes, and of the avatar's replies.

use serde_json::{Map, Value};

use super::rules::{Met, Occasion};
use super::{Effect, InjectionPoint};
use crate::service::Service;
use crate::service::door::Door;
use crate::service::failure::{self, Code, Failure};
use crate::service::http::{Answer, Delivery, Headers, Request};
use crate::service::ids::{SocketId, Whose};
use crate::service::journal::What;
use crate::service::sockets::ticket;
use crate::service::switches::RetryAfter;
use crate::service::visitor_chat::bearer;
use crate::time::Millis;

/// How long to wait, in seconds, as a refusal for the quota says.
const QUOTA_WAIT: u64 = 60;

impl Service {
    /// Answers a call, with the fault it meets.
    pub(in crate::service) fn answer_call(&mut self, request: &Request) -> Answer {
        let Some((point, effect)) = self.fault_of_call(request) else {
            return self.judge(request);
        };
        let door = Door::of_path(&request.path);
        match effect {
            Effect::Refuse => return Answer::unheard(Delivery::Reset),
            Effect::CutBefore => return Answer::unheard(Delivery::Cut),
            Effect::HangBefore => return Answer::unheard(Delivery::Never),
            Effect::Status { status, retry_after, body } => {
                self.counts.call(point.as_str());
                return plain_answer(status, retry_after, body);
            }
            Effect::Fail { code, reason, .. } => {
                self.counts.call(point.as_str());
                self.counts.code(&code);
                return failure::answer(door, &code, &reason, &self.settings);
            }
            Effect::Quota => {
                self.counts.call(point.as_str());
                let failure = Failure::new(Code::RateLimited, "a fault: over the quota of this key");
                let failure = match self.settings.retry_after {
                    RetryAfter::Absent => failure,
                    RetryAfter::Seconds | RetryAfter::Date => failure.with_retry_after(QUOTA_WAIT),
                };
                return self.refuse(door, &failure);
            }
            Effect::ExpiredToken if door == Door::VisitorChat => {
                self.end_chat_token(request);
            }
            Effect::ExpiredContext if door == Door::VisitorChat => {
                if let Some(session_id) = self.caller_of(request).session_id {
                    self.world.forget_session(&session_id);
                }
            }
            Effect::ExpiredToken => {
                if let Some(token) = request.headers.get("token") {
                    self.world.tokens.remove(token);
                }
            }
            Effect::ExpiredContext => {
                let token = request.headers.get("token").and_then(|token| self.world.tokens.get(token));
                if let Some(visitor) = token.map(|token| token.visitor) {
                    self.world.visitors[visitor.0].initialised = None;
                }
            }
            _ => {}
        }
        let mut answer = self.judge(request);
        match effect {
            Effect::CutAfter => answer.delivery = Delivery::Cut,
            Effect::HangAfter => answer.delivery = Delivery::Never,
            Effect::Delay(time) => answer.delivery = Delivery::After(time),
            Effect::Malformed => {
                (answer.status, answer.body) = (200, first_half(&answer.body).to_owned());
            }
            Effect::Empty => (answer.status, answer.body) = (200, String::new()),
            _ => {}
        }
        answer
    }

    /// Answers a handshake, with the fault it meets.
    pub(in crate::service) fn answer_handshake(
        &mut self,
        request: &Request,
        headers: &Headers,
    ) -> Result<SocketId, Answer> {
        let Some(effect) = self.fault_of_handshake(request) else {
            return self.judge_handshake(request, headers);
        };
        match effect {
            Effect::Refuse => return Err(Answer::unheard(Delivery::Reset)),
            Effect::CutBefore => return Err(Answer::unheard(Delivery::Cut)),
            Effect::HangBefore => return Err(Answer::unheard(Delivery::Never)),
            Effect::Status { status, retry_after, body } => {
                self.counts.call("connect");
                return Err(plain_answer(status, retry_after, body));
            }
            Effect::Fail { code, reason, .. } => {
                self.counts.call("connect");
                self.counts.code(&code);
                let status = failure::fitting_status(&code);
                return Err(Answer {
                    status,
                    ..failure::answer(Door::AvatarOpenApi, &code, &reason, &self.settings)
                });
            }
            Effect::ExpiredAddress => {
                if let Some(ticket) = ticket(request) {
                    self.world.addresses.expire_now(&ticket);
                }
            }
            _ => {}
        }
        let outcome = self.judge_handshake(request, headers);
        match (effect, outcome) {
            (Effect::CutAfter, Ok(socket)) => {
                self.forget_socket(socket);
                Err(Answer::unheard(Delivery::Cut))
            }
            // The socket is open for the service, until it misses the pings.
            (Effect::HangAfter, Ok(socket)) => {
                self.faults.deafen(socket);
                Err(Answer::unheard(Delivery::Never))
            }
            (Effect::Delay(time), Ok(socket)) => {
                self.faults.delay_handshake(socket, time);
                Ok(socket)
            }
            (Effect::CutAfter, Err(answer)) => Err(Answer { delivery: Delivery::Cut, ..answer }),
            (Effect::HangAfter, Err(answer)) => Err(Answer { delivery: Delivery::Never, ..answer }),
            (Effect::Delay(time), Err(answer)) => Err(Answer { delivery: Delivery::After(time), ..answer }),
            (_, outcome) => outcome,
        }
    }

    /// Returns by how much a fault delays the answer to a socket's handshake, the first time it is called.
    pub fn handshake_delay(&mut self, socket: SocketId) -> Millis {
        self.faults.take_handshake_delay(socket)
    }

    /// The fault that the avatar's answer to a message meets.
    pub(in crate::service) fn fault_of_reply(
        &mut self,
        session_id: &str,
        visitor_id: &str,
    ) -> Option<Effect> {
        let (visitor_id, session_id) = (Some(visitor_id.to_owned()), Some(session_id.to_owned()));
        let whose = Whose { visitor_id, session_id, ws_id: None };
        self.meet_fault(InjectionPoint::Reply, Occasion { whose, ..Occasion::default() })
    }

    /// The fault that an occasion meets, noted in the journal.
    pub(super) fn meet_fault(&mut self, at: InjectionPoint, occasion: Occasion<'_>) -> Option<Effect> {
        let Met { fault, effect } = self.faults.meet(at, &occasion)?;
        self.journal.note(self.now, occasion.whose, What::Fault { fault, at, r#do: effect.clone() });
        Some(effect)
    }

    /// Returns whose call it is, before the call is judged.
    pub(in crate::service) fn caller_of(&self, request: &Request) -> Whose {
        let body: Map<String, Value> = serde_json::from_slice(&request.body).unwrap_or_default();
        let field = |name: &str| match body.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let token = request.headers.get("token").and_then(|token| self.world.tokens.get(token));
        let session_id = field("sessionId").or_else(|| request.parameter("sessionId"));
        let of_session = || {
            let session = self.world.sessions.get(session_id.as_deref()?)?;
            Some(self.world.visitors[session.visitor.0].visitor_id.clone())
        };
        let visitor_id = match token {
            Some(token) => Some(self.world.visitors[token.visitor.0].visitor_id.clone()),
            None if Door::of_path(&request.path) == Door::VisitorChat => {
                field("visitorId").or_else(of_session)
            }
            None => field("visitorId").or_else(|| request.headers.get("fp").map(str::to_owned)),
        };
        Whose { visitor_id, session_id, ws_id: field("wsId") }
    }

    fn fault_of_call(&mut self, request: &Request) -> Option<(InjectionPoint, Effect)> {
        let point: InjectionPoint = Self::call_name(&request.path)?.parse().ok()?;
        if !self.faults.watches(point) {
            return None;
        }
        let token = request.headers.get("token");
        let has_token = match Door::of_path(&request.path) {
            Door::AvatarOpenApi => token.is_some_and(|token| self.world.tokens.contains_key(token)),
            Door::VisitorChat => bearer(request).is_some(),
        };
        let (whose, call) = (self.caller_of(request), Some(content_of(request)));
        let occasion = Occasion { whose, has_token, call, ..Occasion::default() };
        self.meet_fault(point, occasion).map(|effect| (point, effect))
    }

    fn fault_of_handshake(&mut self, request: &Request) -> Option<Effect> {
        if !self.faults.watches(InjectionPoint::Connect) {
            return None;
        }
        let address = ticket(request).and_then(|ticket| self.world.addresses.get(&ticket));
        let whose = Whose {
            visitor_id: address.map(|address| self.world.visitors[address.visitor.0].visitor_id.clone()),
            session_id: None,
            ws_id: address.map(|address| address.ws_id.clone()),
        };
        self.meet_fault(InjectionPoint::Connect, Occasion { whose, ..Occasion::default() })
    }
}

/// What tells a call from others of its kind: the message that it carries, or all that it says.
fn content_of(request: &Request) -> String {
    let body = String::from_utf8_lossy(&request.body);
    let fields: Map<String, Value> = serde_json::from_str(&body).unwrap_or_default();
    match fields.get("messageId") {
        Some(message) => message.to_string(),
        None => format!("{} {body}", request.query),
    }
}

fn plain_answer(status: u16, retry_after: Option<u64>, body: Option<String>) -> Answer {
    let body = body.unwrap_or_default();
    let kind = if body.starts_with('{') { "application/json" } else { "text/plain; charset=utf-8" };
    let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
    if let Some(seconds) = retry_after {
        headers.push(("retry-after".to_owned(), seconds.to_string()));
    }
    Answer { status, headers, body, delivery: Delivery::Now }
}

/// The first half of a text, which is no longer valid JSON.
pub(super) fn first_half(text: &str) -> &str {
    let middle = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= text.len() / 2).last();
    &text[..middle.unwrap_or_default()]
}
