//! Step 3: sessions.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::Caller;
use super::body::Fields;
use crate::service::Service;
use crate::service::failure::{Code, Failure};
use crate::service::frame_log::FrameLog;
use crate::service::ids::VisitorIndex;
use crate::service::world::{Session, bounds, number_id};

impl Service {
    pub(super) fn session_create(&mut self, caller: Caller, fields: Fields<'_>) -> Result<Value, Failure> {
        fields.fixed("mindType", "shadow")?;
        fields.fixed("mode", "PERSONAL")?;
        fields.fixed("sessionType", "SHARE")?;
        let visitor = &self.world.visitors[caller.visitor.0];
        let knows_persona = match fields.get("mindId") {
            None => false,
            Some(given) => is_mind_id(given, visitor.mind_id).map(|()| true)?,
        };
        let owner_is_member = self.has_owner(caller, fields)?;
        let alive = visitor.initialised.is_some_and(|at| self.now < at + self.settings.chat_context_lifetime);
        if !alive {
            let text = "a session must be created within 10 minutes after chat/init";
            return Err(Failure::new(Code::ChatContextExpired, text));
        }

        let text = self.add_session(caller.visitor, caller.avatar, |session| {
            session.knows_persona = knows_persona;
            session.owner_is_member = owner_is_member;
        });
        let id = self.world.sessions.get(&text).map(|session| &session.id);
        Ok(json!({"sessionId": id, "sessionType": "SHARE", "mode": "PERSONAL", "createTime": self.now.0}))
    }

    /// A new session of a visitor. Returns its id.
    pub(in crate::service) fn add_session(
        &mut self,
        visitor: VisitorIndex,
        avatar: usize,
        set_up: impl FnOnce(&mut Session),
    ) -> String {
        let number = self.fresh();
        let id = 1_000_000_000_000_000_000 + self.random.between(0, 1_000_000_000) * 1_000_000_000 + number;
        let text = id.to_string();
        let person = &mut self.world.visitors[visitor.0];
        if person.sessions.len() == bounds::SESSIONS
            && let Some(oldest) = person.sessions.pop_front()
        {
            self.world.forget_session(&oldest);
            self.world.addresses.forget_session(&oldest);
            self.watch.touch(&oldest);
        }
        let person = &mut self.world.visitors[visitor.0];
        person.sessions.push_back(text.clone());
        let mut session = Session {
            id: number_id(id, self.settings.id_form),
            number,
            created: self.now,
            visitor,
            avatar,
            knows_persona: false,
            owner_is_member: false,
            bound: false,
            closed: false,
            takeover: None,
            frames: FrameLog::default(),
            messages: VecDeque::new(),
            noted: 0,
            waiting: VecDeque::new(),
            playing: None,
        };
        set_up(&mut session);
        self.world.sessions.insert(text.clone(), session);
        self.watch.touch(&text);
        text
    }

    pub(super) fn session_close(&mut self, caller: Caller, fields: Fields<'_>) -> Result<Value, Failure> {
        let session_id = fields.id("sessionId")?;
        let session = self.own_session(caller, &session_id)?;
        session.closed = true;
        Self::stop_turns(session);
        self.watch.touch(&session_id);
        Ok(Value::Null)
    }

    /// A session of the caller.
    pub(super) fn own_session(&mut self, caller: Caller, id: &str) -> Result<&mut Session, Failure> {
        let session = self.world.sessions.get_mut(id);
        let session = session
            .ok_or_else(|| Failure::new(Code::SessionNotFound, format!("there is no session `{id}`")))?;
        if session.visitor != caller.visitor {
            return Err(Failure::new(Code::NotMember, "this session is another visitor's"));
        }
        Ok(session)
    }

    /// Whether `memberUserIds` names the avatar's owner.
    fn has_owner(&self, caller: Caller, fields: Fields<'_>) -> Result<bool, Failure> {
        let Some(members) = fields.get("memberUserIds") else {
            return Ok(false);
        };
        let wrong = || Failure::field_invalid("memberUserIds", "a list of user ids");
        let members = members.as_array().ok_or_else(wrong)?;
        if !members.iter().all(Value::is_string) {
            return Err(wrong());
        }
        let owner = &self.settings.avatars[caller.avatar].owner_user_id;
        Ok(members.iter().any(|member| member == owner.as_str()))
    }
}

/// Step 3 wants the exact 64-bit number, or its digits as a string.
fn is_mind_id(given: &Value, mind_id: u64) -> Result<(), Failure> {
    let number = match given {
        Value::Number(number) => Some(number.as_u64()),
        Value::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(text.parse().ok())
        }
        _ => None,
    };
    match number {
        None => Err(Failure::new(
            Code::MindIdNotNumeric,
            "`mindId` must be the number `visitorMindId` of the authentication here, not the encoded id",
        )),
        Some(Some(number)) if number == mind_id => Ok(()),
        Some(_) => Err(Failure::new(
            Code::MindIdMismatch,
            format!(
                "`mindId` {given} is not this visitor's `visitorMindId` {mind_id}; was it rounded by a double?"
            ),
        )),
    }
}
