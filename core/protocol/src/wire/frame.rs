//! A frame that came over the socket, or out of a message query.

mod scan;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use self::scan::scan;
use super::lenient::{Lax, List, Number, Object};
use super::mend::{LONE, has_half, mend};
use crate::event::{Card, NoticeKind, Part};
use crate::redact::{Json, Text};

/// How much of a frame's cards, and of its sources, is read into trees, which take many times the memory of
/// their text. What is longer is left out, or stays text.
const TREE_BYTES: usize = 256 * 1024;

/// What is read of a frame. Unknown fields stay in its raw text.
#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Frame<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
    #[serde(borrow, default)]
    sender: Lax<'a>,
    #[serde(borrow, default)]
    pub(crate) send_user_id: Lax<'a>,
    #[serde(borrow, default)]
    pub(crate) session_id: Lax<'a>,
    #[serde(borrow, default)]
    pub(crate) message_id: Lax<'a>,
    #[serde(borrow, default)]
    pub(crate) seq_id: Lax<'a>,
    #[serde(borrow, default)]
    pub(crate) ws_id: Lax<'a>,
    #[serde(default)]
    index: Number,
    #[serde(default)]
    timestamp: Number,
    #[serde(borrow, default)]
    pub(crate) sub_code: Lax<'a>,
    #[serde(borrow, default)]
    pub(crate) sub_code_reason: Lax<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    sub_code_actions: Option<&'a str>,
    #[serde(borrow, default)]
    multiple_data: Entries<'a>,
    #[serde(borrow, default, deserialize_with = "raw")]
    data: Option<&'a str>,
    #[serde(borrow, default, deserialize_with = "raw")]
    sources: Option<&'a str>,
}

/// The entries of a message. Most have one at most, which needs no allocation.
#[derive(Default, PartialEq)]
struct Entries<'a> {
    first: Option<WireEntry<'a>>,
    others: Vec<WireEntry<'a>>,
}

impl<'a> Entries<'a> {
    fn push(&mut self, entry: WireEntry<'a>) {
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.others.push(entry),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &WireEntry<'a>> {
        self.first.iter().chain(&self.others)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let List(entries) = List::deserialize(deserializer)?;
        let mut entries = entries.into_iter();
        Ok(Self { first: entries.next(), others: entries.collect() })
    }
}

/// A value that is read later, as it stands there.
fn raw<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a str>, D::Error> {
    Ok(Option::<&RawValue>::deserialize(deserializer)?.map(RawValue::get))
}

/// Who a frame is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// `umm`: the AI.
    Avatar,
    /// `client`: a person; which one, `sendUserId` says.
    Client,
    /// Anything else, or nothing.
    Other,
}

/// What a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FrameType {
    /// `msg`, or no type at all.
    Message,
    /// `sys`, or any frame with a `subCode`.
    Failure,
    /// A line of the service's own, not a reply.
    Notice(NoticeKind),
    /// `ping`, `pong`, `ack`, `cmd`: the socket's own.
    Control,
    /// Anything else.
    Unknown,
}

/// One entry of a message's content. Text is borrowed: most frames are a few words of it.
pub(crate) struct Entry<'f> {
    pub(crate) content: Option<Content<'f>>,
    pub(crate) speech: Option<Json>,
}

pub(crate) enum Content<'f> {
    Text(Halved<'f>),
    Card(Card),
}

/// A text that may begin and end in the middle of a character.
pub(crate) struct Halved<'f> {
    /// The second half of a character whose first half ends the text before.
    pub(crate) begins: Option<u16>,
    pub(crate) text: Cow<'f, str>,
    /// The first half of one whose second half begins the next text.
    pub(crate) ends: Option<u16>,
}

impl Halved<'_> {
    /// The text where nothing comes before or after it.
    pub(crate) fn alone(&self) -> String {
        let half = |half: Option<u16>| half.map(|_| LONE);
        half(self.begins).into_iter().chain(self.text.chars()).chain(half(self.ends)).collect()
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.begins.is_none() && self.ends.is_none()
    }
}

impl Content<'_> {
    pub(crate) fn into_part(self) -> Part {
        match self {
            Self::Text(text) => Part::Text(text.alone().into()),
            Self::Card(card) => Part::Card(card),
        }
    }
}

#[derive(Deserialize, PartialEq)]
struct WireEntry<'a> {
    #[serde(borrow, default = "no_modal", deserialize_with = "Object::deserialize")]
    modal: Object<WireModal<'a>>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
struct WireModal<'a> {
    #[serde(borrow, default)]
    answer: Lax<'a>,
    #[serde(default)]
    half_before: Number,
    #[serde(default)]
    half_after: Number,
    #[serde(borrow, default, deserialize_with = "raw")]
    template: Option<&'a str>,
    #[serde(borrow, default, deserialize_with = "raw")]
    speech: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireContent<'a> {
    #[serde(borrow, default)]
    content: Lax<'a>,
    #[serde(default)]
    half_before: Number,
    #[serde(default)]
    half_after: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTemplate<'a> {
    #[serde(borrow, default)]
    template_name: Lax<'a>,
    params: Option<serde_json::Value>,
}

fn no_modal<T>() -> Object<T> {
    Object(None)
}

impl<'a> Frame<'a> {
    /// Reads a frame. Returns `None` for anything but a JSON object. A frame with half a character in it is read from
    /// `mended`, which has to live as long as the frame.
    pub(crate) fn parse(text: &'a str, mended: &'a mut String) -> Option<Self> {
        if let Some(frame) = scan(text) {
            debug_assert!(Self::read(text).as_ref() == Some(&frame), "serde reads this frame in another way");
            return Some(frame);
        }
        // serde reads a struct from an array as well; a frame is an object.
        if !text.trim_start().starts_with('{') {
            return None;
        }
        if let Some(frame) = Self::read(text) {
            return Some(frame);
        }
        *mended = mend(text)?;
        serde_json::from_str(mended).ok()
    }

    /// Reads a frame of any form. Returns `None` if it is no JSON, or if there is half a character in it.
    fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|frame| !frame.hides_half())
    }

    /// Whether what is read later may hold half a character: it is only skipped here.
    fn hides_half(&self) -> bool {
        let parts = [self.data, self.sources, self.sub_code_actions];
        let own = parts.into_iter().flatten().any(has_half);
        own || self.multiple_data.iter().any(WireEntry::hides_half)
    }

    pub(crate) fn sender(&self) -> Sender {
        match self.sender.as_deref() {
            Some("umm") => Sender::Avatar,
            Some("client") => Sender::Client,
            Some(_) | None => Sender::Other,
        }
    }

    pub(crate) fn kind(&self) -> FrameType {
        match self.kind.as_deref() {
            Some("ping" | "pong" | "ack" | "cmd") => FrameType::Control,
            _ if self.sub_code.as_deref().is_some_and(|code| !code.is_empty()) => FrameType::Failure,
            None | Some("msg" | "") => FrameType::Message,
            Some("sys") => FrameType::Failure,
            Some("hint") => FrameType::Notice(NoticeKind::Hint),
            Some("recommend") => FrameType::Notice(NoticeKind::Recommend),
            Some("task") => FrameType::Notice(NoticeKind::Task),
            Some("notice") => FrameType::Notice(NoticeKind::Notice),
            Some(_) => FrameType::Unknown,
        }
    }

    pub(crate) fn is_pong(&self) -> bool {
        self.kind.as_deref() == Some("pong")
    }

    /// The type's name, as it tells one delivery from another.
    pub(crate) fn type_name(&self) -> &str {
        self.kind.as_deref().unwrap_or("msg")
    }

    /// The index of a piece in its reply; -1 is the end mark.
    pub(crate) fn index(&self) -> Option<i64> {
        self.index.0
    }

    pub(crate) fn timestamp(&self) -> Option<u64> {
        self.timestamp.0.and_then(|timestamp| u64::try_from(timestamp).ok())
    }

    /// The frame's content, entry by entry. What cannot be read is left out: it stays in the raw text.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let elsewhere = if self.has_entries() { None } else { self.content() };
        let elsewhere = elsewhere.map(|text| Entry { content: Some(Content::Text(text)), speech: None });
        let mut left = TREE_BYTES;
        let read = move |entry| WireEntry::read(entry, &mut left);
        elsewhere.into_iter().chain(self.multiple_data.iter().filter_map(read))
    }

    /// The frame's text, if its one entry is nothing but text, and no half of a character is in it. Nearly every piece
    /// of a reply is so.
    pub(crate) fn plain_text(&self) -> Option<&str> {
        let Entries { first: Some(WireEntry { modal: Object(Some(modal)) }), others } = &self.multiple_data
        else {
            return None;
        };
        let WireModal { answer, half_before, half_after, template, speech } = modal;
        let text = answer.as_deref()?;
        let is_alone = others.is_empty() && template.is_none() && speech.is_none();
        let is_all = self.sources.is_none() && (self.data.is_none() || !text.is_empty());
        let is_whole = half_before.0.is_none() && half_after.0.is_none();
        (is_alone && is_all && is_whole).then_some(text)
    }

    /// Whether there is nothing in it to show.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_entries() && self.content().is_none()
    }

    /// Whether it is no piece, no end of a reply, and has no content at all.
    pub(crate) fn says_nothing(&self) -> bool {
        self.index().is_none() && self.multiple_data.first.is_none() && self.content().is_none()
    }

    /// All the frame's text in one.
    pub(crate) fn text(&self) -> Text {
        let mut text = Text::default();
        for entry in self.entries() {
            if let Some(Content::Text(more)) = entry.content {
                text.push_str(&more.alone());
            }
        }
        text
    }

    pub(crate) fn sources(&self) -> Vec<Json> {
        list(self.sources)
    }

    pub(crate) fn actions(&self) -> Vec<Json> {
        list(self.sub_code_actions)
    }

    fn has_entries(&self) -> bool {
        self.multiple_data.iter().any(|entry| entry.text().is_some() || entry.template().is_some())
    }

    fn content(&self) -> Option<Halved<'a>> {
        let content: WireContent<'a> = serde_json::from_str(self.data?).ok()?;
        let text = content.content.0?;
        let halved = Halved { begins: content.half_before.half(), text, ends: content.half_after.half() };
        (!halved.is_empty()).then_some(halved)
    }
}

impl WireEntry<'_> {
    /// `left`: how much may be read into trees.
    fn read(&self, left: &mut usize) -> Option<Entry<'_>> {
        let modal = self.modal.0.as_ref()?;
        let text = self.text().map(Content::Text);
        Some(Entry {
            content: text.or_else(|| self.template().map(|raw| Content::Card(card(raw, left)))),
            speech: modal.speech.and_then(|raw| json(raw, left)).filter(|speech| !speech.is_null()),
        })
    }

    fn text(&self) -> Option<Halved<'_>> {
        let modal = self.modal.0.as_ref()?;
        let text = Cow::Borrowed(modal.answer.as_deref()?);
        let halved = Halved { begins: modal.half_before.half(), text, ends: modal.half_after.half() };
        (!halved.is_empty()).then_some(halved)
    }

    fn hides_half(&self) -> bool {
        let modal = self.modal.0.as_ref();
        let parts = modal.map(|modal| [modal.template, modal.speech]);
        parts.into_iter().flatten().flatten().any(has_half)
    }

    fn template(&self) -> Option<&str> {
        self.modal.0.as_ref()?.template.filter(|raw| *raw != "null")
    }
}

/// A template is a JSON *string* that holds `templateName` and `params`.
fn card(raw: &str, left: &mut usize) -> Card {
    let written: Option<String> = serde_json::from_str(raw).ok();
    let source = written.as_deref().unwrap_or(raw);
    let mended = mend(source);
    let source = mended.as_deref().unwrap_or(source);
    let template = takes(left, source).then(|| serde_json::from_str::<WireTemplate<'_>>(source));
    match template {
        Some(Ok(template)) => Card {
            template: template.template_name.as_deref().unwrap_or_default().to_owned(),
            params: Json(template.params.unwrap_or_default()),
        },
        Some(Err(_)) | None => {
            Card { template: String::new(), params: Json(serde_json::Value::String(source.to_owned())) }
        }
    }
}

fn json(raw: &str, left: &mut usize) -> Option<Json> {
    takes(left, raw).then(|| serde_json::from_str(raw).ok().map(Json)).flatten()
}

/// Whether this much may still be read into a tree. A string does not count: a clip of speech may be a long one.
fn takes(left: &mut usize, source: &str) -> bool {
    if source.starts_with('"') {
        return true;
    }
    let rest = left.checked_sub(source.len());
    *left = rest.unwrap_or(*left);
    rest.is_some()
}

fn list(raw: Option<&str>) -> Vec<Json> {
    let Some(raw) = raw.filter(|raw| raw.len() <= TREE_BYTES) else { return Vec::new() };
    let values: Vec<serde_json::Value> = serde_json::from_str(raw).unwrap_or_default();
    values.into_iter().map(Json).collect()
}

/// The heartbeat.
pub(crate) fn ping(ws_id: Option<&str>) -> String {
    control("ping", None, ws_id)
}

/// The acknowledgement of a frame. There is one for each frame, so it is put together at once.
pub(crate) fn ack(seq_id: &str, ws_id: &str) -> String {
    match is_plain(seq_id) && is_plain(ws_id) {
        true => [r#"{"type":"ack","seqId":""#, seq_id, r#"","wsId":""#, ws_id, r#""}"#].concat(),
        false => control("ack", Some(seq_id), Some(ws_id)),
    }
}

fn control(kind: &str, seq_id: Option<&str>, ws_id: Option<&str>) -> String {
    // Without room to spare: the socket then takes the text over as it is.
    let ids = seq_id.map_or(0, |id| id.len() + 11) + ws_id.map_or(0, |id| id.len() + 10);
    let mut text = String::with_capacity(kind.len() + 11 + ids);
    text.push_str("{\"type\":\"");
    text.push_str(kind);
    text.push('"');
    if let Some(seq_id) = seq_id {
        text.push_str(",\"seqId\":");
        push_json(&mut text, seq_id);
    }
    if let Some(ws_id) = ws_id {
        text.push_str(",\"wsId\":");
        push_json(&mut text, ws_id);
    }
    text.push('}');
    text
}

/// Appends a JSON string. Ids need no escapes; anything else gets them.
fn push_json(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Whether the text is a JSON string as it is.
fn is_plain(text: &str) -> bool {
    // Without a way out in between, eight and more bytes are looked at together.
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
    text.bytes().fold(true, |plain, byte| plain & is_plain(byte))
}
