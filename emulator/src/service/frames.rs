//! The frames that travel over a socket.

use serde::Serializer as _;
use serde_json::{Map, Value, json};

use super::switches::{ClientText, FrameFields};
use super::visitor_chat::{FrameIds, VoiceForm};
use crate::brain::Piece;
use crate::time::Millis;

/// A frame as it is stored: everything but the `wsId`, which depends on the socket it goes to.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Frame {
    fields: Map<String, Value>,
    /// Sent exactly as it is.
    verbatim: bool,
}

/// What the frames of one session have in common.
#[derive(Debug, Clone)]
pub(super) struct Envelope<'a> {
    pub(super) session_id: &'a Value,
    pub(super) mind_id: &'a str,
    pub(super) now: Millis,
}

impl Frame {
    fn new(about: &Envelope<'_>, kind: &str, message_id: &str, seq_id: &str) -> Self {
        let fields = Map::from_iter([
            ("type".to_owned(), json!(kind)),
            ("sessionId".to_owned(), about.session_id.clone()),
            ("mindId".to_owned(), json!(about.mind_id)),
            ("messageId".to_owned(), json!(message_id)),
            ("seqId".to_owned(), json!(seq_id)),
            ("timestamp".to_owned(), json!(about.now.0)),
        ]);
        Self { fields, verbatim: false }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Without one of its fields.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.fields.remove(name);
        self
    }

    /// A piece of the avatar's reply, or all of it if it has no index.
    pub(super) fn reply(
        about: &Envelope<'_>,
        (message_id, seq_id): (&str, &str),
        index: Option<i64>,
        piece: &Piece,
    ) -> Self {
        let parts = piece.to_json();
        let mut frame = Self::new(about, "msg", message_id, seq_id)
            .with("sender", json!("umm"))
            .with("dataType", json!("text"))
            .with("multipleData", parts);
        if let Some(index) = index {
            frame = frame.with("index", json!(index));
        }
        if !piece.sources.is_empty() {
            frame = frame.with("sources", json!(piece.sources));
        }
        frame
    }

    /// A message that a person wrote: the echo of the visitor's, or the owner's.
    pub(super) fn client(
        about: &Envelope<'_>,
        (message_id, seq_id): (&str, &str),
        user_id: &str,
        (text, place): (&str, ClientText),
        urls: Option<&Value>,
    ) -> Self {
        let mut frame = Self::new(about, "msg", message_id, seq_id)
            .with("sender", json!("client"))
            .with("sendUserId", json!(user_id))
            .with("userId", json!(user_id))
            .with("index", json!(0))
            .with("dataType", json!("text"));
        let mut data = Map::new();
        match place {
            ClientText::Content => {
                data.insert("content".to_owned(), json!(text));
            }
            ClientText::MultipleData => {
                let entry = json!({"singleDataType": "text", "modal": {"answer": text}});
                frame = frame.with("multipleData", json!([entry]));
            }
        }
        if let Some(urls) = urls {
            data.insert("urls".to_owned(), urls.clone());
        }
        if !data.is_empty() {
            frame = frame.with("data", Value::Object(data));
        }
        frame
    }

    /// A line of the system, or a notification: `hint`, `notice`.
    pub(super) fn line(
        about: &Envelope<'_>,
        kind: &str,
        (message_id, seq_id): (&str, &str),
        text: &str,
    ) -> Self {
        Self::new(about, kind, message_id, seq_id)
            .with("sender", json!("sys"))
            .with("dataType", json!("text"))
            .with("data", json!({"content": text}))
    }

    /// A voice message of the avatar, in one of the forms it may have.
    pub(super) fn voice(about: &Envelope<'_>, message_id: &str, url: &str, form: VoiceForm) -> Self {
        let kind = if form == VoiceForm::Kind { "voice" } else { "msg" };
        let frame = Self::new(about, kind, message_id, message_id).with("sender", json!("umm"));
        match form {
            VoiceForm::Speech => {
                let part = json!({"singleDataType": "text", "modal": {"speech": {"url": url}}});
                frame.with("multipleData", json!([part]))
            }
            VoiceForm::Kind => frame.with("data", json!({"url": url})),
            VoiceForm::Urls => frame.with("data", json!({"urls": [url]})),
        }
    }

    /// A failure over the socket.
    pub(super) fn failure(
        about: &Envelope<'_>,
        message_id: Option<&str>,
        seq_id: &str,
        (code, reason): (&str, &str),
        actions: &[Value],
    ) -> Self {
        let mut frame = Self::new(about, "sys", "", seq_id)
            .with("sender", json!("sys"))
            .with("subCode", json!(code))
            .with("subCodeReason", json!(reason))
            .with("subCodeActions", json!(actions));
        match message_id {
            Some(message_id) => frame = frame.with("messageId", json!(message_id)),
            None => {
                frame.fields.remove("messageId");
            }
        }
        frame
    }

    /// A frame that a test or a script made.
    pub(super) fn verbatim(fields: Map<String, Value>) -> Self {
        Self { fields, verbatim: true }
    }

    pub(super) fn seq_id(&self) -> Option<&str> {
        self.fields.get("seqId")?.as_str()
    }

    /// The text that goes to a socket of Visitor Chat.
    pub(super) fn chat_text(&self, ws_id: &str, ids: FrameIds) -> String {
        match ids {
            _ if self.verbatim => self.bare_text(),
            FrameIds::All => self.text_with(Some(ws_id), &["wsId"]),
            FrameIds::Absent => self.text_with(None, &["sessionId", "messageId", "seqId"]),
        }
    }

    /// Its own fields as text, with every one of them.
    pub(super) fn bare_text(&self) -> String {
        self.text_with(None, &[])
    }

    /// Its fields but for some, and a `wsId`, which comes last as their names stand in order.
    fn text_with(&self, ws_id: Option<&str>, but: &[&str]) -> String {
        let mut text = Vec::with_capacity(512);
        let mut writer = serde_json::Serializer::new(&mut text);
        let kept = self.fields.iter().filter(|(name, _)| !but.contains(&name.as_str()));
        let ws_id = ws_id.map(Value::from);
        let named = ws_id.as_ref().map(|ws_id| ("wsId", ws_id));
        // Into a vector and with texts as keys throughout, nothing can go wrong.
        let _ = writer.collect_map(kept.map(|(name, value)| (name.as_str(), value)).chain(named));
        String::from_utf8(text).unwrap_or_default()
    }

    /// The text that goes to a socket.
    pub(super) fn text(&self, ws_id: &str, fields: FrameFields) -> String {
        match fields {
            _ if self.verbatim => self.bare_text(),
            FrameFields::All => self.text_with(Some(ws_id), &["wsId"]),
            FrameFields::NoSession => self.text_with(Some(ws_id), &["wsId", "sessionId"]),
            FrameFields::Documented => Value::Object(self.documented()).to_string(),
        }
    }

    /// The fields of the page; those without which a frame would say nothing stay too.
    fn documented(&self) -> Map<String, Value> {
        const KEPT: [&str; 8] = [
            "sender",
            "sendUserId",
            "multipleData",
            "data",
            "type",
            "subCode",
            "subCodeReason",
            "subCodeActions",
        ];
        let kept = self.fields.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
        let mut kept: Map<_, _> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        if kept.get("type").is_some_and(|kind| kind == "msg") {
            kept.remove("type");
        }
        if let Some(Value::Array(parts)) = kept.get_mut("multipleData") {
            for part in parts.iter_mut().filter_map(Value::as_object_mut) {
                if part.get("singleDataType").is_some_and(|kind| kind == "text") {
                    part.remove("singleDataType");
                }
            }
        }
        kept
    }
}
