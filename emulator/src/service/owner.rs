//! What the avatar's owner does in the app, and what a test puts into a session.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Service;
use super::failure::{Code, Failure};
use super::frames::{Envelope, Frame};
use super::ids::Whose;
use super::journal::What;
use super::switches::TakeoverSilence;
use super::timers::Timer;
use super::world::{Message, Session, Takeover};
use crate::brain::Author;
use crate::time::Millis;

/// Something the owner does in the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerAction {
    /// Writes to the visitor in person, which takes the conversation over as well.
    Reply {
        /// The session.
        session_id: String,
        /// What is written.
        text: String,
    },
    /// Takes the conversation over from the avatar.
    TakeOver {
        /// The session.
        session_id: String,
    },
    /// Gives the conversation back to the avatar.
    HandBack {
        /// The session.
        session_id: String,
    },
}

/// A frame that a test puts into a session.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Injection {
    /// A grey line of the system.
    Hint(String),
    /// A notification of the service.
    Notice(String),
    /// A voice message of the avatar, by the address of its sound, in the form that the switch
    /// `visitor-chat-voice` says.
    Voice(String),
    /// A failure over the socket.
    #[serde(rename_all = "camelCase")]
    Failure {
        /// Its `subCode`.
        code: String,
        /// Its `subCodeReason`.
        #[serde(default)]
        reason: String,
        /// Its `subCodeActions`.
        #[serde(default)]
        actions: Vec<Value>,
        /// The message it is about.
        #[serde(default)]
        message_id: Option<String>,
    },
    /// Any JSON object, sent exactly so, and stored for the history calls.
    Frame(serde_json::Map<String, Value>),
    /// Any text, sent exactly so, and not stored.
    Text(String),
}

impl Service {
    /// The owner does something. Says the id of the message, if one was written.
    pub fn owner(&mut self, now: Millis, action: OwnerAction) -> Result<Option<String>, Failure> {
        self.tick(now);
        let (what, session_id) = match &action {
            OwnerAction::Reply { session_id, text } => (("reply", Some(text.clone())), session_id.clone()),
            OwnerAction::TakeOver { session_id } => (("takeover", None), session_id.clone()),
            OwnerAction::HandBack { session_id } => (("handback", None), session_id.clone()),
        };
        let (name, outcome) = match action {
            OwnerAction::Reply { session_id, text } => {
                ("owner/reply", self.owner_says(&session_id, &text, false).map(Some))
            }
            OwnerAction::TakeOver { session_id } => {
                ("owner/takeover", self.take_over(&session_id).map(|()| None))
            }
            OwnerAction::HandBack { session_id } => {
                ("owner/handback", self.hand_back(&session_id).map(|()| None))
            }
        };
        self.counts.call(name);
        let outcome = self.note_of_owner(&session_id, what, outcome);
        outcome.inspect_err(|failure| self.counts.failure(failure))
    }

    /// Notes in the journal what the owner did, in person or by a script, and how that went.
    pub(super) fn note_of_owner<T>(
        &mut self,
        session_id: &str,
        (action, text): (&'static str, Option<String>),
        outcome: Result<T, Failure>,
    ) -> Result<T, Failure> {
        let failure = outcome.as_ref().err().map(|failure| failure.code().as_str());
        let whose = self.world.sessions.get(session_id).map(|session| session.visitor);
        let visitor_id = whose.map(|visitor| self.world.visitors[visitor.0].visitor_id.clone());
        let whose = Whose { visitor_id, session_id: Some(session_id.to_owned()), ws_id: None };
        self.journal.note(self.now, whose, What::Owner { action, text, failure });
        outcome
    }

    /// Puts a frame into a session, as if the service had made it.
    pub fn inject(&mut self, now: Millis, session_id: &str, injection: Injection) -> Result<(), Failure> {
        self.tick(now);
        let session = self.world.sessions.get(session_id).ok_or_else(|| not_found(session_id))?;
        let visitor = session.visitor;
        match injection {
            Injection::Hint(text) => self.deliver_line(session_id, "hint", &text, false),
            Injection::Notice(text) => self.deliver_line(session_id, "notice", &text, false),
            Injection::Voice(url) => {
                let id = self.message_id();
                let about = self.envelope(session_id).ok_or_else(|| not_found(session_id))?;
                let frame = Frame::voice(&about, &id, &url, self.settings.visitor_chat_voice);
                self.deliver(session_id, frame, false);
            }
            Injection::Failure { code, reason, actions, message_id } => {
                let seq_id = self.message_id();
                let about = self.envelope(session_id).ok_or_else(|| not_found(session_id))?;
                let frame =
                    Frame::failure(&about, message_id.as_deref(), &seq_id, (&code, &reason), &actions);
                self.deliver(session_id, frame, false);
            }
            Injection::Frame(fields) => self.deliver(session_id, Frame::verbatim(fields), false),
            Injection::Text(text) => {
                for socket in self.receivers(visitor, session_id) {
                    self.push(socket, text.clone());
                }
            }
        }
        Ok(())
    }

    pub(super) fn owner_says(&mut self, session_id: &str, text: &str, lost: bool) -> Result<String, Failure> {
        let session = self.owned(session_id)?;
        let owner = self.settings.avatars[session.avatar].owner_user_id.clone();
        self.take_over(session_id)?;
        let message_id = self.message_id();
        let place = self.settings.client_text;
        if let Some(about) = self.envelope(session_id) {
            let ids = (message_id.as_str(), message_id.as_str());
            let frame = Frame::client(&about, ids, &owner, (text, place), None);
            self.deliver(session_id, frame, lost);
        }
        let message = Message::new(Author::Owner, &message_id, text.to_owned(), self.now);
        self.note(session_id, message);
        Ok(message_id)
    }

    pub(super) fn take_over(&mut self, session_id: &str) -> Result<(), Failure> {
        self.owned(session_id)?;
        let until = match self.settings.takeover_silence {
            TakeoverSilence::Minutes(minutes) => Some(self.now + Millis::minutes(minutes.into())),
            TakeoverSilence::UntilHandedBack | TakeoverSilence::Never => None,
        };
        if let Some(session) = self.world.sessions.get_mut(session_id) {
            session.takeover = Some(Takeover { until });
        }
        self.watch.touch(session_id);
        if let Some(until) = until {
            self.timers.set(until, Timer::TakeoverEnds { session: session_id.to_owned(), until });
        }
        Ok(())
    }

    pub(super) fn hand_back(&mut self, session_id: &str) -> Result<(), Failure> {
        self.owned(session_id)?;
        if let Some(session) = self.world.sessions.get_mut(session_id) {
            session.takeover = None;
        }
        self.watch.touch(session_id);
        Ok(())
    }

    /// The avatar comes back on its own, unless the owner has written again since.
    pub(super) fn end_takeover(&mut self, session_id: &str, until: Millis) {
        let Some(session) = self.world.sessions.get_mut(session_id) else {
            return;
        };
        if session.takeover == Some(Takeover { until: Some(until) }) {
            session.takeover = None;
            // It cannot fail.
            let _ = self.note_of_owner(session_id, ("lapse", None), Ok(()));
            self.watch.touch(session_id);
        }
    }

    pub(super) fn deliver_line(&mut self, session_id: &str, kind: &str, text: &str, lost: bool) {
        let id = self.message_id();
        let Some(about) = self.envelope(session_id) else {
            return;
        };
        let frame = Frame::line(&about, kind, (&id, &id), text);
        self.deliver(session_id, frame, lost);
    }

    pub(super) fn deliver_failure(
        &mut self,
        session_id: &str,
        message_id: Option<&str>,
        what: (&str, &str),
        actions: &[Value],
        lost: bool,
    ) {
        let seq_id = self.message_id();
        let Some(about) = self.envelope(session_id) else {
            return;
        };
        let frame = Frame::failure(&about, message_id, &seq_id, what, actions);
        self.deliver(session_id, frame, lost);
    }

    /// What the frames of a session have in common.
    pub(super) fn envelope(&self, session_id: &str) -> Option<Envelope<'_>> {
        let session = self.world.sessions.get(session_id)?;
        let mind_id = &self.settings.avatars[session.avatar].mind_id;
        Some(Envelope { session_id: &session.id, mind_id, now: self.now })
    }

    /// A session as the owner has it in the app: bound, open, and with the owner as a member.
    fn owned(&self, session_id: &str) -> Result<&Session, Failure> {
        let session = self.world.sessions.get(session_id).ok_or_else(|| not_found(session_id))?;
        if !session.owner_is_member {
            let text = "the owner is not a member of this session: it was created without `memberUserIds`";
            return Err(Failure::new(Code::NotMember, text));
        }
        if !session.bound {
            let text = "the owner cannot see this session: it was not bound with chat/start";
            return Err(Failure::new(Code::SessionNotBound, text));
        }
        if session.closed {
            return Err(Failure::new(Code::SessionClosed, "the session is closed"));
        }
        Ok(session)
    }
}

fn not_found(session_id: &str) -> Failure {
    Failure::new(Code::SessionNotFound, format!("there is no session `{session_id}`"))
}
