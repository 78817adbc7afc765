//! What crosses the border as JSON: one string costs less than an object built field by field.

mod event;

use std::error::Error as _;

use secondme_avatar::{
    CallReport, Card, Error, HistoryMessage, Json, MessageId, Part, Reply, Sent, SeqId, Stats, Text,
    UnsentMessage, Visitor,
};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

pub(crate) use self::event::write_event;

/// The greatest whole number that JavaScript keeps exact.
const SAFE: u64 = (1 << 53) - 1;

/// An error that is thrown at once. The TypeScript layer reads its text, and throws one of its classes.
pub(crate) fn thrown(error: &Error) -> napi::Error {
    napi::Error::from_reason(self::error(error))
}

pub(crate) fn error(error: &Error) -> String {
    of(&ErrorJson::from(error))
}

pub(crate) fn reply(reply: &Reply) -> String {
    of(&ReplyJson::from(reply))
}

pub(crate) fn sent(sent: &Sent) -> String {
    of(&SentJson { message_id: sent.message_id.as_str(), confirmed_by: sent.confirmed_by.name() })
}

pub(crate) fn history(messages: &[HistoryMessage]) -> String {
    of(&messages.iter().map(MessageJson::from).collect::<Vec<_>>())
}

pub(crate) fn strings<'a>(strings: impl Iterator<Item = &'a str>) -> String {
    of(&strings.collect::<Vec<_>>())
}

pub(crate) fn visitors(visitors: &[Visitor]) -> String {
    of(&visitors.iter().map(VisitorJson::from).collect::<Vec<_>>())
}

pub(crate) fn stats(stats: &Stats) -> String {
    of(&StatsJson::from(stats))
}

pub(crate) fn report(call: &CallReport) -> String {
    of(&ReportJson {
        visitor_id: call.visitor_id.as_str(),
        step: call.step.name(),
        took_ms: call.took.as_secs_f64() * 1000.0,
        error: call.error.as_ref().map(ErrorJson::from),
    })
}

/// Appends a value. Nothing here can fail: all keys are texts, and memory does not refuse to be written.
pub(crate) fn write(to: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let _ = serde_json::to_writer(to, value);
}

/// What was written.
pub(crate) fn text(written: Vec<u8>) -> String {
    String::from_utf8(written).unwrap_or_default()
}

fn of(value: &impl Serialize) -> String {
    let mut written = Vec::with_capacity(256);
    write(&mut written, value);
    text(written)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorJson<'a> {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsent: Option<UnsentJson<'a>>,
    /// What caused it, and what caused that.
    causes: Vec<CauseJson>,
}

/// An error of ours again, or the text of another one.
#[derive(Serialize)]
#[serde(untagged)]
enum CauseJson {
    Ours(Value),
    Other(String),
}

impl<'a> From<&'a Error> for ErrorJson<'a> {
    fn from(error: &'a Error) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            match cause.downcast_ref::<Error>() {
                Some(ours) => {
                    // It knows its own causes.
                    causes.push(CauseJson::Ours(
                        serde_json::to_value(ErrorJson::from(ours)).unwrap_or_default(),
                    ));
                    break;
                }
                None => causes.push(CauseJson::Other(cause.to_string())),
            }
            source = cause.source();
        }
        Self {
            kind: error.kind().name(),
            message: error.to_string(),
            code: error.code(),
            step: error.step().map(|step| step.name()),
            status: error.status(),
            retryable: error.is_retryable(),
            retry_after_ms: error.retry_after().map(|wait| wait.as_secs_f64() * 1000.0),
            unsent: error.unsent().map(UnsentJson::from),
            causes,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnsentJson<'a> {
    message_id: &'a str,
    text: &'a Text,
    certain: bool,
}

impl<'a> From<&'a UnsentMessage> for UnsentJson<'a> {
    fn from(unsent: &'a UnsentMessage) -> Self {
        Self { message_id: unsent.message_id.as_str(), text: &unsent.text, certain: unsent.certain }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplyJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    author: &'static str,
    text: &'a Text,
    parts: Vec<PartJson<'a>>,
    sources: Values<'a>,
    speech: Values<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_reply_to: Option<&'a str>,
    ended: &'static str,
    asked: bool,
}

impl<'a> From<&'a Reply> for ReplyJson<'a> {
    fn from(reply: &'a Reply) -> Self {
        Self {
            id: reply.id.as_ref().map(MessageId::as_str),
            author: reply.author.name(),
            text: &reply.text,
            parts: parts(&reply.parts),
            sources: Values(&reply.sources),
            speech: Values(&reply.speech),
            in_reply_to: reply.in_reply_to.as_ref().map(MessageId::as_str),
            ended: reply.ended.name(),
            asked: reply.asked,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum PartJson<'a> {
    Text { text: &'a Text },
    Card { template: &'a str, params: Safe<'a> },
}

fn parts(parts: &[Part]) -> Vec<PartJson<'_>> {
    parts.iter().filter_map(part).collect()
}

fn part(part: &Part) -> Option<PartJson<'_>> {
    match part {
        Part::Text(text) => Some(PartJson::Text { text }),
        Part::Card(Card { template, params }) => Some(PartJson::Card { template, params: Safe(params) }),
        _ => None,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SentJson<'a> {
    message_id: &'a str,
    confirmed_by: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq_id: Option<&'a str>,
    author: &'static str,
    text: &'a Text,
    parts: Vec<PartJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
}

impl<'a> From<&'a HistoryMessage> for MessageJson<'a> {
    fn from(message: &'a HistoryMessage) -> Self {
        Self {
            id: message.id.as_ref().map(MessageId::as_str),
            seq_id: message.seq_id.as_ref().map(SeqId::as_str),
            author: message.author.name(),
            text: &message.text,
            parts: parts(&message.parts),
            timestamp: message.timestamp,
        }
    }
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
#[serde(rename_all = "camelCase")]
struct ReportJson<'a> {
    visitor_id: &'a str,
    step: &'static str,
    took_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatsJson {
    visitors: usize,
    connected: usize,
    live: usize,
    paused: usize,
    waiting_for_slot: usize,
    waiting_for_quota: usize,
    longest_quota_wait_ms: f64,
    events: u64,
    frames: u64,
    duplicates: u64,
    foreign: u64,
    malformed: u64,
    unrouted: u64,
    pings: u64,
    sent: u64,
    replies: u64,
    lost: u64,
    calls: u64,
    authentications: u64,
    stored_visitors: u64,
    stored_messages: u64,
}

impl From<&Stats> for StatsJson {
    fn from(stats: &Stats) -> Self {
        let counters = &stats.counters;
        Self {
            visitors: stats.visitors,
            connected: stats.connected,
            live: stats.live,
            paused: stats.paused,
            waiting_for_slot: stats.waiting_for_slot,
            waiting_for_quota: stats.waiting_for_quota,
            longest_quota_wait_ms: stats.longest_quota_wait.as_secs_f64() * 1000.0,
            events: stats.events,
            frames: counters.frames,
            duplicates: counters.duplicates,
            foreign: counters.foreign,
            malformed: counters.malformed,
            unrouted: counters.unrouted,
            pings: counters.pings,
            sent: counters.sent,
            replies: counters.replies,
            lost: counters.lost,
            calls: counters.calls,
            authentications: counters.authentications,
            stored_visitors: stats.stored_visitors,
            stored_messages: stats.stored_messages,
        }
    }
}

/// Values of the service's own making.
struct Values<'a>(&'a [Json]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|value| Safe(value)))
    }
}

/// A value in which whole numbers beyond what JavaScript keeps exact are texts: they are ids.
struct Safe<'a>(&'a Value);

impl Serialize for Safe<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => {
                let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
                match whole {
                    Some(whole) if whole > SAFE => serializer.collect_str(number),
                    _ => number.serialize(serializer),
                }
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Safe(item))?;
                }
                list.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, field) in fields {
                    map.serialize_entry(name, &Safe(field))?;
                }
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}
