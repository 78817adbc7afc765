//! The frames that a visitor has not acknowledged yet.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::frames::Frame;

/// Frames of one visitor that are remembered; the oldest is forgotten first.
const FRAMES: usize = 1_000;
/// How often a frame is sent again.
const REPEATS: u32 = 3;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Unacknowledged {
    waiting: VecDeque<Sent>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sent {
    number: u64,
    again: Again,
    repeats: u32,
}

/// A frame that is sent again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Again {
    pub(super) session_id: String,
    /// The socket that it was first sent to.
    pub(super) ws_id: String,
    pub(super) frame: Frame,
}

impl Unacknowledged {
    /// Notes a frame that was sent, under a number of its own.
    pub(super) fn push(&mut self, number: u64, again: Again) {
        if self.waiting.len() == FRAMES {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Sent { number, again, repeats: 0 });
    }

    /// Forgets the frames of this `seqId`.
    pub(super) fn acknowledge(&mut self, seq_id: &str) {
        self.waiting.retain(|sent| sent.again.frame.seq_id() != Some(seq_id));
    }

    /// Returns the frame of this number, to be sent again. It is forgotten, and `None` returned, when it was repeated
    /// often enough or the visitor has no socket.
    pub(super) fn repeat(&mut self, number: u64, is_connected: bool) -> Option<Again> {
        let at = self.waiting.iter().position(|sent| sent.number == number)?;
        let sent = &mut self.waiting[at];
        sent.repeats += 1;
        if sent.repeats > REPEATS || !is_connected {
            self.waiting.remove(at);
            return None;
        }
        Some(sent.again.clone())
    }

    /// Returns all frames to be sent again, without those that were repeated often enough.
    pub(super) fn repeat_all(&mut self) -> Vec<Again> {
        self.waiting.retain(|sent| sent.repeats < REPEATS);
        let again = |sent: &mut Sent| {
            sent.repeats += 1;
            sent.again.clone()
        };
        self.waiting.iter_mut().map(again).collect()
    }
}
