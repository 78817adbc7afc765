//! Visitor ids. The core makes and checks them; JavaScript keeps them as text.

use napi::Result;
use napi_derive::napi;
use secondme_avatar::{Error, InvalidVisitor, Visitor};

use crate::json;

/// The visitor id of a person of a platform.
#[napi]
pub(crate) fn visitor_for_user(platform: String, user_id: String) -> Result<String> {
    id_of(Visitor::for_user(&platform, &user_id))
}

/// A visitor id that nobody has.
#[napi]
pub(crate) fn random_visitor(platform: String) -> Result<String> {
    id_of(Visitor::random(&platform))
}

/// This visitor id, if it is one.
#[napi]
pub(crate) fn parse_visitor(id: String) -> Result<String> {
    id_of(Visitor::parse(&id))
}

/// A visitor out of what JavaScript keeps of one.
pub(crate) fn visitor(
    id: &str,
    name: Option<String>,
    channel: Option<String>,
) -> std::result::Result<Visitor, Error> {
    let mut visitor = Visitor::parse(id)?;
    if let Some(name) = name {
        visitor = visitor.name(name);
    }
    if let Some(channel) = channel {
        visitor = visitor.channel(channel);
    }
    Ok(visitor)
}

fn id_of(visitor: std::result::Result<Visitor, InvalidVisitor>) -> Result<String> {
    match visitor {
        Ok(visitor) => Ok(visitor.id().as_str().to_owned()),
        Err(invalid) => Err(json::thrown(&invalid.into())),
    }
}
