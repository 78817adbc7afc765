//! Since when the visitor's conversations owe nothing, and what follows from it.

use super::{Command, Goal, Machine};
use crate::alike::Alike;
use crate::conversation::Conversation;
use crate::counters::Counters;
use crate::event::EventKind;
use crate::limits::FIRST_PIECE;
use crate::time::Millis;

impl Machine {
    /// Since when nothing is owed: no command waits, no message is to be sent, no answer is outstanding, and
    /// nothing that was missed is being asked for. A moment in the future is the one from which on that will be so
    /// if nothing happens. `None` while something is under way, and while the machine is paused. What is kept for a
    /// conversation that is not open needs no socket.
    ///
    /// An answer is counted on for [`FIRST_PIECE`] after the last sign of it: an avatar whose owner has taken
    /// over never answers.
    pub fn idle_from(&self) -> Option<Millis> {
        let works = self.goal != Goal::Live
            || self.conversations.is_empty()
            || self.calls.are_under_way()
            || self.connection.is_in_handshake()
            || self.conversations.iter().any(is_at_work);
        if works {
            return None;
        }
        let owes = self.conversations.iter().any(owes_answer);
        Some(if owes { self.active_at + FIRST_PIECE } else { self.active_at })
    }

    /// Gives back the room of what is over, and shares with other machines of the avatar what `alike` knows. There are
    /// thousands of idle machines. Returns what was counted so far: its counters begin anew.
    pub fn give_back(&mut self, alike: &mut Alike) -> Counters {
        self.authentication.share(alike);
        if let Some(context) = &mut self.facts.context {
            alike.share_context(context);
        }
        if let Some(facts) = &mut self.facts.visitor_chat {
            alike.share_visitor_chat(facts);
        }
        self.seen.give_back();
        self.unrouted.give_back();
        self.restored.give_back();
        self.conversations.iter_mut().for_each(Conversation::give_back);
        self.counters.take_out()
    }

    /// When the socket is given up because nothing has been owed for long.
    pub(super) fn pauses_at(&self) -> Option<Millis> {
        Some(self.idle_from()? + self.config.idle_after?)
    }

    /// Pauses a machine that has owed nothing for as long as its configuration says.
    pub(super) fn tick_idle(&mut self, now: Millis) {
        if self.pauses_at().is_some_and(|at| at <= now) {
            self.pause(now);
        }
    }

    /// Another visitor waits for the slot. One that owes something keeps it.
    pub(super) fn slot_reclaimed(&mut self, now: Millis) {
        if self.idle_from().is_some_and(|from| from <= now) {
            self.pause(now);
        }
    }

    /// Notes that something was wanted.
    pub(super) fn note_command(&mut self, now: Millis, command: &Command) {
        // Pausing wants nothing.
        if !matches!(command, Command::Pause) {
            self.active_at = now;
        }
    }

    /// Notes that something was said. What concerns the connection alone does not count.
    pub(super) fn note_event(&mut self, kind: &EventKind) {
        let concerns_connection = matches!(
            kind,
            EventKind::StateChanged { .. }
                | EventKind::Disconnected { .. }
                | EventKind::Reconnected { .. }
                | EventKind::WaitingForQuota { .. }
                | EventKind::Closed { .. }
        );
        if !concerns_connection {
            self.active_at = self.now;
        }
    }
}

/// Whether a command waits, a message is still to be sent, or what was missed is being asked for.
fn is_at_work(conversation: &Conversation) -> bool {
    conversation.lifecycle().opening_deadline().is_some()
        || conversation.is_closing()
        || !conversation.histories().is_empty()
        || !conversation.sends().is_empty()
        || conversation.turns().are_waited_for()
        || conversation.gap().fill_reason().is_some()
}

/// Whether an answer is outstanding, or coming in.
fn owes_answer(conversation: &Conversation) -> bool {
    !conversation.turns().is_empty() || !conversation.replies().is_idle()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_visitor_to_whom_nothing_is_said_takes_little_memory() {
        // There are thousands of them: what they seldom need is allocated when it is needed.
        assert!(size_of::<Machine>() <= 584, "{} bytes", size_of::<Machine>());
        assert!(size_of::<Conversation>() <= 160, "{} bytes", size_of::<Conversation>());
    }
}
