//! Points in the stream of frames from which the service can be asked again.

use std::collections::VecDeque;

use crate::limits::SEEN_FRAMES;
use crate::rare::Rare;

/// At most so many of the remembered frames lie behind a cursor: those that are found when the service is asked
/// from there need room as well.
const REACH: u64 = SEEN_FRAMES as u64 * 3 / 4;

/// How far the cursors of a log lie apart, in frames.
const STRIDE: u64 = REACH / 8;

/// The point behind one frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor {
    /// The frame's `seqId`; empty before the first frame.
    pub(crate) seq: String,
    /// How many frames had been noted as seen by then.
    pub(crate) noted: u64,
}

impl Cursor {
    /// Whether all frames since are remembered, so that the new ones can be told from them.
    fn is_in_reach(&self, noted: u64) -> bool {
        noted.saturating_sub(self.noted) <= REACH
    }
}

/// The cursors that a conversation has passed lately.
#[derive(Debug, Default)]
pub(crate) struct CursorLog(Rare<VecDeque<Cursor>>);

impl CursorLog {
    /// Gives back the room that is not needed.
    pub(crate) fn give_back(&mut self) {
        self.0.give_back();
    }

    /// The conversation has come to this frame.
    pub(crate) fn pass(&mut self, seq: &str, noted: u64) {
        if self.0.back().is_some_and(|last| noted < last.noted + STRIDE) {
            return;
        }
        self.0.push_back(Cursor { seq: seq.to_owned(), noted });
        while self.0.front().is_some_and(|first| !first.is_in_reach(noted)) {
            self.0.pop_front();
        }
    }

    /// The frame from which on to ask for what should have come since `cursor`. Where more has come than is
    /// remembered, the first cursor behind which all is remembered; the last choice is `here`, the present frame.
    pub(crate) fn nearest<'a>(&'a self, cursor: &'a Cursor, here: &'a str, noted: u64) -> &'a str {
        if cursor.is_in_reach(noted) {
            return &cursor.seq;
        }
        self.0.iter().find(|passed| passed.is_in_reach(noted)).map_or(here, |passed| &passed.seq)
    }
}
