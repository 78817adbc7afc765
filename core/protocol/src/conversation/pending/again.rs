//! A message that is given again, because the process that had it is gone.

use super::{Pending, Queried, Status};
use crate::conversation::cursor::Cursor;
use crate::time::Millis;

impl Pending {
    /// Another process had it when it ended, and stood at `since`. It is older than that.
    pub(in crate::conversation) fn may_have_left(&mut self, since: Cursor, listens: Option<Millis>) {
        let written = self.message.written_at().unwrap_or(self.timestamp);
        self.timestamp = written.min(self.timestamp);
        self.status = Status::Unconfirmed { until: listens, queried: Queried::NotYet };
        self.maybe_taken = true;
        self.route.since = since;
        self.is_old = true;
    }

    /// Whether another process had it, and its echo is not waited for.
    pub(crate) fn is_old(&self) -> bool {
        self.is_old
    }
}
