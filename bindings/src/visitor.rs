//! Who talks with the avatar.

use secondme_avatar::{Credentials, InvalidVisitor, Visitor};

use crate::CoreError;

/// A person who talks with the avatar.
#[derive(uniffi::Record)]
pub struct CoreVisitor {
    /// `{platform}_{uuid}`.
    pub id: String,
    /// A display name for the avatar's owner.
    pub name: Option<String>,
    /// A channel, which the service appends to the name.
    pub channel: Option<String>,
    /// The caller's own, which is never sent.
    pub tag: Option<String>,
}

impl CoreVisitor {
    pub(crate) fn parse(self) -> Result<Visitor, InvalidVisitor> {
        let mut visitor = Visitor::parse(&self.id)?;
        if let Some(name) = self.name {
            visitor = visitor.name(name);
        }
        if let Some(channel) = self.channel {
            visitor = visitor.channel(channel);
        }
        if let Some(tag) = self.tag {
            visitor = visitor.tag(tag);
        }
        Ok(visitor)
    }
}

impl From<Visitor> for CoreVisitor {
    fn from(visitor: Visitor) -> Self {
        Self {
            id: visitor.id().to_string(),
            name: visitor.display_name().map(str::to_owned),
            channel: visitor.channel_name().map(str::to_owned),
            tag: visitor.own_tag().map(str::to_owned),
        }
    }
}

/// The id for a person of a platform: the same person has the same one, always and everywhere.
#[uniffi::export]
pub fn visitor_id_for_user(platform: String, user_id: String) -> Result<String, CoreError> {
    Ok(Visitor::for_user(&platform, &user_id)?.id().to_string())
}

/// The id for a person of a platform that only a program with the secret can make.
#[uniffi::export]
pub fn visitor_id_for_user_with_secret(
    platform: String,
    user_id: String,
    secret: String,
) -> Result<String, CoreError> {
    Ok(Visitor::for_user_with_secret(&platform, &user_id, &secret)?.id().to_string())
}

/// An id that was had before, checked.
#[uniffi::export]
pub fn parse_visitor_id(id: String) -> Result<String, CoreError> {
    Ok(Visitor::parse(&id)?.id().to_string())
}

/// Credentials as a server has handed them on.
#[derive(uniffi::Record)]
pub struct CoreCredentials {
    /// As the core writes them.
    pub json: String,
    /// Whose they are.
    pub visitor_id: String,
}

/// Credentials as JSON, checked.
#[uniffi::export]
pub fn parse_credentials(json: String) -> Result<CoreCredentials, CoreError> {
    let credentials = Credentials::from_json(&json)?;
    Ok(CoreCredentials { json: credentials.to_json(), visitor_id: credentials.visitor_id().to_string() })
}

/// A new id out of 16 random bytes.
#[uniffi::export]
pub fn random_visitor_id(platform: String) -> Result<String, CoreError> {
    Ok(Visitor::random(&platform)?.id().to_string())
}
