//! What is not tried again at once: because the service says when to come back, or because it is of no use.

use std::time::Duration;

use super::{Goal, Machine};
use crate::call::Call;
use crate::error::Error;
use crate::event::CloseReason;
use crate::limits::RATE_LIMIT_WAIT_MAX;
use crate::time::Millis;

impl Machine {
    /// The service says after how long the call may come again. A caller that cannot wait so long learns it now.
    pub(super) fn told_to_wait(&mut self, now: Millis, call: &Call, error: Error, wait: Duration) {
        let wait = wait.min(RATE_LIMIT_WAIT_MAX);
        let error = error.with_retry_after(Some(wait));
        self.retry(now, call, wait, error.clone());
        match call {
            Call::Authenticate
            | Call::InitChat
            | Call::CreateSocket
            | Call::Connect
            | Call::ResolveAvatar
            | Call::FetchToken
            | Call::InitVisitorChat => self.fail_waiters_before(now, now + wait, &error),
            Call::CreateSession(key) | Call::BindSession(key) => {
                self.fail_openers(now, *key, now + wait, |_| error.clone());
            }
            Call::SendMessage(key, message) => self.fail_message_before(now + wait, *key, message, &error),
            Call::History(key, ticket) => self.fail_history_before(now + wait, *key, *ticket, error),
            Call::FillGap(key) => self.delay_probe(now + wait, *key),
            Call::EndSession(_) => {}
        }
    }

    /// The failure lies with this machine, as a limit that is reached or a certificate that it does not trust: who
    /// waits learns it now. What was open before stays, and comes back when that has passed.
    pub(super) fn hopeless(&mut self, now: Millis, call: &Call, error: Error) {
        let is_opening = |machine: &Self, key| machine.conversation(key).is_some_and(|one| !one.is_opened());
        match call {
            Call::Authenticate
            | Call::InitChat
            | Call::CreateSocket
            | Call::Connect
            | Call::ResolveAvatar
            | Call::FetchToken
            | Call::InitVisitorChat => {
                for key in self.keys() {
                    if is_opening(self, key) {
                        self.close_conversation(now, key, CloseReason::Failed(error.clone()));
                    }
                }
                if self.goal != Goal::Closed {
                    self.retry(now, call, Duration::ZERO, error);
                }
            }
            Call::CreateSession(key) | Call::BindSession(key) if is_opening(self, *key) => {
                self.close_conversation(now, *key, CloseReason::Failed(error));
            }
            // One that is kept may wait.
            Call::SendMessage(key, message) if !self.is_durable(*key, message) => {
                self.message_refused(now, *key, message, error);
            }
            Call::History(key, ticket) => self.history_failed(*key, *ticket, error),
            Call::CreateSession(_)
            | Call::BindSession(_)
            | Call::SendMessage(..)
            | Call::FillGap(_)
            | Call::EndSession(_) => self.retry(now, call, Duration::ZERO, error),
        }
    }
}
