//! What is logged about a visitor. No log of this crate contains a key, a token, a socket address or what
//! people say.

use secondme_avatar_protocol::{Event, EventKind, Machine, Millis};
use tracing::{debug, trace, warn};

use crate::connection_log::{ConnectionLog, WarningLimit};

/// The log of one visitor.
#[derive(Default)]
pub(super) struct Journal {
    connection_log: ConnectionLog,
}

impl Journal {
    /// Logs events.
    pub(super) fn tell(&mut self, now: Millis, warnings: &WarningLimit, machine: &Machine, events: &[Event]) {
        events.iter().for_each(tell);
        self.log_connection(now, warnings, machine, events);
    }

    /// Whether no lost connection is remembered.
    pub(super) fn is_quiet(&self) -> bool {
        self.connection_log.is_quiet()
    }

    /// Logs connections that are lost again and again. All conversations of the visitor report the same loss.
    fn log_connection(&mut self, now: Millis, warnings: &WarningLimit, machine: &Machine, events: &[Event]) {
        let visitor = machine.visitor().id();
        let lost = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Disconnected { cause, .. } => Some(cause),
            _ => None,
        });
        if let Some(cause) = lost {
            self.connection_log.failed(now, warnings, visitor, cause);
            match machine.is_contested() {
                true => self.connection_log.contested(now, warnings, visitor, cause),
                false => self.connection_log.lasts(),
            }
        }
        if events.iter().any(|event| matches!(event.kind, EventKind::Reconnected { .. })) {
            self.connection_log.is_over(now, visitor);
        }
    }
}

fn tell(event: &Event) {
    let visitor = &event.visitor_id;
    match &event.kind {
        EventKind::StateChanged { from, to } => {
            debug!(target: "secondme_avatar::conversation", %visitor, from = from.name(), to = to.name(), "state");
        }
        EventKind::Disconnected { retry_in, cause, close_code, close_reason } => {
            debug!(
                target: "secondme_avatar::conversation", %visitor, ?retry_in, close_code, close_reason, %cause,
                "disconnected"
            );
        }
        EventKind::Reconnected { gap } => {
            debug!(target: "secondme_avatar::conversation", %visitor, ?gap, "reconnected");
        }
        EventKind::ServiceError(failure) => {
            warn!(target: "secondme_avatar::conversation", %visitor, code = failure.code, "service error");
        }
        EventKind::Unsent { message, error } => {
            let (message, certain) = (message.message_id.as_str(), message.certain);
            warn!(target: "secondme_avatar::conversation", %visitor, message, certain, %error, "a message is given up");
        }
        EventKind::TakenOver => {
            debug!(target: "secondme_avatar::conversation", %visitor, "the owner has the conversation");
        }
        EventKind::HandedBack => {
            debug!(target: "secondme_avatar::conversation", %visitor, "the avatar has the conversation again");
        }
        EventKind::Closed { reason } => {
            debug!(target: "secondme_avatar::conversation", %visitor, ?reason, "closed");
        }
        EventKind::WaitingForQuota { wait } => {
            debug!(target: "secondme_avatar::conversation", %visitor, ?wait, "waiting for the quota");
        }
        _ => trace!(target: "secondme_avatar::conversation", %visitor, "event"),
    }
}
