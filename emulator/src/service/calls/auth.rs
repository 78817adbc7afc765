//! Step 0: an API key and a visitorId for a visitor token.

use serde_json::{Value, json};

use super::body::Fields;
use super::body_of;
use crate::service::Service;
use crate::service::door::Door;
use crate::service::failure::{Code, Failure};
use crate::service::http::Request;
use crate::service::ids::VisitorIndex;
use crate::service::visitors::{VisitorKey, is_visitor_id};
use crate::service::world::{Token, bounds, number_id};

impl Service {
    pub(super) fn auth(&mut self, request: &Request) -> Result<Value, Failure> {
        let header = request.headers.get("authorization").unwrap_or_default();
        let given = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let given = given.map(|(_, key)| key.trim()).filter(|key| !key.is_empty()).ok_or_else(|| {
            Failure::new(Code::Unauthorized, "the header `Authorization: Bearer sk-…` is missing")
        })?;
        let number = self.settings.keys.iter().position(|key| key.key == given);
        let number = number.ok_or_else(|| Failure::new(Code::KeyNotFound, "there is no such API key"))?;
        if self.settings.keys[number].disabled {
            return Err(Failure::new(Code::KeyDisabled, "this API key is disabled"));
        }
        self.count_against_quota(number)?;

        let body = body_of(request)?;
        let fields = Fields::new(&body);
        let visitor_id = match fields.required("visitorId")? {
            Value::String(id) if is_visitor_id(id) => id.as_str(),
            _ => {
                let text = "`visitorId` must be `{platform}_{uuid}`, at most 64 + 37 characters";
                return Err(Failure::new(Code::InvalidVisitorId, text));
            }
        };
        let name = fields.optional_text("visitorName")?.filter(|name| !name.is_empty());
        let channel = fields.optional_text("channel")?.filter(|channel| !channel.is_empty());
        let said_channel = channel.map(str::to_owned);
        let name = match (name, channel) {
            (Some(name), Some(channel)) => Some(format!("{name}({channel})")),
            (Some(name), None) => Some(name.to_owned()),
            (None, _) => None,
        };

        let share_code = &self.settings.keys[number].share_code;
        let avatar = self.settings.avatars.iter().position(|avatar| avatar.share_code == *share_code);
        let avatar =
            avatar.ok_or_else(|| Failure::new(Code::AvatarNotFound, "the avatar of this key is gone"))?;
        let (door, id) = (Door::AvatarOpenApi, visitor_id.to_owned());
        let visitor = self.visitor(VisitorKey { door, avatar, id, is_user: false })?;
        let known = &mut self.world.visitors[visitor.0];
        if name.is_some() || said_channel.is_some() {
            known.name = name.or_else(|| known.name.take());
            known.channel = said_channel.or_else(|| known.channel.take());
            self.touch_visitor(visitor);
        }
        let token = self.issue_token(visitor, number);
        let (person, avatar) = (&self.world.visitors[visitor.0], &self.settings.avatars[avatar]);
        Ok(json!({
            "visitorToken": token,
            "visitorUserId": person.user_id,
            "visitorMindId": number_id(person.mind_id, self.settings.id_form),
            "avatarShareCode": avatar.share_code,
            "avatarName": avatar.name,
            "ownerUserId": avatar.owner_user_id,
        }))
    }

    fn issue_token(&mut self, visitor: VisitorIndex, key: usize) -> String {
        let text = self.random.hex32();
        let tokens = &mut self.world.visitors[visitor.0].tokens;
        if tokens.len() == bounds::TOKENS
            && let Some(oldest) = tokens.pop_front()
        {
            self.world.tokens.remove(&oldest);
        }
        tokens.push_back(text.clone());
        self.world.tokens.insert(text.clone(), Token { visitor, key, issued: self.now, calls: 0 });
        text
    }
}
