//! What comes of a `history` call.

use serde_json::value::RawValue;

use super::{Machine, Outcome, Ticket, gap::no_list};
use crate::call::Call;
use crate::error::{Error, ErrorKind};
use crate::event::ConversationKey;
use crate::time::Millis;
use crate::wire::query_frames;

impl Machine {
    /// A page of the past.
    pub(super) fn history_page(
        &mut self,
        now: Millis,
        key: ConversationKey,
        ticket: Ticket,
        data: Option<&RawValue>,
    ) -> Result<(), Error> {
        let page = query_frames(data).ok_or_else(no_list)?;
        self.query_answered(&Call::History(key, ticket));
        let user =
            self.authentication.credentials().map(|credentials| credentials.user_id.as_str().to_owned());
        let messages = self.conversation_mut(key).and_then(|conversation| {
            conversation.histories_mut().page_came(now, ticket, &page, user.as_deref())
        });
        if let Some(messages) = messages {
            self.resolve(Some(ticket), Ok(Outcome::History(messages)));
        }
        Ok(())
    }

    /// The service makes the call wait until then. If its deadline comes earlier, it fails now.
    pub(super) fn fail_history_before(
        &mut self,
        until: Millis,
        key: ConversationKey,
        ticket: Ticket,
        error: Error,
    ) {
        if self
            .conversation(key)
            .is_some_and(|conversation| conversation.histories().ends_before(ticket, until))
        {
            self.history_failed(key, ticket, error);
        }
    }

    pub(super) fn history_failed(&mut self, key: ConversationKey, ticket: Ticket, error: Error) {
        let calls = self.calls.drop_calls(|call| *call == Call::History(key, ticket));
        self.abandon(calls);
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        conversation.histories_mut().remove(ticket);
        let absent = matches!(
            error.kind(),
            // With a 403 that names no reason the service says that the call is not for visitors.
            ErrorKind::InvalidAnswer
                | ErrorKind::Refused
                | ErrorKind::Unavailable
                | ErrorKind::Authentication
        );
        let error = if absent {
            let step = error.step();
            let unsupported =
                Error::new(ErrorKind::Unsupported, "the service does not offer the messages of the past");
            match (step, error.code().map(str::to_owned)) {
                (Some(step), Some(code)) => unsupported.at(step).with_code(code).caused_by(error),
                (Some(step), None) => unsupported.at(step).caused_by(error),
                (None, _) => unsupported.caused_by(error),
            }
        } else {
            error
        };
        self.resolve(Some(ticket), Err(error));
    }
}
