//! The visitors, and how they are told apart.

use std::collections::VecDeque;

use super::Service;
use super::door::Door;
use super::failure::{Code, Failure};
use super::ids::VisitorIndex;
use super::random::Random;
use super::unacknowledged::Unacknowledged;
use super::world::{Visitor, bounds};

/// The longest platform part of a visitorId.
const PLATFORM_LIMIT: usize = 64;

/// By what a visitor is known again. Each avatar, and each door, has visitors of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct VisitorKey {
    pub(super) door: Door,
    pub(super) avatar: usize,
    /// The `visitorId`, or the name of the user.
    pub(super) id: String,
    /// Whether it is a user who has a token, and no anonymous visitor.
    pub(super) is_user: bool,
}

impl VisitorKey {
    /// Keeps the ids of those apart who have the same `id`.
    fn salt(&self) -> u64 {
        let door = match (self.door, self.is_user) {
            (Door::AvatarOpenApi, _) => 0,
            (Door::VisitorChat, false) => 1 << 40,
            (Door::VisitorChat, true) => 1 << 41,
        };
        door ^ self.avatar as u64
    }
}

impl Service {
    /// The visitor of this id; a new one, if it never came before. Its ids depend on the seed and
    /// its visitorId alone, so it gets the same again even after a reset.
    pub(super) fn visitor(&mut self, key: VisitorKey) -> Result<VisitorIndex, Failure> {
        if let Some(known) = self.world.visitors_by_id.get(&key) {
            return Ok(*known);
        }
        if self.world.visitors.len() >= bounds::VISITORS {
            return Err(Failure::new(Code::EmulatorFull, "too many visitors; reset the emulator"));
        }
        let mut ids = Random::of_text(self.seed ^ key.salt(), &key.id);
        let owners = self.settings.avatars.iter().map(|avatar| &avatar.owner_user_id);
        let mut user_id = ids.encoded(9);
        while owners.clone().any(|owner| *owner == user_id) {
            user_id = ids.encoded(9);
        }
        let index = VisitorIndex(self.world.visitors.len());
        self.world.visitors.push(Visitor {
            visitor_id: key.id.clone(),
            door: key.door,
            is_user: key.is_user,
            user_id,
            mind_id: ids.wide_number(),
            avatar: key.avatar,
            name: None,
            channel: None,
            tokens: VecDeque::new(),
            initialised: None,
            sessions: VecDeque::new(),
            sockets: Vec::new(),
            idle_sockets: VecDeque::new(),
            unacknowledged: Unacknowledged::default(),
        });
        self.world.visitors_by_id.insert(key, index);
        Ok(index)
    }
}

/// `{platform}_{uuid}`, as it can travel in a header.
pub(super) fn is_visitor_id(text: &str) -> bool {
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
