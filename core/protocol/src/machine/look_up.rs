//! Whether the service has an unconfirmed message: it is searched for among the session's messages.

use serde_json::value::RawValue;

use super::Machine;
use crate::conversation::{Cursor, FillReason, PageReach, PageStep, QueryKind, QueryResult};
use crate::event::{Confirmation, ConversationKey, Gap};
use crate::ids::MessageId;
use crate::time::Millis;
use crate::wire::{Frame, Sender};

impl Machine {
    /// Whether an unconfirmed message can be searched for, and how: from this frame on. Returns where to begin.
    pub(super) fn search_begins(
        &self,
        key: ConversationKey,
        since: &Cursor,
        message: &MessageId,
    ) -> Option<(String, FillReason)> {
        let conversation = self.conversation(key).filter(|conversation| self.is_calm(conversation))?;
        let since = self.probe_begins(key, since)?;
        let message = message.clone();
        if self.can_query(conversation, &since) {
            return Some((since, FillReason::Probe { message: Some(message) }));
        }
        let mut points = [since, String::new()].into_iter();
        let from = points.find(|since| self.capabilities.allows(QueryKind::after(since)))?;
        Some((from, FillReason::LookUp { message }))
    }

    /// A page was asked for to find this message, and for nothing else.
    pub(super) fn look_at_page(
        &mut self,
        now: Millis,
        key: ConversationKey,
        message: &MessageId,
        page: &[&RawValue],
    ) {
        let user = self.authentication.user_id().map(|user| user.as_str().to_owned());
        let can_go_on = self.capabilities.allows(QueryKind::Named);
        let Some(conversation) = self.conversation_mut(key) else {
            return;
        };
        let is_earlier = |id: &str| conversation.has_sent_before(id, message);
        let Sight { sees, last, reaches_earlier } =
            look_at(page, message.as_str(), user.as_deref(), is_earlier);
        let is_last = conversation.gap().is_last_page();
        let complete = match conversation.gap_mut().page_came(now, page) {
            Some(PageStep::Dispatch { after }) => last.as_ref().is_none_or(|last| *last == after),
            Some(PageStep::Gathered(reach)) => reach == PageReach::Beginning || reaches_earlier,
            None => return,
        };
        conversation.gap_mut().looked_at(last.as_deref());
        match sees {
            Sees::Message => {
                self.confirm(now, key, message.as_str(), Confirmation::Query);
                self.close_gap(now, key, Gap::None);
            }
            Sees::NoNames => self.look_up_is_futile(now, key, message),
            Sees::Nothing if complete => self.close_gap(now, key, Gap::None),
            Sees::Nothing if is_last || !can_go_on => self.look_up_is_futile(now, key, message),
            Sees::Nothing => {} // The rule asks for the next page.
        }
    }

    fn look_up_is_futile(&mut self, now: Millis, key: ConversationKey, message: &MessageId) {
        self.close_gap(now, key, Gap::Unknown);
        self.probe_ended(now, key, message, QueryResult::Futile);
    }
}

/// What a page shows of a message.
struct Sight {
    sees: Sees,
    /// The name of its last frame.
    last: Option<String>,
    /// One of its frames came before the message went out.
    reaches_earlier: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    /// The message is there.
    Message,
    /// The visitor's messages do not say which they are: it may be one of them.
    NoNames,
    /// It is not there.
    Nothing,
}

fn look_at(
    page: &[&RawValue],
    message: &str,
    user: Option<&str>,
    is_earlier: impl Fn(&str) -> bool,
) -> Sight {
    let mut sight = Sight { sees: Sees::Nothing, last: None, reaches_earlier: false };
    for raw in page {
        let mut mended = String::new();
        let Some(frame) = Frame::parse(raw.get(), &mut mended) else {
            continue;
        };
        if let Some(seq) = frame.seq_id.as_deref() {
            sight.last = Some(seq.to_owned());
        }
        let is_ours = frame.sender() == Sender::Client && frame.send_user_id.as_deref() == user;
        match frame.message_id.as_deref() {
            Some(id) if id == message => sight.sees = Sees::Message,
            Some(id) if is_earlier(id) => sight.reaches_earlier = true,
            None if is_ours && sight.sees == Sees::Nothing => sight.sees = Sees::NoNames,
            Some(_) | None => {}
        }
    }
    sight
}
