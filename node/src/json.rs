//! What crosses the border as JSON: one string costs less than an object built field by field.

use secondme_avatar::{CallReport, Error, HistoryMessage, MessageId, Note, Reply, Sent, Stats, Visitor};
use serde::Serialize;

use crate::js::Js;

/// An error that is thrown at once. The TypeScript layer reads its text, and throws one of its classes.
pub(crate) fn thrown(error: &Error) -> napi::Error {
    napi::Error::from_reason(self::error(error))
}

pub(crate) fn error(error: &Error) -> String {
    of(&Js(error))
}

pub(crate) fn reply(reply: &Reply) -> String {
    of(&Js(reply))
}

pub(crate) fn sent(sent: &Sent) -> String {
    of(&Js(sent))
}

pub(crate) fn id(id: &MessageId) -> String {
    of(&Js(id))
}

pub(crate) fn history(messages: &[HistoryMessage]) -> String {
    of(&messages.iter().map(Js).collect::<Vec<_>>())
}

pub(crate) fn strings<'a>(strings: impl Iterator<Item = &'a str>) -> String {
    of(&strings.collect::<Vec<_>>())
}

pub(crate) fn visitors(visitors: &[Visitor]) -> String {
    of(&visitors.iter().map(VisitorJson::from).collect::<Vec<_>>())
}

/// The string, or null.
pub(crate) fn string_if(string: Option<&str>) -> String {
    of(&string)
}

pub(crate) fn notes(notes: &[Note]) -> String {
    of(&notes.iter().map(NoteJson::from).collect::<Vec<_>>())
}

pub(crate) fn stats(stats: &Stats) -> String {
    of(&Js(stats))
}

pub(crate) fn report(call: &CallReport) -> String {
    of(&Js(call))
}

/// Nothing here can fail: all keys are texts, and memory does not refuse to be written.
pub(crate) fn of(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[derive(Serialize)]
struct VisitorJson<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
}

impl<'a> From<&'a Visitor> for VisitorJson<'a> {
    fn from(visitor: &'a Visitor) -> Self {
        Self {
            id: visitor.id().as_str(),
            name: visitor.display_name(),
            channel: visitor.channel_name(),
            tag: visitor.own_tag(),
        }
    }
}

#[derive(Serialize)]
struct NoteJson<'a> {
    visitor: VisitorJson<'a>,
    key: &'a str,
    text: &'a str,
}

impl<'a> From<&'a Note> for NoteJson<'a> {
    fn from(note: &'a Note) -> Self {
        Self { visitor: VisitorJson::from(&note.visitor), key: &note.key, text: note.text.as_str() }
    }
}
