//! The messages of one turn of the avatar, where a command wants all of them.

use std::time::Duration;

use crate::event::{Attribution, Reply};
use crate::limits::COLLECTED;
use crate::redact::Text;
use crate::time::Millis;

/// The messages that have come, and the silence behind them.
#[derive(Debug)]
pub(super) struct Collected {
    /// The silence that ends the turn.
    silence: Duration,
    replies: Vec<Reply>,
    /// When the silence has lasted long enough; `None` while a message is coming in.
    quiet_at: Option<Millis>,
    /// The next piece begins another message: a line break comes before it.
    breaks: bool,
}

impl Collected {
    pub(super) fn new(silence: Duration) -> Self {
        Self { silence, replies: Vec::new(), quiet_at: None, breaks: false }
    }

    /// A message is whole.
    pub(super) fn add(&mut self, now: Millis, reply: &Reply) {
        self.breaks |= !reply.text.is_empty();
        self.replies.push(reply.clone());
        let is_full = self.replies.len() >= COLLECTED;
        self.quiet_at = Some(if is_full { now } else { now + self.silence });
    }

    /// A piece of the next message has come.
    pub(super) fn piece_came(&mut self) {
        self.quiet_at = None;
    }

    /// Whether a line break comes before the text that comes now.
    pub(super) fn take_break(&mut self) -> bool {
        std::mem::take(&mut self.breaks)
    }

    /// What came in the meantime was not heard: the silence begins again.
    pub(super) fn wait_again(&mut self, now: Millis) {
        self.quiet_at = self.quiet_at.map(|_| now + self.silence);
    }

    /// When the turn is over, unless something comes before that.
    pub(super) fn quiet_at(&self) -> Option<Millis> {
        self.quiet_at
    }

    /// What has come was no answer.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.silence);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// All messages as one: their texts in lines, and everything else in order. `None` where none has come.
    pub(super) fn joined(self) -> Option<Reply> {
        let mut replies = self.replies.into_iter();
        let mut all = replies.next()?;
        for reply in replies {
            all.text = in_lines(&all.text, &reply.text);
            all.parts.extend(reply.parts);
            all.sources.extend(reply.sources);
            all.speech.extend(reply.speech);
            all.ended = reply.ended;
            all.confirmed &= reply.confirmed;
            if reply.attribution == Attribution::Guessed {
                all.attribution = Attribution::Guessed;
            }
        }
        Some(all)
    }
}

fn in_lines(one: &Text, other: &Text) -> Text {
    if one.is_empty() || other.is_empty() {
        return if one.is_empty() { other.clone() } else { one.clone() };
    }
    let mut all = one.clone();
    all.push_str("\n");
    all.push_str(other.as_str());
    all
}
