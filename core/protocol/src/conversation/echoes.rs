//! Echo or owner, where the service tells neither the visitor's own user id nor the ids of the visitor's messages.
//!
//! A frame of a person is judged by four rules, in this order:
//!
//! 1. It is an echo if it carries the id under which the service has taken one of the visitor's messages.
//! 2. It is an echo if its text is that of a message that awaits its echo, and comes within 30 s of the send. Its user
//!    id is the visitor's own, as far as that shows.
//! 3. It is an echo if it carries the visitor's own user id, and that is certain.
//! 4. Otherwise the owner speaks: for certain where an echo has shown the visitor's own user id, and the frame carries
//!    another.
//!
//! An owner may say what the visitor has just said. So one echo by its text does not make a user id the visitor's own:
//! before the second, only what the visitor has said within the 30 s is taken for an echo. Where two user ids have said
//! the same, one of them is the owner's, and which one only later echoes show. Another session may give the visitor
//! another user id, so what was known in the session before is a guess in it; an echo of that session that comes again
//! is known by the id that was certain in it.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::event::ServiceError;
use crate::facts::OwnUser;
use crate::ids::{MessageId, UserId};
use crate::limits::{ECHO_BY_TEXT, OWN_USER_ECHOES, SENT_MESSAGES};
use crate::rare::GiveBack;
use crate::time::Millis;
use crate::wire::Frame;

/// The latest messages, as their echoes are known.
#[derive(Debug, Default)]
pub(crate) struct Echoes {
    sent: VecDeque<Sent>,
    /// The latest failure of which the service has not said yet which message it means.
    /// Boxed, since there is seldom one.
    failure: Option<Box<ServiceError>>,
}

#[derive(Debug)]
struct Sent {
    message: MessageId,
    text: Fingerprint,
    /// Until when its echo is known by its text, from any sender.
    by_text_until: Millis,
    /// The id under which the service says to have taken it.
    name: Option<MessageId>,
    /// The id that its echo has carried. That may be the echo's own.
    echo_name: Option<MessageId>,
    echoed: bool,
    /// The user id that its echo has carried.
    echoed_by: Option<UserId>,
    /// The echo was known by its name, so that user id is the visitor's.
    echoed_by_name: bool,
}

/// Tells one text from another and does not keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint {
    bytes: usize,
    hash: u64,
}

/// Who speaks in a frame of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// The visitor: it is an echo, of this message where that is known.
    Visitor(Option<MessageId>),
    /// The owner. Where no rule could tell, it is a guess.
    Owner { confirmed: bool },
}

impl GiveBack for Echoes {
    const EMPTY: &'static Self = &Self { sent: VecDeque::new(), failure: None };

    fn give_back(&mut self) -> bool {
        let Self { sent, failure } = self;
        sent.give_back() && failure.is_none()
    }
}

impl Echoes {
    /// The message goes out.
    pub(crate) fn sent(&mut self, now: Millis, message: &MessageId, text: &str) {
        self.not_sent(message);
        if self.sent.len() == SENT_MESSAGES {
            self.sent.pop_front();
        }
        let (message, text) = (message.clone(), Fingerprint::of(text));
        let by_text_until = now + ECHO_BY_TEXT;
        self.sent.push_back(Sent {
            message,
            text,
            by_text_until,
            name: None,
            echo_name: None,
            echoed: false,
            echoed_by: None,
            echoed_by_name: false,
        });
    }

    /// The message was not taken: no echo of it comes.
    pub(crate) fn not_sent(&mut self, message: &MessageId) {
        self.failure = None;
        self.sent.retain(|sent| sent.message != *message);
    }

    /// The service has taken the message under this id.
    pub(crate) fn named(&mut self, message: &MessageId, name: MessageId) {
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.message == *message) {
            sent.name = Some(name);
        }
    }

    /// The message that the service has taken under this id.
    pub(crate) fn message_named(&self, name: &str) -> Option<&MessageId> {
        self.sent.iter().find(|sent| sent.has_name(name)).map(|sent| &sent.message)
    }

    /// Whether the service has said under which id it has taken the message.
    pub(crate) fn is_named(&self, message: &MessageId) -> bool {
        self.sent.iter().any(|sent| sent.message == *message && sent.name.is_some())
    }

    /// Which message the failure means shows once the service has answered the call that is under way.
    pub(crate) fn keep_failure(&mut self, failure: ServiceError) {
        self.failure = Some(Box::new(failure));
    }

    /// The failure that was kept.
    pub(crate) fn take_failure(&mut self) -> Option<ServiceError> {
        self.failure.take().map(|failure| *failure)
    }

    /// What came since then was not read, and is read from now on: echoes may be among it.
    pub(crate) fn wait_again(&mut self, now: Millis, unread_since: Millis) {
        for sent in self.sent.iter_mut().filter(|sent| sent.by_text_until > unread_since) {
            sent.by_text_until = sent.by_text_until.max(now + ECHO_BY_TEXT);
        }
    }

    /// Says who speaks. What that shows about the visitor's own user id is noted in `own`.
    pub(crate) fn judge(&mut self, now: Millis, frame: &Frame<'_>, own: &mut Option<OwnUser>) -> Voice {
        let user = frame.send_user_id.as_deref();
        if let Some(sent) = self.by_name(frame) {
            sent.note_echo(frame);
            sent.echoed_by_name = true;
            let message = sent.message.clone();
            if let Some(user) = user {
                *own = Some(OwnUser { id: user.into(), echoes: OWN_USER_ECHOES });
            }
            return Voice::Visitor(Some(message));
        }
        let relation = match (user, own.as_ref()) {
            (_, None) => Relation::Unknown,
            (None, Some(_)) => Relation::Unnamed,
            (Some(user), Some(own)) if user == own.id.as_str() => {
                Relation::Own { certain: own.echoes >= OWN_USER_ECHOES }
            }
            (Some(_), Some(own)) => Relation::Another { shown: own.echoes > 0 },
        };
        let text = Fingerprint::of(frame.text().as_str());
        let has_text = |sent: &&mut Sent| !sent.echoed && sent.text == text;
        let in_time = |sent: &&mut Sent| sent.by_text_until > now;
        let mut candidates = self.sent.iter_mut().filter(has_text);
        let found = match relation {
            Relation::Own { certain: true } => candidates.next(),
            Relation::Own { certain: false }
            | Relation::Unknown
            | Relation::Unnamed
            | Relation::Another { .. } => candidates.find(in_time),
        };
        if let Some(sent) = found {
            sent.note_echo(frame);
            let message = sent.message.clone();
            if let Some(user) = user {
                own.get_or_insert_with(|| OwnUser { id: user.into(), echoes: 0 }).echoed_by(user);
            }
            return Voice::Visitor(Some(message));
        }
        let again = self.sent.iter().rev().find(|sent| sent.text == text);
        let in_time = again.is_some_and(|sent| sent.by_text_until > now);
        // What was echoed may come again, and nothing else names it: after another session has begun, too.
        let is_again = |sent: &&Sent| user.is_some() && sent.text == text && sent.is_echoed_by(user);
        let echoed = self.sent.iter().rev().find(is_again);
        if let Some(sent) = echoed.filter(|sent| sent.by_text_until > now || self.has_proven(user)) {
            return Voice::Visitor(Some(sent.message.clone()));
        }
        match (relation, again.map(|sent| sent.message.clone())) {
            (Relation::Own { certain }, Some(message)) if certain || in_time => Voice::Visitor(Some(message)),
            (Relation::Unknown | Relation::Unnamed, Some(message)) if in_time => {
                Voice::Visitor(Some(message))
            }
            (Relation::Own { certain: true }, None) => Voice::Visitor(None),
            (Relation::Own { .. }, None) => {
                *own = None; // One echo carried it, and that may have been the owner's word.
                Voice::Owner { confirmed: false }
            }
            (Relation::Another { shown }, Some(_)) if in_time => {
                // Two have said the same. The one who was taken for the visitor may have been the owner.
                let certain = own.as_mut().is_some_and(OwnUser::doubt);
                Voice::Owner { confirmed: shown && certain }
            }
            // What was taken for an echo once and comes again may be the owner's word, or an echo.
            (Relation::Another { shown }, _) => Voice::Owner { confirmed: shown && echoed.is_none() },
            (Relation::Own { .. } | Relation::Unknown | Relation::Unnamed, _) => {
                Voice::Owner { confirmed: false }
            }
        }
    }

    /// Whether the echoes have shown that this user id is, or was, the visitor's own.
    fn has_proven(&self, user: Option<&str>) -> bool {
        let mut echoed = self.sent.iter().filter(|sent| sent.is_echoed_by(user));
        let by_text = echoed.clone().count();
        user.is_some() && (by_text >= OWN_USER_ECHOES as usize || echoed.any(|sent| sent.echoed_by_name))
    }

    fn by_name(&mut self, frame: &Frame<'_>) -> Option<&mut Sent> {
        let ids = [frame.message_id.as_deref(), frame.seq_id.as_deref()];
        self.sent.iter_mut().find(|sent| ids.into_iter().flatten().any(|id| sent.has_name(id)))
    }
}

impl Sent {
    fn has_name(&self, name: &str) -> bool {
        [&self.name, &self.echo_name].into_iter().flatten().any(|own| own.as_str() == name)
    }

    fn note_echo(&mut self, frame: &Frame<'_>) {
        self.echoed = true;
        self.echoed_by = frame.send_user_id.as_deref().map(UserId::from);
        self.echo_name = self.echo_name.take().or_else(|| frame.message_id.as_deref().map(MessageId::from));
    }

    fn is_echoed_by(&self, user: Option<&str>) -> bool {
        self.echoed_by.as_ref().map(UserId::as_str) == user
    }
}

/// How the sender of a frame relates to the visitor's own user id.
#[derive(Clone, Copy, Debug)]
enum Relation {
    /// The visitor's own id is not known.
    Unknown,
    /// The frame names no sender.
    Unnamed,
    Own {
        certain: bool,
    },
    /// `shown`: an echo has shown the visitor's own id in this session.
    Another {
        shown: bool,
    },
}

impl OwnUser {
    /// This user id has come with an echo that was known by its text.
    fn echoed_by(&mut self, user: &str) {
        if self.id.as_str() == user {
            self.echoes = (self.echoes + 1).min(OWN_USER_ECHOES);
        } else if self.echoes >= OWN_USER_ECHOES {
            self.echoes = 0; // Either it is the owner's, or the visitor's has changed.
        } else {
            // Which of the two is the owner's is open, unless the one before was of another session.
            *self = Self { id: user.into(), echoes: u32::from(self.echoes == 0) };
        }
    }

    /// Another user id has said the same as this one. Returns whether this one is the visitor's own all the same.
    fn doubt(&mut self) -> bool {
        let certain = self.echoes >= OWN_USER_ECHOES;
        if !certain {
            self.echoes = 0;
        }
        certain
    }

    /// Another session: it may know the visitor by another user id.
    pub(crate) fn enter_session(&mut self) {
        self.echoes = 0;
    }
}

impl Fingerprint {
    fn of(text: &str) -> Self {
        let text = text.trim();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self { bytes: text.len(), hash: hasher.finish() }
    }
}

#[cfg(test)]
mod tests;
