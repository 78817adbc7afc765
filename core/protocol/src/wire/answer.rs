//! The fields that are read of each step's answer. Other fields are ignored.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lenient::{Id, Lax, Number};
use crate::error::{Error, ErrorKind, Step};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthAnswer<'a> {
    #[serde(borrow)]
    pub(crate) visitor_token: Id<'a>,
    #[serde(borrow)]
    pub(crate) visitor_user_id: Id<'a>,
    #[serde(borrow)]
    pub(crate) visitor_mind_id: Id<'a>,
    #[serde(borrow)]
    pub(crate) avatar_share_code: Id<'a>,
    #[serde(borrow, default)]
    pub(crate) avatar_name: Lax<'a>,
    #[serde(borrow)]
    pub(crate) owner_user_id: Id<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitAnswer<'a> {
    #[serde(borrow)]
    pub(crate) mind_id: Id<'a>,
    #[serde(borrow, default)]
    pub(crate) opening: Lax<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SocketAnswer<'a> {
    #[serde(borrow)]
    pub(crate) ws_id: Id<'a>,
    #[serde(borrow)]
    pub(crate) address: Id<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionAnswer<'a> {
    #[serde(borrow)]
    pub(crate) session_id: Id<'a>,
}

#[derive(Deserialize)]
pub(crate) struct AvatarAnswer<'a> {
    #[serde(borrow)]
    pub(crate) id: Id<'a>,
}

/// The app's token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenAnswer<'a> {
    #[serde(borrow)]
    pub(crate) access_token: Id<'a>,
    /// Seconds, as a number or as digits.
    #[serde(default)]
    pub(crate) expires_in: Number,
}

/// A session, and the socket's address.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VisitorChatAnswer<'a> {
    #[serde(borrow)]
    pub(crate) session_id: Id<'a>,
    #[serde(borrow)]
    pub(crate) ws_url: Id<'a>,
    #[serde(borrow, default)]
    pub(crate) avatar_name: Lax<'a>,
    #[serde(borrow, default)]
    pub(crate) opening: Lax<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SendAnswer<'a> {
    #[serde(borrow)]
    message_id: Lax<'a>,
    #[serde(borrow)]
    seq_id: Lax<'a>,
    #[serde(borrow)]
    id: Lax<'a>,
}

/// The id under which the service has taken a message, where its answer holds one.
pub(crate) fn answer_id(data: Option<&RawValue>) -> Option<String> {
    let answer: SendAnswer<'_> = serde_json::from_str(data?.get()).ok()?;
    let ids = [answer.message_id, answer.seq_id, answer.id];
    ids.into_iter().filter_map(|id| id.0).find(|id| !id.is_empty()).map(Into::into)
}

/// A whole number that a step needs.
pub(crate) fn number(step: Step, field: &str, value: Option<u64>) -> Result<u64, Error> {
    let message = || format!("the service's answer has a `{field}` that is not a 64-bit number");
    value.ok_or_else(|| Error::new(ErrorKind::InvalidAnswer, message()).at(step))
}

/// The frames of a message query: a list, or a list under some name in an object.
pub(crate) fn query_frames(data: Option<&RawValue>) -> Option<Vec<&RawValue>> {
    let Some(data) = data else {
        return Some(Vec::new());
    };
    if let Ok(frames) = serde_json::from_str::<Vec<&RawValue>>(data.get()) {
        return Some(frames);
    }
    let object: std::collections::BTreeMap<&str, &RawValue> = serde_json::from_str(data.get()).ok()?;
    object.values().find_map(|value| serde_json::from_str(value.get()).ok())
}
