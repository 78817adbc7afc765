//! The frames of a session that the history calls know.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::frames::Frame;

/// Frames of one session; the oldest is forgotten first.
const FRAMES: usize = 4_000;

/// About what a frame costs beside its text, in bytes.
const FRAME_BYTES: usize = 64;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FrameLog {
    frames: VecDeque<Kept>,
}

/// A frame as text, which takes a fraction of the room that its fields would.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// Its number among all that is kept of all sessions.
    #[serde(default)]
    n: u64,
    #[serde(rename = "fields", serialize_with = "as_json", deserialize_with = "from_json")]
    text: Box<str>,
}

impl FrameLog {
    /// Keeps a frame under a number. Returns the bytes that came, and those that went.
    pub(super) fn push(&mut self, n: u64, frame: &Frame) -> (usize, usize) {
        let went = if self.frames.len() == FRAMES { self.drop_oldest() } else { None };
        let kept = Kept { n, text: frame.bare_text().into() };
        let came = kept.bytes();
        self.frames.push_back(kept);
        (came, went.unwrap_or_default())
    }

    /// The frames after the one of this `seqId`, or from the first one on.
    pub(super) fn after(&self, seq_id: Option<&str>, page: usize) -> impl Iterator<Item = Value> {
        let from = self.position(seq_id).map_or(0, |at| at + 1);
        self.frames.range(from..(from + page).min(self.frames.len())).map(Kept::json)
    }

    /// The last frames before the one of this `seqId`, or the last ones, the oldest first. There are none before a frame
    /// that is not kept any more: a client that goes back page by page would take the last ones for older ones.
    pub(super) fn before(&self, seq_id: Option<&str>, page: usize) -> impl Iterator<Item = Value> {
        let all = self.frames.len();
        let to = if seq_id.is_none() { all } else { self.position(seq_id).unwrap_or(0) };
        self.frames.range(to.saturating_sub(page)..to).map(Kept::json)
    }

    /// The number of the oldest frame.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.frames.front().map(|kept| kept.n)
    }

    /// The number of the newest frame.
    pub(super) fn newest(&self) -> Option<u64> {
        self.frames.back().map(|kept| kept.n)
    }

    /// Drops the oldest frame. Returns its bytes.
    pub(super) fn drop_oldest(&mut self) -> Option<usize> {
        self.frames.pop_front().map(|kept| kept.bytes())
    }

    /// The bytes of all frames.
    pub(super) fn bytes(&self) -> usize {
        self.frames.iter().map(Kept::bytes).sum()
    }

    /// The last one of this `seqId`: a message that is sent twice may have two echoes with one.
    fn position(&self, seq_id: Option<&str>) -> Option<usize> {
        let seq_id = Value::from(seq_id?);
        let written = seq_id.to_string();
        // Most frames are told apart by their text alone.
        let is_it = |kept: &Kept| kept.text.contains(&written) && kept.json().get("seqId") == Some(&seq_id);
        self.frames.iter().rposition(is_it)
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        FRAME_BYTES + self.text.len()
    }

    fn json(&self) -> Value {
        // It was written from a value, so that it can be read as one.
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

fn as_json<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_str(text).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

fn from_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    let fields = serde_json::Map::<String, Value>::deserialize(deserializer)?;
    Ok(Value::Object(fields).to_string().into())
}
