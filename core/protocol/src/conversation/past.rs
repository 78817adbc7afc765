//! Frames of the past, which message queries bring page by page.

use serde_json::value::RawValue;

use crate::ids::SeqId;
use crate::limits::PAST_BYTES;
use crate::redact::Raw;
use crate::wire::Frame;

/// What a message query asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Query<'a> {
    /// The latest frames.
    Latest,
    /// The frames before this one.
    Before(&'a SeqId),
    /// The frames after this one.
    After(&'a str),
}

/// The two ways to ask, of which the service may have one and not the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryKind {
    /// Without naming a frame.
    Latest,
    /// From a frame that the query names.
    Named,
}

impl Query<'_> {
    pub(crate) fn kind(self) -> QueryKind {
        match self {
            Self::Latest => QueryKind::Latest,
            Self::Before(_) | Self::After(_) => QueryKind::Named,
        }
    }
}

impl QueryKind {
    /// The query that finds what came after this frame. Without a frame, that is everything.
    pub(crate) fn after(seq: &str) -> Self {
        if seq.is_empty() { Self::Latest } else { Self::Named }
    }
}

/// Frames that follow one another, oldest first. Pages are put before those that are there.
#[derive(Debug, Default)]
pub(crate) struct Past {
    frames: Vec<Raw>,
    /// The oldest frame that has a name: the next page ends there.
    before: Option<SeqId>,
}

/// What a page brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageReach {
    /// Older frames: the next page may bring more.
    Older,
    /// Nothing to go on from: the conversation begins here.
    Beginning,
}

impl Past {
    /// The past before this frame, or all of it.
    pub(crate) fn before(seq: Option<SeqId>) -> Self {
        Self { frames: Vec::new(), before: seq }
    }

    /// The query that brings the next page.
    pub(crate) fn query(&self) -> Query<'_> {
        self.before.as_ref().map_or(Query::Latest, Query::Before)
    }

    /// Puts a page before what is there.
    pub(crate) fn add(&mut self, page: &[&RawValue]) -> PageReach {
        let mut frames: Vec<Raw> = page.iter().map(|frame| Raw::from(frame.get())).collect();
        // Whether a page runs forward or backward is not documented; its timestamps tell.
        let time =
            |raw: &Raw| Frame::parse(raw.as_str(), &mut String::new()).and_then(|frame| frame.timestamp());
        let times: Vec<Option<u64>> = frames.iter().map(time).collect();
        if let (Some(Some(first)), Some(Some(last))) = (times.first(), times.last())
            && first > last
        {
            frames.reverse();
        }
        // Whether a page ends with or before the frame that was named is not documented either.
        if self.before.is_some() {
            frames.retain(|raw| seq_of(raw) != self.before);
        }
        let oldest = frames.iter().find_map(seq_of);
        let moved = oldest.is_some() && oldest != self.before;
        frames.append(&mut self.frames);
        self.frames = frames;
        if !moved {
            return PageReach::Beginning;
        }
        self.before = oldest;
        PageReach::Older
    }

    /// Whether it is as long as it may become.
    pub(crate) fn is_full(&self) -> bool {
        self.frames.iter().map(|raw| raw.as_str().len()).sum::<usize>() >= PAST_BYTES
    }

    pub(crate) fn frames(&self) -> &[Raw] {
        &self.frames
    }

    pub(crate) fn take_frames(&mut self) -> Vec<Raw> {
        std::mem::take(&mut self.frames)
    }
}

fn seq_of(raw: &Raw) -> Option<SeqId> {
    let mut mended = String::new();
    let frame = Frame::parse(raw.as_str(), &mut mended)?;
    frame.seq_id.as_deref().map(SeqId::from)
}
