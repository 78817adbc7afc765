//! Step 0: an API key and a visitorId for a visitor token.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::body::Fields;
use super::body_of;
use crate::service::Service;
use crate::service::failure::{Code, Failure};
use crate::service::http::Request;
use crate::service::ids::VisitorIndex;
use crate::service::random::Random;
use crate::service::unacknowledged::Unacknowledged;
use crate::service::world::{Token, Visitor, bounds, number_id};

/// The longest platform part of a visitorId.
const PLATFORM_LIMIT: usize = 64;

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
        let name = match (name, channel) {
            (Some(name), Some(channel)) => Some(format!("{name}({channel})")),
            (Some(name), None) => Some(name.to_owned()),
            (None, _) => None,
        };

        let share_code = &self.settings.keys[number].share_code;
        let avatar = self.settings.avatars.iter().position(|avatar| avatar.share_code == *share_code);
        let avatar =
            avatar.ok_or_else(|| Failure::new(Code::AvatarNotFound, "the avatar of this key is gone"))?;
        let visitor = self.visitor(avatar, visitor_id)?;
        if name.is_some() {
            self.world.visitors[visitor.0].name = name;
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

    /// The visitor of this id; a new one, if it never came before. Its ids depend on the seed and
    /// its visitorId alone, so it gets the same again even after a reset.
    fn visitor(&mut self, avatar: usize, visitor_id: &str) -> Result<VisitorIndex, Failure> {
        let name = (avatar, visitor_id.to_owned());
        if let Some(known) = self.world.visitors_by_id.get(&name) {
            return Ok(*known);
        }
        if self.world.visitors.len() >= bounds::VISITORS {
            return Err(Failure::new(Code::EmulatorFull, "too many visitors; reset the emulator"));
        }
        let mut ids = Random::of_text(self.seed ^ avatar as u64, visitor_id);
        let owners = self.settings.avatars.iter().map(|avatar| &avatar.owner_user_id);
        let mut user_id = ids.encoded(9);
        while owners.clone().any(|owner| *owner == user_id) {
            user_id = ids.encoded(9);
        }
        let index = VisitorIndex(self.world.visitors.len());
        self.world.visitors.push(Visitor {
            visitor_id: visitor_id.to_owned(),
            user_id,
            mind_id: ids.wide_number(),
            avatar,
            name: None,
            tokens: VecDeque::new(),
            initialised: None,
            sessions: VecDeque::new(),
            sockets: Vec::new(),
            idle_sockets: VecDeque::new(),
            unacknowledged: Unacknowledged::default(),
        });
        self.world.visitors_by_id.insert(name, index);
        Ok(index)
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

/// `{platform}_{uuid}`, as it can travel in a header.
fn is_visitor_id(text: &str) -> bool {
    let Some((platform, uuid)) = text.rsplit_once('_') else {
        return false;
    };
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let platform = platform.as_bytes();
    (1..=PLATFORM_LIMIT).contains(&platform.len())
        && platform[0].is_ascii_alphanumeric()
        && platform.iter().all(|byte| sign(*byte))
        && is_uuid(uuid)
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    let hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_id_is_a_platform_and_a_uuid() {
        for good in [
            "feishu_550e8400-e29b-41d4-a716-446655440000",
            "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "my_bot.v2-x_6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
        ] {
            assert!(is_visitor_id(good), "{good}");
        }
        let long = format!("{}_550e8400-e29b-41d4-a716-446655440000", "a".repeat(65));
        for bad in [
            "",
            "feishu",
            "feishu_550e8400",
            "550e8400-e29b-41d4-a716-446655440000",
            "_550e8400-e29b-41d4-a716-446655440000",
            "-x_550e8400-e29b-41d4-a716-446655440000",
            "fei shu_550e8400-e29b-41d4-a716-446655440000",
            "飞书_550e8400-e29b-41d4-a716-446655440000",
            "feishu_550e8400e29b41d4a716446655440000",
            "feishu_550e8400-e29b-41d4-a716-44665544000g",
            "feishu_550e8400-e29b-41d4-a716-446655440000\n",
            &long,
        ] {
            assert!(!is_visitor_id(bad), "{bad}");
        }
    }
}
