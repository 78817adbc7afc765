//! Visitor ids. The core makes and checks them; JavaScript keeps them as text.

use napi::Result;
use napi_derive::napi;
use secondme_avatar::{Credentials, Error, Visitor};

use crate::json;
use crate::words::Words;

/// The visitor id of a person of a platform.
#[napi]
pub(crate) fn visitor_for_user(platform: Words, user_id: Words) -> Result<String> {
    thrown(|| Ok(Visitor::for_user(&platform.named("platform")?, &user_id.named("userId")?)?))
}

/// The visitor id of a person of a platform that only a program with the secret can make.
#[napi]
pub(crate) fn visitor_for_user_with_secret(platform: Words, user_id: Words, secret: Words) -> Result<String> {
    thrown(|| {
        let (platform, user_id) = (platform.named("platform")?, user_id.named("userId")?);
        Ok(Visitor::for_user_with_secret(&platform, &user_id, &secret.named("secret")?)?)
    })
}

/// A new visitor id.
#[napi]
pub(crate) fn random_visitor(platform: Words) -> Result<String> {
    thrown(|| Ok(Visitor::random(&platform.named("platform")?)?))
}

/// The visitor id, checked.
#[napi]
pub(crate) fn parse_visitor(id: Words) -> Result<String> {
    thrown(|| Ok(Visitor::parse(&id.named("id")?)?))
}

/// An id for a message, with the present time.
#[napi]
pub(crate) fn new_message_id() -> Result<String> {
    let made = secondme_avatar::new_message_id();
    made.map(|id| id.as_str().to_owned()).map_err(|error| json::thrown(&error))
}

/// Credentials as JSON, checked: in the form that the core writes.
#[napi]
pub(crate) fn parse_credentials(text: Words) -> Result<String> {
    let credentials = text.named("credentials").and_then(|text| Credentials::from_json(&text));
    credentials.map(|credentials| credentials.to_json()).map_err(|error| json::thrown(&error))
}

/// The visitor that JavaScript describes.
pub(crate) fn visitor(
    id: Words,
    name: Option<Words>,
    channel: Option<Words>,
    tag: Option<Words>,
) -> std::result::Result<Visitor, Error> {
    let mut visitor = Visitor::parse(&id.named("id")?)?;
    if let Some(name) = Words::named_if(name, "name")? {
        visitor = visitor.name(name);
    }
    if let Some(channel) = Words::named_if(channel, "channel")? {
        visitor = visitor.channel(channel);
    }
    if let Some(tag) = Words::named_if(tag, "tag")? {
        visitor = visitor.tag(tag);
    }
    Ok(visitor)
}

/// A visitor as JavaScript has it.
#[napi(object, object_to_js = false)]
pub struct VisitorWords {
    pub id: Words,
    pub name: Option<Words>,
    pub channel: Option<Words>,
    pub tag: Option<Words>,
}

impl VisitorWords {
    pub(crate) fn named(self) -> std::result::Result<Visitor, Error> {
        visitor(self.id, self.name, self.channel, self.tag)
    }
}

fn thrown(make: impl FnOnce() -> std::result::Result<Visitor, Error>) -> Result<String> {
    match make() {
        Ok(visitor) => Ok(visitor.id().as_str().to_owned()),
        Err(error) => Err(json::thrown(&error)),
    }
}
