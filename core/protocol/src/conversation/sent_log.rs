//! The messages that were sent, so that their echoes are recognised.

use std::collections::VecDeque;

use super::pending::Pending;
use crate::assembly::fingerprint;
use crate::ids::MessageId;
use crate::limits::SENT_MESSAGES;
use crate::rare::GiveBack;
use crate::time::Millis;

/// The latest messages of this run.
#[derive(Debug, Default)]
pub(crate) struct SentLog(VecDeque<Logged>);

#[derive(Debug)]
struct Logged {
    message: MessageId,
    /// A stand-in for its text.
    text: u64,
    /// When it was written.
    at: Millis,
    echoed: bool,
    fate: Fate,
}

/// What became of a message of which an echo may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is under way, or waits for its answer.
    Open,
    /// Its answer has come.
    Answered,
    /// It was handed back, and may have been taken.
    GivenUp,
}

impl SentLog {
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Gives back the room that is not needed. Returns whether nothing is in it.
    pub(super) fn give_back(&mut self) -> bool {
        self.0.give_back()
    }

    pub(crate) fn note(&mut self, pending: &Pending) {
        let message = pending.message();
        match self.fate(message) {
            // It was handed back, and the caller says it once more under its id.
            Some(Fate::GivenUp) => self.0.retain(|logged| logged.message != *message),
            Some(Fate::Open | Fate::Answered) => return,
            None => {}
        }
        if self.0.len() == SENT_MESSAGES {
            self.0.pop_front();
        }
        self.0.push_back(Logged {
            message: message.clone(),
            text: fingerprint(pending.text().as_str()),
            at: pending.timestamp(),
            echoed: false,
            fate: Fate::Open,
        });
    }

    pub(crate) fn contains(&self, message: &str) -> bool {
        self.0.iter().any(|logged| logged.message.as_str() == message)
    }

    /// Notes an echo. Returns whether it is the message's first.
    pub(crate) fn first_echo(&mut self, message: &str) -> bool {
        match self.get_mut(message) {
            Some(logged) => !std::mem::replace(&mut logged.echoed, true),
            None => true,
        }
    }

    /// When the first message of this text was written whose echo has not come.
    pub(crate) fn awaits_echo_of(&self, text: &str) -> Option<Millis> {
        let text = fingerprint(text);
        self.0.iter().find(|logged| logged.text == text && !logged.echoed).map(|logged| logged.at)
    }

    /// An echo has come that names no message: it is taken for that of the first message of its text, which it
    /// returns.
    pub(crate) fn unnamed_echo(&mut self, text: &str) -> Option<&MessageId> {
        let text = fingerprint(text);
        let logged = self.0.iter_mut().find(|logged| logged.text == text && !logged.echoed)?;
        logged.echoed = true;
        Some(&logged.message)
    }

    pub(crate) fn fate(&self, message: &MessageId) -> Option<Fate> {
        self.fate_of(message.as_str())
    }

    pub(crate) fn fate_of(&self, message: &str) -> Option<Fate> {
        self.0.iter().find(|logged| logged.message.as_str() == message).map(|logged| logged.fate)
    }

    fn get_mut(&mut self, message: &str) -> Option<&mut Logged> {
        self.0.iter_mut().find(|logged| logged.message.as_str() == message)
    }

    pub(crate) fn set(&mut self, message: &MessageId, fate: Fate) {
        if let Some(logged) = self.get_mut(message.as_str()) {
            logged.fate = fate;
        }
    }
}
