//! The frames of a session that the history calls know.

use std::collections::VecDeque;

use super::frames::Frame;

/// Frames of one session; the oldest is forgotten first.
const FRAMES: usize = 4_000;

#[derive(Debug, Default)]
pub(super) struct FrameLog {
    frames: VecDeque<Frame>,
}

impl FrameLog {
    pub(super) fn push(&mut self, frame: Frame) {
        if self.frames.len() == FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
    }

    /// The frames after the one of this `seqId`, or from the first one on.
    pub(super) fn after(&self, seq_id: Option<&str>, page: usize) -> impl Iterator<Item = &Frame> {
        let from = self.position(seq_id).map_or(0, |at| at + 1);
        self.frames.range(from..(from + page).min(self.frames.len()))
    }

    /// The last frames before the one of this `seqId`, or the last ones, the oldest first.
    pub(super) fn before(&self, seq_id: Option<&str>, page: usize) -> impl Iterator<Item = &Frame> {
        let to = self.position(seq_id).unwrap_or(self.frames.len());
        self.frames.range(to.saturating_sub(page)..to)
    }

    /// The last one of this `seqId`: a message that is sent twice may have two echoes with one.
    fn position(&self, seq_id: Option<&str>) -> Option<usize> {
        let seq_id = seq_id?;
        self.frames.iter().rposition(|frame| frame.seq_id() == Some(seq_id))
    }
}
