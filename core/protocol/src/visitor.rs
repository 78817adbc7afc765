//! The visitor: the person who talks with the avatar.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[cfg(feature = "keyed")]
use crate::limits::VISITOR_SECRET_BYTES;
use crate::limits::{NAME_BYTES, TAG_BYTES};

/// The namespace of [`Visitor::for_user`]: `uuid5(NAMESPACE_DNS, "visitor.secondme-avatar")`. It is
/// part of the contract: the same person gets the same id from every language and every version.
pub const VISITOR_NAMESPACE: Uuid = Uuid::from_u128(0x68e79997_1df5_52dd_ba59_2979f49cb750);

/// `{platform}_{uuid}`: the same id is the same visitor, who finds earlier sessions again.
///
/// It also travels as an HTTP header, so anything of another form is refused before it is sent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VisitorId(Arc<str>);

/// The text is not a visitor id, or cannot be made into one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVisitor {
    /// Not of the form `{platform}_{uuid}`.
    #[error(
        "`{0}` is not a visitorId: write `{{platform}}_{{uuid}}`, such as \
         `feishu_550e8400-e29b-41d4-a716-446655440000`, or have one made for a user of a platform"
    )]
    Id(String),
    /// Not a platform name.
    #[error(
        "`{0}` is not a platform name: write 1 to 64 letters, digits, `.`, `_` or `-`, the first a \
         letter or digit, such as `feishu`"
    )]
    Platform(String),
    /// No user id to make a visitor id from.
    #[error("the user id is empty: pass what the platform calls the person, such as `ou_abc`")]
    EmptyUser,
    /// The secret of [`Visitor::for_user_with_secret`] is too short to be one. It is not repeated.
    #[cfg(feature = "keyed")]
    #[error(
        "the secret for visitor ids is {bytes} bytes long: pass {least} or more that cannot be guessed, such as \
         what `openssl rand -base64 32` prints"
    )]
    ShortSecret {
        /// Its length in bytes.
        bytes: usize,
        /// How many bytes it has at least.
        least: usize,
    },
    /// The operating system has no random bytes to give.
    #[cfg(feature = "random")]
    #[error("the operating system has no randomness to make a visitorId from: bring a UUID of your own")]
    NoRandomness,
    /// The display name, channel or tag is too long.
    #[error("the visitor's {field} is {bytes} bytes long: shorten it to {limit} at most")]
    TooLong {
        /// `name`, `channel` or `tag`.
        field: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// How long it may be, in bytes.
        limit: usize,
    },
}

impl VisitorId {
    /// The id as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the UUID, such as `feishu`.
    pub fn platform(&self) -> &str {
        // The UUID is 36 characters, with one underscore before it.
        &self.0[..self.0.len() - 37]
    }

    fn new(platform: &str, uuid: Uuid) -> Result<Self, InvalidVisitor> {
        if !is_platform(platform) {
            return Err(InvalidVisitor::Platform(excerpt(platform)));
        }
        Ok(Self(format!("{platform}_{uuid}").into()))
    }
}

impl FromStr for VisitorId {
    type Err = InvalidVisitor;

    /// Takes exactly `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}_[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`.
    fn from_str(text: &str) -> Result<Self, InvalidVisitor> {
        let invalid = || InvalidVisitor::Id(excerpt(text));
        let split = text.len().checked_sub(37).ok_or_else(invalid)?;
        let platform = text.get(..split).ok_or_else(invalid)?;
        let uuid = text.get(split..).and_then(|rest| rest.strip_prefix('_')).ok_or_else(invalid)?;
        if is_platform(platform) && is_uuid(uuid) { Ok(Self(text.into())) } else { Err(invalid()) }
    }
}

impl TryFrom<String> for VisitorId {
    type Error = InvalidVisitor;

    fn try_from(text: String) -> Result<Self, InvalidVisitor> {
        text.parse()
    }
}

impl From<VisitorId> for String {
    fn from(id: VisitorId) -> String {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Debug for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person who talks with the avatar: an id that stays, and a name that the owner sees.
///
/// ```
/// use secondme_avatar_protocol::Visitor;
///
/// # fn main() -> Result<(), secondme_avatar_protocol::InvalidVisitor> {
/// // The same Feishu user is the same visitor, with no table to keep.
/// let visitor = Visitor::for_user("feishu", "ou_abc")?.name("张三");
/// assert_eq!(visitor.id().as_str(), "feishu_d10f0353-58f2-539f-9ae5-dcf371311654");
///
/// // Or bring an id of your own.
/// let visitor = Visitor::parse("web_6ba7b810-9dad-11d1-80b4-00c04fd430c8")?;
/// assert_eq!(visitor.id().platform(), "web");
///
/// assert!(Visitor::parse("Ada").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    id: VisitorId,
    name: Option<Box<str>>,
    channel: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<Arc<str>>,
}

impl Visitor {
    /// The visitor with this `{platform}_{uuid}`.
    pub fn parse(id: &str) -> Result<Self, InvalidVisitor> {
        Ok(Self::from(id.parse::<VisitorId>()?))
    }

    /// The visitor for a person of a platform, by the id that the platform has for them.
    ///
    /// The UUID is version 5 of [`VISITOR_NAMESPACE`] and the text `{platform}:{user_id}`: the same
    /// person is always the same visitor, in every language and version, with no table to keep.
    ///
    /// The id is no secret: a program that guesses the user id, such as a phone number, makes the same one. Where user
    /// ids can be guessed and visitor ids are seen by others, [`for_user_with_secret`](Self::for_user_with_secret) is
    /// right. Either way the user id must come from a login that the program has verified, never from a request as it
    /// came: an id opens that person's conversation.
    pub fn for_user(platform: &str, user_id: &str) -> Result<Self, InvalidVisitor> {
        if user_id.is_empty() {
            return Err(InvalidVisitor::EmptyUser);
        }
        let name = format!("{platform}:{user_id}");
        let uuid = Uuid::new_v5(&VISITOR_NAMESPACE, name.as_bytes());
        Ok(Self::from(VisitorId::new(platform, uuid)?))
    }

    /// The visitor for a person of a platform, by an id that only a program with the secret can make.
    ///
    /// The UUID is the first 16 bytes of HMAC-SHA256, with the secret as its key, over the text `{platform}:{user_id}`,
    /// in the form of a random UUID (version 4). The same platform, user id and secret give the same visitor in every
    /// language and version. Another secret gives other visitors, who begin anew: keep it as long as the conversations.
    ///
    /// ```
    /// use secondme_avatar_protocol::{InvalidVisitor, Visitor};
    ///
    /// # fn main() -> Result<(), InvalidVisitor> {
    /// let secret = "0123456789abcdef0123456789abcdef"; // `openssl rand -base64 32`, kept where the API key is kept
    /// let visitor = Visitor::for_user_with_secret("phone", "+8613800138000", secret)?;
    /// assert_eq!(visitor.id().as_str(), "phone_9c677fc2-1f12-4a90-bbf9-3f2f1f46707e");
    ///
    /// let short = Visitor::for_user_with_secret("phone", "+8613800138000", "hunter2");
    /// assert_eq!(short, Err(InvalidVisitor::ShortSecret { bytes: 7, least: 16 }));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the secret has fewer than 16 bytes in UTF-8, the user id is empty, or the platform is no valid name.
    #[cfg(feature = "keyed")]
    pub fn for_user_with_secret(platform: &str, user_id: &str, secret: &str) -> Result<Self, InvalidVisitor> {
        if user_id.is_empty() {
            return Err(InvalidVisitor::EmptyUser);
        }
        if secret.len() < VISITOR_SECRET_BYTES {
            return Err(InvalidVisitor::ShortSecret { bytes: secret.len(), least: VISITOR_SECRET_BYTES });
        }
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = ring::hmac::sign(&key, format!("{platform}:{user_id}").as_bytes());
        let mut random = [0; 16];
        random.copy_from_slice(&tag.as_ref()[..16]);
        Self::from_random(platform, random)
    }

    /// A new visitor out of 16 random bytes. Keep the id: it is the only way back to this visitor.
    pub fn from_random(platform: &str, random: [u8; 16]) -> Result<Self, InvalidVisitor> {
        let uuid = uuid::Builder::from_random_bytes(random).into_uuid();
        Ok(Self::from(VisitorId::new(platform, uuid)?))
    }

    /// A new visitor by the operating system's chance. Keep the id: it is the only way back to this
    /// visitor.
    #[cfg(feature = "random")]
    pub fn random(platform: &str) -> Result<Self, InvalidVisitor> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| InvalidVisitor::NoRandomness)?;
        Self::from_random(platform, random)
    }

    /// With a display name for the avatar's owner, such as `张三`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into());
        self
    }

    /// With a channel, which the service appends to the name: `张三(feishu)`.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.channel = Some(channel.into().into());
        self
    }

    /// With a tag of the caller's own, at most 1024 bytes, such as the platform's name for the person or the channel
    /// to answer in. It is never sent to the service. It is kept with the visitor,
    /// in the client's store too, and stands on [every event](crate::Event::tag).
    ///
    /// A tag takes the place of the one that the visitor had; a visitor opened without one keeps it.
    ///
    /// ```
    /// use secondme_avatar_protocol::Visitor;
    ///
    /// # fn main() -> Result<(), secondme_avatar_protocol::InvalidVisitor> {
    /// let visitor = Visitor::for_user("feishu", "ou_abc")?.tag("ou_abc/oc_group_7");
    /// assert_eq!(visitor.own_tag(), Some("ou_abc/oc_group_7"));
    /// assert!(visitor.tag("x".repeat(1025)).check().is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into().into());
        self
    }

    /// The id.
    pub fn id(&self) -> &VisitorId {
        &self.id
    }

    /// The display name, if there is one.
    pub fn display_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The channel, if there is one.
    pub fn channel_name(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// The caller's own tag, if there is one.
    pub fn own_tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The caller's own tag, shared: each event has it.
    pub fn shared_tag(&self) -> Option<&Arc<str>> {
        self.tag.as_ref()
    }

    /// Takes the name, channel and tag that are missing here from what was known of the visitor before.
    #[must_use]
    pub fn or(mut self, known: &Visitor) -> Self {
        self.name = self.name.or_else(|| known.name.clone());
        self.channel = self.channel.or_else(|| known.channel.clone());
        self.tag = self.tag.or_else(|| known.tag.clone());
        self
    }

    /// Refuses a display name, channel or tag that is too long to be one.
    pub fn check(&self) -> Result<(), InvalidVisitor> {
        let fields = [
            ("name", self.display_name(), NAME_BYTES),
            ("channel", self.channel_name(), NAME_BYTES),
            ("tag", self.own_tag(), TAG_BYTES),
        ];
        for (field, value, limit) in fields {
            let bytes = value.map_or(0, str::len);
            if bytes > limit {
                return Err(InvalidVisitor::TooLong { field, bytes, limit });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Visitor {
    /// Shows the id alone: the name, the channel and the tag say who the person is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Visitor({})", self.id)
    }
}

impl From<VisitorId> for Visitor {
    fn from(id: VisitorId) -> Self {
        Self { id, name: None, channel: None, tag: None }
    }
}

fn is_platform(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= 64
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Enough of a bad value to recognise it in an error, without control characters.
fn excerpt(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_s_own_visitor_ids_are_taken() {
        for id in ["feishu_550e8400-e29b-41d4-a716-446655440000", "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8"]
        {
            assert_eq!(Visitor::parse(id).unwrap().id().as_str(), id);
        }
    }

    #[test]
    fn what_is_not_platform_and_uuid_is_refused() {
        let uuid = "550e8400-e29b-41d4-a716-446655440000";
        for id in [
            String::new(),
            uuid.to_owned(),
            format!("_{uuid}"),
            format!(" web_{uuid}"),
            format!("web_{uuid}\r\nX: 1"),
            format!("web-{uuid}"),
            format!("wéb_{uuid}"),
            format!("{}_{uuid}", "a".repeat(65)),
            "web_550e8400e29b41d4a716446655440000".to_owned(),
            "web_550e8400-e29b-41d4-a716-44665544000g".to_owned(),
            "张三张三张三张三张三张三张三张三张三张三张三张三".to_owned(),
        ] {
            assert_eq!(Visitor::parse(&id), Err(InvalidVisitor::Id(excerpt(&id))), "{id}");
        }
    }

    /// `spec/visitor-ids.json`, which the tests of every language read; made by Python's `uuid` and `hmac`.
    #[cfg(feature = "keyed")]
    #[test]
    fn the_same_person_is_the_same_visitor_for_ever() {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Known {
            platform: String,
            user_id: String,
            secret: Option<String>,
            id: String,
        }
        let known: Vec<Known> = serde_json::from_str(include_str!("../../../spec/visitor-ids.json")).unwrap();
        for Known { platform, user_id, secret, id } in known {
            let visitor = match secret {
                Some(secret) => Visitor::for_user_with_secret(&platform, &user_id, &secret),
                None => Visitor::for_user(&platform, &user_id),
            };
            assert_eq!(visitor.unwrap().id().as_str(), id, "{platform}:{user_id}");
        }
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"visitor.secondme-avatar");
        assert_eq!(VISITOR_NAMESPACE, namespace);
    }

    #[cfg(feature = "keyed")]
    #[test]
    fn a_secret_that_can_be_guessed_is_refused_and_not_repeated() {
        let short = Visitor::for_user_with_secret("web", "u", "hunter2-hunter2").unwrap_err();
        assert_eq!(short, InvalidVisitor::ShortSecret { bytes: 15, least: 16 });
        assert!(!format!("{short} {short:?}").contains("hunter2"));
        let secret = "0123456789abcdef";
        assert_eq!(Visitor::for_user_with_secret("web", "", secret), Err(InvalidVisitor::EmptyUser));
        assert!(Visitor::for_user_with_secret("a b", "u", secret).is_err());
    }

    #[test]
    fn what_is_known_of_a_visitor_besides_the_id_is_not_printed() {
        let visitor =
            Visitor::for_user("feishu", "ou_abc").unwrap().name("张三").channel("web").tag("ou_abc");
        let id = visitor.id();
        assert_eq!(format!("{visitor:?} {visitor:#?}"), format!("Visitor({id}) Visitor({id})"));
    }

    #[test]
    fn a_platform_of_another_form_is_refused() {
        for platform in ["", "-x", "a b", "a\nb", "飞书"] {
            assert!(Visitor::for_user(platform, "u").is_err(), "{platform}");
            assert!(Visitor::from_random(platform, [7; 16]).is_err(), "{platform}");
        }
        assert_eq!(Visitor::for_user("web", ""), Err(InvalidVisitor::EmptyUser));
    }

    #[test]
    fn a_visitor_id_keeps_its_form_through_storage() {
        let stored: Result<VisitorId, _> = serde_json::from_str(r#""Ada""#);
        assert!(stored.is_err());
    }
}
