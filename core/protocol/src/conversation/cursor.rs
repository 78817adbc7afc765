//! Places in the stream of frames from which it can be gone through again.

use std::collections::VecDeque;

use crate::limits::SEEN_FRAMES;

/// So many of the frames that are remembered lie behind a place at most: those that are found while it is
/// gone through again need room as well.
const REACH: u64 = SEEN_FRAMES as u64 * 3 / 4;

/// How far the places of a trail lie apart, in frames.
const STRIDE: u64 = REACH / 8;

/// Behind this frame; empty, where there was none yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor {
    pub(crate) seq: String,
    /// Frames that had been noted as seen by then.
    pub(crate) noted: u64,
}

impl Cursor {
    /// Whether all that came since is remembered, so that what is new can be told from it.
    fn is_in_reach(&self, noted: u64) -> bool {
        noted.saturating_sub(self.noted) <= REACH
    }
}

/// The places that a conversation has passed lately.
#[derive(Debug, Default)]
pub(crate) struct CursorLog(VecDeque<Cursor>);

impl CursorLog {
    /// The conversation stands here now.
    pub(crate) fn pass(&mut self, seq: &str, noted: u64) {
        if self.0.back().is_some_and(|last| noted < last.noted + STRIDE) {
            return;
        }
        self.0.push_back(Cursor { seq: seq.to_owned(), noted });
        while self.0.front().is_some_and(|first| !first.is_in_reach(noted)) {
            self.0.pop_front();
        }
    }

    /// From where on to look for what should have come since `place`. Where more has come than is remembered,
    /// from the first place behind which all of it is; `here`, where the conversation stands, is the last.
    pub(crate) fn nearest<'a>(&'a self, place: &'a Cursor, here: &'a str, noted: u64) -> &'a str {
        if place.is_in_reach(noted) {
            return &place.seq;
        }
        self.0.iter().find(|passed| passed.is_in_reach(noted)).map_or(here, |passed| &passed.seq)
    }
}
